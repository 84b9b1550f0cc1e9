//! The WASI interfaces that a language's runtime may import, each answered by a stub that reaches nothing: no files,
//! no network, no environment, a clock that stands still, randomness from a constant seed.
//!
//! The stubs follow the component's own types, so no WASI implementation is built in: nothing that could open a file
//! or sleep is there to be reached by mistake, and nothing asynchronous is needed. (A ready-made implementation, given
//! no rights, still slept for real: a guest's sleep outlives its deadline, since deadlines end guests, not the host.)
//! It must not grow an interface that reaches outside; whatever is not in [`STUBBED`] is refused at load.

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{LinkerInstance, ResourceDynamic, ResourceType, Val, types};

use super::bindings::sluice::plugin::log::Level;
use super::failure::Refused;
use super::limits::RANDOM_BYTES;
use super::state::State;

/// The written list: interfaces of WASI 0.2 that are answered, and the resources that each defines.
pub const STUBBED: &[(&str, &[&str])] = &[
    ("wasi:cli/environment", &[]),
    ("wasi:cli/exit", &[]),
    ("wasi:cli/stdin", &[]),
    ("wasi:cli/stdout", &[]),
    ("wasi:cli/stderr", &[]),
    ("wasi:cli/terminal-input", &["terminal-input"]),
    ("wasi:cli/terminal-output", &["terminal-output"]),
    ("wasi:cli/terminal-stdin", &[]),
    ("wasi:cli/terminal-stdout", &[]),
    ("wasi:cli/terminal-stderr", &[]),
    ("wasi:clocks/monotonic-clock", &[]),
    ("wasi:clocks/wall-clock", &[]),
    ("wasi:filesystem/preopens", &[]),
    ("wasi:filesystem/types", &["descriptor", "directory-entry-stream"]),
    ("wasi:io/error", &["error"]),
    ("wasi:io/poll", &["pollable"]),
    ("wasi:io/streams", &["input-stream", "output-stream"]),
    ("wasi:random/insecure", &[]),
    ("wasi:random/insecure-seed", &[]),
    ("wasi:random/random", &[]),
];

/// All resources, by the figure that tells their types apart.
const RESOURCES: &[&str] =
    &["terminal-input", "terminal-output", "descriptor", "directory-entry-stream", "error", "pollable", "input-stream", "output-stream"];

/// Which output streams there are; a stream itself is nothing but this figure.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// What an output stream takes at once, as its `check-write` says.
const WRITE_BYTES: u64 = 64 << 10;

/// The entry of the written list for an import like `wasi:io/poll@0.2.6`.
pub(super) fn stubbed(import: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    let (interface, version) = import.split_once('@')?;
    let patch = version.strip_prefix("0.2.")?;
    if patch.is_empty() || !patch.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    STUBBED.iter().find(|(name, _)| *name == interface)
}

/// Offers every function and resource that the component imports from one interface of the list.
pub(super) fn add_to_linker(
    instance: &mut LinkerInstance<'_, State>,
    engine: &wasmtime::Engine,
    entry: &'static (&'static str, &'static [&'static str]),
    imported: &types::ComponentInstance,
) -> wasmtime::Result<()> {
    let &(interface, own) = entry;
    for (name, item) in imported.exports(engine) {
        match item.ty {
            // Those of other interfaces come in as types equal to ones defined before.
            ComponentItem::Resource(_) if own.contains(&name) => {
                instance.resource(name, resource_type(name), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(_) => {
                let full = format!("{interface}#{name}");
                instance.func_new(name, move |store, _, params, results| {
                    let answer = answer(store, &full, params)?;
                    if let (Some(slot), Some(value)) = (results.first_mut(), answer) {
                        *slot = value;
                    }
                    Ok(())
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn resource_type(name: &str) -> ResourceType {
    let figure = RESOURCES.iter().position(|r| *r == name).unwrap_or(RESOURCES.len());
    ResourceType::host_dynamic(u32::try_from(figure).unwrap_or(u32::MAX))
}

/// The answer of one function, or a trap that names it.
fn answer(mut store: StoreContextMut<'_, State>, function: &str, params: &[Val]) -> wasmtime::Result<Option<Val>> {
    let which = give_back(&mut store, params)?;
    let none = || Val::Option(None);
    let ok = |value: Option<Val>| Val::Result(Ok(value.map(Box::new)));
    let closed = || Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None)))));
    let datetime = || Val::Record(vec![("seconds".to_owned(), Val::U64(0)), ("nanoseconds".to_owned(), Val::U32(0))]);
    let value = match function {
        "wasi:cli/environment#get-environment" | "wasi:cli/environment#get-arguments" => Val::List(vec![]),
        "wasi:cli/environment#initial-cwd" => none(),
        "wasi:cli/stdin#get-stdin" => own(&mut store, "input-stream", 0)?,
        "wasi:cli/stdout#get-stdout" => own(&mut store, "output-stream", STDOUT)?,
        "wasi:cli/stderr#get-stderr" => own(&mut store, "output-stream", STDERR)?,
        "wasi:cli/terminal-stdin#get-terminal-stdin"
        | "wasi:cli/terminal-stdout#get-terminal-stdout"
        | "wasi:cli/terminal-stderr#get-terminal-stderr" => none(),
        "wasi:clocks/monotonic-clock#now" => Val::U64(0),
        "wasi:clocks/monotonic-clock#resolution" => Val::U64(1),
        "wasi:clocks/monotonic-clock#subscribe-instant"
        | "wasi:clocks/monotonic-clock#subscribe-duration"
        | "wasi:io/streams#[method]input-stream.subscribe"
        | "wasi:io/streams#[method]output-stream.subscribe" => own(&mut store, "pollable", 0)?,
        "wasi:clocks/wall-clock#now" | "wasi:clocks/wall-clock#resolution" => datetime(),
        "wasi:filesystem/preopens#get-directories" => Val::List(vec![]),
        // A stream's failure is never a file's.
        "wasi:filesystem/types#filesystem-error-code" => none(),
        "wasi:io/error#[method]error.to-debug-string" => Val::String(String::new()),
        "wasi:io/poll#[method]pollable.ready" => Val::Bool(true),
        "wasi:io/poll#[method]pollable.block" => return Ok(None),
        "wasi:io/poll#poll" => all_ready(params),
        "wasi:io/streams#[method]input-stream.read"
        | "wasi:io/streams#[method]input-stream.blocking-read"
        | "wasi:io/streams#[method]input-stream.skip"
        | "wasi:io/streams#[method]input-stream.blocking-skip" => closed(),
        "wasi:io/streams#[method]output-stream.check-write" => ok(Some(Val::U64(WRITE_BYTES))),
        "wasi:io/streams#[method]output-stream.write" | "wasi:io/streams#[method]output-stream.blocking-write-and-flush" => {
            print(store.data_mut(), which, params);
            ok(None)
        }
        "wasi:io/streams#[method]output-stream.flush"
        | "wasi:io/streams#[method]output-stream.blocking-flush"
        | "wasi:io/streams#[method]output-stream.write-zeroes"
        | "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush" => ok(None),
        "wasi:random/random#get-random-u64" | "wasi:random/insecure#get-insecure-random-u64" => Val::U64(random(store.data_mut())),
        "wasi:random/random#get-random-bytes" | "wasi:random/insecure#get-insecure-random-bytes" => random_bytes(store.data_mut(), params)?,
        "wasi:random/insecure-seed#insecure-seed" => Val::Tuple(vec![Val::U64(0), Val::U64(0)]),
        // `exit`, every file, every splice, and whatever a later version adds.
        _ => return Err(Refused::Request(format!("it called {function}, which no plugin may use")).into()),
    };
    Ok(Some(value))
}

fn own(store: &mut StoreContextMut<'_, State>, resource: &str, which: u32) -> wasmtime::Result<Val> {
    let figure = RESOURCES.iter().position(|r| *r == resource).unwrap_or(RESOURCES.len());
    let resource = ResourceDynamic::new_own(which, u32::try_from(figure).unwrap_or(u32::MAX));
    Ok(Val::Resource(resource.try_into_resource_any(store)?))
}

/// Every pollable is ready at once, so that nobody sleeps.
fn all_ready(params: &[Val]) -> Val {
    let waiting = match params.first() {
        Some(Val::List(list)) => list.len(),
        _ => 0,
    };
    Val::List((0..).take(waiting).map(Val::U32).collect())
}

/// What a guest prints is a log line like any other: counted, capped, and shown by the plugin tools alone.
fn print(state: &mut State, stream: u32, params: &[Val]) {
    let [_, Val::List(bytes), ..] = params else {
        return;
    };
    let level = if stream == STDERR { Level::Warn } else { Level::Info };
    let byte = |value: &Val| match value {
        Val::U8(byte) => *byte,
        _ => 0,
    };
    // No line is shown beyond its limit, so a megabyte of dots need not be turned into text first.
    let most = state.limits.log_line_bytes.saturating_mul(state.limits.log_lines as usize);
    let bytes: Vec<u8> = bytes.iter().take(most).map(byte).collect();
    for line in String::from_utf8_lossy(&bytes).lines().filter(|line| !line.is_empty()) {
        state.line(level, line);
    }
}

/// Ends the borrow of every resource among the parameters, as the engine demands before a function returns, and
/// tells the figure of the first one.
fn give_back(store: &mut StoreContextMut<'_, State>, params: &[Val]) -> wasmtime::Result<u32> {
    let mut first = None;
    for param in params {
        let each = match param {
            Val::List(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in each {
            let Val::Resource(resource) = value else { break };
            let figure = ResourceDynamic::try_from_resource_any(*resource, &mut *store)?.rep();
            first.get_or_insert(figure);
        }
    }
    Ok(first.unwrap_or(0))
}

/// SplitMix64 (Steele, Lea, Flood 2014) from 0 at the start of every call: no two runs differ.
fn random(state: &mut State) -> u64 {
    state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = state.random;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn random_bytes(state: &mut State, params: &[Val]) -> wasmtime::Result<Val> {
    let len = match params.first() {
        Some(Val::U64(len)) if *len <= RANDOM_BYTES => *len as usize,
        _ => return Err(Refused::TooMuch("more random bytes than it may ask for at once").into()),
    };
    let words = (0..len.div_ceil(8)).flat_map(|_| random(state).to_le_bytes());
    Ok(Val::List(words.take(len).map(Val::U8).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_written_list_is_stubbed() {
        for import in ["wasi:io/poll@0.2.0", "wasi:io/poll@0.2.12", "wasi:filesystem/types@0.2.6"] {
            assert!(stubbed(import).is_some(), "{import}");
        }
        let others = [
            "wasi:io/poll",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.2.0-rc",
            "wasi:io/poll@0.2.",
            "wasi:sockets/tcp@0.2.0",
            "wasi:http/types@0.2.0",
            "other:io/poll@0.2.0",
        ];
        for import in others {
            assert!(stubbed(import).is_none(), "{import}");
        }
    }

    #[test]
    fn every_resource_has_a_figure() {
        let owned = STUBBED.iter().flat_map(|(_, own)| own.iter());
        for name in owned {
            assert!(RESOURCES.contains(name), "{name}");
        }
    }
}
