//! Finds two members of one name in an object whose names all count. Linear for small objects, n log n for large ones
//! whatever their names, so that an object made of colliding names costs no more than another.

/// Up to this many members are compared pair by pair, by hash; more are sorted.
const PAIRWISE: usize = 16;

/// A name seen in an open object.
#[derive(Clone, Copy, Debug)]
struct Seen {
    hash: u64,
    start: u32,
    end: u32,
    /// The name had escapes: its text is in `unescaped`, not in the document.
    decoded: bool,
}

/// The names of all open objects, the innermost last.
#[derive(Debug, Default)]
pub(super) struct SeenNames {
    names: Vec<Seen>,
    unescaped: Vec<u8>,
}

/// How full the two stacks were when an object was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    names: usize,
    unescaped: usize,
}

impl SeenNames {
    /// Forgets all objects; the memory stays.
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.unescaped.clear();
    }

    /// Gives memory beyond so many names back.
    pub(super) fn shrink(&mut self, names: usize) {
        if self.names.capacity().max(self.unescaped.capacity() / 16) > names {
            self.names.shrink_to(names);
            self.unescaped.shrink_to(names * 16);
        }
    }

    /// To be taken where an object opens.
    pub(super) fn mark(&self) -> Mark {
        Mark { names: self.names.len(), unescaped: self.unescaped.len() }
    }

    /// Adds a name without escapes: the bytes `start..end` of the document.
    #[inline]
    pub(super) fn push(&mut self, name: &[u8], start: u32, end: u32) {
        self.names.push(Seen { hash: hash(name), start, end, decoded: false });
    }

    /// Adds a name that had escapes, as its text.
    pub(super) fn push_decoded(&mut self, name: &[u8]) {
        let start = self.unescaped.len() as u32;
        self.unescaped.extend_from_slice(name);
        // The text is shorter than its escapes, and the document is below 4 GiB.
        self.names.push(Seen { hash: hash(name), start, end: self.unescaped.len() as u32, decoded: true });
    }

    /// To be called where the object closes: whether a name occurred twice. Forgets its names.
    pub(super) fn close(&mut self, doc: &[u8], mark: Mark) -> bool {
        let Self { names, unescaped } = self;
        let object = names.get_mut(mark.names..).unwrap_or_default();
        let text = |name: &Seen| {
            let bytes = if name.decoded { unescaped.as_slice() } else { doc };
            bytes.get(name.start as usize..name.end as usize).unwrap_or_default()
        };
        let twice = if object.len() <= PAIRWISE {
            object
                .iter()
                .enumerate()
                .any(|(at, name)| object.iter().take(at).any(|other| other.hash == name.hash && text(other) == text(name)))
        } else {
            object.sort_unstable_by(|one, other| one.hash.cmp(&other.hash).then_with(|| text(one).cmp(text(other))));
            object.windows(2).any(|pair| pair[0].hash == pair[1].hash && text(&pair[0]) == text(&pair[1]))
        };
        names.truncate(mark.names);
        unescaped.truncate(mark.unescaped);
        twice
    }
}

/// Spreads names; equality is always checked on the text, so it need not resist anyone. The last word of a name
/// overlaps the one before it, which is cheaper than its last bytes one by one.
#[inline]
fn hash(name: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    let mut hash = name.len() as u64;
    let last = if let Some(last) = name.last_chunk::<8>() {
        for word in name.as_chunks::<8>().0 {
            hash = mix(hash, u64::from_le_bytes(*word));
        }
        u64::from_le_bytes(*last)
    } else if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
    } else {
        name.iter().fold(0, |word, &byte| word << 8 | u64::from(byte))
    };
    mix(hash, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(names: &[String]) -> bool {
        let doc = names.concat();
        let mut seen = SeenNames::default();
        seen.push_decoded(b"of an outer object");
        let mark = seen.mark();
        let mut at = 0;
        for (index, name) in names.iter().enumerate() {
            let end = at + name.len();
            if index % 2 == 0 {
                seen.push(name.as_bytes(), at as u32, end as u32);
            } else {
                seen.push_decoded(name.as_bytes());
            }
            at = end;
        }
        let twice = seen.close(doc.as_bytes(), mark);
        assert_eq!((seen.names.len(), seen.unescaped.len()), (1, 18));
        twice
    }

    #[test]
    fn duplicates_are_found_at_every_size() {
        for count in [0, 1, 2, 15, 16, 17, 18, 1000] {
            let mut names: Vec<String> = (0..count).map(|name| format!("name{name}")).collect();
            assert!(!twice(&names), "{count}");
            if count > 1 {
                names[count - 1] = names[0].clone();
                assert!(twice(&names), "{count}");
            }
        }
    }

    #[test]
    fn names_that_collide_are_told_apart() {
        // All pushed with the hash of one name, but standing at different bytes.
        for count in [PAIRWISE as u32, 40] {
            let mut seen = SeenNames::default();
            let mark = seen.mark();
            for at in 0..count {
                seen.push(b"x", at, at + 1);
            }
            let mut doc: Vec<u8> = (0..40).collect();
            assert!(!seen.close(&doc, mark), "{count}");
            for at in 0..count {
                seen.push(b"x", at, at + 1);
            }
            doc[count as usize - 1] = 3;
            assert!(seen.close(&doc, mark), "{count}");
        }
    }
}
