//! Raw records that are put aside on the source before the lane's transaction commits. One that the quarantine topic there
//! refuses halts its own partition, and no other. It must not write to the target.

use std::collections::BTreeSet;

use super::{Failure, Working};
use crate::kafka::ffi::Fetched;
use crate::quarantine::RawQuarantine;
use crate::sink::{Kind, SinkError};

/// What writes raw records.
///
/// ```text
/// all at once ──one was refused: abort, replay──▶ one by one ──each of them was tried──▶ all at once
/// ```
#[derive(Default)]
pub(super) struct Raw {
    /// Made when the first record comes.
    writer: Option<RawQuarantine>,
    /// Slot and offset of the records that were handed over since the last commit.
    handed: Vec<(usize, i64)>,
    /// One of these was refused: a refusal fails the whole batch that the record was in, and does not say which one it was
    /// about. While there are any, each record is waited for by itself; commits may come before the replay has reached all.
    suspects: BTreeSet<(usize, i64)>,
}

impl Raw {
    /// What is not acknowledged yet belongs to a transaction that will be aborted: it goes with its writer, so that no late
    /// report meets the replay.
    fn failed(&mut self, error: &SinkError) {
        self.writer = None;
        let handed = std::mem::take(&mut self.handed);
        if error.kind == Kind::Refused {
            self.suspects.extend(handed);
        }
    }

    /// The transaction is over: what was handed over is committed with it, or comes again.
    pub(super) fn ended(&mut self) {
        self.handed.clear();
    }
}

impl Working<'_> {
    /// Hands a raw record over to `topic` on the source. Where that is known to refuse it, the record's partition halts.
    pub(super) fn keep_raw(&mut self, slot: usize, record: &Fetched, topic: &str, key: &[u8]) -> Result<(), Failure> {
        let mut writer = match self.raw.writer.take() {
            Some(writer) => writer,
            None => self.lane.shared.raw_quarantine(topic)?,
        };
        let one_by_one = !self.raw.suspects.is_empty();
        let put = writer.put(record, key).and_then(|()| if one_by_one { writer.settle() } else { Ok(()) });
        self.raw.writer = Some(writer);
        self.raw.suspects.remove(&(slot, record.offset()));
        self.raw.handed.push((slot, record.offset()));
        let Err(error) = put else { return Ok(()) };
        if error.kind != Kind::Refused {
            self.raw.failed(&error);
            return Err(error.into());
        }
        self.raw.handed.pop();
        if one_by_one {
            // Made anew, like any writer that was refused something on the broker; the others before it were acknowledged.
            self.raw.writer = None;
        }
        let detail = format!("the quarantine topic {topic} on the source refuses the record: {}", error.reason);
        self.halt(slot, "record_failed", record.offset(), detail)
    }

    /// Waits until all of them are acknowledged.
    pub(super) fn settle_raw(&mut self) -> Result<(), Failure> {
        let Some(writer) = &mut self.raw.writer else { return Ok(()) };
        writer.settle().map_err(|error| {
            self.raw.failed(&error);
            error.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_looked_into_one_by_one() {
        let refused = |kind| SinkError::new("have a record acknowledged", "why", None, kind);
        let mut raw = Raw { handed: vec![(0, 4), (1, 7)], ..Raw::default() };
        raw.failed(&refused(Kind::Abort));
        assert!(raw.suspects.is_empty(), "no record is to blame");
        raw.handed = vec![(0, 4), (1, 7)];
        raw.failed(&refused(Kind::Refused));
        raw.handed.push((2, 1));
        raw.ended();
        assert_eq!(raw.suspects, BTreeSet::from([(0, 4), (1, 7)]), "a commit that comes before them clears nobody");
    }
}
