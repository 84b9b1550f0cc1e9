//! The selectors of one step, those among them that go on inside a text (`>>`) as selections of their own: one for the
//! document, and for each text that is opened one for the JSON document in it, and so on. Reads no document (`found`
//! does).
//!
//! ```text
//! $.id                            ┌─ Selection of the document: $.id, $.payload
//! $.payload >> $.customer.email ──┤
//! $.payload >> $.total            └─ Selection of what $.payload holds: $.customer.email, $.total
//! ```

use std::collections::HashMap;

use super::path::Path;
use super::rank;
use super::selection::{Containers, Selection, SelectionError};
use super::selector::Selector;

mod found;
mod patch;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use found::{Found, Value};

/// Paths compiled together. Fields are numbered as they came; those of the selections inside are their own.
///
/// # What an opened text means
/// What stands left of `>>` has to be a text that is one JSON document: with [`Containers::Expand`] every scalar in it
/// where it is an object or array. A null is left alone; another value, or a text that is none, is refused. Under an
/// allow list the document inside has one of its own: the parts of `keep` that go on inside the same text. With `>> $` in
/// `keep` all of it stays.
///
/// Where something is edited or dropped, a text belongs to one path alone: what stands left of `>>` must not be named, nor
/// a container around it, by any other field, and not by `keep` as a whole. Otherwise nobody could say what becomes of
/// the rest of the text.
#[derive(Debug)]
pub struct Nest {
    selection: Selection,
    /// What each field of `selection` stands for; empty where none opens a text, and each is the field of its number.
    roles: Vec<Role>,
    /// Of the whole step.
    fields: usize,
}

/// What a field of a selection stands for.
#[derive(Debug, Default)]
struct Role {
    /// The step's field that gets the value.
    field: Option<u32>,
    /// What is selected inside it.
    inside: Option<Box<Nest>>,
}

/// Which path of a step is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Field(usize),
    Keep(usize),
    /// All of them together.
    Step,
}

/// Why paths do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NestError {
    pub fault: Fault,
    /// A sentence.
    pub message: String,
}

impl Nest {
    /// Compiles the paths of a step; see [`Selection::compile`].
    pub fn compile(fields: &[Path], keep: Option<&[Path]>, containers: Containers) -> Result<Self, NestError> {
        let numbered =
            |paths| -> Vec<Entry<'_>> { Path::selectors_of(paths).zip(0..).map(|(rest, number)| Entry { number, rest }).collect() };
        let keep = keep.map(numbered);
        let mut nest = level(&numbered(fields), keep.as_deref(), containers, fields.len())?;
        if nest.roles.iter().zip(0..).all(|(role, number)| role.field == Some(number) && role.inside.is_none()) {
            nest.roles.clear();
        }
        Ok(nest)
    }

    /// The selection over the document itself, whose fields are not the step's where a text is opened.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The step's fields that get nothing where the field `outer` of [`selection`](Self::selection) does: itself, or
    /// those inside the text that it opens.
    #[must_use]
    pub fn behind(&self, outer: usize) -> Vec<u32> {
        if self.roles.is_empty() {
            return vec![outer as u32];
        }
        let mut fields = Vec::new();
        if let Some(role) = self.roles.get(outer) {
            fields.extend(role.field);
            let inside = role.inside.iter().flat_map(|inside| (0..inside.selection.fields()).map(move |at| (inside, at)));
            fields.extend(inside.flat_map(|(inside, at)| inside.behind(at)));
        }
        fields
    }

    /// Whether the field `outer` of [`selection`](Self::selection) opens a text.
    #[must_use]
    pub fn opens(&self, outer: usize) -> bool {
        self.roles.get(outer).is_some_and(|role| role.inside.is_some())
    }
}

/// A path, or what is left of it at its level.
#[derive(Clone, Copy)]
struct Entry<'a> {
    number: usize,
    rest: &'a [Selector],
}

/// The paths of a level that begin with the same selector.
struct Group<'a> {
    selector: &'a Selector,
    /// The field that ends here.
    ends: Option<usize>,
    /// Those that go on inside.
    inside: Vec<Entry<'a>>,
    kept_inside: Vec<Entry<'a>>,
}

impl Group<'_> {
    fn opens(&self) -> bool {
        !self.inside.is_empty() || !self.kept_inside.is_empty()
    }

    /// The path that a refusal is about.
    fn fault(&self) -> Fault {
        let field = self.ends.or(self.inside.first().map(|entry| entry.number)).map(Fault::Field);
        field.or(self.kept_inside.first().map(|entry| Fault::Keep(entry.number))).unwrap_or(Fault::Step)
    }
}

/// All groups of a level, in the order in which they were first met.
#[derive(Default)]
struct Groups<'a> {
    list: Vec<Group<'a>>,
    by_selector: HashMap<&'a Selector, usize>,
}

impl<'a> Groups<'a> {
    fn of(&mut self, selector: &'a Selector) -> &mut Group<'a> {
        let next = self.list.len();
        let at = *self.by_selector.entry(selector).or_insert(next);
        if at == next {
            self.list.push(Group { selector, ends: None, inside: Vec::new(), kept_inside: Vec::new() });
        }
        &mut self.list[at]
    }
}

/// One document's selection, and those inside its texts.
fn level(fields: &[Entry<'_>], keep: Option<&[Entry<'_>]>, containers: Containers, total: usize) -> Result<Nest, NestError> {
    let mut groups = Groups::default();
    for &Entry { number, rest } in fields {
        let Some((first, rest)) = rest.split_first() else { continue };
        let group = groups.of(first);
        if !rest.is_empty() {
            group.inside.push(Entry { number, rest });
        } else if group.ends.replace(number).is_some() {
            let twice = SelectionError::Twice { field: number, selector: first.clone(), first: group.selector.clone() };
            return Err(NestError { fault: Fault::Field(number), message: twice.to_string() });
        }
    }
    let mut whole = Vec::new();
    for &Entry { number, rest } in keep.unwrap_or_default() {
        match rest.split_first() {
            Some((first, rest)) if !rest.is_empty() => groups.of(first).kept_inside.push(Entry { number, rest }),
            Some((first, _)) => whole.push((number, first)),
            None => {}
        }
    }
    let groups = groups.list;
    if containers == Containers::Expand || keep.is_some() {
        check(&groups, &whole)?;
    }
    let selectors: Vec<Selector> = groups.iter().map(|group| group.selector.clone()).collect();
    let kept: Vec<Selector> = whole.iter().map(|(_, selector)| (*selector).clone()).collect();
    let selection = Selection::compile(&selectors, keep.map(|_| &kept[..]), containers)
        .map_err(|error| NestError { fault: fault(&error, &groups, &whole), message: error.to_string() })?;
    let role = |group: &Group<'_>| -> Result<Role, NestError> {
        let inside = || {
            let nest = level(&group.inside, keep.map(|_| &group.kept_inside[..]), containers, total);
            nest.map(Box::new).map_err(|error| NestError { message: format!("inside {}: {}", group.selector, error.message), ..error })
        };
        let inside = group.opens().then(inside).transpose()?;
        Ok(Role { field: group.ends.map(|field| field as u32), inside })
    };
    let roles = groups.iter().map(role).collect::<Result<_, _>>()?;
    Ok(Nest { selection, roles, fields: total })
}

/// I6: a text that is opened is opened by one path alone, so that what stands beside the selected values in it is not
/// passed by one where another would have masked it.
fn check(groups: &[Group<'_>], whole: &[(usize, &Selector)]) -> Result<(), NestError> {
    for group in groups.iter().filter(|group| group.opens()) {
        let selector = group.selector;
        if let Some(field) = group.ends {
            let message = format!("{selector} is masked as a whole here, and opened by {selector} >> …; take one of them out");
            return Err(NestError { fault: Fault::Field(field), message });
        }
        if let Some((keep, _)) = whole.iter().find(|(_, kept)| *kept == selector) {
            let message =
                format!("{selector} is kept as a whole here, and opened by {selector} >> …; to keep all of it, write {selector} >> $");
            return Err(NestError { fault: Fault::Keep(*keep), message });
        }
        let reaching = groups.iter().find(|other| !std::ptr::eq(*other, group) && rank::reaches(other.selector, selector));
        if let Some(other) = reaching {
            let what = if other.opens() { "opens" } else { "masks" };
            let message = format!(
                "{} also {what} the text that {selector} >> … opens: nobody could say what becomes of the rest of it; write paths that do not meet",
                other.selector
            );
            return Err(NestError { fault: other.fault(), message });
        }
    }
    Ok(())
}

/// Which path of the step an error of one level is about.
fn fault(error: &SelectionError, groups: &[Group<'_>], whole: &[(usize, &Selector)]) -> Fault {
    match error {
        SelectionError::Twice { field, .. } | SelectionError::Tie { field, .. } | SelectionError::Shadowed { field, .. } => {
            groups.get(*field).map_or(Fault::Step, Group::fault)
        }
        SelectionError::KeptTwice { keep, .. } | SelectionError::KeptAndSelected { keep, .. } => {
            whole.get(*keep).map_or(Fault::Step, |(number, _)| Fault::Keep(*number))
        }
        SelectionError::TooComplex => Fault::Step,
    }
}
