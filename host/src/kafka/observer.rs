//! The client that asks a cluster what it has, for as long as a process runs. It must not be asked for ever once it is not
//! answered: another one takes its place.
//!
//! A client whose connections broke at the wrong moment (both brokers had stood still for 15 s) was seen to answer no admin
//! question any more, while a fresh one was answered at once. Why was not found; whatever the reason is, it ends here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;

use super::{Context, observer_config};
use crate::config::plan::Cluster;
use crate::failpoint;

/// How long a client is kept at least. A cluster that is down answers no client; a new one each time would only add
/// connections.
const KEPT: Duration = Duration::from_secs(10);

/// A client for questions. It joins nothing and fetches nothing.
pub type Client = BaseConsumer<Context>;

/// Who asks a cluster now.
pub struct Observer {
    config: ClientConfig,
    context: Context,
    current: Mutex<(Arc<Client>, Instant)>,
}

impl Observer {
    /// # Errors
    /// The client library refuses the cluster's properties.
    pub fn new(cluster: &Cluster) -> KafkaResult<Self> {
        let (config, context) = (observer_config(cluster), Context::new(cluster));
        let client = config.create_with_context(context.clone())?;
        Ok(Self { config, context, current: Mutex::new((Arc::new(client), Instant::now())) })
    }

    /// The client to ask by.
    pub fn client(&self) -> Arc<Client> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Asks by the client of now; one that is not answered is replaced.
    pub fn ask<T, E>(&self, question: impl FnOnce(&Client) -> Result<T, E>) -> Result<T, E> {
        let client = self.client();
        question(&client).inspect_err(|_| self.unanswered(&client))
    }

    /// A client was not answered: unless it was replaced meanwhile, or is a fresh one, another one takes its place. Who
    /// still waits for it goes on waiting.
    pub fn unanswered(&self, asked: &Arc<Client>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = current.1.elapsed() < KEPT && !failpoint::mutant("topic_ids_unanswered");
        if !Arc::ptr_eq(&current.0, asked) || fresh {
            return;
        }
        match self.config.create_with_context(self.context.clone()) {
            Ok(client) => {
                tracing::info!(cluster = &*self.context.cluster, "another client asks the cluster from now on");
                *current = (Arc::new(client), Instant::now());
            }
            Err(error) => tracing::warn!(%error, "no other client for a cluster that does not answer; keeping this one"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_not_answered_is_replaced_once() {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", "localhost:1");
        let context = Context { cluster: "a".into(), writes: false, last_error: Arc::default() };
        let client = || Arc::new(config.create_with_context(context.clone()).unwrap());
        let long_ago = Instant::now().checked_sub(KEPT).unwrap();
        let observer = Observer { config: config.clone(), context: context.clone(), current: Mutex::new((client(), long_ago)) };
        let first = observer.client();
        observer.unanswered(&client());
        assert!(Arc::ptr_eq(&first, &observer.client()), "nobody asks by that one");
        observer.unanswered(&first);
        let second = observer.client();
        assert!(!Arc::ptr_eq(&first, &second));
        // The others who waited for the first one; and the second, which is too young.
        observer.unanswered(&first);
        observer.unanswered(&second);
        assert!(Arc::ptr_eq(&second, &observer.client()));
    }
}
