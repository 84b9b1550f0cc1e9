//! Sluice: records from one Kafka cluster to another through sandboxed plugins. The modules stand in the order of a
//! record's journey: config → source → fields → chain → sink → position and offset map → commit; then the duties at its
//! side, then what runs it all. `ARCHITECTURE.md` tells the same story with the invariants.

// What is to happen.
pub mod config;

// From the source.
pub mod kafka;
pub mod source;

// Through the plugins.
pub mod chain;
pub mod fields;
pub mod plugin;
pub mod plugins;
pub mod schemas;

// To the target.
pub mod quarantine;
pub mod sink;

// Kept there with the data.
pub mod offset_map;
pub mod position;

// One lane does it all, in the one order that is safe.
pub mod failpoint;
pub mod lane;

// Side duties.
pub mod discovery;
pub mod rekey;
pub mod resize;
pub mod scan;
pub mod standstill;
pub mod tables;
pub mod topics;
pub mod view;

// Running it.
pub mod clock;
pub mod dropin;
pub mod gateway;
pub mod group;
pub mod pipeline;
pub mod signals;

// Showing it.
pub mod http;
pub mod log;
pub mod metrics;
pub mod status;

// For the authors of plugins.
pub mod toolkit;

// For people.
pub mod cli;
pub mod demo;
pub mod masking;
pub mod say;
