//! How a process's memory is divided over its lanes. It knows no lane: what it divides by is how many there may come to be.

/// What a lane takes beside its queues: threads and buffers of its clients, a batch, an instance of each step. Bytes, by the
/// bench: with the same queues in all, eight lanes peaked 48 MiB above one with a mask, 55 MiB without.
const BESIDE_QUEUES: u64 = 7 << 20;

/// Memory of one lane's queues, bytes.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub consumer: usize,
    pub producer: usize,
}

impl Budget {
    /// Divides a process's budget over the lanes that it may come to own. The client library counts payload alone, and
    /// what it adds to each record takes about as much again. Queues keep at least half of a lane's share: many lanes in
    /// little memory take more than they were given rather than send records one by one.
    pub fn of(memory: u64, lanes: u32) -> Self {
        let share = memory / u64::from(lanes.max(1));
        let queues = share.saturating_sub(BESIDE_QUEUES).max(share / 2) as usize;
        Self { consumer: queues / 4, producer: queues / 5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use crate::config::Location;
    use crate::config::plan::Cluster;
    use crate::kafka::{self, ProducerSettings};

    const MIB: u64 = 1 << 20;

    /// The client library refuses settings that do not go together, and only when a client is made.
    #[test]
    fn every_division_makes_clients() {
        let nowhere = Cluster {
            name: "nowhere".into(),
            bootstrap_servers: "127.0.0.1:1".into(),
            properties: Vec::new(),
            registry: None,
            at: Location { file: "s.yaml".into(), line: 1, column: 1 },
        };
        for (memory, lanes) in [(32, 1), (256, 1), (256, 8), (256, 17), (256, 33), (32, 500), (1 << 20, 1)] {
            let Budget { consumer, producer } = Budget::of(memory * MIB, lanes);
            let of = |memory| ProducerSettings {
                transactional_id: None,
                transaction_timeout: Duration::from_secs(10),
                memory,
                batch_bytes: 1_000_000,
            };
            for made in [
                kafka::source_consumer(&nowhere, "p", consumer).map(drop),
                kafka::producer(&nowhere, &of(producer)).map(drop),
                // The raw quarantine's.
                kafka::producer(&nowhere, &of(producer / 4)).map(drop),
            ] {
                assert!(made.is_ok(), "{memory} MiB, {lanes} lanes: {made:?}");
            }
        }
    }

    #[test]
    fn lanes_cost_what_they_take_beside_their_queues() {
        let queues = |memory, lanes| {
            let Budget { consumer, producer } = Budget::of(memory * MIB, lanes);
            ((consumer + producer) as u64 * u64::from(lanes)).div_ceil(MIB)
        };
        assert_eq!([1, 8, 16].map(|lanes| queues(256, lanes)), [113, 90, 65]);
        assert_eq!([64, 256, 1000].map(|lanes| queues(256, lanes)), [58; 3], "queues keep half of a share");
    }
}
