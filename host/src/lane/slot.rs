//! One source partition as its lane holds it: what is committed, and how far the open transaction has come. It must not
//! talk to Kafka.

use std::sync::Arc;

use crate::metrics::Reason;
use crate::position::{Account, Halted, Position, Reached};
use crate::source::Epoch;

/// How often a selector may miss in a row, in one partition, before that is taken for a typo or a rename.
pub const UNMATCHED_WINDOW: u32 = 1_000;

/// A source partition of the lane.
pub struct Slot {
    pub topic: Arc<str>,
    pub partition: i32,
    /// As last committed; a rewind goes back to it.
    pub committed: Position,
    /// The next offset to read, within the open transaction.
    pub next: i64,
    pub leader_epoch: i32,
    /// The offset behind the record that the epoch is of.
    epoch_at: i64,
    /// Timestamp of the last record read, milliseconds; 0 before the first.
    pub last_timestamp: i64,
    /// What the open transaction adds to the account.
    pub delta: Account,
    /// Set while the partition stands still; written with the next commit.
    pub halted: Option<Halted>,
    /// The source does not serve the partition at present, and why. It is tried all the time, and the position does not say
    /// so.
    pub parked: Option<(Reason, String)>,
    /// The target has no place for the partition, and that is why it is halted.
    pub unplaced: bool,
    /// The target did not know the topic any more, and that is why it is halted.
    pub vanished: bool,
    /// The source topic may be another one of the same name; nothing is committed before it was asked.
    pub doubted: bool,
    /// The last target offset that a record of the open transaction landed at; -1: none.
    pub landed: i64,
    /// The same for the other topics that they reached.
    pub reached: Reached,
    /// Source offsets that the open transaction leaves behind unread.
    pub lost: u64,
    /// The id that the open transaction writes for the topic, where it was created again.
    new_topic_id: Option<String>,
    /// Whether the open transaction has to write a position.
    pub dirty: bool,
    /// Per granted field of the chain: records in a row in which it matched nothing. Rolled back with the rest.
    pub missed: Vec<u32>,
    committed_missed: Vec<u32>,
    /// No position of this lane's own making is on the target yet.
    unwritten: bool,
}

impl Slot {
    /// A slot at its committed position; `unwritten` says that this position is not on the target yet.
    pub fn new(topic: Arc<str>, partition: i32, mut committed: Position, selectors: usize, unwritten: bool) -> Self {
        let (next, leader_epoch, epoch_at) = (committed.next, committed.leader_epoch, committed.epoch_at());
        let missed = vec![0; selectors];
        // A halt that an earlier run wrote is tried again; it is cleared on the target with the first commit.
        let unwritten = committed.halted.take().is_some() || unwritten;
        Self {
            topic,
            partition,
            committed,
            next,
            leader_epoch,
            epoch_at,
            last_timestamp: 0,
            delta: Account::default(),
            halted: None,
            parked: None,
            unplaced: false,
            vanished: false,
            doubted: false,
            landed: -1,
            reached: Reached::new(),
            lost: 0,
            new_topic_id: None,
            dirty: unwritten,
            committed_missed: missed.clone(),
            missed,
            unwritten,
        }
    }

    /// The record at `offset` was read (and `next` follows it).
    pub fn advance(&mut self, offset: i64, leader_epoch: i32) {
        self.next = offset + 1;
        self.leader_epoch = leader_epoch;
        self.epoch_at = self.next;
        self.dirty = true;
    }

    /// Everything below `next` is dealt with, though no record says so: control records, compacted ones. They may be of a
    /// later epoch than the last record: its epoch holds up to that one.
    pub fn move_to(&mut self, next: i64) {
        if next > self.next {
            self.next = next;
            self.dirty = true;
        }
    }

    /// Goes on at `next`, wherever that is: what lay before it is gone (`lost` offsets of it unread).
    pub fn skip_to(&mut self, next: i64, lost: u64) {
        self.next = next;
        self.leader_epoch = -1;
        self.epoch_at = next;
        self.lost += lost;
        self.dirty = true;
    }

    /// The topic is another one of the same name; it is read from `first` on.
    pub fn restart(&mut self, topic_id: &str, first: i64) {
        self.new_topic_id = Some(topic_id.to_owned());
        self.skip_to(first, 0);
    }

    /// The id of the topic that the position is of; empty where the source names none.
    pub fn topic_id(&self) -> &str {
        self.new_topic_id.as_ref().unwrap_or(&self.committed.topic_id)
    }

    /// The source did not name the topic's id before; now it does, and the position is to say so.
    pub fn learn_topic_id(&mut self, id: &str) {
        if self.committed.topic_id.is_empty() && !id.is_empty() {
            id.clone_into(&mut self.committed.topic_id);
            self.rewrite();
        }
    }

    /// Whether the open transaction moves the position.
    pub fn moved(&self) -> bool {
        self.next != self.committed.next || self.delta != Account::default()
    }

    /// Whether `found` on the target is what memory takes for committed.
    pub fn is_kept(&self, found: Option<&Position>) -> bool {
        found.map_or(self.unwritten, |found| found.next == self.committed.next)
    }

    /// Where to read on, with the epoch of the leader that served what is below, as far as it is known.
    pub fn read_from(&self) -> (i64, Option<Epoch>) {
        (self.next, (self.leader_epoch >= 0).then_some(Epoch { number: self.leader_epoch, at: self.epoch_at }))
    }

    /// What it stood still for is over. Its halt goes from the target with the next commit.
    pub fn release(&mut self) {
        self.halted = None;
        self.committed.halted = None;
        self.rewrite();
    }

    /// The position is to be written though no record moves it, however often that is aborted.
    fn rewrite(&mut self) {
        self.unwritten = true;
        self.dirty = true;
    }

    /// Stands still at `offset`: nothing at or after it was written.
    pub fn halt(&mut self, code: &str, offset: i64, detail: String) {
        self.next = offset;
        self.halted = Some(Halted { code: code.to_owned(), offset, detail });
        self.dirty = true;
    }

    /// The position that the open transaction writes.
    pub fn position(&self, generation: u64, config: &str, digests: &[String]) -> Position {
        let mut account = self.committed.account;
        account.add(&self.delta);
        let recreated = self.new_topic_id.as_ref();
        let mut reached = self.committed.reached.clone();
        reached.extend(self.reached.iter().map(|(topic, at)| (topic.clone(), *at)));
        Position {
            topic_id: recreated.unwrap_or(&self.committed.topic_id).clone(),
            start: if recreated.is_some() { self.next } else { self.committed.start },
            landed: self.committed.landed.max(self.landed),
            reached,
            lost: self.committed.lost + self.lost,
            next: self.next,
            leader_epoch: self.leader_epoch,
            epoch_at: (self.leader_epoch >= 0 && self.epoch_at < self.next).then_some(self.epoch_at),
            generation,
            config: config.to_owned(),
            digests: digests.to_vec(),
            account,
            halted: self.halted.clone(),
            ..self.committed.clone()
        }
    }

    /// The transaction that wrote `position` was committed.
    pub fn settle(&mut self, position: Position) {
        self.committed = position;
        self.delta = Account::default();
        self.landed = -1;
        self.reached.clear();
        self.lost = 0;
        self.new_topic_id = None;
        self.dirty = false;
        self.unwritten = false;
        self.committed_missed.clone_from(&self.missed);
    }

    /// The chain watches this many selectors from now on. Other selectors begin to count anew.
    pub fn watch(&mut self, selectors: usize) {
        if self.missed.len() != selectors {
            self.missed = vec![0; selectors];
            self.committed_missed.clone_from(&self.missed);
        }
    }

    /// The open transaction is gone: everything is as it was committed. A halt of its own is forgotten too, and true
    /// comes back: the partition is to be read again, and the replay meets its cause. One that no replay would meet
    /// (`lasting`) stays.
    pub fn roll_back(&mut self, lasting: bool) -> bool {
        let halted = self.halted.take_if(|_| lasting);
        let again = self.halted.is_some() && self.committed.halted.is_none();
        self.next = self.committed.next;
        self.leader_epoch = self.committed.leader_epoch;
        self.epoch_at = self.committed.epoch_at();
        self.delta = Account::default();
        self.landed = -1;
        self.reached.clear();
        self.lost = 0;
        self.new_topic_id = None;
        self.halted.clone_from(&self.committed.halted);
        self.dirty = self.unwritten || halted.is_some();
        if halted.is_some() {
            self.halted = halted;
        }
        self.missed.clone_from(&self.committed_missed);
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        let committed = Position {
            version: crate::position::VERSION,
            topic_id: "id".into(),
            target_id: "there".into(),
            landed: -1,
            reached: Reached::new(),
            lost: 0,
            start: 0,
            next: 10,
            leader_epoch: 3,
            epoch_at: None,
            generation: 1,
            config: "c".into(),
            digests: Vec::new(),
            target_start: 0,
            account: Account { read: 5, passed: 5, ..Account::default() },
            halted: None,
        };
        Slot::new("t".into(), 0, committed, 1, false)
    }

    #[test]
    fn a_roll_back_forgets_the_open_transaction() {
        let mut slot = slot();
        slot.advance(10, 4);
        slot.delta.read += 1;
        slot.missed[0] = 7;
        slot.halt("record_failed", 11, "why".into());
        assert!(slot.dirty);
        assert!(slot.roll_back(false), "to be read again");
        assert_eq!((slot.next, slot.leader_epoch, slot.delta, slot.missed[0], slot.dirty), (10, 3, Account::default(), 0, false));
        assert_eq!(slot.halted, None);
        slot.halt("topic_recreated", 10, "why".into());
        assert!(!slot.roll_back(true), "nothing to read");
        assert!(slot.halted.is_some() && slot.dirty, "still to be written");
    }

    #[test]
    fn a_commit_keeps_it_and_adds_up() {
        let mut slot = slot();
        slot.advance(10, 4);
        slot.delta = Account { read: 1, filtered: 1, ..Account::default() };
        slot.reached.insert("elsewhere".into(), (3, 70));
        let position = slot.position(2, "d", &["sha".into()]);
        assert_eq!((position.next, position.account.read, position.account.filtered, position.generation), (11, 6, 1, 2));
        slot.settle(position);
        assert!(!slot.dirty);
        slot.reached.insert("elsewhere".into(), (3, 75));
        assert!(!slot.roll_back(false));
        assert_eq!(slot.next, 11);
        let position = slot.position(2, "d", &[]);
        assert_eq!(
            [2, 3].map(|partition| position.landed_in("t", 0, "elsewhere", partition)),
            [-1, 70],
            "what was rolled back is not said"
        );
    }

    #[test]
    fn a_commit_that_the_target_lost_is_noticed() {
        let mut slot = slot();
        let before = slot.committed.clone();
        slot.advance(10, 4);
        let after = slot.position(1, "c", &[]);
        assert!(slot.is_kept(Some(&before)) && !slot.is_kept(None), "what is open does not count");
        slot.settle(after.clone());
        assert!(slot.is_kept(Some(&after)) && !slot.is_kept(Some(&before)));
        let mut new = Slot::new("t".into(), 1, before.clone(), 1, true);
        assert!(new.is_kept(None), "it was not written yet");
        new.settle(before);
        assert!(!new.is_kept(None));
    }

    #[test]
    fn what_is_left_behind_is_counted_once() {
        let mut slot = slot();
        slot.skip_to(40, 30);
        assert_eq!(slot.position(1, "c", &[]).lost, 30);
        assert!(!slot.roll_back(false));
        assert_eq!((slot.next, slot.position(1, "c", &[]).lost), (10, 0), "the replay meets the gap again");
        slot.skip_to(40, 30);
        slot.settle(slot.position(1, "c", &[]));
        let after = slot.position(1, "c", &[]);
        assert_eq!((after.next, after.lost, after.start), (40, 30, 0));
    }

    #[test]
    fn a_topic_of_the_same_name_starts_anew() {
        let mut slot = slot();
        slot.restart("other", 2);
        let position = slot.position(1, "c", &[]);
        assert_eq!((position.topic_id.as_str(), position.start, position.next, position.leader_epoch), ("other", 2, 2, -1));
        assert_eq!(position.account, slot.committed.account, "what was copied stays in the account");
        slot.roll_back(false);
        assert_eq!(slot.position(1, "c", &[]).topic_id, "id");
    }

    #[test]
    fn an_id_that_was_not_known_is_learned_once_and_written() {
        let mut slot = slot();
        slot.learn_topic_id("other");
        assert_eq!((slot.topic_id(), slot.dirty), ("id", false), "another id is another topic");
        slot.committed.topic_id.clear();
        slot.learn_topic_id("");
        assert!(!slot.dirty);
        slot.learn_topic_id("late");
        slot.roll_back(false);
        assert_eq!((slot.position(1, "c", &[]).topic_id.as_str(), slot.dirty, slot.moved()), ("late", true, false));
    }

    #[test]
    fn a_halt_that_is_over_stays_over() {
        let mut slot = slot();
        slot.halt("target_topic", 10, "why".into());
        slot.settle(slot.position(1, "c", &[]));
        slot.release();
        assert!(!slot.roll_back(false));
        assert_eq!((&slot.halted, slot.dirty, slot.moved()), (&None, true, false), "still to be written");
    }

    #[test]
    fn control_records_move_a_position_only_forward() {
        let mut slot = slot();
        slot.move_to(9);
        assert!(!slot.dirty);
        slot.move_to(12);
        assert_eq!((slot.next, slot.dirty), (12, true));
    }

    #[test]
    fn an_epoch_holds_up_to_the_record_that_it_is_of() {
        let epoch = |number, at| Some(Epoch { number, at });
        let mut slot = slot();
        assert_eq!(slot.read_from(), (10, epoch(3, 10)), "of a position that says no more");
        slot.advance(10, 3);
        slot.move_to(12);
        assert_eq!(slot.read_from(), (12, epoch(3, 11)), "what is at 11 may be of another leader");
        let position = slot.position(1, "c", &[]);
        assert_eq!(position.epoch_at, Some(11));
        slot.settle(position.clone());
        slot.advance(12, 4);
        assert_eq!(slot.position(1, "c", &[]).epoch_at, None);
        slot.move_to(20);
        slot.roll_back(false);
        assert_eq!(slot.read_from(), (12, epoch(3, 11)));
        let mut taken_over = Slot::new("t".into(), 0, position, 1, false);
        assert_eq!(taken_over.read_from(), (12, epoch(3, 11)));
        taken_over.halt("record_failed", 15, "why".into());
        assert_eq!(taken_over.read_from(), (15, epoch(3, 11)), "nothing was read in between");
        taken_over.skip_to(40, 25);
        assert_eq!((taken_over.read_from(), taken_over.position(1, "c", &[]).epoch_at), ((40, None), None));
    }
}
