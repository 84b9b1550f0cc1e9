//! An entry of a map: a message of its own on the wire, and to selectors a value under the name that its key is.

use super::super::super::automaton::Names;
use super::super::super::hit::{DecodeError, Hit};
use super::super::descriptor::Scalar;
use super::super::plan::{Slot, What, Which};
use super::super::scalar;
use super::super::wire;
use super::frame::{Found, Frame, Step};
use super::{Walk, hit};

impl Walk<'_> {
    /// An entry of a map: a value under the name that its key is.
    pub(super) fn entry(&mut self, slot: &Slot, found: Found) -> Result<Step, DecodeError> {
        let Which::Entry { key, value, names, .. } = &slot.which else { return Err(DecodeError::WireType) };
        let before = self.before();
        let (content, limit) = self.open(found)?;
        let mut pos = content;
        let bytes = &self.body[..limit];
        let (mut key_at, mut value_at) = (None, None);
        while pos < limit {
            let (tag, start) = wire::tag(bytes, pos)?;
            let (place, wanted) = match tag.number() {
                1 => (&mut key_at, key.wire()),
                2 => (&mut value_at, value.wire()),
                // Readers drop it or pass it on, under no name.
                _ => return Err(DecodeError::UnknownField),
            };
            if tag.wire() != wanted {
                return Err(DecodeError::WireType);
            }
            let end = wire::skip(bytes, start, tag, self.depth())?;
            // Readers differ on which of two counts.
            if place.replace((Found { member: found.member, start, limit, tag }, end)).is_some() {
                return Err(DecodeError::DuplicateName);
            }
            pos = end;
        }
        let visit = match names.len() {
            0 => names.other(),
            _ => self.named(names, *key, key_at)?,
        };
        let visited = &self.plan.visits[visit as usize];
        let step = match (visited.what, value_at) {
            (What::Prune, _) => {
                self.accept(visited);
                self.out.proto.containers.truncate(before.containers);
                return self.prune(found).map(Step::Past);
            }
            (_, Some((value, _))) => self.value(visit, value, before)?,
            // The value is its type's zero and not written: it can be set all the same, and go with its entry.
            (_, None) => {
                self.accept(visited);
                if let What::Scalar(site) = visited.what {
                    let kind = scalar::absent(self.plan.sites[site as usize].scalar, &self.plan.tables).kind();
                    let (start, end) = (content as u32, content as u32);
                    self.hit(&visited.hits, Hit { start, end, site, ..hit(found.member, kind) });
                }
                Step::Past(limit)
            }
        };
        if let Step::Into(frame, inside) = step {
            return Ok(Step::Into(Frame { resume: Some(limit), ..frame }, inside));
        }
        self.forget(before);
        Ok(Step::Past(limit))
    }

    /// The visit of the entry whose key was found or, absent, is the default.
    fn named(&mut self, names: &Names, key: Scalar, at: Option<(Found, usize)>) -> Result<u32, DecodeError> {
        const ZERO: [u8; 8] = [0; 8];
        let raw = at.map_or(&ZERO[..], |(key, end)| &self.body[key.start..end]);
        match scalar::read(key, &self.plan.tables, raw)? {
            scalar::Value::Text(name) => Ok(names.find(name.as_bytes()).node),
            other => {
                let mut name = std::mem::take(&mut self.out.proto.name);
                name.clear();
                other.push(&mut name);
                let node = names.find(&name).node;
                self.out.proto.name = name;
                Ok(node)
            }
        }
    }
}
