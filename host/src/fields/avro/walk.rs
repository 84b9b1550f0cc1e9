//! One pass over a datum along a plan: checks every byte, finds the hits and what the allow list prunes. Changes nothing
//! and copies no value.
//!
//! Recursion ends at [`MAX_DEPTH`](super::super::MAX_DEPTH) containers, whatever the schema.

use super::super::hit::{Block, DecodeError, Hit, Hits, Kind, Prune};
use super::super::names::Mark;
use super::plan::{Node, Parent, Plan, Step, Walk};
use super::read::{BlockHead, Reader, enter};
use super::scalar;
use super::schema::Type;

#[cfg(test)]
mod tests;

impl Plan {
    /// Finds the selected values of `body`, one datum without a header, after checking that all of it is valid. `out` is
    /// overwritten; after an error it is empty.
    pub fn select(&self, body: &[u8], out: &mut Hits) -> Result<(), DecodeError> {
        out.reset(self.fields);
        let result = self.walk(body, out);
        if result.is_err() {
            out.reset(self.fields);
        }
        result
    }

    fn walk(&self, body: &[u8], out: &mut Hits) -> Result<(), DecodeError> {
        if u32::try_from(body.len()).is_err() {
            return Err(DecodeError::TooLarge);
        }
        let tables = &*self.schema.tables;
        if self.from_end {
            out.lengths.clear();
            Reader::new(tables, body, 0).array_lengths(tables.root, 0, &mut out.lengths)?;
        }
        let mut walker = Walker { plan: self, reader: Reader::new(tables, body, 0), out };
        walker.value(0, 0, 0)?;
        if walker.reader.pos != body.len() {
            return Err(DecodeError::TrailingBytes);
        }
        Ok(())
    }
}

struct Walker<'a> {
    plan: &'a Plan,
    reader: Reader<'a>,
    out: &'a mut Hits,
}

impl<'a> Walker<'a> {
    /// The value at a node, whose member begins at `member` and around which `depth` containers are open.
    fn value(&mut self, number: u32, member: usize, depth: usize) -> Result<(), DecodeError> {
        let plan = self.plan;
        let mut node = &plan.nodes[number as usize];
        if node.inert {
            return self.reader.skip(node.of, depth);
        }
        if let Walk::Union(branches) = &node.walk {
            let branch = self.reader.index(branches.len() as u32)?;
            node = &plan.nodes[branches[branch as usize] as usize];
        }
        for &field in &node.accepts {
            self.out.matched[field as usize / 64] |= 1 << (field % 64);
        }
        if let Walk::Scalar = node.walk {
            return self.scalar(node, member);
        }
        let first = self.out.hits.len();
        if plan.composite {
            self.hit(node, Kind::Composite, self.reader.pos, member);
        }
        let hits = first..self.out.hits.len();
        self.container(node, member, depth)?;
        let end = self.reader.pos as u32;
        self.out.hits[hits].iter_mut().for_each(|hit| hit.end = end);
        Ok(())
    }

    #[inline(always)]
    fn scalar(&mut self, node: &Node, member: usize) -> Result<(), DecodeError> {
        let start = self.reader.pos;
        let of = self.reader.schema.get(node.of);
        if node.hits.is_empty() {
            self.reader.skip_scalar(of)?;
        } else {
            let kind = scalar::read(&mut self.reader, of)?.kind();
            self.hit(node, kind, start, member);
        }
        if node.covered { Ok(()) } else { self.prune(node, member) }
    }

    fn container(&mut self, node: &'a Node, member: usize, depth: usize) -> Result<(), DecodeError> {
        match &node.walk {
            Walk::Record(fields) => {
                enter(depth)?;
                if self.reader.schema.empty[node.of as usize] {
                    self.reader.empty(1)?;
                }
                for step in &fields.steps {
                    match *step {
                        Step::Over(run) => {
                            let schema = self.reader.schema;
                            schema.children(run).iter().try_for_each(|&field| self.reader.skip(field, depth + 1))?;
                        }
                        Step::Into(field) => self.value(field, self.reader.pos, depth + 1)?,
                    }
                }
                Ok(())
            }
            Walk::Array { item, elements } => {
                enter(depth)?;
                let mut length = 0;
                if elements.has_back() {
                    let start = self.reader.pos as u32;
                    let known = self.out.lengths.binary_search_by_key(&start, |&(start, _)| start);
                    length = known.ok().and_then(|at| self.out.lengths.get(at)).map_or(0, |&(_, count)| count);
                }
                let mut index = 0_u32;
                self.blocks(*item, false, |walker| {
                    let child = elements.find(index, length);
                    index = index.saturating_add(1);
                    walker.value(child, walker.reader.pos, depth + 1)
                })
            }
            Walk::Map { value, names, strict, .. } => {
                enter(depth)?;
                let (mark, mut seen) = (self.out.names.mark(), 0_u64);
                self.blocks(*value, true, |walker| {
                    let member = walker.reader.pos;
                    let key = walker.reader.string()?.as_bytes();
                    let target = names.find(key);
                    if *strict {
                        let end = walker.reader.pos;
                        walker.out.names.push(key, (end - key.len()) as u32, end as u32);
                    } else if let Some(known) = target.known {
                        if seen >> known & 1 == 1 {
                            return Err(DecodeError::DuplicateName);
                        }
                        seen |= 1 << known;
                    }
                    walker.value(target.node, member, depth + 1)
                })?;
                self.close_map(*strict, mark)
            }
            // Without anything to find in it.
            Walk::Over | Walk::Scalar | Walk::Union(_) => {
                self.reader.skip(node.of, depth)?;
                if node.covered { Ok(()) } else { self.prune(node, member) }
            }
        }
    }

    fn close_map(&mut self, strict: bool, mark: Mark) -> Result<(), DecodeError> {
        if strict && self.out.names.close(self.reader.body, mark) { Err(DecodeError::DuplicateName) } else { Ok(()) }
    }

    /// Every item of an array or map; keeps the blocks in which there is something to patch.
    fn blocks(&mut self, item: u32, keys: bool, mut read: impl FnMut(&mut Self) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
        loop {
            let head = self.reader.pos;
            let Some(block) = self.reader.block(item, keys)? else { return Ok(()) };
            let BlockHead { count, size } = block;
            let start = self.reader.pos;
            let (number, found) = (self.out.blocks.len(), self.out.hits.len() + self.out.prunes.len());
            // The body is below 4 GiB, and so is the count, which is below the body's length or that of empty values.
            let known = Block { head: head as u32, start: start as u32, end: 0, count: count as u32, sized: size.is_some() };
            self.out.blocks.push(known);
            for _ in 0..count {
                read(self)?;
            }
            self.reader.end_block(block, start)?;
            if self.out.hits.len() + self.out.prunes.len() == found {
                self.out.blocks.truncate(number);
            } else {
                self.out.blocks[number].end = self.reader.pos as u32;
            }
        }
    }

    #[inline(always)]
    fn hit(&mut self, node: &Node, kind: Kind, start: usize, member: usize) {
        for &field in &node.hits {
            let (start, end, member) = (start as u32, self.reader.pos as u32, member as u32);
            self.out.hits.push(Hit { field, kind, escaped: false, start, end, member, site: node.site });
        }
    }

    /// What begins at `member` and ends here is not on the allow list.
    fn prune(&mut self, node: &Node, member: usize) -> Result<(), DecodeError> {
        let parent = self.plan.sites[node.site as usize].parent;
        let null = matches!(self.reader.schema.get(node.of), Type::Null);
        match parent {
            Parent::Root => return Err(DecodeError::RootNotListed),
            // Nothing is left to clear.
            Parent::Field if null => {}
            _ => self.out.prunes.push(Prune { member: member as u32, end: self.reader.pos as u32, site: node.site }),
        }
        Ok(())
    }
}
