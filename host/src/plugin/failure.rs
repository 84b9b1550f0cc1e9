//! How a call into a plugin can fail, told from what the engine and the checks report.
//! It must not carry text that a guest could have put together from records.

use thiserror::Error;
use wasmtime::Trap;

use super::check::Fault;
use super::limiter::Limiter;

/// A call into a plugin failed. After anything but [`CallError::Rejected`] the instance is dead and nothing of the
/// call counts.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The guest trapped, aborted or panicked, or asked an import for what it may not have.
    #[error("it trapped: {what}")]
    Trap {
        /// The engine's word for it, or what was asked for.
        what: String,
    },
    /// It did not return within its time.
    #[error("it took longer than its time limit")]
    Timeout,
    /// It wanted more memory or larger tables than its limit and did not survive the refusal.
    #[error("it reached its memory limit")]
    Memory,
    /// It recursed too deeply.
    #[error("it overflowed its stack")]
    Stack,
    /// It answered, or handed to an import, more than allowed.
    #[error("it answered too much: {what}")]
    Output {
        /// More of what.
        what: &'static str,
    },
    /// Its answer breaks the contract.
    #[error("its answer breaks the contract: {what}")]
    Invalid {
        /// In which point.
        what: &'static str,
    },
    /// It rejected the whole batch with one of its declared codes.
    #[error("it rejected the batch: {0}")]
    Rejected(String),
    /// The instance failed before and was called again.
    #[error("the instance failed before and cannot be used")]
    Dead,
}

impl CallError {
    /// The `kind` label of `sluice_plugin_failures_total`.
    pub fn kind(&self) -> &'static str {
        match self {
            CallError::Trap { .. } => "trap",
            CallError::Timeout => "timeout",
            CallError::Memory => "memory",
            CallError::Stack => "stack",
            CallError::Output { .. } => "output",
            CallError::Invalid { .. } => "invalid",
            CallError::Rejected(_) => "rejected",
            CallError::Dead => "dead",
        }
    }

    /// Whether the instance may be called again.
    pub fn spares_instance(&self) -> bool {
        matches!(self, CallError::Rejected(_))
    }
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Invalid(what) => CallError::Invalid { what },
            Fault::Output(what) => CallError::Output { what },
        }
    }
}

/// An import refused a request that no well-meaning plugin makes; the call ends there.
#[derive(Debug, Error)]
pub(super) enum Refused {
    /// What was asked for does not exist here.
    #[error("{0}")]
    Request(String),
    /// More than an import takes.
    #[error("{0}")]
    TooMuch(&'static str),
}

/// What an error of the engine means. Its own text is dropped unless it is a trap's, which is from a fixed list.
pub(super) fn of_engine(error: &wasmtime::Error, limiter: &Limiter) -> CallError {
    if let Some(refused) = error.downcast_ref::<Refused>() {
        return match refused {
            Refused::Request(what) => CallError::Trap { what: what.clone() },
            Refused::TooMuch(what) => CallError::Output { what },
        };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => CallError::Timeout,
        Some(Trap::StackOverflow) => CallError::Stack,
        // A guest whose allocator is refused aborts: the refusal is the reason, the trap only its form.
        _ if limiter.refused() => CallError::Memory,
        Some(trap) => CallError::Trap { what: trap.to_string().replacen("wasm trap: ", "", 1) },
        // The engine has no type for this one; a test of a plugin that answers too much watches the words.
        None if error.to_string().contains("fuel allocated for hostcalls") => {
            CallError::Output { what: "more bytes than one call may answer" }
        }
        // So is this: a count that is looked at before anything of the plugin runs.
        None if error.to_string().contains("resource limit exceeded") => {
            CallError::Trap { what: "it is made of more instances, tables or memories than one plugin may be".to_owned() }
        }
        None => CallError::Invalid { what: "a value that is not of its type" },
    }
}
