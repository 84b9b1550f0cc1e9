//! The cases, from the judge's own test to whole stories. A case is one idea; its name says what must hold.

mod checker;

mod kills;
mod offsets;
mod zombie;

mod bad_input;
mod fidelity;
mod guests;
mod neighbours;
mod source;

mod auth;
mod demo;
mod dropin;
mod examples;
mod pages;
mod scale;
