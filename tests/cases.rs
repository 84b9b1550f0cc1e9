//! The cases, from the judge's own test to whole stories. A case is one idea; its name says what must hold.

mod checker;

mod kills;
mod offsets;
mod zombie;

mod bad_input;
mod border;
mod fidelity;
mod guests;
mod mask;
mod source;

mod auth;
mod demo;
mod examples;
mod pages;
mod scale;
