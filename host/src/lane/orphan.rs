//! Records of our own that a broker left without an end. A coordinator that comes back and does not know a partition's
//! leader yet takes the partition for deleted and writes no marker to it ("likely deleted already and hence can be
//! skipped"; seen with 4.3.1, whose only broker was killed and started again). The transaction counts as aborted then,
//! and its records hang in the log until the next commit of the same producer id takes them along: doubled. So a
//! take-over looks for partitions whose last stable offset stands still and ends what is ours in them, before it writes.

use rdkafka::consumer::Consumer;

use super::{Failure, Lane};
use crate::clock::now_millis;
use crate::kafka::ffi::{self, Spec};
use crate::pipeline::Offsets;
use crate::sink::{Record, Sink};

/// How long a question for offsets may take.
const ASK_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// Key of the record that carries an abort into a partition; a compacted topic takes none without a key. Nobody who reads
/// committed records ever sees it.
const KEY: &[u8] = b"sluice";

impl Lane {
    /// Ends what hangs in the lane's own partitions of the positions and of the offset map; nobody else writes there.
    pub(super) fn end_own_orphans(&self, sink: &mut Sink) -> Result<(), Failure> {
        let lane = self.number as i32;
        let topics = &self.shared.topics;
        self.end_orphans(sink, &[(&topics.positions, lane, -1), (&topics.offset_map, lane, -1)])
    }

    /// Ends what hangs in `partitions` of the target: topic, partition, and the last target offset that the position says
    /// is committed, -1 where there is none. In a data topic it may be somebody else's open transaction that hangs; an
    /// abort of ours does it no harm.
    pub(super) fn end_orphans(&self, sink: &mut Sink, partitions: &[(&str, i32, i64)]) -> Result<(), Failure> {
        if !self.shared.exactly_once() || partitions.is_empty() {
            return Ok(());
        }
        let asked: Vec<(&str, i32)> = partitions.iter().map(|(topic, partition, _)| (*topic, *partition)).collect();
        // In this order: what is stable later than it was the end is not hanging.
        let ends = self.ends(&asked, Spec::Latest)?;
        let stable = self.ends(&asked, Spec::LatestStable)?;
        let hanging: Vec<_> = partitions
            .iter()
            .filter_map(|&(topic, partition, landed)| {
                let at = (topic.to_owned(), partition);
                let stands_at = *stable.get(&at)?;
                (stands_at < *ends.get(&at)?).then_some((topic, partition, landed, stands_at))
            })
            .collect();
        if hanging.is_empty() {
            return Ok(());
        }
        sink.begin()?;
        for (topic, partition, landed, stands_at) in hanging {
            let pipeline = &self.shared.pipeline.name;
            if landed >= stands_at {
                // Committed, though the marker is missing: an abort would lose it, and our next commit brings it.
                tracing::warn!(
                    pipeline,
                    lane = self.number,
                    topic,
                    partition,
                    stands_at,
                    "committed records lack their marker; the next commit brings it"
                );
                continue;
            }
            tracing::info!(
                pipeline,
                lane = self.number,
                topic,
                partition,
                stands_at,
                "a transaction is open or was never ended; ending what is ours"
            );
            let topic = sink.topic(topic)?;
            let record = Record { topic, partition, key: Some(KEY), value: None, headers: None, timestamp: now_millis() };
            sink.send_untracked(record)?;
        }
        // The broker has it, so its abort marker comes into the partition too.
        sink.settle()?;
        Ok(sink.abort()?)
    }

    fn ends(&self, partitions: &[(&str, i32)], spec: Spec) -> Result<Offsets, Failure> {
        let client = self.shared.target_topics.observer().client();
        let answers = ffi::list_offsets(client, partitions, spec, ASK_WITHIN)
            .map_err(|error| Failure::Client(format!("cannot ask the target for its ends: {error}")))?;
        // A topic that is gone has nothing that could hang.
        Ok(answers.into_iter().filter_map(|(at, end)| Some((at, end.ok()?))).collect())
    }
}
