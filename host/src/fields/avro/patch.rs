//! Writes a datum anew with some of its selected values changed, in one pass. Touches no other byte but the counts and
//! sizes of the blocks around a change.

use super::super::hit::{Block, Hit, Hits, Kind, Prune};
use super::super::patch::{Edit, PatchError, Patched, well_formed};
use super::logical::Logical;
use super::plan::{Parent, Plan, Site};
use super::read::{Reader, push_long};
use super::scalar;
use super::schema::{Tables, Type};

#[cfg(test)]
mod tests;

impl Plan {
    /// Appends `body` with every hit edited as `edit` says, and what the allow list does not name gone or cleared. `edit`
    /// is asked once a hit, in document order, also where it makes no difference, so that it may count. `hits` must be
    /// those of `body` and this plan. After an error `out` is what it was before.
    pub fn patch<'a>(
        &self,
        body: &[u8],
        hits: &Hits,
        mut edit: impl FnMut(usize, &Hit) -> Edit<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Patched, PatchError> {
        let start = out.len();
        let mut writer =
            Writer { plan: self, body, out, copied: 0, changed: false, blocks: &hits.blocks, open: Vec::new(), new: Vec::new() };
        let mut prunes = hits.prunes.iter().peekable();
        let mut run = || {
            for (index, hit) in hits.hits.iter().enumerate() {
                while let Some(prune) = prunes.next_if(|prune| prune.member < hit.member) {
                    writer.prune(prune)?;
                }
                writer.edit(hit, edit(index, hit))?;
            }
            prunes.try_for_each(|prune| writer.prune(prune))?;
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
    /// Up to where the body is copied or left out.
    copied: usize,
    changed: bool,
    /// Those that are still to come.
    blocks: &'a [Block],
    /// Those around the value, the outer ones first.
    open: Vec<Open>,
    /// A value while it is being made.
    new: Vec<u8>,
}

/// A block in which something changed.
struct Open {
    block: Block,
    /// Where its head stands in the output, as it was until the block closes.
    head: usize,
    removed: u32,
}

impl<'a> Writer<'a> {
    fn edit(&mut self, hit: &Hit, edit: Edit<'_>) -> Result<(), PatchError> {
        let site = *self.plan.sites.get(hit.site as usize).ok_or(PatchError::ForeignHits)?;
        match edit {
            Edit::Keep => Ok(()),
            _ if self.plan.composite => Err(PatchError::Composite),
            Edit::Set { kind, data } => {
                well_formed(kind, data)?;
                self.set(hit, site, kind, data)
            }
            Edit::Splice { text, .. } => {
                well_formed(Kind::Text as u8, text)?;
                self.set(hit, site, Kind::Text as u8, text)
            }
            Edit::Clear { text } => {
                well_formed(Kind::Text as u8, text)?;
                self.clear(site, hit.member, hit.end, text)
            }
            Edit::Remove => match site.parent {
                Parent::Root => Err(PatchError::RemovesRoot),
                Parent::Field if hit.kind == Kind::Null => Ok(()),
                Parent::Field => self.set(hit, site, Kind::Null as u8, b""),
                Parent::Element | Parent::Entry => self.remove(hit.member, hit.end),
            },
        }
    }

    fn prune(&mut self, prune: &Prune) -> Result<(), PatchError> {
        let site = *self.plan.sites.get(prune.site as usize).ok_or(PatchError::ForeignHits)?;
        match site.parent {
            Parent::Root | Parent::Field => self.clear(site, prune.member, prune.end, b""),
            Parent::Element | Parent::Entry => self.remove(prune.member, prune.end),
        }
    }

    fn set(&mut self, hit: &Hit, site: Site, kind: u8, data: &[u8]) -> Result<(), PatchError> {
        let tables = self.tables();
        let (start, end) = (hit.start as usize, hit.end as usize);
        let of = tables.get(site.of);
        if kind == hit.kind as u8 && self.is(start, of, data)? {
            return Ok(());
        }
        if let Type::String(Logical::None) = of
            && kind == Kind::Text as u8
        {
            // Straight into the output: by far the most frequent case.
            self.change(hit.member, start)?;
            scalar::push_bytes(data, self.out);
            self.copied = end;
            return Ok(());
        }
        self.new.clear();
        if scalar::encode(tables, of, kind, data, &mut self.new) {
            return self.replace(hit.member, start, end);
        }
        let (union, old) = site.union.ok_or(PatchError::DoesNotFit)?;
        for (branch, &of) in (0..).zip(tables.branches(union)) {
            self.new.clear();
            push_long(branch.into(), &mut self.new);
            if branch != old && scalar::encode(tables, tables.get(of), kind, data, &mut self.new) {
                let start = self.branch_start(site, hit.member)?;
                return self.replace(hit.member, start, end);
            }
        }
        Err(PatchError::DoesNotFit)
    }

    /// Clears a value of any type.
    fn clear(&mut self, site: Site, member: u32, end: u32, text: &[u8]) -> Result<(), PatchError> {
        let tables = self.tables();
        if let Type::Null = tables.get(site.of) {
            return Ok(());
        }
        let start = self.branch_start(site, member)?;
        self.new.clear();
        let is_text = matches!(tables.get(site.of), Type::String(Logical::None));
        let null = site.union.and_then(|(union, _)| tables.null_branch(union));
        if let (Some(null), false) = (null, is_text) {
            push_long(null.into(), &mut self.new);
            return self.replace(member, start, end as usize);
        }
        let start = self.value_start(site, start)?;
        if is_text {
            scalar::push_bytes(text, &mut self.new);
        } else if !tables.push_zero(site.of, &mut self.new) {
            return Err(PatchError::DoesNotFit);
        }
        self.replace(member, start, end as usize)
    }

    /// Takes the array element or map entry `member..end` out.
    fn remove(&mut self, member: u32, end: u32) -> Result<(), PatchError> {
        self.change(member, member as usize)?;
        self.copied = end as usize;
        let around = self.open.last_mut().ok_or(PatchError::ForeignHits)?;
        around.removed += 1;
        Ok(())
    }

    /// Puts `new` in the place of `start..end`.
    fn replace(&mut self, member: u32, start: usize, end: usize) -> Result<(), PatchError> {
        if *self.body.get(start..end).ok_or(PatchError::ForeignHits)? == *self.new {
            return Ok(());
        }
        self.change(member, start)?;
        self.out.extend_from_slice(&self.new);
        self.copied = end;
        Ok(())
    }

    /// Copies up to `start`, where the value whose member begins at `member` changes, and opens the blocks around it.
    fn change(&mut self, member: u32, start: usize) -> Result<(), PatchError> {
        self.changed = true;
        // An item without bytes at the end of a block is still in it: behind a block at least one byte follows, the head
        // of the next or the end of the array.
        while self.open.last().is_some_and(|open| open.block.end < member) {
            self.close()?;
        }
        while let Some((block, rest)) = self.blocks.split_first()
            && block.start <= member
        {
            self.blocks = rest;
            if block.end >= member {
                self.copy_to(block.head as usize)?;
                self.open.push(Open { block: *block, head: self.out.len(), removed: 0 });
                self.copy_to(block.start as usize)?;
            }
        }
        self.copy_to(start)
    }

    /// Mends the head of the innermost open block.
    fn close(&mut self) -> Result<(), PatchError> {
        let Some(Open { block, head, removed }) = self.open.pop() else { return Ok(()) };
        self.copy_to(block.end as usize)?;
        let count = i64::from(block.count.checked_sub(removed).ok_or(PatchError::ForeignHits)?);
        let items = head + (block.start - block.head) as usize;
        if count == 0 {
            // A count of 0 would end the array.
            self.out.truncate(head);
            return Ok(());
        }
        let size = self.out.len().checked_sub(items).ok_or(PatchError::ForeignHits)?;
        let same_size = !block.sized || size == (block.end - block.start) as usize;
        if removed == 0 && same_size {
            return Ok(());
        }
        // Not in `new`: that waits for the blocks before it to close.
        let mut mended = Vec::with_capacity(20);
        push_long(if block.sized { -count } else { count }, &mut mended);
        if block.sized {
            push_long(size as i64, &mut mended);
        }
        self.out.splice(head..items, mended);
        Ok(())
    }

    fn finish(&mut self) -> Result<Patched, PatchError> {
        if !self.changed {
            return Ok(Patched::Unchanged);
        }
        while !self.open.is_empty() {
            self.close()?;
        }
        self.copy_to(self.body.len())?;
        Ok(Patched::Changed)
    }

    fn copy_to(&mut self, end: usize) -> Result<(), PatchError> {
        let bytes = self.body.get(self.copied..end).ok_or(PatchError::ForeignHits)?;
        self.out.extend_from_slice(bytes);
        self.copied = end;
        Ok(())
    }

    fn tables(&self) -> &'a Tables {
        &self.plan.schema.tables
    }

    /// Whether the value at `start` is handed out as `data` already.
    fn is(&mut self, start: usize, of: Type, data: &[u8]) -> Result<bool, PatchError> {
        let mut reader = Reader::new(&self.plan.schema.tables, self.body, start);
        if let Type::String(_) | Type::Bytes(Logical::None) = of {
            return Ok(reader.bytes().map_err(|_| PatchError::ForeignHits)? == data);
        }
        let value = scalar::read(&mut reader, of).map_err(|_| PatchError::ForeignHits)?;
        self.new.clear();
        value.push(&mut self.new);
        Ok(*self.new == *data)
    }

    /// Where the branch of the value's union stands, or the value where there is no union: behind the key of an entry.
    fn branch_start(&self, site: Site, member: u32) -> Result<usize, PatchError> {
        let mut reader = Reader::new(&self.plan.schema.tables, self.body, member as usize);
        if site.parent == Parent::Entry {
            reader.bytes().map_err(|_| PatchError::ForeignHits)?;
        }
        Ok(reader.pos)
    }

    fn value_start(&self, site: Site, start: usize) -> Result<usize, PatchError> {
        let mut reader = Reader::new(&self.plan.schema.tables, self.body, start);
        if site.union.is_some() {
            reader.long().map_err(|_| PatchError::ForeignHits)?;
        }
        Ok(reader.pos)
    }
}
