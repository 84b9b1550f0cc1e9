//! Marks the maps whose keys are data, as something is edited at or below entries that are picked whatever their keys. Runs
//! once, after all states are there; changes nothing of what is done with a message.

use super::super::super::reach::Reach;
use super::{Action, Entry, Plan, Slot, What, Which};

impl Plan {
    /// For a plan that edits its hits. A message that a field owns is masked whatever is in it, which compiling has marked.
    pub(super) fn mark_masked(&mut self) {
        let first = self.reach().first();
        for slot in &mut self.slots {
            if let Which::Entry { names, masked, .. } = &mut slot.which {
                *masked = [*masked, first[names.other() as usize]].into_iter().flatten().min();
            }
        }
    }

    /// The visits as places, each under its number, and behind them the states.
    fn reach(&self) -> Reach {
        let mut reach = Reach::default();
        for visit in &self.visits {
            reach.add(visit.hits.first().copied());
        }
        let states: Vec<u32> = self.states.iter().map(|_| reach.add(None)).collect();
        for (visit, number) in self.visits.iter().zip(0..) {
            if let What::Enter(state) = visit.what {
                reach.lies_in(states[state as usize], number);
            }
        }
        for (state, &number) in self.states.iter().zip(&states) {
            let visited = |entry: &&Entry| entry.action == Action::Visit;
            for entry in state.entries().filter(visited) {
                self.slots[entry.slot as usize].each_visit(|visit| reach.lies_in(visit, number));
            }
        }
        reach
    }
}

impl Slot {
    /// Calls with every visit that an occurrence may be, some more than once.
    fn each_visit(&self, mut call: impl FnMut(u32)) {
        match &self.which {
            Which::One(visit) => call(*visit),
            Which::Element(elements) => elements.all().for_each(|(_, visit)| call(visit)),
            Which::Entry { names, .. } => names.known().map(|(_, visit)| visit).chain([names.other()]).for_each(call),
        }
    }
}
