//! One pass over a document along a selection's automaton: validates every byte, finds the hits and what the allow list
//! prunes. Changes nothing and copies no value.
//!
//! The open containers are frames on a vector of at most [`MAX_DEPTH`], never on the stack of the thread. Values at
//! inert nodes are scanned without a look at their names.

use super::automaton::{Node, ROOT, Target};
use super::hit::{DecodeError, Hit, Hits, Kind, Prune};
use super::names::Mark;
use super::scan::{self, MAX_DEPTH, byte, skip_space};
use super::selection::{Containers, Selection};
use super::text;

#[cfg(test)]
mod tests;

/// A container that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    node: u32,
    object: bool,
    /// It stands under a name that no selector writes.
    unwritten: bool,
    /// Members or elements begun.
    count: u32,
    /// Those among them of which the allow list leaves nothing, which only it counts.
    gone: u32,
    /// Elements in all; only known where an index from the end asks.
    length: u32,
    /// Which of the node's names occurred, where not all names count.
    seen: u64,
    names: Mark,
    /// The container's own hits, whose end is known when it closes.
    hits: (u32, u32),
    /// Where its member begins.
    member: u32,
    /// How many prunes there were before it.
    prunes: u32,
}

/// Where a value left the walk.
enum Step {
    /// Behind the value.
    Past(usize),
    /// Behind the opening bracket of a container that has to be walked.
    Into(Frame, usize),
}

impl Selection {
    /// Finds the selected values of `doc`, after checking that all of it is valid. `out` is overwritten; after an error
    /// it is empty.
    pub fn select(&self, doc: &[u8], out: &mut Hits) -> Result<(), DecodeError> {
        out.reset(self.fields);
        let result = self.walk(doc, out);
        if result.is_err() {
            out.reset(self.fields);
        }
        result
    }

    fn walk(&self, doc: &[u8], out: &mut Hits) -> Result<(), DecodeError> {
        if u32::try_from(doc.len()).is_err() {
            return Err(DecodeError::TooLarge);
        }
        if std::str::from_utf8(doc).is_err() {
            return Err(DecodeError::InvalidUtf8);
        }
        if self.from_end {
            scan::array_lengths(doc, &mut out.lengths)?;
        }
        let start = skip_space(doc, 0);
        let composite = self.containers == Containers::Composite;
        let end = Walk { doc, nodes: &self.nodes, composite, out }.document(start)?;
        if skip_space(doc, end) != doc.len() {
            return Err(DecodeError::NotJson);
        }
        // Only a scalar can be pruned as the root: a container there is live.
        match out.prunes.first() {
            Some(prune) if prune.member as usize == start => Err(DecodeError::RootNotListed),
            _ => Ok(()),
        }
    }
}

/// Whether the bytes are one JSON text (RFC 8259) that could be walked, whatever is in it.
pub fn check_json(doc: &[u8]) -> Result<(), DecodeError> {
    if std::str::from_utf8(doc).is_err() {
        return Err(DecodeError::InvalidUtf8);
    }
    let end = scan::skip_value(doc, skip_space(doc, 0), 0)?;
    if skip_space(doc, end) == doc.len() { Ok(()) } else { Err(DecodeError::NotJson) }
}

struct Walk<'a> {
    doc: &'a [u8],
    nodes: &'a [Node],
    composite: bool,
    out: &'a mut Hits,
}

impl<'a> Walk<'a> {
    /// Walks the root value; answers where it ends.
    fn document(&mut self, start: usize) -> Result<usize, DecodeError> {
        let (mut frame, mut pos) = match self.value(&mut 0, ROOT, start, start, 0)? {
            Step::Past(end) => return Ok(end),
            Step::Into(frame, inside) => (frame, inside),
        };
        loop {
            let step = if frame.object { self.members(&mut frame, pos)? } else { self.elements(&mut frame, pos)? };
            match step {
                Step::Into(child, inside) => {
                    self.out.stack.push(std::mem::replace(&mut frame, child));
                    pos = inside;
                }
                Step::Past(end) => {
                    self.close(&frame, end)?;
                    pos = end;
                    let Some(parent) = self.out.stack.pop() else { return Ok(end) };
                    let closed = std::mem::replace(&mut frame, parent);
                    if closed.gone == closed.count && !self.node(closed.node).covered {
                        self.emptied(&closed, end, &mut frame);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn node(&self, number: u32) -> &'a Node {
        &self.nodes[number as usize]
    }

    /// Goes on in an object until it closes or a member has to be entered.
    fn members(&mut self, frame: &mut Frame, mut pos: usize) -> Result<Step, DecodeError> {
        let doc = self.doc;
        let node = self.node(frame.node);
        let depth = self.out.stack.len() + 1;
        loop {
            pos = skip_space(doc, pos);
            match (byte(doc, pos), frame.count) {
                (b'}', _) => return Ok(Step::Past(pos + 1)),
                (_, 0) => {}
                (b',', _) => pos = skip_space(doc, pos + 1),
                _ => return Err(DecodeError::NotJson),
            }
            let member = pos;
            if byte(doc, member) != b'"' {
                return Err(DecodeError::NotJson);
            }
            let (quote, escaped) = scan::string(doc, member + 1)?;
            frame.count += 1;
            let target = self.name(node, member + 1, quote, escaped)?;
            if let (false, Some(known)) = (node.strict, target.known) {
                let bit = 1 << known;
                if frame.seen & bit != 0 {
                    return Err(DecodeError::DuplicateName);
                }
                frame.seen |= bit;
            }
            pos = scan::skip_colon(doc, quote + 1)?;
            match self.value(&mut frame.gone, target.node, member, pos, depth)? {
                Step::Past(end) => pos = end,
                Step::Into(child, inside) => return Ok(Step::Into(Frame { unwritten: target.known.is_none(), ..child }, inside)),
            }
        }
    }

    /// Goes on in an array until it closes or an element has to be entered.
    fn elements(&mut self, frame: &mut Frame, mut pos: usize) -> Result<Step, DecodeError> {
        let doc = self.doc;
        let node = self.node(frame.node);
        let depth = self.out.stack.len() + 1;
        loop {
            pos = skip_space(doc, pos);
            match (byte(doc, pos), frame.count) {
                (b']', _) => return Ok(Step::Past(pos + 1)),
                (_, 0) => {}
                (b',', _) => pos = skip_space(doc, pos + 1),
                _ => return Err(DecodeError::NotJson),
            }
            let child = node.elements.find(frame.count, frame.length);
            frame.count += 1;
            match self.value(&mut frame.gone, child, pos, pos, depth)? {
                Step::Past(end) => pos = end,
                into => return Ok(into),
            }
        }
    }

    /// Where the name `start..end` leads; remembers it where all names count.
    #[inline(always)]
    fn name(&mut self, node: &Node, start: usize, end: usize, escaped: bool) -> Result<Target, DecodeError> {
        if escaped {
            return self.escaped_name(node, start, end);
        }
        let name = &self.doc[start..end];
        if node.strict {
            self.out.names.push(name, start as u32, end as u32);
        }
        Ok(node.names.find(name))
    }

    #[cold]
    fn escaped_name(&mut self, node: &Node, start: usize, end: usize) -> Result<Target, DecodeError> {
        let mut name = Vec::with_capacity(end - start);
        text::unescape(&self.doc[start..end], &mut name)?;
        if node.strict {
            self.out.names.push_decoded(&name);
        }
        Ok(node.names.find(&name))
    }

    /// The value at `pos`, whose member begins at `member` and around which `depth` containers are open. `gone` counts it
    /// where it goes.
    #[inline(always)]
    fn value(&mut self, gone: &mut u32, number: u32, member: usize, pos: usize, depth: usize) -> Result<Step, DecodeError> {
        let doc = self.doc;
        let node = self.node(number);
        if node.inert {
            return scan::skip_value(doc, pos, depth).map(Step::Past);
        }
        for &field in &node.accepts {
            self.out.matched[field as usize / 64] |= 1 << (field % 64);
        }
        if matches!(byte(doc, pos), b'{' | b'[') {
            return self.container(gone, number, member, pos, depth);
        }
        let scalar = scan::scalar(doc, pos)?;
        if !node.covered {
            *gone += 1;
            self.prune(member, scalar.end);
        }
        if scalar.escaped && !node.hits.is_empty() {
            // Here, so that a refusal comes before anybody has taken a value.
            text::check(&doc[pos + 1..scalar.end - 1])?;
        }
        self.hit(node, Hit { kind: scalar.kind, escaped: scalar.escaped, ..hit(member, pos, scalar.end) });
        Ok(Step::Past(scalar.end))
    }

    /// The same for an object or array, at a node that is not inert.
    fn container(&mut self, gone: &mut u32, number: u32, member: usize, pos: usize, depth: usize) -> Result<Step, DecodeError> {
        let node = self.node(number);
        let first = self.out.hits.len() as u32;
        if self.composite {
            self.hit(node, hit(member, pos, pos));
        }
        let hits = (first, self.out.hits.len() as u32);
        if !node.live {
            let end = scan::skip_value(self.doc, pos, depth)?;
            if !node.covered {
                *gone += 1;
                self.prune(member, end);
            }
            self.end_hits(hits, end);
            return Ok(Step::Past(end));
        }
        if depth == MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        let mut length = 0;
        if node.elements.has_back() {
            let known = self.out.lengths.binary_search_by_key(&(pos as u32), |&(start, _)| start);
            length = known.ok().and_then(|at| self.out.lengths.get(at)).map_or(0, |&(_, count)| count);
        }
        let object = byte(self.doc, pos) == b'{';
        let (names, member, prunes) = (self.out.names.mark(), member as u32, self.out.prunes.len() as u32);
        let frame = Frame { node: number, object, unwritten: false, count: 0, gone: 0, length, seen: 0, names, hits, member, prunes };
        Ok(Step::Into(frame, pos + 1))
    }

    fn close(&mut self, frame: &Frame, end: usize) -> Result<(), DecodeError> {
        self.end_hits(frame.hits, end);
        if self.node(frame.node).strict && self.out.names.close(self.doc, frame.names) {
            return Err(DecodeError::DuplicateName);
        }
        Ok(())
    }

    /// I6: nothing stays of a container on the way to what is listed. Under a name that no selector writes, which may be
    /// data, it goes with that name, and as one with what was pruned inside; elsewhere it stays, empty.
    #[cold]
    fn emptied(&mut self, closed: &Frame, end: usize, around: &mut Frame) {
        around.gone += 1;
        if closed.unwritten {
            self.out.prunes.truncate(closed.prunes as usize);
            self.prune(closed.member as usize, end);
        }
    }

    #[inline(always)]
    fn hit(&mut self, node: &Node, hit: Hit) {
        for &field in &node.hits {
            self.out.hits.push(Hit { field, ..hit });
        }
    }

    fn end_hits(&mut self, (first, last): (u32, u32), end: usize) {
        for hit in self.out.hits.get_mut(first as usize..last as usize).unwrap_or_default() {
            hit.end = end as u32;
        }
    }

    #[inline]
    fn prune(&mut self, member: usize, end: usize) {
        self.out.prunes.push(Prune { member: member as u32, end: end as u32, site: 0 });
    }
}

/// A hit of no field yet. The document is below 4 GiB.
#[inline(always)]
fn hit(member: usize, start: usize, end: usize) -> Hit {
    let (start, end, member) = (start as u32, end as u32, member as u32);
    Hit { field: 0, kind: Kind::Composite, escaped: false, start, end, member, site: 0 }
}
