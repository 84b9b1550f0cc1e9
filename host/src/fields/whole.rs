//! A value that is one scalar, text or bytes: only `$` names it. The form of topics whose records are no documents.

use super::hit::{DecodeError, Hit, Hits, Kind};
use super::patch::{Edit, PatchError, Patched};
use super::selection::Selection;

impl Selection {
    /// Finds the value itself, of kind text or bytes. `out` is overwritten; after an error it is empty.
    pub fn select_whole(&self, kind: Kind, value: &[u8], out: &mut Hits) -> Result<(), DecodeError> {
        out.reset(self.fields);
        let Ok(end) = u32::try_from(value.len()) else { return Err(DecodeError::TooLarge) };
        if kind == Kind::Text && std::str::from_utf8(value).is_err() {
            return Err(DecodeError::InvalidUtf8);
        }
        let Some(root) = self.nodes.first() else { return Ok(()) };
        if !root.covered {
            return Err(DecodeError::RootNotListed);
        }
        // I6: a selector that names a place inside would find nothing here, and the value would pass.
        if root.accepts.len() < self.fields {
            return Err(DecodeError::NotADocument);
        }
        for &field in &root.accepts {
            out.matched[field as usize / 64] |= 1 << (field % 64);
        }
        for &field in &root.hits {
            out.hits.push(Hit { field, kind, escaped: false, start: 0, end, member: 0, site: 0 });
        }
        Ok(())
    }
}

/// Appends the new value where an edit changes it.
pub fn patch_whole<'a>(
    kind: Kind,
    value: &[u8],
    hits: &Hits,
    mut edit: impl FnMut(usize, &Hit) -> Edit<'a>,
    out: &mut Vec<u8>,
) -> Result<Patched, PatchError> {
    let mut patched = Patched::Unchanged;
    for (index, hit) in hits.hits().iter().enumerate() {
        let new = match edit(index, hit) {
            Edit::Keep => continue,
            Edit::Remove => return Err(PatchError::RemovesRoot),
            Edit::Clear { text } if kind == Kind::Text => text,
            Edit::Clear { .. } => &[],
            Edit::Splice { text: data, .. } => utf8(data)?,
            Edit::Set { kind: set, data } if set == Kind::Text as u8 => utf8(data)?,
            Edit::Set { kind: set, data } if set == Kind::Bytes as u8 && kind == Kind::Bytes => data,
            Edit::Set { .. } => return Err(PatchError::DoesNotFit),
        };
        if new != value {
            out.extend_from_slice(new);
            patched = Patched::Changed;
        }
    }
    Ok(patched)
}

fn utf8(data: &[u8]) -> Result<&[u8], PatchError> {
    std::str::from_utf8(data).map(|_| data).map_err(|_| PatchError::NotText)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::super::{Containers, Selector};
    use super::*;

    fn selection(field: &str, keep: Option<&str>) -> Selection {
        let list = |text: &str| vec![Selector::parse(text).unwrap()];
        Selection::compile(&list(field), keep.map(list).as_deref(), Containers::Expand).unwrap()
    }

    #[test]
    fn only_the_root_is_there() {
        for (field, kind, value, found) in [
            ("$", Kind::Text, &b"abc"[..], Ok(1)),
            ("$", Kind::Bytes, b"\xff\x00", Ok(1)),
            ("$", Kind::Text, b"\xff", Err(DecodeError::InvalidUtf8)),
            ("$.a", Kind::Text, b"{\"a\":1}", Err(DecodeError::NotADocument)),
            ("$..a", Kind::Bytes, b"{\"a\":1}", Err(DecodeError::NotADocument)),
        ] {
            let mut hits = Hits::new();
            let selected = selection(field, None).select_whole(kind, value, &mut hits).map(|()| hits.hits().len());
            assert_eq!(selected, found, "{field}");
        }
        let mut hits = Hits::new();
        assert_eq!(selection("$.a", Some("$.b")).select_whole(Kind::Text, b"abc", &mut hits), Err(DecodeError::RootNotListed));
    }

    #[test]
    fn it_is_replaced_as_a_whole() {
        let mut hits = Hits::new();
        selection("$", None).select_whole(Kind::Text, b"abc", &mut hits).unwrap();
        for (edit, expected) in [
            (Edit::Keep, Ok(None)),
            (Edit::Set { kind: 4, data: b"x" }, Ok(Some(&b"x"[..]))),
            (Edit::Set { kind: 4, data: b"abc" }, Ok(None)),
            (Edit::Set { kind: 4, data: b"\xff" }, Err(PatchError::NotText)),
            (Edit::Set { kind: 2, data: b"1" }, Err(PatchError::DoesNotFit)),
            (Edit::Clear { text: b"[redacted]" }, Ok(Some(b"[redacted]"))),
            (Edit::Remove, Err(PatchError::RemovesRoot)),
        ] {
            let mut out = Vec::new();
            let patched = patch_whole(Kind::Text, b"abc", &hits, |_, _| edit, &mut out);
            assert_eq!(patched.map(|patched| (patched == Patched::Changed).then_some(&out[..])), expected, "{edit:?}");
        }
    }
}
