//! What holds in every format, whatever the bytes: what is not selected stays as it is, what is selected is gone, and
//! what was patched can be read again. Knows the host's walkers only by the three calls they have in common.

use crate::head::{Head, How};
use crate::host::fields::{Containers, DecodeError, Edit, Hit, Hits, Kind, PatchError, Patched, Selection};
use crate::tree::{CLEARED, Node, TEXT, actual, expected};

/// A walker of the host with a selection in it.
pub trait Walker {
    fn select(&self, body: &[u8], hits: &mut Hits) -> Result<(), DecodeError>;
    fn append_value(&self, body: &[u8], hit: &Hit, out: &mut Vec<u8>) -> Result<(), DecodeError>;
    fn patch<'a>(
        &self,
        body: &[u8],
        hits: &Hits,
        edit: impl FnMut(usize, &Hit) -> Edit<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Patched, PatchError>;
}

/// A format: how it makes a walker, and what somebody else's decoder says of a body.
pub trait Format {
    type Walker: Walker;

    /// None where selection and schema are too complex together.
    fn walker(&self, selection: Selection) -> Option<Self::Walker>;

    /// What the decoder makes of the body.
    fn decode(&self, body: &[u8]) -> Decoded;

    /// Whether a refusal is right.
    fn agrees(&self, error: DecodeError, decode: impl Fn() -> Decoded) -> bool;

    /// Whether what the walker takes the decoder has to take too: not where the walker passes over parts unseen.
    fn sees_all(&self) -> bool;
}

/// What a decoder says.
#[derive(Debug)]
pub enum Decoded {
    Refused,
    /// It is right, and the decoder has no tree of it.
    Right,
    Tree(Node),
}

impl Decoded {
    pub fn refused(&self) -> bool {
        matches!(self, Self::Refused)
    }
}

/// All of it for one body.
pub fn body(format: &impl Format, head: &Head, body: &[u8]) {
    nothing_selected(format, body);
    composites(format, head, body);
    let Some(walker) = head.selection(Containers::Expand).and_then(|selection| format.walker(selection)) else { return };
    let mut hits = Hits::new();
    if let Err(error) = walker.select(body, &mut hits) {
        assert!(hits.hits().is_empty() && hits.pruned() == 0, "{error}: a refused body has hits");
        assert!(format.agrees(error, || format.decode(body)), "refused with {error:?}");
        return;
    }
    let decoded = format.decode(body);
    assert!(!decoded.refused() || !format.sees_all(), "taken, and a decoder refuses it");
    let values = values(&walker, body, &hits);
    keeping(&walker, head, body, &hits);
    strangers(&walker, body, &hits);
    let mut out = b"before".to_vec();
    let patched = walker.patch(body, &hits, |index, hit| edit(head.how, hit, &values[index]), &mut out);
    assert!(out.starts_with(b"before"), "what stood before is gone");
    let new = &out[b"before".len()..];
    match patched {
        Ok(Patched::Changed) => {
            let decoded_new = format.decode(new);
            assert!(!decoded_new.refused() || decoded.refused(), "nobody can read what was patched");
            if let (Decoded::Tree(old), Decoded::Tree(new)) = (&decoded, &decoded_new) {
                assert_eq!(actual(new), expected(old, head), "not what the head says");
            }
            read_again(&walker, head, new, &values);
        }
        Ok(Patched::Unchanged) => {
            assert!(new.is_empty(), "unchanged, and yet written");
            if let Decoded::Tree(old) = &decoded {
                assert_eq!(actual(old), expected(old, head), "nothing was done");
            }
        }
        Err(error) => {
            assert!(new.is_empty(), "{error}, and yet written");
            assert!(!hits.hits().is_empty() || hits.pruned() > 0, "{error}: there was nothing to do");
        }
    }
}

/// Without a selection every body that is one is the same afterwards.
fn nothing_selected(format: &impl Format, body: &[u8]) {
    let none = Head { fields: Vec::new(), keep: None, how: How::Clear };
    let walker = none.selection(Containers::Expand).and_then(|selection| format.walker(selection)).expect("nothing is not too complex");
    let mut hits = Hits::new();
    if walker.select(body, &mut hits).is_ok() {
        assert_eq!((hits.hits().len(), hits.pruned()), (0, 0));
        let mut out = Vec::new();
        assert_eq!(walker.patch(body, &hits, |_, _| Edit::Remove, &mut out), Ok(Patched::Unchanged));
        assert!(out.is_empty());
    }
}

/// What only looks finds values or containers, and each can be handed out.
fn composites(format: &impl Format, head: &Head, body: &[u8]) {
    let Some(walker) = head.selection(Containers::Composite).and_then(|selection| format.walker(selection)) else { return };
    let mut hits = Hits::new();
    if walker.select(body, &mut hits).is_ok() {
        values(&walker, body, &hits);
    }
}

fn values(walker: &impl Walker, body: &[u8], hits: &Hits) -> Vec<(Kind, Vec<u8>)> {
    let each = hits.hits().iter().map(|hit| {
        let mut value = Vec::new();
        walker.append_value(body, hit, &mut value).unwrap_or_else(|error| panic!("{error}: a hit cannot be handed out"));
        match hit.kind {
            Kind::Null | Kind::Composite => assert!(value.is_empty()),
            Kind::Boolean => assert!(matches!(&value[..], b"true" | b"false")),
            Kind::Integer | Kind::Decimal => {
                let text = std::str::from_utf8(&value).expect("the text of a number is ASCII");
                let number: serde_json::Number = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
                let whole = !number.to_string().contains(['.', 'e', 'E']);
                assert_eq!(whole, hit.kind == Kind::Integer, "{text}");
            }
            Kind::Text => assert!(std::str::from_utf8(&value).is_ok()),
            Kind::Bytes => {}
        }
        (hit.kind, value)
    });
    each.collect()
}

fn edit<'a>(how: How, _: &Hit, (kind, value): &'a (Kind, Vec<u8>)) -> Edit<'a> {
    match how {
        How::Clear => Edit::Clear { text: CLEARED.as_bytes() },
        How::Remove => Edit::Remove,
        How::Text => Edit::Set { kind: Kind::Text as u8, data: TEXT.as_bytes() },
        How::Same => Edit::Set { kind: *kind as u8, data: value },
    }
}

/// Keeping every value keeps every byte.
fn keeping(walker: &impl Walker, head: &Head, body: &[u8], hits: &Hits) {
    if head.keep.is_none() {
        let mut out = Vec::new();
        assert_eq!(walker.patch(body, hits, |_, _| Edit::Keep, &mut out), Ok(Patched::Unchanged));
        assert!(out.is_empty());
    }
}

/// Hits of another body give an error or wrong bytes, and the host lives on.
fn strangers(walker: &impl Walker, body: &[u8], hits: &Hits) {
    let other = &body[body.len() / 2..];
    let mut out = Vec::new();
    for hit in hits.hits() {
        out.clear();
        walker.append_value(other, hit, &mut out).unwrap_or_default();
    }
    out.clear();
    let patched = walker.patch(other, hits, |_, _| Edit::Clear { text: CLEARED.as_bytes() }, &mut out);
    assert!(patched.is_ok() || out.is_empty());
}

/// What was patched can be selected in again, and nothing that was to be masked is found there.
fn read_again(walker: &impl Walker, head: &Head, new: &[u8], before: &[(Kind, Vec<u8>)]) {
    let mut hits = Hits::new();
    // Only a root that became a scalar cannot be.
    walker.select(new, &mut hits).unwrap_or_else(|error| panic!("{error}: what was patched is refused"));
    if head.counts() && (head.how == How::Remove || head.keep.is_some()) {
        return;
    }
    assert!(hits.pruned() == 0 || head.keep.is_some());
    let after = values(walker, new, &hits);
    match head.how {
        How::Remove => assert!(after.iter().all(|(kind, _)| matches!(kind, Kind::Null | Kind::Composite)), "not removed"),
        How::Same => assert_eq!(after, before, "a value that was set to itself is another one"),
        How::Text => assert!(after.iter().all(|(kind, value)| *kind == Kind::Text && value == TEXT.as_bytes()), "not set"),
        // What the zero of each type is the leaves say.
        How::Clear => assert!(after.iter().all(|(kind, value)| *kind != Kind::Bytes || value.iter().all(|&byte| byte == 0)), "not cleared"),
    }
}
