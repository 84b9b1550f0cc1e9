//! What must hold for every input, whatever its bytes: one function a target, which panics where it does not. How inputs
//! are found is the engine's business (`main.rs`), which saved ones are run is that of `tests/corpus.rs`.
//!
//! ```text
//! input ─ head: selectors, what becomes of the values ─┐
//!       └ rest: a document ────────────────────────────┴─ the walker of the host ── leaves ─┐
//!                                                        a decoder of others' ───── leaves ─┴─ equal?
//! ```

// The host's own tests run with the host, not here once more.
#![cfg(not(test))]

mod avro;
mod check;
mod framing;
mod head;
mod json;
mod protobuf;
mod schemas;
mod tree;

/// The modules of the host under test, by path: a crate that depended on the host would build all of it.
#[path = "../../../host/src"]
pub mod host {
    pub mod fields;
    pub mod schemas {
        pub mod wire;
    }
}

/// The host's own plain reading of Avro, which shares nothing with what it is compared with.
#[allow(dead_code, reason = "the host's tests use the rest")]
#[path = "../../../host/src/fields/avro/oracle.rs"]
mod oracle;

/// A target: it panics where a property does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its directory in `corpus`.
pub const TARGETS: [(&str, Target); 5] =
    [("json", json::run), ("avro", avro::run), ("protobuf", protobuf::run), ("schemas", schemas::run), ("framing", framing::run)];
