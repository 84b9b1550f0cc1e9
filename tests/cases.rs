//! The cases, from the judge's own test to whole stories. A case is one idea; its name says what must hold.

mod checker;
mod schemas;

mod brokers;
mod kills;
mod offsets;
mod zombie;

mod anew;
mod bad_input;
mod border;
mod ends;
mod fidelity;
mod formats;
mod guests;
mod keys;
mod lost;
mod mask;
mod neighbours;
mod own_topics;
mod plugins;
mod refusals;
mod rekey;
mod resize;
mod source;
mod types;
mod unplaced;
mod views;

mod auth;
mod chosen;
mod demo;
mod dropin;
mod examples;
mod features;
mod help;
mod pages;
mod pipes;
mod scale;
mod shape;
mod swaps;
mod takeover;
mod target;
