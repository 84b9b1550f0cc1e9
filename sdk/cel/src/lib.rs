//! The Common Expression Language for plugins: text is compiled once, with everything that can be wrong said then, and
//! evaluated for every record under a budget. It must not reach anything outside (no clock, no environment), and must
//! not loop without an end: an expression's length, height and steps are bounded.
//!
//! `lex` (words) → `parse` (a tree, names resolved) → `evaluate` (a value), with `function`, `text` and `time` for what
//! can be called.
//!
//! What is built and what is not, and where it differs from the language's definition
//! (<https://github.com/google/cel-spec/blob/master/doc/langdef.md>), is in `README.md`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod arithmetic;
mod compare;
mod convert;
mod evaluate;
mod function;
mod lex;
mod parse;
mod text;
mod time;
mod tree;
mod value;

pub use evaluate::{Failure, MOST_STEPS};
pub use parse::{MOST_BYTES, MOST_HEIGHT, is_name};
pub use time::{Duration, Time};
pub use value::{Kind, Value};

use tree::Node;

/// A compiled expression over a fixed list of variables.
#[derive(Debug)]
pub struct Expression {
    root: Node,
}

/// Why text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, in characters from 0.
    pub at: usize,
    /// What is wrong there, in a sentence.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (at character {})", self.message, self.at + 1)
    }
}

impl std::error::Error for Problem {}

impl Expression {
    /// Compiles `source`, which may name the variables of `names` and no others.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn compile(source: &str, names: &[&str]) -> Result<Self, Problem> {
        parse::parse(source, names).map(|root| Self { root })
    }

    /// The value for these variables, in the order of `names`; `None` is one that the record does not have.
    ///
    /// # Errors
    /// There is no value; [`Failure::Missing`] where only a variable that is not there stands in the way.
    pub fn evaluate<'a>(&'a self, variables: &'a [Option<Value<'a>>]) -> Result<Value<'a>, Failure> {
        evaluate::evaluate(&self.root, variables)
    }
}
