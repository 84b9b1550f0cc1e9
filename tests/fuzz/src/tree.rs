//! A decoded document of any format as its leaves, and which of them a head selects: the plain reading of what selecting
//! and patching mean, to compare the host's with. Shares no code with it.

use crate::head::{Head, How, Pick, Step};

/// What the cleared texts become.
pub const CLEARED: &str = "[cleared]";
/// What is set.
pub const TEXT: &str = "masked";

/// A decoded value.
#[derive(Debug)]
pub enum Node {
    Leaf(Leaf),
    List(Vec<Node>),
    /// Also with one name twice, where a decoder tells.
    Names(Vec<(String, Node)>),
}

/// A scalar.
#[derive(Debug)]
pub struct Leaf {
    /// The value, equal where it is equal.
    pub now: String,
    /// What its type has for nothing; for a text the empty one.
    pub zero: String,
    /// It is a text to its schema, or without one.
    pub text: bool,
}

/// A leaf with the names on the way to it; elements are not told apart, since those behind one that goes move up.
type Shown = (String, String);

/// What is left of the leaves once the head's edits are made, without those that are nothing: whether a value that goes
/// is away or zero is up to the format.
pub fn expected(root: &Node, head: &Head) -> Vec<Shown> {
    let fields = start(&head.fields);
    let keep = head.keep.as_deref().map(start);
    let mut out = Vec::new();
    collect(root, "$", &Here { fields, keep }, &mut |path, leaf, here: &Here<'_>| {
        let value = match head.how {
            _ if !covered(&here.fields) => Some(leaf.now.clone()).filter(|_| here.keep.as_deref().is_none_or(covered)),
            How::Same => Some(leaf.now.clone()),
            How::Text => Some(format!("{TEXT:?}")),
            How::Clear if leaf.text => Some(format!("{CLEARED:?}")),
            How::Clear | How::Remove => None,
        };
        if let Some(value) = value.filter(|value| *value != leaf.zero && value != NULL) {
            out.push((path.to_owned(), value));
        }
    });
    out
}

/// The leaves as they are, without those that are nothing.
pub fn actual(root: &Node) -> Vec<Shown> {
    let mut out = Vec::new();
    collect(root, "$", &Here { fields: Vec::new(), keep: None }, &mut |path, leaf, _| {
        if leaf.now != leaf.zero && leaf.now != NULL {
            out.push((path.to_owned(), leaf.now.clone()));
        }
    });
    out
}

/// Null in every format.
pub const NULL: &str = "null";

/// How far each selector has come at a value.
struct Here<'a> {
    fields: Vec<Progress<'a>>,
    keep: Option<Vec<Progress<'a>>>,
}

/// One selector: after which numbers of its steps the value is named.
struct Progress<'a> {
    steps: &'a [Step],
    after: Vec<usize>,
    /// All of it names the value, or one around it.
    covers: bool,
}

fn start(selectors: &[Vec<Step>]) -> Vec<Progress<'_>> {
    selectors.iter().map(|steps| Progress { steps, after: vec![0], covers: steps.is_empty() }).collect()
}

fn covered(list: &[Progress<'_>]) -> bool {
    list.iter().any(|progress| progress.covers)
}

/// A child's place: its name, or its index and the number of all.
enum At<'a> {
    Name(&'a str),
    Index(usize, usize),
}

impl<'a> Progress<'a> {
    fn child(&self, at: &At<'_>) -> Progress<'a> {
        let mut after = Vec::new();
        for &number in &self.after {
            let Some((descendant, pick)) = self.steps.get(number) else { continue };
            let picked = match (pick, at) {
                (Pick::Any, _) => true,
                (Pick::Name(name), At::Name(other)) => other.chars().eq([*name]),
                (Pick::Index(index), At::Index(at, count)) => *index == *at as i64 || *index == *at as i64 - *count as i64,
                _ => false,
            };
            after.extend(picked.then_some(number + 1));
            after.extend(descendant.then_some(number));
        }
        after.sort_unstable();
        after.dedup();
        let covers = self.covers || after.last() == Some(&self.steps.len());
        Progress { steps: self.steps, after, covers }
    }
}

impl<'a> Here<'a> {
    fn child(&self, at: &At<'_>) -> Here<'a> {
        let children = |list: &Vec<Progress<'a>>| list.iter().map(|progress| progress.child(at)).collect();
        Here { fields: children(&self.fields), keep: self.keep.as_ref().map(children) }
    }
}

fn collect<'a>(node: &Node, path: &str, here: &Here<'a>, call: &mut dyn FnMut(&str, &Leaf, &Here<'a>)) {
    match node {
        Node::Leaf(leaf) => call(path, leaf, here),
        Node::List(list) => {
            for (at, element) in list.iter().enumerate() {
                collect(element, &format!("{path}[]"), &here.child(&At::Index(at, list.len())), call);
            }
        }
        Node::Names(members) => {
            for (name, member) in members {
                collect(member, &format!("{path}.{name:?}"), &here.child(&At::Name(name)), call);
            }
        }
    }
}
