//! A text that holds a document of its own, patched: its bytes stay as they were written, escapes included, but for those
//! that the inner patch changed. For that the inner patch notes what it copies. Knows no selection.

use super::super::hit::{Hit, Kind};
use super::super::text::{self, Aligned};
use super::{PatchError, Writer};

/// A run of a document that stands in its patched form, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where it begins in the document.
    pub(in super::super) from: usize,
    /// Where it begins in the patched form.
    pub(in super::super) to: usize,
    pub(in super::super) length: usize,
}

impl Writer<'_> {
    /// Puts a new text in the place of an old one, with the old one's way to write what stays.
    pub(super) fn splice(&mut self, hit: &Hit, text: &[u8], copies: &[Copied]) -> Result<(), PatchError> {
        std::str::from_utf8(text).map_err(|_| PatchError::NotText)?;
        let (Kind::Text, Some(last)) = (hit.kind, (hit.end as usize).checked_sub(1)) else { return Err(PatchError::DoesNotFit) };
        let first = hit.start as usize + 1;
        if first < self.copied {
            return Ok(());
        }
        let raw = self.doc.get(first..last).ok_or(PatchError::ForeignHits)?;
        let mut old = Aligned::new(raw);
        let mut written = 0;
        self.copy_to(first)?;
        for copy in copies {
            let between = text.get(written..copy.to).ok_or(PatchError::ForeignHits)?;
            text::push_escaped(between, self.out);
            self.copied = first + old.reach(copy.from).ok_or(PatchError::ForeignHits)?;
            self.copy_to(first + old.reach(copy.from + copy.length).ok_or(PatchError::ForeignHits)?)?;
            written = copy.to + copy.length;
        }
        text::push_escaped(text.get(written..).ok_or(PatchError::ForeignHits)?, self.out);
        self.copied = last;
        Ok(())
    }

    /// Takes the notes back of what was copied and is gone from the output again.
    pub(super) fn forget(&mut self) {
        let length = self.out.len() - self.start;
        let Some(notes) = &mut self.notes else { return };
        while let Some(last) = notes.last_mut().filter(|last| last.to + last.length > length) {
            last.length = length.saturating_sub(last.to);
            if last.length > 0 {
                break;
            }
            notes.pop();
        }
    }
}
