//! The pages `/livez`, `/readyz`, `/metrics` and `/status`, on a thread of their own.
//! It only reads, and only what it is handed; it changes nothing and never touches a cluster itself.

use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::status::Status;
use axum::extract::{RawQuery, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use std::future::{Future, IntoFuture};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::Notify;

/// How long open requests may take to end once the shutdown came: a stuck client must not hold the process.
const DRAIN: Duration = Duration::from_secs(2);

/// How long a page may take to gather: `/status` may ask the target, which may be gone.
const GATHER: Duration = Duration::from_secs(15);

/// Threads that gather: more requests than that wait, whoever sends them.
const GATHERERS: usize = 4;

/// Reasons that `/readyz` names without `?verbose`.
const REASONS: usize = 3;

/// Where the pages take their content from. The calls may block; they run on threads of their own.
pub struct Pages {
    /// What `/status` says.
    pub status: Box<dyn Fn() -> Status + Send + Sync>,
    /// Ready, or why not: one line a halted lane, or that none is assigned.
    pub ready: Box<dyn Fn() -> Result<(), Vec<String>> + Send + Sync>,
    /// What `/metrics` says.
    pub metrics: Metrics,
}

/// The pages cannot be served there.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for the pages; choose another address with http.listen")]
pub struct ListenError {
    /// The address that was tried.
    pub address: SocketAddr,
    source: io::Error,
}

impl ListenError {
    /// Somebody else listens there.
    pub fn in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// The pages ended other than by the shutdown.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener failed.
    #[error("cannot go on serving the pages on {0}")]
    Io(SocketAddr, #[source] io::Error),
    /// A bug.
    #[error("the thread of the pages on {0} panicked")]
    Panicked(SocketAddr),
}

/// The running server. Its thread ends after the shutdown that it was given; [`Server::join`] waits for that.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    thread: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Listens, and serves from a thread of its own until `shutdown` is ready. Port 0 takes a free one.
    pub fn start(listen: SocketAddr, pages: Arc<Pages>, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address: listen, source };
        let listener = std::net::TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(GATHERERS).build().map_err(failed)?;
        let run = move || {
            let ended = runtime.block_on(serve(listener, pages, shutdown));
            // A gatherer that hangs is left behind; it holds nothing but its answer.
            runtime.shutdown_background();
            ended
        };
        let thread = std::thread::Builder::new().name("pages".into()).spawn(run).map_err(failed)?;
        Ok(Self { address, thread })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the thread has ended: at most a few seconds after the shutdown.
    pub fn join(self) -> Result<(), ServeError> {
        match self.thread.join() {
            Ok(ended) => ended.map_err(|error| ServeError::Io(self.address, error)),
            Err(_) => Err(ServeError::Panicked(self.address)),
        }
    }
}

async fn serve(listener: std::net::TcpListener, pages: Arc<Pages>, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let guard = HostGuard { open: !listener.local_addr()?.ip().is_loopback() };
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .fallback(|| async { (StatusCode::NOT_FOUND, "no such page; there are /livez, /readyz, /metrics and /status\n") })
        .layer(axum::middleware::from_fn_with_state(guard, check_host))
        .with_state(pages);
    let closing = Arc::new(Notify::new());
    let closed = Arc::clone(&closing);
    let graceful = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        closing.notify_one();
    });
    let overdue = async {
        closed.notified().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = graceful.into_future() => ended,
        () = overdue => Ok(()),
    }
}

/// Which `Host` is answered. A page on the web whose name resolves to a loopback address (DNS rebinding) makes the
/// browser send *its* name; no such page gets an answer.
#[derive(Debug, Clone, Copy)]
struct HostGuard {
    /// The listener is not on a loopback address: probes then name the machine by its address, which rebinding
    /// cannot forge, so every literal address is answered beside the loopback names.
    open: bool,
}

impl HostGuard {
    fn admits(self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        if authority.as_str().contains('@') {
            return false;
        }
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| self.open || address.is_loopback())
    }

    fn admits_request(self, request: &Request) -> bool {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        // A request line with a full URI overrides the header.
        let uri = request.uri().authority().is_none_or(|authority| self.admits(authority.as_str()));
        uri && host.to_str().is_ok_and(|host| self.admits(host))
    }
}

async fn check_host(State(guard): State<HostGuard>, request: Request, next: Next) -> Response {
    let mut response = match guard.admits_request(&request) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "this host name is not answered; use localhost or 127.0.0.1\n").into_response(),
    };
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Runs what may block away from the thread that answers, so that `/livez` always does.
async fn gather<T: Send + 'static>(pages: Arc<Pages>, page: impl FnOnce(&Pages) -> T + Send + 'static) -> Result<T, Response> {
    match tokio::time::timeout(GATHER, tokio::task::spawn_blocking(move || page(&pages))).await {
        Ok(Ok(content)) => Ok(content),
        Ok(Err(_)) => Err((StatusCode::INTERNAL_SERVER_ERROR, "this page failed\n").into_response()),
        Err(_) => Err((StatusCode::SERVICE_UNAVAILABLE, "this page takes too long to gather; is the target reachable?\n").into_response()),
    }
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(pages): State<Arc<Pages>>, RawQuery(query): RawQuery) -> Result<Response, Response> {
    let verbose = query.is_some_and(|query| query.split('&').any(|pair| pair == "verbose" || pair.starts_with("verbose=")));
    let Err(reasons) = gather(pages, |pages| (pages.ready)()).await? else { return Ok("ready\n".into_response()) };
    let shown = if verbose { reasons.len() } else { REASONS };
    let mut text = String::from("not ready\n");
    for reason in reasons.iter().take(shown) {
        text.push_str(reason);
        text.push('\n');
    }
    if reasons.len() > shown {
        text.push_str(&format!("and {} more; see /readyz?verbose\n", reasons.len() - shown));
    }
    Ok((StatusCode::SERVICE_UNAVAILABLE, text).into_response())
}

async fn metrics(State(pages): State<Arc<Pages>>) -> Result<Response, Response> {
    let page = gather(pages, |pages| pages.metrics.page()).await?;
    let page = page.map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n").into_response())?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response())
}

async fn status(State(pages): State<Arc<Pages>>) -> Result<Json<Status>, Response> {
    gather(pages, |pages| (pages.status)()).await.map(Json)
}

#[cfg(test)]
mod tests;
