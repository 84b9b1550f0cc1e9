//! The one WebAssembly engine of the process, how it is set up and why, and the clock that its deadlines count.
//! It must not know what is run on it.

use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};
use thiserror::Error;
use wasmtime::{Config, Engine};

/// Time between two ticks of the epoch: the grain of every deadline. Guests check the epoch at every loop and call,
/// so a finer grain costs the ticker, not them.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The engine cannot be had.
#[derive(Debug, Error)]
#[error("cannot set up the WebAssembly engine: {why}")]
pub struct EngineError {
    why: String,
}

/// The engine, and the bytes of stack that it was made with.
static SHARED: Mutex<Option<(Engine, usize)>> = Mutex::new(None);

/// The engine of this process, made by the first caller together with its ticker thread. There is one because
/// epochs belong to an engine, and because code compiled for one engine fits only engines set up alike. So all guests of a
/// process have `stack` bytes of stack, and a caller who wants another number than the first gets an error.
pub fn engine(stack: usize) -> Result<Engine, EngineError> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*shared {
        Some((engine, made_with)) if *made_with == stack => return Ok(engine.clone()),
        Some((_, made_with)) => {
            return Err(EngineError { why: format!("guests of this process have {made_with} bytes of stack, not {stack}") });
        }
        None => {}
    }
    let engine = build(stack)?;
    start_ticker(&engine)?;
    Ok(shared.insert((engine, stack)).0.clone())
}

/// An engine without a ticker: enough to compile, and the same in everything that compiled code depends on, which the size
/// of the stack is not.
pub(super) fn build(stack: usize) -> Result<Engine, EngineError> {
    let mut config = Config::new();
    config
        // Refuses components that want to run concurrently, and makes every call three times cheaper.
        .concurrency_support(false)
        // Endless loops end at the next tick after their deadline.
        .epoch_interruption(true)
        // Deep recursion traps long before the thread's own stack ends, which would end the process.
        .max_wasm_stack(stack)
        // A 64-bit memory would need bounds checks and could not be reserved as a whole.
        .wasm_memory64(false)
        // The same bytes on every machine: replays after an abort must not differ from the first run.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // What a guest calls its functions is its own text and does not belong in errors.
        .wasm_backtrace_max_frames(None);
    // Threads, shared memory, garbage-collected types and stack switching are not built in at all: see the features
    // of wasmtime in Cargo.toml. Memory is allocated on demand: instances live long, so a pool gains nothing.
    Engine::new(&config).map_err(|error| EngineError { why: error.to_string() })
}

/// Moves the epoch on for as long as the engine lives. Without it no deadline ever passes, so failing to start is
/// failing to have an engine.
fn start_ticker(engine: &Engine) -> Result<(), EngineError> {
    let weak = engine.weak();
    thread::Builder::new()
        .name("plugin-ticker".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })
        .map(drop)
        .map_err(|error| EngineError { why: format!("no thread for its ticker: {error}") })
}

/// Ticks that cover `time`, at least one.
pub(super) fn ticks(time: Duration) -> u64 {
    let ticks = time.as_micros().div_ceil(TICK.as_micros());
    u64::try_from(ticks).unwrap_or(u64::MAX).max(1)
}

/// Everything that compiled code depends on beside the plugin: wasmtime's version and settings, the processor, and
/// our own version.
pub(super) fn fingerprint(engine: &Engine) -> [u8; 32] {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.0.finalize().into()
}

/// Feeds a `Hash` to SHA-256: the standard hasher may differ between two builds of the same program.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Only asked for by hashers of hashers; the first bytes of the digest so far are a true answer.
        let digest: [u8; 32] = self.0.clone().finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_le_bytes(first)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::super::limits::STACK_BYTES;
    use super::*;

    #[test]
    fn the_process_has_one_engine() {
        assert!(Engine::same(&engine(STACK_BYTES).unwrap(), &engine(STACK_BYTES).unwrap()));
        assert!(engine(STACK_BYTES / 2).unwrap_err().to_string().contains("have 524288 bytes of stack, not 262144"));
    }

    #[test]
    fn its_stack_is_what_was_asked_for() {
        let deep = r#"(module (func $deep (export "deep") (param i32) (result i32) (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0)))))"#;
        let deep = wat::parse_str(deep).unwrap();
        let overflows = |stack| {
            let engine = build(stack).unwrap();
            let mut store = wasmtime::Store::new(&engine, ());
            store.set_epoch_deadline(1);
            let module = wasmtime::Module::new(&engine, &deep).unwrap();
            let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
            instance.get_typed_func::<i32, i32>(&mut store, "deep").unwrap().call(&mut store, 5_000).is_err()
        };
        assert!(overflows(64 << 10) && !overflows(STACK_BYTES));
    }

    #[test]
    fn engines_set_up_alike_have_one_fingerprint() {
        assert_eq!(fingerprint(&engine(STACK_BYTES).unwrap()), fingerprint(&build(STACK_BYTES / 2).unwrap()));
        let other = Engine::new(Config::new().epoch_interruption(false)).unwrap();
        assert_ne!(fingerprint(&build(STACK_BYTES).unwrap()), fingerprint(&other));
    }

    #[test]
    fn ticks_cover_the_time() {
        let cases = [(0, 1), (1, 1), (10, 1), (11, 2), (1_000, 100)];
        for (millis, want) in cases {
            assert_eq!(ticks(Duration::from_millis(millis)), want, "{millis} ms");
        }
    }
}
