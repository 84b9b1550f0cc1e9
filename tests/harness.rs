//! What cases are written with: clusters, registries, the program as a process, the helpers in Java and Python, waiting,
//! judging.
//! Knows names and exit codes of the program's outside, nothing of its inside.

pub mod binary;
pub mod broker;
pub mod canary;
pub mod config;
pub mod feed;
pub mod full;
pub mod guests;
pub mod http;
pub mod java;
pub mod lab;
pub mod process;
pub mod random;
pub mod registry;
pub mod rights;
pub mod serdes;
pub mod status;
pub mod tokens;
pub mod tool;
pub mod transactions;
pub mod verdict;
pub mod wait;
