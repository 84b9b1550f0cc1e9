//! The selectors of one step's value or key, each path once, however it is spelled. It does not know what a selector is: whoever
//! gives it the check does.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::error::Report;
use super::super::place::Location;
use super::settings::Places;
use super::{FieldGrant, SelectorCheck};

/// The grants of one half of a step while they are gathered.
pub(super) struct Granter<'a> {
    check: SelectorCheck<'a>,
    /// By canonical form: where it was first written.
    seen: HashMap<String, Seen>,
    /// How many grants of the step come before these.
    first: usize,
    grants: Vec<FieldGrant>,
}

struct Seen {
    spelling: String,
    at: Location,
    /// A condition may read what `keep` lets through; `fields` may not edit it.
    read_only: bool,
}

impl<'a> Granter<'a> {
    /// No grants yet; `first` is how many the step has before these.
    pub(super) fn new(check: SelectorCheck<'a>, first: usize) -> Self {
        Self { check, seen: HashMap::new(), first, grants: Vec::new() }
    }

    fn canonical(&self, selector: &str, at: &Location, report: &mut Report) -> Option<String> {
        match (self.check)(selector) {
            Ok(canonical) => Some(canonical),
            Err((position, why)) => {
                let message = format!("cannot read the selector \"{selector}\": {why} (at character {})", position + 1);
                report.invalid_at(at, message);
                None
            }
        }
    }

    /// Grants a field; twice is an error. Its index among the step's grants.
    pub(super) fn grant(&mut self, selector: &str, settings: Value, at: Location, report: &mut Report) -> Option<usize> {
        let canonical = self.canonical(selector, &at, report)?;
        self.claim(selector, canonical, &at, report).then(|| {
            self.grants.push(FieldGrant { selector: selector.to_owned(), settings, at });
            self.first + self.grants.len() - 1
        })
    }

    /// Grants a field that a `where:` tree names, for reading; again is no error. The plugin finds a field by its
    /// spelling, so the tree is given that of the grant.
    pub(super) fn grant_named(&mut self, selector: &mut String, at: Location, report: &mut Report) {
        let Some(canonical) = self.canonical(selector, &at, report) else {
            return;
        };
        if let Some(seen) = self.seen.get(&canonical) {
            selector.clone_from(&seen.spelling);
            return;
        }
        let seen = Seen { spelling: selector.clone(), at: at.clone(), read_only: true };
        self.seen.insert(canonical, seen);
        self.grants.push(FieldGrant { selector: selector.clone(), settings: json!({}), at });
    }

    /// Lets a field through as it is; false if the selector is none or is taken.
    pub(super) fn keep(&mut self, selector: &str, at: &Location, report: &mut Report) -> bool {
        match self.canonical(selector, at, report) {
            Some(canonical) => self.claim(selector, canonical, at, report),
            None => false,
        }
    }

    fn claim(&mut self, selector: &str, canonical: String, at: &Location, report: &mut Report) -> bool {
        let taken = self.seen.get(&canonical).filter(|seen| !seen.read_only);
        if let Some(Seen { spelling, at: first, .. }) = taken {
            let message = match spelling == selector {
                true => format!("the path \"{selector}\" is given twice in this step; the first is at {first}"),
                false => format!("\"{selector}\" is the same path as \"{spelling}\" at {first}; give it once"),
            };
            report.invalid_at(at, message);
            return false;
        }
        let seen = Seen { spelling: selector.to_owned(), at: at.clone(), read_only: false };
        self.seen.insert(canonical, seen);
        true
    }

    /// The grants in order, each with a place.
    pub(super) fn finish(self, places: &mut Places) -> Vec<FieldGrant> {
        for (i, grant) in self.grants.iter().enumerate() {
            places.set(&format!("/fields/{}", self.first + i), grant.at.clone());
        }
        self.grants
    }
}
