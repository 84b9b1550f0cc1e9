//! What a lane keeps on the target: its control record and one position a source partition, as JSON in the compacted
//! positions topic. It must not talk to Kafka: reading and writing are the lane's, in the lane's order.

mod rekeyed;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use rekeyed::{EndsByTopic, MapEnds, Rekeyed, Rekeying, Settings};

/// Version of the records' form. A record of a later version halts the lane instead of being misread.
pub const VERSION: u32 = 1;

/// How many replaced configurations a control record remembers, so that a process that comes back with one of them is
/// told so instead of masking with yesterday's rules.
const REMEMBERED: usize = 32;

/// The key of a record in the positions topic. Compaction keeps the last record of each key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Key {
    /// One source partition. The topic stands by name: a re-created topic must meet its old position to be noticed.
    Position { source: String, topic: String, partition: i32 },
    /// The lane itself.
    Control { control: u32 },
}

/// Who wrote last, under which configuration, and what the lane knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    pub version: u32,
    /// L, the number of lanes the pipeline was made with.
    pub lanes: u32,
    /// Cluster id of the source. Another cluster behind the same name is refused.
    pub source: String,
    /// Rises with every admitted configuration of this lane.
    pub generation: u64,
    /// SHA-256 of what decides the output: configuration, plugin digests, key ids. Hexadecimal.
    pub config: String,
    /// Configurations that this one replaced, newest first.
    #[serde(default)]
    pub replaced: Vec<String>,
    /// Every partition that has a position. One that is listed here without a position halts the lane: it must never
    /// start anew silently.
    pub known: BTreeMap<String, Vec<i32>>,
    /// The process that took the lane over last: host and process id, for the operator.
    pub owner: String,
    /// When, in milliseconds since the epoch, by the owner's clock.
    pub since: i64,
    /// The lanes are being resized or rekeyed: this generation of the topic takes their place, and nobody works on this
    /// lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<u32>,
    /// What they are being moved for, where that is a rekey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rekeying: Option<Rekeying>,
    /// Why nobody works on the lane, where its last owner ended it for good: shown by every process until somebody takes it
    /// over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<LaneHalt>,
    /// The last rekey of each source topic, in lane 0 for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rekeyed: BTreeMap<String, Rekeyed>,
}

/// What came of the records of one source partition since genesis, by source record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Records read after the start position. `read = passed + filtered + quarantined`.
    pub read: u64,
    /// Records that reached the target, changed or not.
    pub passed: u64,
    /// Records that a step dropped.
    pub filtered: u64,
    /// Records that could not be transformed and were put aside.
    pub quarantined: u64,
    /// Records that a step made; they are no source records and count apart.
    pub emitted: u64,
}

impl Account {
    /// Adds what came of other records: of a later transaction, or of another partition.
    pub fn add(&mut self, other: &Account) {
        self.read += other.read;
        self.passed += other.passed;
        self.filtered += other.filtered;
        self.quarantined += other.quarantined;
        self.emitted += other.emitted;
    }

    /// Whether every record read is accounted for.
    pub fn balances(&self) -> bool {
        self.read == self.passed + self.filtered + self.quarantined
    }
}

/// Why a partition stopped; shown by every process from the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    /// A code of the closed list, see [`crate::failure`].
    pub code: String,
    /// The offset it stopped at.
    pub offset: i64,
    /// A sentence without data from records.
    pub detail: String,
}

/// Why a whole lane stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneHalt {
    /// A reason of the closed list.
    pub code: String,
    /// A sentence without data from records.
    pub detail: String,
}

/// A partition and an offset on the target, by topic.
pub type Reached = BTreeMap<String, (i32, i64)>;

/// Where one source partition stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub version: u32,
    /// The source topic's id (KIP-516), empty where the source has none.
    pub topic_id: String,
    /// The target topic's id, empty where the target has none or nobody has asked yet.
    #[serde(default)]
    pub target_id: String,
    /// The first source offset that the pipeline copies.
    pub start: i64,
    /// The next source offset to read.
    pub next: i64,
    /// Leader epoch of the last record read, -1 where unknown.
    pub leader_epoch: i32,
    /// The offset behind that record, where it is not `next`: what lies between is no record (control records, aborted ones)
    /// and may be of a later epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch_at: Option<i64>,
    pub generation: u64,
    /// As in [`Control`].
    pub config: String,
    /// SHA-256 of each step's plugin, in chain order.
    #[serde(default)]
    pub digests: Vec<String>,
    /// End of the target partition when this source partition was first met: where a group goes whose records have no
    /// survivor. -1 where the target partition could not be told.
    pub target_start: i64,
    pub account: Account,
    /// The last offset on the target that records of this partition landed at, in the topic of the same name; -1 before the
    /// first.
    #[serde(default = "nowhere")]
    pub landed: i64,
    /// The same for every other topic that records of this partition reached, in quarantine too: partition and offset.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reached: Reached,
    /// Source offsets that were gone before they were read, and went unread because `on_gap` says so.
    #[serde(default)]
    pub lost: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halted>,
}

fn nowhere() -> i64 {
    -1
}

/// A record that cannot be read as one of ours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "cannot read the {what} in the positions topic: it is not one that this version writes; restore the topic from a backup or start a new pipeline name"
)]
pub struct Unreadable {
    pub what: &'static str,
}

impl Key {
    /// The key of a lane's control record; its partition says which lane.
    pub fn control() -> Self {
        Self::Control { control: VERSION }
    }

    /// As JSON. The same key always gives the same bytes, by which compaction goes.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a key that [`Key::encode`] wrote; any other field or form is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(bytes).map_err(|_| Unreadable { what: "key of a record" })
    }
}

impl Control {
    /// As JSON: the value of the control record.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a control record of [`VERSION`]; any other version is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        versioned(bytes, "control record", |control: &Self| control.version)
    }

    /// Adds a partition; says whether it was new.
    pub fn know(&mut self, topic: &str, partition: i32) -> bool {
        let partitions = self.known.entry(topic.to_owned()).or_default();
        match partitions.binary_search(&partition) {
            Ok(_) => false,
            Err(at) => {
                partitions.insert(at, partition);
                true
            }
        }
    }

    /// Whether the lane has had a position of the partition, which then must be there.
    pub fn knows(&self, topic: &str, partition: i32) -> bool {
        self.known.get(topic).is_some_and(|partitions| partitions.binary_search(&partition).is_ok())
    }

    /// Admits a configuration: the current one keeps its generation, a new one raises it, one that was replaced is
    /// declined unless its claim reaches above this lane's generation.
    pub fn admit(&mut self, config: &str, claim: Claim) -> Result<(), Declined> {
        if self.config == config {
            return Ok(());
        }
        if let Some(back) = self.replaced.iter().position(|old| old == config) {
            if !claim.reaches_above(self.generation) {
                return Err(Declined { generation: self.generation, behind: back as u64 + 1 });
            }
            self.replaced.remove(back);
        }
        self.replaced.insert(0, std::mem::replace(&mut self.config, config.to_owned()));
        self.replaced.truncate(REMEMBERED);
        self.generation = claim.floor().max(self.generation + 1);
        Ok(())
    }
}

/// By what right a process admits its configuration to a lane (I7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    /// It began with it. A configuration that was replaced is yesterday's.
    #[default]
    Began,
    /// It began with it, told by the operator to go back to it.
    Readmitted,
    /// A plugin was switched while the process ran, when no lane of any process was above the generation before this
    /// one. The switch is newer than all of those, even where it returns to a plugin that ran before; a process whose
    /// claim has been overtaken by a later switch elsewhere undoes nothing.
    Switched(u64),
}

impl Claim {
    fn reaches_above(self, generation: u64) -> bool {
        match self {
            Self::Began => false,
            Self::Readmitted => true,
            Self::Switched(claimed) => claimed > generation,
        }
    }

    /// The least generation that a lane has under this claim.
    fn floor(self) -> u64 {
        if let Self::Switched(claimed) = self { claimed } else { 0 }
    }
}

impl Position {
    /// The last target offset in that partition that it says is committed; -1: none. `name` is the source topic's.
    pub fn landed_in(&self, name: &str, number: i32, topic: &str, partition: i32) -> i64 {
        let own = if name == topic && number == partition { self.landed } else { -1 };
        let reached = self.reached.get(topic).filter(|(at, _)| *at == partition).map_or(-1, |(_, offset)| *offset);
        own.max(reached)
    }

    /// The offset up to which the log is of the leader's epoch, or of earlier ones.
    pub fn epoch_at(&self) -> i64 {
        self.epoch_at.map_or(self.next, |at| at.min(self.next))
    }

    /// As JSON: the value of the record.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a position of [`VERSION`]; any other version is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        versioned(bytes, "position", |position: &Self| position.version)
    }

    /// Whether it is a position in the topic with that id, as far as both are known.
    pub fn is_of(&self, topic_id: &str) -> bool {
        topic_id.is_empty() || self.topic_id.is_empty() || self.topic_id == topic_id
    }

    /// Whether its topic was seen on the target, or anything was written to one.
    pub fn was_placed(&self) -> bool {
        !self.target_id.is_empty() || self.account.passed > 0 || self.account.emitted > 0
    }
}

/// The lane was last written under a newer configuration than this process has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the lane declines this configuration: it was replaced {behind} configuration(s) ago (the lane is at generation {generation}); update this process's file, or start it with --readmit to go back on purpose"
)]
pub struct Declined {
    pub generation: u64,
    pub behind: u64,
}

/// The lane of a source partition: FNV-1a-64 over the topic's bytes, plus the partition, modulo the number of lanes.
/// Part of the data on the target: it never changes.
pub fn lane_of(topic: &str, partition: i32, lanes: u32) -> u32 {
    let hash = topic.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash.wrapping_add(partition as u64) % u64::from(lanes.max(1))) as u32
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain structs with string keys always serialise")
}

fn versioned<T: for<'a> Deserialize<'a>>(bytes: &[u8], what: &'static str, version: impl Fn(&T) -> u32) -> Result<T, Unreadable> {
    match serde_json::from_slice::<T>(bytes) {
        Ok(value) if version(&value) == VERSION => Ok(value),
        _ => Err(Unreadable { what }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn control() -> Control {
        Control {
            version: VERSION,
            lanes: 8,
            source: "abc".into(),
            generation: 1,
            config: "c1".into(),
            replaced: Vec::new(),
            known: BTreeMap::new(),
            owner: "host:1".into(),
            since: 0,
            moving: None,
            rekeying: None,
            halted: None,
            rekeyed: BTreeMap::new(),
        }
    }

    #[test]
    fn lanes_follow_the_written_down_vectors() {
        // Computed independently:
        //   python3 -c 'h=0xcbf29ce484222325
        //   for b in b"payments": h=((h^b)*0x100000001b3)%2**64
        //   print(h % 8, (h+1) % 8, (h+5) % 7)'
        for (topic, partition, lanes, lane) in VECTORS {
            assert_eq!(lane_of(topic, *partition, *lanes), *lane, "{topic}-{partition} over {lanes}");
        }
    }

    const VECTORS: &[(&str, i32, u32, u32)] = &[
        ("payments", 0, 8, 6),
        ("payments", 1, 8, 7),
        ("payments", 5, 7, 4),
        ("", 0, 8, 5),
        ("a", 0, 8, 4),
        ("a", 7, 8, 3),
        ("orders.v1", 11, 12, 2),
        ("zahlungen", 3, 1, 0),
        ("payments", 2, 256, 40),
    ];

    #[test]
    fn records_read_back_and_strangers_are_refused() {
        let key = Key::Position { source: "abc".into(), topic: "t".into(), partition: 3 };
        assert_eq!(Key::decode(&key.encode()), Ok(key));
        assert_eq!(Key::decode(&Key::control().encode()), Ok(Key::control()));
        assert_eq!(Control::decode(&control().encode()), Ok(control()));
        for bad in [&b""[..], b"{}", b"null", b"\xff", b"{\"version\":2}"] {
            assert!(Control::decode(bad).is_err());
            assert!(Position::decode(bad).is_err());
            assert!(Key::decode(bad).is_err());
        }
        let mut later = control();
        later.version = VERSION + 1;
        assert!(Control::decode(&later.encode()).is_err());
    }

    #[test]
    fn a_position_says_where_its_epoch_holds() {
        for (at, holds) in [(None, 12), (Some(11), 11), (Some(13), 12)] {
            let mut json = serde_json::json!({
                "version": 1, "topic_id": "", "start": 0, "next": 12, "leader_epoch": 3, "generation": 1, "config": "c",
                "target_start": 0, "account": Account::default(),
            });
            if let Some(at) = at {
                json["epoch_at"] = at.into();
            }
            let position = Position::decode(json.to_string().as_bytes()).unwrap();
            assert_eq!((position.epoch_at, position.epoch_at()), (at, holds));
            assert_eq!(Position::decode(&position.encode()), Ok(position));
        }
    }

    #[test]
    fn a_replaced_configuration_is_declined_until_it_is_readmitted() {
        let mut lane = control();
        lane.admit("c1", Claim::Began).unwrap();
        assert_eq!(lane.generation, 1);
        lane.admit("c2", Claim::Began).unwrap();
        assert_eq!(lane.generation, 2);
        assert_eq!(lane.admit("c1", Claim::Began), Err(Declined { generation: 2, behind: 1 }));
        assert_eq!((lane.generation, lane.config.as_str()), (2, "c2"));
        lane.admit("c1", Claim::Readmitted).unwrap();
        assert_eq!((lane.generation, lane.config.as_str(), lane.replaced.clone()), (3, "c1", vec!["c2".to_owned()]));
    }

    #[test]
    fn a_switch_wins_over_what_it_saw_and_undoes_nothing_later() {
        // Two processes, one lane: c1 runs, both switch to c2, then the plugin is taken back to c1.
        let mut lane = control();
        lane.admit("c2", Claim::Switched(2)).unwrap();
        assert_eq!(lane.generation, 2);
        // The other process has not seen the file yet: it declines, and does not undo.
        assert_eq!(lane.admit("c1", Claim::Began), Err(Declined { generation: 2, behind: 1 }));
        lane.admit("c2", Claim::Switched(2)).unwrap();
        assert_eq!(lane.generation, 2, "the same switch seen by another process is no other generation");
        lane.admit("c1", Claim::Switched(3)).unwrap();
        assert_eq!((lane.generation, lane.config.as_str()), (3, "c1"));
        // A process that is still at the first switch is behind.
        assert_eq!(lane.admit("c2", Claim::Switched(2)), Err(Declined { generation: 3, behind: 1 }));
        assert_eq!(lane.admit("c2", Claim::Switched(3)), Err(Declined { generation: 3, behind: 1 }));
        // A lane that stood still meanwhile comes up to where the others are.
        let mut idle = control();
        idle.admit("c3", Claim::Switched(7)).unwrap();
        assert_eq!(idle.generation, 7);
        idle.admit("c4", Claim::Switched(5)).unwrap();
        assert_eq!(idle.generation, 8, "never downwards");
    }

    #[test]
    fn a_partition_is_known_once() {
        let mut lane = control();
        assert!(lane.know("t", 2));
        assert!(lane.know("t", 0));
        assert!(!lane.know("t", 2));
        assert!(lane.knows("t", 0) && !lane.knows("t", 1) && !lane.knows("u", 0));
        assert_eq!(lane.known["t"], [0, 2]);
    }
}
