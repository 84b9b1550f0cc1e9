//! The selectors of one step as one compiled selection, checked for contradictions between them. Does not read
//! documents itself (`walk` does) and does not know what becomes of the values.

use std::collections::HashMap;

use super::automaton::{self, Node, Sources};
use super::rank;
use super::selector::Selector;

/// What a selected object or array becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Containers {
    /// Every scalar inside it, in document order, is a hit of the field: a masked subtree is masked whole. A value has
    /// at most one field then, by the rank in [`Selection`]. For steps that edit fields.
    Expand,
    /// It is one hit of kind composite, without bytes. Nothing is edited, so nothing has to win: a value is a hit of
    /// every field that names it. For steps that only look.
    Composite,
}

/// Selectors compiled for one walk over a document.
///
/// # Which field gets a value
/// With [`Containers::Expand`], the selector of the highest rank among those that name the value or a container around
/// it: first by class (names and indexes only, over wildcards, over descendants; `$` last), then the one that names the
/// deeper value, then fewer descendants, fewer wildcards, fewer indexes from the end, more segments. What stays
/// undecided is refused when the selection is compiled.
///
/// # The allow list (`keep` given)
/// A value stays if a field or `keep` names it or a container around it. Of the rest, an object or array that some
/// selector could still find something in stays as a container, pruned inside (under a descendant selector that is every
/// object and array); everything else goes: members with their names, elements with their place, so that later ones move
/// up. A container of which nothing stays is left empty where it is an element, or a member under a name that some
/// selector writes there; under another name, which may be data, it goes with that name. With `$.items[*].note` the
/// elements that are objects stay, pruned to their `note`, and those that are scalars go. `keep` never takes a value away
/// from a field. A root that is a scalar is refused unless `$` names it; a root that is an object or array stays.
///
/// # Duplicate names
/// A document is refused if a name that a selector asks for occurs twice in an object on its way, or any name in an
/// object of whose members all count: under a wildcard, a descendant, inside an expanded subtree, and everywhere
/// that is walked under an allow list. Parts that are passed over or kept whole are not checked.
#[derive(Debug)]
pub struct Selection {
    pub(super) nodes: Vec<Node>,
    pub(super) fields: usize,
    /// As they came; for formats whose members have several names.
    pub(super) selectors: Vec<Selector>,
    pub(super) keep: Option<Vec<Selector>>,
    pub(super) containers: Containers,
    pub(super) from_end: bool,
}

/// Why selectors do not go together. Indexes are those of the list they came in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// One path twice in `fields`.
    #[error("{selector} stands twice in fields: it is the same path as {first}")]
    Twice { field: usize, selector: Selector, first: Selector },
    /// One path twice in `keep`.
    #[error("{selector} stands twice in keep: it is the same path as {first}")]
    KeptTwice { keep: usize, selector: Selector, first: Selector },
    /// One path in both: is it to be edited or not?
    #[error("{selector} stands in fields and in keep; take it out of one")]
    KeptAndSelected { keep: usize, selector: Selector },
    /// Neither wins where both name a value.
    #[error("{selector} and {other} can name the same value and are equally specific; write the path in full in one")]
    Tie { field: usize, selector: Selector, other: Selector },
    /// It would never get a value.
    #[error("{selector} never applies: {other} covers all that it names and is more specific; write the path in full")]
    Shadowed { field: usize, selector: Selector, other: Selector },
    /// Past the limit on compiled states: stops selectors whose combinations multiply.
    #[error("these selectors are too complex together; use fewer descendants and wildcards")]
    TooComplex,
}

impl Selection {
    /// Compiles the selectors of a step. `fields` are numbered as they come. `keep` makes the selection an allow list,
    /// even when empty; without it everything that is not selected stays.
    pub fn compile(fields: &[Selector], keep: Option<&[Selector]>, containers: Containers) -> Result<Self, SelectionError> {
        check_paths(fields, keep.unwrap_or_default())?;
        if containers == Containers::Expand {
            check_ranks(fields)?;
        }
        let nodes = automaton::build(&Sources { fields, keep, containers }).ok_or(SelectionError::TooComplex)?;
        let from_end = nodes.iter().any(|node| node.elements.has_back());
        let (selectors, keep) = (fields.to_vec(), keep.map(<[Selector]>::to_vec));
        Ok(Self { nodes, fields: fields.len(), selectors, keep, containers, from_end })
    }

    /// What it was compiled from.
    pub(super) fn sources(&self) -> Sources<'_> {
        Sources { fields: &self.selectors, keep: self.keep.as_deref(), containers: self.containers }
    }

    /// How many fields the selection has.
    #[must_use]
    pub fn fields(&self) -> usize {
        self.fields
    }

    /// What it does with selected objects and arrays.
    #[must_use]
    pub fn containers(&self) -> Containers {
        self.containers
    }
}

fn check_paths(fields: &[Selector], keep: &[Selector]) -> Result<(), SelectionError> {
    let mut seen = HashMap::new();
    for (field, selector) in fields.iter().enumerate() {
        if let Some(first) = seen.insert(selector, selector) {
            return Err(SelectionError::Twice { field, selector: selector.clone(), first: first.clone() });
        }
    }
    let mut kept = HashMap::new();
    for (at, selector) in keep.iter().enumerate() {
        if seen.contains_key(selector) {
            return Err(SelectionError::KeptAndSelected { keep: at, selector: selector.clone() });
        }
        if let Some(first) = kept.insert(selector, selector) {
            return Err(SelectionError::KeptTwice { keep: at, selector: selector.clone(), first: first.clone() });
        }
    }
    Ok(())
}

fn check_ranks(fields: &[Selector]) -> Result<(), SelectionError> {
    for (field, selector) in fields.iter().enumerate() {
        for (at, other) in fields.iter().enumerate() {
            if rank::shadows(other, selector) {
                return Err(SelectionError::Shadowed { field, selector: selector.clone(), other: other.clone() });
            }
            if at < field && rank::order(selector) == rank::order(other) && rank::overlap(selector, other) {
                return Err(SelectionError::Tie { field, selector: selector.clone(), other: other.clone() });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    // A test that cannot go on may panic.
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn compile(fields: &str, keep: Option<&str>, containers: Containers) -> Result<Selection, String> {
        let parse = |list: &str| -> Vec<Selector> { list.split_whitespace().map(|s| Selector::parse(s).unwrap()).collect() };
        let keep = keep.map(parse);
        Selection::compile(&parse(fields), keep.as_deref(), containers).map_err(|error| error.to_string())
    }

    #[test]
    fn contradictions_are_refused() {
        let cases = [
            ("$.a $['a']", None, "$['a'] stands twice in fields"),
            ("$.b", Some("$.a $..c $['a']"), "$['a'] stands twice in keep"),
            ("$.b", Some("$['b']"), "in fields and in keep"),
            ("$.*.b $.a.*", None, "equally specific"),
            ("$..a.b $..*.b $..a.*", None, "equally specific"),
            ("$.a.* $.b.* $.a", None, "$.a.* never applies"),
        ];
        for (fields, keep, says) in cases {
            let error = compile(fields, keep, Containers::Expand).unwrap_err();
            assert!(error.contains(says), "{fields}: {error}");
        }
    }

    #[test]
    fn what_goes_together() {
        for fields in ["", "$", "$ $..email $.a", "$..a $..b", "$.*.a $.*.b", "$[0] $[-1] $[*]", "$.a $.a.b $.a.b[0].c", "$..* $..a"] {
            compile(fields, None, Containers::Expand).unwrap();
        }
        // Where nothing is edited nothing has to win.
        compile("$.*.b $.a.* $.a", None, Containers::Composite).unwrap();
        compile("$.a $['a']", None, Containers::Composite).unwrap_err();
    }

    #[test]
    fn combinations_that_multiply_are_refused() {
        let fields: Vec<String> = (0..2).map(|name| format!("$..n{name}{}", "[*]".repeat(20 + name))).collect();
        let error = compile(&fields.join(" "), None, Containers::Expand).unwrap_err();
        assert!(error.contains("too complex"), "{error}");
    }
}
