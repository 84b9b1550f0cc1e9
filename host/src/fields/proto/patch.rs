//! Writes a message anew with some of its selected values changed and the pruned ones gone, in one pass, and mends the
//! lengths around them. Touches no other byte: the order of fields, unknown fields and numbers with needless bytes
//! elsewhere stay as they are.
//!
//! A length goes out as it was and is put right when its container ends, where its content is another number of bytes
//! by then.

use std::ops::Range;

use super::super::hit::{DecodeError, Hit, Hits, Kind, Prune};
use super::super::patch::{Edit, PatchError, Patched};
use super::descriptor::Scalar;
use super::plan::{Plan, Site, Spot};
use super::scalar::{self, Encoded, Value};
use super::walk::Container;
use super::wire::{self, Tag, Varint};

#[cfg(test)]
mod tests;

impl Plan {
    /// Appends a hit's bytes as a column carries them; nothing for composites. `body` must be the message of the hit;
    /// another one gives an error or wrong bytes, never a panic.
    pub fn append_value(&self, body: &[u8], hit: &Hit, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        if hit.kind == Kind::Composite {
            return Ok(());
        }
        let site = self.sites.get(hit.site as usize).ok_or(DecodeError::Truncated)?;
        self.value(body, hit, site.scalar)?.push(out);
        Ok(())
    }

    fn value<'a>(&'a self, body: &'a [u8], hit: &Hit, scalar: Scalar) -> Result<Value<'a>, DecodeError> {
        if is_absent(hit) {
            return Ok(scalar::absent(scalar, &self.tables));
        }
        let raw = body.get(hit.start as usize..hit.end as usize).ok_or(DecodeError::Truncated)?;
        scalar::read(scalar, &self.tables, raw)
    }

    /// Appends `body` with every hit edited as `edit` says and everything cut out that the allow list does not name.
    /// `edit` is asked once a hit, in the order of the message, also where it makes no difference, so that it may
    /// count. `hits` must be those of `body`. After an error `out` is what it was before.
    ///
    /// - A field's removal takes it off the wire; a map's value takes its entry with it; a field that has to stand
    ///   there does not go. A packed field that loses all its elements stays, empty.
    /// - Null does not fit anywhere but where absence is told from a default: there it takes the field off the wire.
    /// - Cleared, a string becomes the text. Anything else goes, or becomes zero where it has to stand: required
    ///   fields, elements, a map's values.
    pub fn patch<'a>(
        &self,
        body: &[u8],
        hits: &Hits,
        mut edit: impl FnMut(usize, &Hit) -> Edit<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Patched, PatchError> {
        let start = out.len();
        let containers = hits.proto.containers.iter();
        let mut writer = Writer { plan: self, body, out, copied: 0, changed: false, containers, open: Vec::new() };
        let mut prunes = hits.prunes.iter().zip(0..).peekable();
        let mut blanks = hits.proto.blanks.iter().copied().peekable();
        let mut run = || {
            let mut prune = |writer: &mut Writer<'_>, prune: &Prune, number: u32| match blanks.next_if(|(at, _)| *at == number) {
                Some((_, site)) => writer.blank(prune, site),
                None => writer.cut(prune.member as usize..prune.end as usize),
            };
            for (index, hit) in hits.hits.iter().enumerate() {
                while let Some((found, number)) = prunes.next_if(|(prune, _)| prune.member < hit.start) {
                    prune(&mut writer, found, number)?;
                }
                writer.edit(hit, edit(index, hit))?;
            }
            prunes.try_for_each(|(found, number)| prune(&mut writer, found, number))?;
            writer.finish()
        };
        let result = run();
        if !matches!(result, Ok(Patched::Changed)) {
            out.truncate(start);
        }
        result
    }
}

struct Writer<'a> {
    plan: &'a Plan,
    body: &'a [u8],
    out: &'a mut Vec<u8>,
    /// Up to where the message is copied or left out.
    copied: usize,
    changed: bool,
    /// Those not reached yet.
    containers: std::slice::Iter<'a, Container>,
    /// Those being written, the innermost last.
    open: Vec<Open>,
}

/// A container that is being written.
struct Open {
    /// Where its length and its content begin in the output.
    length: usize,
    start: usize,
    /// Its content in the message.
    old: Range<usize>,
}

impl Writer<'_> {
    fn edit(&mut self, hit: &Hit, edit: Edit<'_>) -> Result<(), PatchError> {
        let plan = self.plan;
        let (start, end) = (hit.start as usize, hit.end as usize);
        let new = match edit {
            Edit::Keep => return Ok(()),
            _ if hit.kind == Kind::Composite => return Err(PatchError::Composite),
            edit => {
                let site = plan.sites.get(hit.site as usize).ok_or(PatchError::ForeignHits)?;
                self.answer(hit, site, edit)?
            }
        };
        match new {
            New::Same => Ok(()),
            New::Gone => self.cut(hit.member as usize..self.member_end(hit)?),
            New::Value(value) => self.replace(start..end, &value, is_absent(hit)),
        }
    }

    /// What becomes of a value; a wrong answer is one also where it vanishes.
    fn answer<'e>(&mut self, hit: &Hit, site: &Site, edit: Edit<'e>) -> Result<New<'e>, PatchError> {
        let tables = &self.plan.tables;
        let removes = || if site.spot == Spot::Required { Err(PatchError::DoesNotFit) } else { Ok(New::Gone) };
        let (kind, data) = match edit {
            Edit::Keep => return Ok(New::Same),
            Edit::Remove => return removes(),
            Edit::Set { kind: 0, data: b"" } if site.spot == Spot::Optional => return removes(),
            Edit::Set { kind, data } => (kind, data),
            Edit::Splice { text, .. } => (Kind::Text as u8, text),
            Edit::Clear { text } if site.scalar == Scalar::String => (Kind::Text as u8, text),
            Edit::Clear { text } => {
                std::str::from_utf8(text).map_err(|_| PatchError::NotText)?;
                return Ok(match site.spot {
                    _ if is_absent(hit) => New::Same,
                    Spot::Optional | Spot::Implicit => New::Gone,
                    Spot::Required | Spot::Element | Spot::Value => New::Value(Encoded::zero(site.scalar, tables)),
                });
            }
        };
        let new = Encoded::new(site.scalar, tables, kind, data)?;
        let old = self.plan.value(self.body, hit, site.scalar).map_err(|_| PatchError::ForeignHits)?;
        Ok(if old.is(kind, data, self.out) { New::Same } else { New::Value(new) })
    }

    /// Where that ends which goes with a hit.
    fn member_end(&self, hit: &Hit) -> Result<usize, PatchError> {
        let spot = self.plan.sites.get(hit.site as usize).map(|site| site.spot);
        if spot != Some(Spot::Value) {
            return Ok(hit.end as usize);
        }
        let (_, start) = wire::tag(self.body, hit.member as usize).map_err(|_| PatchError::ForeignHits)?;
        wire::content(self.body, start).map(|(_, end)| end).map_err(|_| PatchError::ForeignHits)
    }

    /// Writes zero for a value that has to stand.
    fn blank(&mut self, prune: &Prune, site: u32) -> Result<(), PatchError> {
        let site = self.plan.sites.get(site as usize).ok_or(PatchError::ForeignHits)?;
        self.replace(prune.member as usize..prune.end as usize, &Encoded::zero(site.scalar, &self.plan.tables), false)
    }

    /// Writes a value, and its tag where it is the value of a map's entry that had none.
    fn replace(&mut self, old: Range<usize>, new: &Encoded<'_>, absent: bool) -> Result<(), PatchError> {
        let raw = self.body.get(old.clone()).ok_or(PatchError::ForeignHits)?;
        if old.start < self.copied || new.is(raw) {
            // Inside something that is gone already, or no change.
            return Ok(());
        }
        self.reach(&old)?;
        if absent {
            Tag::new(2, new.wire()).push(self.out);
        }
        new.push(self.out);
        self.copied = old.end;
        Ok(())
    }

    fn cut(&mut self, old: Range<usize>) -> Result<(), PatchError> {
        if old.start < self.copied {
            return Ok(());
        }
        self.reach(&old)?;
        self.copied = old.end;
        Ok(())
    }

    /// Copies up to `to`: containers that end before it are closed, those around it opened.
    fn reach(&mut self, to: &Range<usize>) -> Result<(), PatchError> {
        self.changed = true;
        while let Some(open) = self.open.pop_if(|open| open.old.end < to.end) {
            self.close(&open)?;
        }
        while let Some(next) = self.containers.as_slice().first().filter(|next| next.start as usize <= to.start) {
            self.containers.next();
            let old = next.start as usize..next.end as usize;
            if old.end >= to.end {
                self.copy_to(next.length as usize)?;
                let length = self.out.len();
                self.copy_to(old.start)?;
                self.open.push(Open { length, start: self.out.len(), old });
            }
        }
        self.copy_to(to.start)
    }

    fn close(&mut self, open: &Open) -> Result<(), PatchError> {
        self.copy_to(open.old.end)?;
        let length = self.out.len() - open.start;
        if length > i32::MAX as usize {
            return Err(PatchError::DoesNotFit);
        }
        if length != open.old.len() {
            let length = Varint::new(length as u64);
            self.out.splice(open.length..open.start, length.bytes().iter().copied());
        }
        Ok(())
    }

    fn copy_to(&mut self, end: usize) -> Result<(), PatchError> {
        let bytes = self.body.get(self.copied..end).ok_or(PatchError::ForeignHits)?;
        self.out.extend_from_slice(bytes);
        self.copied = end;
        Ok(())
    }

    fn finish(&mut self) -> Result<Patched, PatchError> {
        if !self.changed {
            return Ok(Patched::Unchanged);
        }
        while let Some(open) = self.open.pop() {
            self.close(&open)?;
        }
        self.copy_to(self.body.len())?;
        Ok(Patched::Changed)
    }
}

/// The value of a map's entry that is not written; every other has a byte at least.
fn is_absent(hit: &Hit) -> bool {
    hit.start == hit.end
}

/// What becomes of one value.
enum New<'a> {
    Same,
    Gone,
    Value(Encoded<'a>),
}
