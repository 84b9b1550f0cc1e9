//! Writes a document anew with some of its selected values changed, and the pruned ones gone, in one pass. Touches no
//! other byte: order, white space and number text elsewhere stay as they are.
//!
//! A member or element that goes takes one comma and the white space around itself with it: with the comma before it
//! where something before it in its container stays, else with the one behind it. A container that loses everything
//! closes at once: `{ "a": 1 }` becomes `{}`.

use super::hit::{Hit, Hits, Kind, Prune};
use super::scan::{self, byte, is_space, skip_space};
use super::text;

mod splice;
#[cfg(test)]
mod tests;

pub use splice::Copied;

/// What becomes of one hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// The value stays, byte for byte.
    Keep,
    /// It becomes another scalar.
    Set {
        /// A kind of the plugin contract; JSON takes 0 null, 1 boolean, 2 integer, 3 decimal and 4 text. A format with
        /// a schema takes what the type at the place can hold.
        kind: u8,
        /// The value as the contract writes it for that kind: nothing, `true` or `false`, a number's text, UTF-8.
        data: &'a [u8],
    },
    /// A text becomes another one, of which these runs stand in the old one, in order: a format that escapes leaves
    /// their bytes as they are.
    Splice {
        /// The whole new text; UTF-8.
        text: &'a [u8],
        /// What it has from the old one.
        copies: &'a [Copied],
    },
    /// Its content goes, whatever its type: a text becomes `text`; anything else null where its type allows, else the
    /// type's zero (false, 0, empty, an enum's default or first symbol).
    Clear {
        /// What stands for a text; UTF-8.
        text: &'a [u8],
    },
    /// The member or element goes.
    Remove,
}

/// Whether there is a new document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Patched {
    /// Nothing was appended: the document is what it was.
    Unchanged,
    /// The new document was appended.
    Changed,
}

/// Why an edit cannot be made: the answer is at fault, not the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PatchError {
    /// Null has no bytes.
    #[error("cannot set the value: null with bytes")]
    NotNull,
    /// Neither `true` nor `false`.
    #[error("cannot set the value: neither true nor false")]
    NotBoolean,
    /// Not `-?(0|[1-9][0-9]*)`.
    #[error("cannot set the value: not the text of an integer")]
    NotInteger,
    /// Not a JSON number, or one that is an integer.
    #[error("cannot set the value: not the text of a decimal")]
    NotDecimal,
    /// Text is UTF-8.
    #[error("cannot set the value: text that is not valid UTF-8")]
    NotText,
    /// Bytes, a composite or a number that is no kind.
    #[error("cannot set the value: the format has no such kind")]
    UnsupportedKind,
    /// The type in the schema has no such value; or the value cannot go, since its type has no null.
    #[error("cannot edit the value: the schema has no place for the new one")]
    DoesNotFit,
    /// Only scalars are edited: an object or array that was handed over as one hit stays.
    #[error("cannot edit the value: an object or array that was selected as one")]
    Composite,
    /// A document without a value is none; a tombstone is the caller's to write.
    #[error("cannot remove the value: it is the whole document")]
    RemovesRoot,
    /// The hits were found in another document.
    #[error("cannot patch the document: the hits are not its own")]
    ForeignHits,
}

impl PatchError {
    /// A stable name, for metrics and quarantine records.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotNull => "not_null",
            Self::NotBoolean => "not_boolean",
            Self::NotInteger => "not_integer",
            Self::NotDecimal => "not_decimal",
            Self::NotText => "not_text",
            Self::UnsupportedKind => "unsupported_kind",
            Self::DoesNotFit => "does_not_fit",
            Self::Composite => "composite",
            Self::RemovesRoot => "removes_root",
            Self::ForeignHits => "foreign_hits",
        }
    }
}

/// Appends `doc` with every hit edited as `edit` says and everything pruned that the allow list does not name. `edit`
/// is asked once a hit, in document order, also where it makes no difference, so that it may count. `hits` must be those
/// of `doc`. After an error `out` is what it was before.
pub fn patch<'a>(doc: &[u8], hits: &Hits, edit: impl FnMut(usize, &Hit) -> Edit<'a>, out: &mut Vec<u8>) -> Result<Patched, PatchError> {
    patch_noting(doc, hits, edit, out, None)
}

/// The same, with a note of every run that was copied; `to` counts from the end of what `out` held before.
pub(super) fn patch_noting<'a>(
    doc: &[u8],
    hits: &Hits,
    mut edit: impl FnMut(usize, &Hit) -> Edit<'a>,
    out: &mut Vec<u8>,
    notes: Option<&mut Vec<Copied>>,
) -> Result<Patched, PatchError> {
    let start = out.len();
    let mut writer = Writer { doc, out, start, copied: 0, emptying: None, notes };
    let mut prunes = hits.prunes.iter().peekable();
    let mut run = || {
        for (index, hit) in hits.hits.iter().enumerate() {
            while let Some(prune) = prunes.next_if(|prune| prune.member < hit.start) {
                writer.remove(prune.member, prune.end)?;
            }
            writer.edit(hit, edit(index, hit))?;
        }
        prunes.try_for_each(|&Prune { member, end, .. }| writer.remove(member, end))?;
        writer.finish()
    };
    let result = run();
    if !matches!(result, Ok(Patched::Changed)) {
        out.truncate(start);
    }
    result
}

struct Writer<'a> {
    doc: &'a [u8],
    out: &'a mut Vec<u8>,
    /// How long the output was.
    start: usize,
    /// Up to where the document is copied or left out; 0: nothing is changed yet.
    copied: usize,
    emptying: Option<Emptying>,
    /// What was copied, where somebody asks.
    notes: Option<&'a mut Vec<Copied>>,
}

/// A container of which everything so far is gone.
#[derive(Clone, Copy)]
struct Emptying {
    /// Where its next member or element begins.
    next: usize,
    /// The length of the output just behind its opening bracket, before white space.
    bare: usize,
}

impl Writer<'_> {
    fn edit(&mut self, hit: &Hit, edit: Edit<'_>) -> Result<(), PatchError> {
        // Checked also where it vanishes: a wrong answer is wrong anywhere.
        let new = match edit {
            Edit::Keep => return Ok(()),
            _ if hit.kind == Kind::Composite => return Err(PatchError::Composite),
            Edit::Remove => return self.remove(hit.member, hit.end),
            Edit::Set { kind, data } => Value::check(kind, data)?,
            Edit::Splice { text, copies } => return self.splice(hit, text, copies),
            Edit::Clear { text } => match (Value::check(Kind::Text as u8, text)?, hit.kind) {
                (text, Kind::Text) => text,
                _ => Value::Bare(b"null"),
            },
        };
        let (start, end) = (hit.start as usize, hit.end as usize);
        let old = self.doc.get(start..end).ok_or(PatchError::ForeignHits)?;
        if start < self.copied || new.is(old) {
            return Ok(());
        }
        self.copy_to(start)?;
        new.push(self.out);
        self.copied = end;
        Ok(())
    }

    /// Takes the member or element `member..end` out.
    fn remove(&mut self, member: u32, end: u32) -> Result<(), PatchError> {
        let (doc, start) = (self.doc, member as usize);
        let emptying = self.emptying.filter(|emptying| emptying.next == start);
        if start < self.copied && emptying.is_none() {
            // Inside something that is gone already.
            return Ok(());
        }
        let next = skip_space(doc, end as usize);
        let closes = match byte(doc, next) {
            b',' => false,
            b'}' | b']' => true,
            _ if next == doc.len() => return Err(PatchError::RemovesRoot),
            _ => return Err(PatchError::ForeignHits),
        };
        let before = doc.get(..start).and_then(|before| before.iter().rposition(|&byte| !is_space(byte)));
        let before = before.ok_or(PatchError::ForeignHits)?;
        let first = byte(doc, before) != b',';
        if !first && emptying.is_none() {
            // Something before it stays: the comma before it goes, and what is before the next comma.
            self.copy_to(before)?;
            self.copied = if closes { end as usize } else { next };
            return Ok(());
        }
        let bare = match emptying {
            Some(Emptying { bare, .. }) => bare,
            None => {
                self.copy_to(before + 1)?;
                let bare = self.out.len();
                self.copy_to(start)?;
                bare
            }
        };
        if closes {
            self.out.truncate(bare);
            self.forget();
            self.copied = next;
        } else {
            self.copied = skip_space(doc, next + 1);
            self.emptying = Some(Emptying { next: self.copied, bare });
        }
        Ok(())
    }

    fn copy_to(&mut self, end: usize) -> Result<(), PatchError> {
        let bytes = self.doc.get(self.copied..end).ok_or(PatchError::ForeignHits)?;
        if let (Some(notes), false) = (&mut self.notes, bytes.is_empty()) {
            notes.push(Copied { from: self.copied, to: self.out.len() - self.start, length: bytes.len() });
        }
        self.out.extend_from_slice(bytes);
        self.copied = end;
        Ok(())
    }

    fn finish(&mut self) -> Result<Patched, PatchError> {
        if self.copied == 0 {
            return Ok(Patched::Unchanged);
        }
        self.copy_to(self.doc.len())?;
        Ok(Patched::Changed)
    }
}

/// Whether the bytes of a new value are what its kind says, whatever the place.
pub(super) fn well_formed(kind: u8, data: &[u8]) -> Result<(), PatchError> {
    let number = |wanted: Kind| matches!(scan::number(data, 0), Ok((end, kind)) if end == data.len() && kind == wanted);
    let (right, error) = match kind {
        0 => (data.is_empty(), PatchError::NotNull),
        1 => (matches!(data, b"true" | b"false"), PatchError::NotBoolean),
        2 => (number(Kind::Integer), PatchError::NotInteger),
        3 => (number(Kind::Decimal), PatchError::NotDecimal),
        4 => (std::str::from_utf8(data).is_ok(), PatchError::NotText),
        5 => (true, PatchError::UnsupportedKind),
        _ => (false, PatchError::UnsupportedKind),
    };
    if right { Ok(()) } else { Err(error) }
}

/// A new value that was checked.
enum Value<'a> {
    /// Stands as it is.
    Bare(&'a [u8]),
    /// Stands in quotes, escaped.
    Text(&'a str),
}

impl<'a> Value<'a> {
    fn check(kind: u8, data: &'a [u8]) -> Result<Self, PatchError> {
        well_formed(kind, data)?;
        match kind {
            0 => Ok(Self::Bare(b"null")),
            4 => std::str::from_utf8(data).map(Self::Text).map_err(|_| PatchError::NotText),
            5 => Err(PatchError::UnsupportedKind),
            _ => Ok(Self::Bare(data)),
        }
    }

    /// Whether the raw bytes `old` are this value already, as this would write it.
    fn is(&self, old: &[u8]) -> bool {
        match self {
            Self::Bare(new) => *new == old,
            Self::Text(new) => {
                // The old text was valid, so without a backslash nothing in the new one needs an escape either.
                let old = old.strip_prefix(b"\"").and_then(|old| old.strip_suffix(b"\""));
                old == Some(new.as_bytes()) && !new.contains('\\')
            }
        }
    }

    fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bare(new) => out.extend_from_slice(new),
            Self::Text(new) => text::push_string(new, out),
        }
    }
}
