//! The cases, from the judge's own test to whole stories. A case is one idea; its name says what must hold.

mod checker;
mod schemas;

mod brokers;
mod kills;
mod offsets;
mod zombie;

mod bad_input;
mod border;
mod fidelity;
mod formats;
mod guests;
mod keys;
mod lost;
mod mask;
mod neighbours;
mod plugins;
mod rekey;
mod resize;
mod source;
mod views;

mod auth;
mod chosen;
mod demo;
mod dropin;
mod examples;
mod features;
mod pages;
mod scale;
mod shape;
