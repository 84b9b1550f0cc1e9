//! One error of shape: what, and at which node. It words the message; it does not report it.

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::super::suggest::{hint, nearest};
use super::super::tree::{Kind, Node};
use super::View;

/// Which part of which node is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Position {
    /// The node itself.
    Node(u32),
    /// The key under which the node stands.
    Key(u32),
}

impl Position {
    /// The node's number in the file.
    pub(super) fn id(self) -> u32 {
        match self {
            Self::Node(id) | Self::Key(id) => id,
        }
    }
}

/// What is wrong with a node; worded once its path is known.
#[derive(Debug)]
pub(super) enum What {
    Message(String),
    UnknownKey {
        name: String,
        valid: &'static [&'static str],
    },
    UnknownWord {
        name: String,
        valid: &'static [&'static str],
    },
    Missing {
        name: &'static str,
        /// It is there, but was wrong and is already told.
        cut_before: bool,
    },
}

impl What {
    /// The sentence for a person; `path` is of the map or value that is wrong.
    pub(super) fn message(&self, path: &str) -> String {
        let section = if path.is_empty() { "at the top" } else { path };
        match self {
            Self::Message(message) if path.is_empty() => message.clone(),
            Self::Message(message) => format!("{path}: {message}"),
            Self::UnknownKey { name, valid } => {
                let near = hint(name, valid.iter().copied());
                let choices = if near.is_empty() { format!("; valid keys are {}", valid.join(", ")) } else { near };
                match path {
                    "" => format!("unknown key \"{name}\" {section}{choices}"),
                    _ => format!("unknown key \"{name}\" in {section}{choices}"),
                }
            }
            Self::UnknownWord { name, valid } => {
                let near = hint(name, valid.iter().copied());
                format!("{path}: \"{name}\" is not one of {}{near}", valid.join(", "))
            }
            Self::Missing { name, .. } if path.is_empty() => format!("the required key \"{name}\" is missing"),
            Self::Missing { name, .. } => format!("{path}: the required key \"{name}\" is missing"),
        }
    }
}

/// An error of shape on its way up to whoever knows the path.
#[derive(Debug)]
pub(super) struct Fault {
    /// None until the first node on the way up takes it.
    pub(super) position: Option<Position>,
    pub(super) what: What,
}

impl Fault {
    /// The deepest place wins.
    pub(super) fn at(mut self, position: Position) -> Self {
        self.position.get_or_insert(position);
        self
    }

    /// A node that is another kind of thing than is wanted. It is named by kind alone: its text may be a secret.
    pub(super) fn wrong_type(node: &Node, expected: &dyn Expected) -> Self {
        let quote = match (&node.kind, expected.to_string().as_str()) {
            (Kind::Number(_) | Kind::Bool(_), "a string") => "; put it in quotes",
            _ => "",
        };
        let expected = in_words(expected);
        What::Message(format!("expected {expected}, found {}{quote}", node.what())).into()
    }

    /// A key that is missing from a map that has it, or a slip of it, cut out, is told already.
    pub(super) fn knowing_cuts(mut self, view: &View<'_>) -> Self {
        if let (What::Missing { name, cut_before }, Some(position)) = (&mut self.what, &self.position)
            && position.id() == view.node.id
            && let Kind::Map(entries) = &view.node.kind
        {
            *cut_before |= entries.iter().any(|(key, node)| view.cut.contains(&node.id) && nearest(&key.text, [*name]).is_some());
        }
        self
    }
}

impl From<What> for Fault {
    fn from(what: What) -> Self {
        Self { position: None, what }
    }
}

/// serde's names of types are Rust's.
fn in_words(expected: &dyn Expected) -> String {
    let name = expected.to_string();
    match name.as_str() {
        "u8" => "an integer from 0 to 255".into(),
        "u16" => "an integer from 0 to 65535".into(),
        "u32" => format!("an integer from 0 to {}", u32::MAX),
        "i32" => format!("an integer from {} to {}", i32::MIN, i32::MAX),
        "u64" => "an integer of 0 or more".into(),
        "i64" => "an integer".into(),
        "a string" | "path string" => "a text".into(),
        "a sequence" => "a list".into(),
        _ => name,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what.message(""))
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        What::Message(message.to_string()).into()
    }

    // What was found is named by kind alone: it may be a secret in the wrong place.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Char(_) | Unexpected::Str(_) => "a text",
            Unexpected::Unit | Unexpected::Option => "nothing",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a map",
            _ => "something else",
        };
        What::Message(format!("expected {}, found {found}", in_words(expected))).into()
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        What::Message(format!("expected {}", in_words(expected))).into()
    }

    fn unknown_variant(variant: &str, valid: &'static [&'static str]) -> Self {
        What::UnknownWord { name: variant.into(), valid }.into()
    }

    fn unknown_field(field: &str, valid: &'static [&'static str]) -> Self {
        What::UnknownKey { name: field.into(), valid }.into()
    }

    fn missing_field(name: &'static str) -> Self {
        What::Missing { name, cut_before: false }.into()
    }
}
