//! Marks what need not be looked at: messages in which nothing can be found and nothing has to go. And what must not
//! come in parts: messages with elements that are selected by index. Both follow the states to their ends.

use super::{Action, Entry, Plan, Slot, What, Which};

impl Plan {
    /// Runs once, after all states are there.
    pub(super) fn trim(&mut self) {
        self.spread_indexed();
        for slot in 0..self.slots.len() {
            let once = self.singular(&self.slots[slot]).is_some_and(|state| self.states[state as usize].indexed);
            self.slots[slot].once = once;
        }
        self.count_once();
        let idle = self.idle();
        for visit in &mut self.visits {
            if let What::Enter(state) = visit.what
                && idle[state as usize]
            {
                visit.what = What::Pass;
            }
        }
        // The root is walked whatever is in it.
        if let What::Pass = self.visits[self.root as usize].what {
            self.visits[self.root as usize].what = What::Enter(0);
        }
        let passes: Vec<bool> = self.slots.iter().map(|slot| !self.allow_list && self.is_idle_slot(slot, &idle)).collect();
        for state in &mut self.states {
            for entry in state.entries_mut() {
                if entry.action == Action::Visit && passes[entry.slot as usize] {
                    *entry = Entry::default();
                }
            }
        }
    }

    /// The state that a singular message field leads to.
    fn singular(&self, slot: &Slot) -> Option<u32> {
        match (&slot.which, &slot.whole) {
            (Which::One(visit), None) => self.enters(*visit),
            _ => None,
        }
    }

    fn enters(&self, visit: u32) -> Option<u32> {
        match self.visits[visit as usize].what {
            What::Enter(state) => Some(state),
            _ => None,
        }
    }

    fn spread_indexed(&mut self) {
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for at in 0..self.states.len() {
                let state = &self.states[at];
                let inside = |entry: &Entry| {
                    let slot = (entry.action == Action::Visit).then(|| &self.slots[entry.slot as usize]);
                    slot.and_then(|slot| self.singular(slot)).is_some_and(|state| self.states[state as usize].indexed)
                };
                if !state.indexed && state.entries().any(inside) {
                    self.states[at].indexed = true;
                    changed = true;
                }
            }
        }
    }

    /// A field that must not occur twice counts.
    fn count_once(&mut self) {
        for state in &mut self.states {
            let visited = state.direct.iter().chain(state.rest.iter().map(|(_, entry)| entry));
            for entry in visited.filter(|entry| entry.action == Action::Visit) {
                let slot = &mut self.slots[entry.slot as usize];
                if slot.once && slot.counter.is_none() {
                    slot.counter = Some(state.counters);
                    state.counters += 1;
                }
            }
        }
    }

    /// States in which nothing can happen, nor below: what is left when those are taken away that do something.
    fn idle(&self) -> Vec<bool> {
        let mut idle = vec![true; self.states.len()];
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for (at, state) in self.states.iter().enumerate() {
                let idles = |entry: &Entry| match entry.action {
                    Action::Pass => true,
                    Action::Visit => self.is_idle_slot(&self.slots[entry.slot as usize], &idle),
                    Action::Prune | Action::Refuse => false,
                };
                if idle[at] && (self.allow_list || !state.entries().all(idles)) {
                    idle[at] = false;
                    changed = true;
                }
            }
        }
        idle
    }

    fn is_idle_slot(&self, slot: &Slot, idle: &[bool]) -> bool {
        let whole = slot.whole.as_ref().is_none_or(|whole| whole.accepts.is_empty() && whole.hits.is_empty());
        let visit = |visit: u32| {
            let visit = &self.visits[visit as usize];
            let what = match visit.what {
                What::Pass => true,
                What::Enter(state) => idle[state as usize],
                What::Prune | What::Blank(_) | What::Scalar(_) => false,
            };
            what && visit.accepts.is_empty() && visit.hits.is_empty()
        };
        whole
            && match &slot.which {
                Which::One(number) => visit(*number),
                Which::Element(elements) => elements.all().all(|(_, number)| visit(number)),
                Which::Entry { names, .. } => names.known().map(|(_, number)| number).chain([names.other()]).all(visit),
            }
    }
}
