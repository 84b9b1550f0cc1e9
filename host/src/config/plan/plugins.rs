//! Plugins as the plan has them: where they come from, who vouches for them, what they may use and do. It loads none.

use std::path::PathBuf;
use std::time::Duration;

use crate::plugin::Limits;
use crate::plugin::limits;
use crate::plugins::signature::PublicKey;

/// Where plugins come from and what they may use.
#[derive(Debug)]
pub struct Plugins {
    /// An existing directory; none: embedded plugins alone.
    pub dir: Option<PathBuf>,
    /// Where the lock is, if not in that directory.
    pub lock: Option<PathBuf>,
    /// Which components of it are admitted.
    pub trust: Trust,
    /// What one instance may use.
    pub limits: PluginLimits,
}

/// Which components of the directory are admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whatever is in it.
    Open,
    /// What the lock lists.
    Locked,
    /// What one of these signed; at least one.
    Signed {
        /// In the order of the file.
        signers: Vec<PublicKey>,
    },
}

/// What one plugin instance may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginLimits {
    /// Bytes of memory, 1 MiB to 1 GiB.
    pub memory: u64,
    /// Time for one batch, 10 ms to 60 s.
    pub batch_time: Duration,
    /// Records in one batch, 1 to 1000.
    pub batch_records: u32,
    /// Records out for each record in, 1 to 1000.
    pub output_records: u32,
    /// Bytes that one batch may come out as, 64 KiB to 1 GiB.
    pub output_bytes: u64,
    /// Time to compile one component, 1 s to 10 min.
    pub compile_time: Duration,
    /// Log lines of one call, 0 to 10000.
    pub log_lines: u32,
    /// Bytes of stack, 64 KiB to 2 MiB.
    pub stack: u64,
}

impl PluginLimits {
    /// All limits of an instance: these, and those that no configuration raises.
    pub fn of_instances(&self) -> Limits {
        Limits {
            memory_bytes: self.memory as usize,
            batch_time: self.batch_time,
            compile_time: self.compile_time,
            // The configuration counts per record, the host per call.
            output_records: self.output_records as usize * self.batch_records as usize,
            output_bytes: self.output_bytes as usize,
            hostcall_bytes: limits::hostcall_bytes(self.output_bytes as usize),
            log_lines: self.log_lines,
            stack_bytes: self.stack as usize,
            ..Limits::default()
        }
    }
}

/// What a step lets its plugin do, by the names of the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Change or remove granted fields.
    pub edit_fields: bool,
    /// Change keys.
    pub edit_key: bool,
    /// Change whole values.
    pub edit_value: bool,
    /// Replace headers.
    pub edit_headers: bool,
    /// Change timestamps.
    pub edit_timestamp: bool,
    /// Drop records.
    pub drop: bool,
    /// Reject records.
    pub reject: bool,
    /// Send records to another topic.
    pub route: bool,
    /// Add records.
    pub emit: bool,
}
