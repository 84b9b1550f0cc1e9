//! An expression as a tree, names resolved and constants folded. It must not know text.
use regex_lite::Regex;

use crate::function::Function;
use crate::value::Value;

/// A node.
#[derive(Debug)]
pub(crate) enum Node {
    Constant(Value<'static>),
    /// A variable of the record, by its place in the list of names.
    Variable(usize),
    /// The variable of a macro, by its place among those open.
    Local(usize),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// All hold; two at least.
    And(Vec<Node>),
    /// One holds; two at least.
    Or(Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    /// Condition, then, else.
    If(Box<[Node; 3]>),
    Binary(Operation, Box<[Node; 2]>),
    /// A list's element, a map's value.
    Index(Box<[Node; 2]>),
    /// Whether a variable of the record is there.
    HasVariable(usize),
    /// Whether a map has a key.
    Has(Box<Node>, String),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Box<Regex>),
    Macro(Box<Macro>),
}

/// An operator of two operands whose both sides are always needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A macro over the elements of a list, or the keys of a map.
#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) kind: MacroKind,
    pub(crate) over: Node,
    /// The place of its variable among those open.
    pub(crate) local: usize,
    /// Which elements.
    pub(crate) test: Option<Node>,
    /// What becomes of them.
    pub(crate) then: Option<Node>,
}

/// What a macro asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MacroKind {
    All,
    Exists,
    ExistsOne,
    /// `filter`, and `map` with two or three arguments.
    Collect,
}

impl Operation {
    /// By its sign, with how tightly it binds; `in` is a word.
    pub(crate) fn of(sign: &str) -> Option<(Self, u8)> {
        Some(match sign {
            "==" => (Self::Equal, 1),
            "!=" => (Self::NotEqual, 1),
            "<" => (Self::Less, 1),
            "<=" => (Self::LessOrEqual, 1),
            ">" => (Self::Greater, 1),
            ">=" => (Self::GreaterOrEqual, 1),
            "in" => (Self::In, 1),
            "+" => (Self::Add, 2),
            "-" => (Self::Subtract, 2),
            "*" => (Self::Multiply, 3),
            "/" => (Self::Divide, 3),
            "%" => (Self::Remainder, 3),
            _ => return None,
        })
    }
}
