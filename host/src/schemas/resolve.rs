//! What a schema refers to, fetched depth-first: dependencies before what depends on them, each name once. Bounded in
//! depth, number and size, since a registry may hold what somebody made to be endless. It parses no schema.

use std::collections::HashMap;

use super::answer::{Found, Pointer};
use super::error::{LookupError, Unusable};
use super::{Referenced, Schema, SchemaKind};

/// References of references of references; imports of real projects stay below ten.
const MAX_DEPTH: usize = 32;

/// References of one schema in all, each mention counted: a few hundred is a whole company's common types.
const MAX_MENTIONS: usize = 1000;

/// Bytes of a schema and all that it refers to.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// Fetches a version of a subject.
pub(super) type Fetch<'a> = &'a dyn Fn(&str, u32) -> Result<Found, LookupError>;

/// The schema with everything that it refers to.
pub(super) fn resolve(root: Found, fetch: Fetch<'_>) -> Result<Schema, LookupError> {
    let kind = SchemaKind::of(root.kind.as_deref()).ok_or(Unusable::Kind)?;
    let mut walk =
        Walk { kind, fetch, bytes: root.text.len(), mentions: 0, path: Vec::new(), fetched: HashMap::new(), references: Vec::new() };
    walk.within_bounds()?;
    walk.visit(&root.references)?;
    Ok(Schema { kind, text: root.text, references: walk.references })
}

struct Walk<'a> {
    kind: SchemaKind,
    fetch: Fetch<'a>,
    bytes: usize,
    mentions: usize,
    /// From the root to here.
    path: Vec<(String, u32)>,
    /// The texts of what has been visited, by subject and version.
    fetched: HashMap<(String, u32), String>,
    references: Vec<Referenced>,
}

impl Walk<'_> {
    fn visit(&mut self, pointers: &[Pointer]) -> Result<(), LookupError> {
        for pointer in pointers {
            self.mentions += 1;
            self.within_bounds()?;
            let place = (pointer.subject.clone(), pointer.version);
            if self.path.contains(&place) {
                return Err(Unusable::Circle.into());
            }
            let text = match self.fetched.get(&place) {
                Some(text) => text.clone(),
                None => self.descend(place)?,
            };
            self.add(pointer, text)?;
        }
        Ok(())
    }

    /// What is there, after what it refers to.
    fn descend(&mut self, place: (String, u32)) -> Result<String, LookupError> {
        let found = (self.fetch)(&place.0, place.1).map_err(|error| match error {
            LookupError::NoSubject { .. } | LookupError::Unknown(_) => Unusable::ReferenceMissing.into(),
            other => other,
        })?;
        if SchemaKind::of(found.kind.as_deref()) != Some(self.kind) {
            return Err(Unusable::ReferenceKind.into());
        }
        self.bytes = self.bytes.saturating_add(found.text.len());
        self.path.push(place.clone());
        self.within_bounds()?;
        self.visit(&found.references)?;
        self.path.pop();
        self.fetched.insert(place, found.text.clone());
        Ok(found.text)
    }

    fn add(&mut self, pointer: &Pointer, text: String) -> Result<(), LookupError> {
        match self.references.iter().find(|known| known.name == pointer.name) {
            // Which of the two is meant would be a guess.
            Some(known) if known.text != text => Err(Unusable::ReferenceConflict.into()),
            Some(_) => Ok(()),
            None => {
                let Pointer { name, subject, version } = pointer.clone();
                self.references.push(Referenced { name, subject, version, text });
                Ok(())
            }
        }
    }

    fn within_bounds(&self) -> Result<(), LookupError> {
        let within = self.path.len() <= MAX_DEPTH && self.mentions <= MAX_MENTIONS && self.bytes <= MAX_TEXT_BYTES;
        if within { Ok(()) } else { Err(Unusable::TooLarge.into()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use std::cell::Cell;

    use super::*;

    /// What a registry holds: subject, version, schema.
    type Held<'a> = &'a [(&'a str, u32, Found)];

    fn pointer(name: &str, subject: &str, version: u32) -> Pointer {
        Pointer { name: name.into(), subject: subject.into(), version }
    }

    fn found(text: &str, references: &[Pointer]) -> Found {
        Found { kind: None, text: text.into(), references: references.to_vec() }
    }

    /// A registry of a few versions: what the root comes to, and how many requests it took.
    fn resolved(root: &[Pointer], held: Held<'_>) -> (Result<Schema, LookupError>, u32) {
        let requests = Cell::new(0);
        let fetch = |subject: &str, version: u32| {
            requests.set(requests.get() + 1);
            let held = held.iter().find(|(s, v, _)| (*s, *v) == (subject, version));
            held.map(|(_, _, found)| found.clone()).ok_or(LookupError::NoSubject { subject: subject.into() })
        };
        let schema = resolve(found("root", root), &fetch);
        (schema, requests.get())
    }

    #[test]
    fn dependencies_come_first_and_once() {
        let held = [
            ("a", 1, found("A", &[pointer("C", "c", 1), pointer("D", "d", 4)])),
            ("b", 2, found("B", &[pointer("C", "c", 1)])),
            ("c", 1, found("C", &[pointer("D", "d", 4)])),
            ("d", 4, found("D", &[])),
        ];
        let (schema, requests) = resolved(&[pointer("A", "a", 1), pointer("B", "b", 2)], &held);
        let names: Vec<_> = schema.unwrap().references.into_iter().map(|r| (r.name, r.subject, r.version, r.text)).collect();
        let expected = [("D", "d", 4), ("C", "c", 1), ("A", "a", 1), ("B", "b", 2)];
        assert_eq!(names, expected.map(|(name, subject, version)| (name.into(), subject.into(), version, name.into())));
        assert_eq!(requests, 4);
    }

    #[test]
    fn one_schema_may_have_two_names() {
        let held = [("a", 1, found("A", &[]))];
        let (schema, requests) = resolved(&[pointer("x", "a", 1), pointer("y", "a", 1), pointer("x", "a", 1)], &held);
        let names: Vec<_> = schema.unwrap().references.into_iter().map(|r| r.name).collect();
        assert_eq!((names, requests), (vec!["x".to_owned(), "y".to_owned()], 1));
    }

    #[test]
    fn says_what_cannot_be_used() {
        let other = Found { kind: Some("PROTOBUF".into()), ..found("A", &[]) };
        let huge = "x".repeat(MAX_TEXT_BYTES / 2);
        let cases: [(&str, &[Pointer], Held<'_>, Unusable); 5] = [
            ("missing", &[pointer("A", "a", 1)], &[], Unusable::ReferenceMissing),
            ("another language", &[pointer("A", "a", 1)], &[("a", 1, other)], Unusable::ReferenceKind),
            (
                "a circle",
                &[pointer("A", "a", 1)],
                &[("a", 1, found("A", &[pointer("B", "b", 1)])), ("b", 1, found("B", &[pointer("A", "a", 1)]))],
                Unusable::Circle,
            ),
            (
                "one name for two",
                &[pointer("A", "a", 1), pointer("A", "a", 2)],
                &[("a", 1, found("A", &[])), ("a", 2, found("A2", &[]))],
                Unusable::ReferenceConflict,
            ),
            (
                "too many bytes",
                &[pointer("A", "a", 1), pointer("B", "b", 1)],
                &[("a", 1, found(&huge, &[])), ("b", 1, found(&huge, &[]))],
                Unusable::TooLarge,
            ),
        ];
        for (title, root, held, expected) in cases {
            assert_eq!(resolved(root, held).0, Err(expected.into()), "{title}");
        }
        let unknown = Found { kind: Some("THRIFT".into()), ..found("x", &[]) };
        let never = |_: &str, _| panic!("nothing is asked");
        assert_eq!(resolve(unknown, &never), Err(Unusable::Kind.into()));
    }

    #[test]
    fn ends_where_a_registry_does_not() {
        // Every version refers to the next one.
        let chain = |_: &str, version: u32| Ok(found("x", &[pointer(&version.to_string(), "s", version + 1)]));
        assert_eq!(resolve(found("r", &[pointer("0", "s", 1)]), &chain), Err(Unusable::TooLarge.into()));
        let leaf = |_: &str, _| Ok(found("x", &[]));
        let many: Vec<_> = (0..=MAX_MENTIONS).map(|i| pointer(&i.to_string(), "s", 1)).collect();
        assert!(resolve(found("r", &many[1..]), &leaf).is_ok());
        assert_eq!(resolve(found("r", &many), &leaf), Err(Unusable::TooLarge.into()));
    }
}
