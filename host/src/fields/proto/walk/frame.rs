//! What the walk has in hand: open messages, values on the wire, and the memory that it keeps between messages. No steps
//! of the walk.

use super::super::wire::Tag;

/// The walk's memory, and what it leaves for the patch.
#[derive(Debug, Default)]
pub(in super::super::super) struct Scratch {
    /// Ascending; only those with a hit or a prune inside.
    pub(in super::super) containers: Vec<Container>,
    /// Prunes, by their place in the list, whose value becomes zero instead; and the value's site.
    pub(in super::super) blanks: Vec<(u32, u32)>,
    // Empty between calls.
    pub(super) stack: Vec<Frame>,
    pub(super) counters: Vec<Counter>,
    pub(super) name: Vec<u8>,
}

/// A value with a length before it and other values inside: a message, a map's entry, a packed field.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Container {
    /// Where its length begins.
    pub(in super::super) length: u32,
    /// Where its content begins and ends.
    pub(in super::super) start: u32,
    pub(in super::super) end: u32,
}

/// The occurrences of one field in an open message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counter {
    pub(super) seen: u32,
    /// Only known where an index from the end asks.
    pub(super) total: u32,
}

/// A message or group that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) state: u32,
    /// Where it ends; of a group, where what is around it ends.
    pub(super) end: usize,
    /// A group's number.
    pub(super) group: Option<u32>,
    /// Where the walk goes on behind it, if not at its end: a map's value is not always the last of its entry.
    pub(super) resume: Option<usize>,
    /// Where its counters begin.
    pub(super) counters: usize,
    /// What there was when it was opened.
    pub(super) before: Before,
    /// Its own hits, of which a group's end is known when it closes.
    pub(super) hits: (usize, usize),
}

/// How much there was before a value: the containers since are forgotten where nothing was found in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) containers: usize,
    pub(super) hits: usize,
    pub(super) prunes: usize,
}

/// Where a value left the walk.
pub(super) enum Step {
    /// Behind the value.
    Past(usize),
    /// At the content of a message that has to be walked.
    Into(Frame, usize),
}

/// One value on the wire.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// Where its tag begins; of a map's value, that of the entry; a packed element, where it begins itself.
    pub(super) member: usize,
    /// Behind its tag.
    pub(super) start: usize,
    /// Of the content around it.
    pub(super) limit: usize,
    pub(super) tag: Tag,
}

impl Scratch {
    pub(in super::super::super) fn reset(&mut self, retained: usize) {
        self.containers.clear();
        self.blanks.clear();
        self.stack.clear();
        self.counters.clear();
        if self.containers.capacity().max(self.blanks.capacity()).max(self.counters.capacity()) > retained {
            self.containers.shrink_to(retained);
            self.blanks.shrink_to(retained);
            self.counters.shrink_to(retained);
        }
    }
}
