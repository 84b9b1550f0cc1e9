//! One pass over a message along a plan: finds the hits and what the allow list prunes, and notes the lengths around
//! them. Changes nothing and copies no value.
//!
//! The open messages are frames on a vector of at most [`MAX_DEPTH`], never on the stack of the thread. What the plan
//! does not ask for is skipped by its length, unseen.

use super::super::hit::{DecodeError, Hit, Hits, Kind, Prune};
use super::super::scan::MAX_DEPTH;
use super::plan::{Action, Entry, Plan, Site, Slot, State, Visit, What, Which};
use super::scalar;
use super::wire::{self, Tag};

mod entry;
mod frame;
#[cfg(test)]
mod tests;

pub(super) use frame::Container;
pub(in super::super) use frame::Scratch;
use frame::{Before, Counter, Found, Frame, Step};

impl Plan {
    /// Finds the selected values of a message, whose first byte is that behind the index list. `out` is overwritten;
    /// after an error it is empty.
    ///
    /// Checked are all tags of every message that is walked, and every selected value. A field that is asked for, or
    /// under an allow list any, on the wire as another type than the schema's is refused: readers take it for an
    /// unknown field and pass it on.
    pub fn select(&self, body: &[u8], out: &mut Hits) -> Result<(), DecodeError> {
        out.reset(self.fields);
        // The longest message that there can be.
        let result = if i32::try_from(body.len()).is_err() { Err(DecodeError::TooLarge) } else { Walk { plan: self, body, out }.message() };
        if result.is_err() {
            out.reset(self.fields);
        }
        result
    }
}

struct Walk<'a> {
    plan: &'a Plan,
    body: &'a [u8],
    out: &'a mut Hits,
}

impl<'a> Walk<'a> {
    /// Walks the root message.
    fn message(&mut self) -> Result<(), DecodeError> {
        let visit = &self.plan.visits[self.plan.root as usize];
        self.accept(visit);
        let hit = Hit { start: 0, end: self.body.len() as u32, ..hit(0, Kind::Composite) };
        let hits = self.hit(&visit.hits, hit);
        let What::Enter(state) = visit.what else { return Ok(()) };
        let before = self.before();
        let mut frame = self.frame(state, self.body.len(), before, hits);
        let mut pos = 0;
        self.count_if_asked(&frame, pos)?;
        loop {
            match self.fields(&frame, pos)? {
                Step::Into(child, inside) => {
                    if self.depth() >= MAX_DEPTH {
                        return Err(DecodeError::TooDeep);
                    }
                    self.out.proto.stack.push(std::mem::replace(&mut frame, child));
                    pos = inside;
                    self.count_if_asked(&frame, pos)?;
                }
                Step::Past(end) => {
                    self.close(&frame, end);
                    pos = frame.resume.unwrap_or(end);
                    match self.out.proto.stack.pop() {
                        Some(parent) => frame = parent,
                        None => return Ok(()),
                    }
                }
            }
        }
    }

    /// Goes on in a message until it ends or a message in it has to be entered.
    fn fields(&mut self, frame: &Frame, mut pos: usize) -> Result<Step, DecodeError> {
        let plan = self.plan;
        let state = &plan.states[frame.state as usize];
        let body = self.body;
        let bytes = &body[..frame.end];
        while let Some((entry, found)) = next(state, bytes, pos, self.depth())? {
            if entry.wires >> found.tag.wire() & 1 == 0 {
                return match found.tag.wire() {
                    wire::END if frame.group == Some(found.tag.number()) => Ok(Step::Past(found.start)),
                    wire::END => Err(DecodeError::NotProtobuf),
                    _ => Err(DecodeError::WireType),
                };
            }
            pos = match entry.action {
                Action::Visit => match self.occurrence(frame, entry, found)? {
                    Step::Past(end) => end,
                    into => return Ok(into),
                },
                Action::Prune => self.prune(found)?,
                Action::Refuse => return Err(DecodeError::UnknownField),
                Action::Pass => self.skip(found)?,
            };
        }
        if frame.group.is_some() { Err(DecodeError::Truncated) } else { Ok(Step::Past(frame.end)) }
    }

    /// One occurrence of a field that is on the way or selected.
    fn occurrence(&mut self, frame: &Frame, entry: Entry, found: Found) -> Result<Step, DecodeError> {
        let plan = self.plan;
        let slot = &plan.slots[entry.slot as usize];
        let counter = slot.counter.map(|counter| frame.counters + counter as usize);
        let seen = counter.and_then(|at| self.out.proto.counters.get(at)).copied().unwrap_or_default();
        if slot.once && seen.seen > 0 {
            return Err(DecodeError::SplitMessage);
        }
        if let Some(whole) = &slot.whole {
            self.mark(&whole.accepts);
            if !whole.hits.is_empty() && seen.seen == 0 {
                let end = self.skip(found)?;
                let hit = Hit { start: found.start as u32, end: end as u32, ..hit(found.member, Kind::Composite) };
                self.hit(&whole.hits, hit);
            }
        }
        if slot.packs && found.tag.wire() == wire::LEN {
            return self.packed(slot, counter, found).map(Step::Past);
        }
        if let Some(counter) = counter {
            self.out.proto.counters[counter].seen += 1;
        }
        match &slot.which {
            Which::One(visit) => self.value(*visit, found, self.before()),
            Which::Element(elements) => self.value(elements.find(seen.seen, seen.total), found, self.before()),
            Which::Entry { .. } => self.entry(slot, found),
        }
    }

    /// The elements of a packed field; answers where it ends.
    fn packed(&mut self, slot: &Slot, counter: Option<usize>, found: Found) -> Result<usize, DecodeError> {
        let before = self.before();
        let (mut pos, limit) = self.open(found)?;
        while pos < limit {
            let seen = match counter {
                Some(counter) => {
                    let counter = &mut self.out.proto.counters[counter];
                    counter.seen += 1;
                    Counter { seen: counter.seen - 1, ..*counter }
                }
                None => Counter::default(),
            };
            let visit = match &slot.which {
                Which::One(visit) => *visit,
                Which::Element(elements) => elements.find(seen.seen, seen.total),
                Which::Entry { .. } => return Err(DecodeError::WireType),
            };
            let element = Found { member: pos, start: pos, limit, tag: Tag::new(found.tag.number(), slot.wire) };
            let (Step::Past(end) | Step::Into(_, end)) = self.value(visit, element, before)?;
            pos = end;
        }
        self.forget(before);
        Ok(limit)
    }

    /// One value; `before` is what there was before the containers around it that are only its own.
    #[inline(always)]
    fn value(&mut self, visit: u32, found: Found, before: Before) -> Result<Step, DecodeError> {
        let visit = &self.plan.visits[visit as usize];
        self.accept(visit);
        match visit.what {
            What::Scalar(site) => {
                let end = self.skip(found)?;
                let raw = &self.body[found.start..end];
                let Site { scalar, .. } = self.plan.sites[site as usize];
                let kind = scalar::read(scalar, &self.plan.tables, raw)?.kind();
                let hit = Hit { start: found.start as u32, end: end as u32, site, ..hit(found.member, kind) };
                self.hit(&visit.hits, hit);
                Ok(Step::Past(end))
            }
            What::Enter(state) => self.enter(visit, state, found, before),
            What::Pass if visit.hits.is_empty() => self.skip(found).map(Step::Past),
            What::Pass => {
                let end = self.skip(found)?;
                self.hit(&visit.hits, Hit { start: found.start as u32, end: end as u32, ..hit(found.member, Kind::Composite) });
                Ok(Step::Past(end))
            }
            What::Prune => self.prune(found).map(Step::Past),
            What::Blank(site) => {
                let prune = self.out.prunes.len() as u32;
                self.out.proto.blanks.push((prune, site));
                self.prune(Found { member: found.start, ..found }).map(Step::Past)
            }
        }
    }

    fn enter(&mut self, visit: &Visit, state: u32, found: Found, before: Before) -> Result<Step, DecodeError> {
        let composite = Hit { start: found.start as u32, ..hit(found.member, Kind::Composite) };
        if found.tag.wire() == wire::START {
            let hits = self.hit(&visit.hits, composite);
            let frame = self.frame(state, found.limit, before, hits);
            return Ok(Step::Into(Frame { group: Some(found.tag.number()), ..frame }, found.start));
        }
        let (start, end) = self.open(found)?;
        let hits = self.hit(&visit.hits, Hit { end: end as u32, ..composite });
        Ok(Step::Into(self.frame(state, end, before, hits), start))
    }

    fn frame(&mut self, number: u32, end: usize, before: Before, hits: (usize, usize)) -> Frame {
        let counters = self.out.proto.counters.len();
        let count = self.plan.states[number as usize].counters as usize;
        self.out.proto.counters.resize(counters + count, Counter::default());
        Frame { state: number, end, group: None, resume: None, counters, before, hits }
    }

    fn close(&mut self, frame: &Frame, end: usize) {
        if frame.group.is_some() {
            let (first, last) = frame.hits;
            self.out.hits.get_mut(first..last).unwrap_or_default().iter_mut().for_each(|hit| hit.end = end as u32);
        }
        self.out.proto.counters.truncate(frame.counters);
        self.forget(frame.before);
    }

    /// Counts what occurs in the message whose content begins at `pos`, where an index from the end asks.
    fn count_if_asked(&mut self, frame: &Frame, mut pos: usize) -> Result<(), DecodeError> {
        let (plan, bytes) = (self.plan, &self.body[..frame.end]);
        let state = &plan.states[frame.state as usize];
        if !state.from_end {
            return Ok(());
        }
        while pos < bytes.len() {
            let (tag, start) = wire::tag(bytes, pos)?;
            if tag.wire() == wire::END {
                // The walk says whether it is this group's.
                return Ok(());
            }
            pos = wire::skip(bytes, start, tag, self.depth())?;
            let entry = state.find(tag.number());
            let slot = (entry.action == Action::Visit).then(|| &plan.slots[entry.slot as usize]);
            if let Some((slot, counter)) = slot.and_then(|slot| Some((slot, slot.counter?))) {
                let more = if slot.packs && tag.wire() == wire::LEN { packed_elements(&bytes[..pos], start, slot.wire)? } else { 1 };
                self.out.proto.counters[frame.counters + counter as usize].total += more;
            }
        }
        Ok(())
    }

    fn depth(&self) -> usize {
        self.out.proto.stack.len() + 1
    }

    fn skip(&self, found: Found) -> Result<usize, DecodeError> {
        wire::skip(&self.body[..found.limit], found.start, found.tag, self.depth())
    }

    /// Notes a value with a length; answers where its content begins and ends.
    fn open(&mut self, found: Found) -> Result<(usize, usize), DecodeError> {
        let (start, end) = wire::content(&self.body[..found.limit], found.start)?;
        self.out.proto.containers.push(Container { length: found.start as u32, start: start as u32, end: end as u32 });
        Ok((start, end))
    }

    fn before(&self) -> Before {
        Before { containers: self.out.proto.containers.len(), hits: self.out.hits.len(), prunes: self.out.prunes.len() }
    }

    /// Forgets the containers since, if nothing was found in them.
    fn forget(&mut self, before: Before) {
        if self.out.hits.len() == before.hits && self.out.prunes.len() == before.prunes {
            self.out.proto.containers.truncate(before.containers);
        }
    }

    #[inline(always)]
    fn accept(&mut self, visit: &Visit) {
        self.mark(&visit.accepts);
    }

    #[inline(always)]
    fn mark(&mut self, fields: &[u32]) {
        for &field in fields {
            self.out.matched[field as usize / 64] |= 1 << (field % 64);
        }
    }

    /// Adds a hit for each field; answers which they are.
    #[inline(always)]
    fn hit(&mut self, fields: &[u32], hit: Hit) -> (usize, usize) {
        let first = self.out.hits.len();
        self.out.hits.extend(fields.iter().map(|&field| Hit { field, ..hit }));
        (first, self.out.hits.len())
    }

    fn prune(&mut self, found: Found) -> Result<usize, DecodeError> {
        let end = self.skip(found)?;
        self.out.prunes.push(Prune { member: found.member as u32, end: end as u32, site: 0 });
        Ok(end)
    }
}

/// The next field, from `pos` on, that does not just stay; none at the end of the message.
#[inline]
fn next(state: &State, bytes: &[u8], mut pos: usize, depth: usize) -> Result<Option<(Entry, Found)>, DecodeError> {
    while pos < bytes.len() {
        let (tag, start) = wire::tag(bytes, pos)?;
        let entry = state.find(tag.number());
        if entry.action != Action::Pass || entry.wires >> tag.wire() & 1 == 0 {
            return Ok(Some((entry, Found { member: pos, start, limit: bytes.len(), tag })));
        }
        pos = wire::skip(bytes, start, tag, depth)?;
    }
    Ok(None)
}

/// A hit of no field yet. The message is below 2 GiB.
#[inline(always)]
fn hit(member: usize, kind: Kind) -> Hit {
    Hit { field: 0, kind, escaped: false, start: member as u32, end: member as u32, member: member as u32, site: 0 }
}

/// How many elements the packed field whose length is at `pos` has.
fn packed_elements(bytes: &[u8], pos: usize, wire: u8) -> Result<u32, DecodeError> {
    let (start, end) = wire::content(bytes, pos)?;
    let count = match wire {
        wire::I64 => (end - start) / 8,
        wire::I32 => (end - start) / 4,
        _ => bytes[start..end].iter().filter(|&&byte| byte < 0x80).count(),
    };
    Ok(count as u32)
}
