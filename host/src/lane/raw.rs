//! Raw records that are put aside on the source before the lane's transaction commits. One that the quarantine topic there
//! refuses halts its own partition, and no other. It must not write to the target.

use super::{Failure, Working};
use crate::kafka::ffi::Fetched;
use crate::quarantine::RawQuarantine;
use crate::sink::{Kind, SinkError};

/// What writes raw records.
///
/// ```text
/// all at once ──one was refused: abort, replay──▶ one by one ──committed──▶ all at once
/// ```
#[derive(Default)]
pub(super) struct Raw {
    /// Made when the first record comes.
    writer: Option<RawQuarantine>,
    /// Each record is waited for by itself. A refusal fails the whole batch that the record was in, and does not say which
    /// one it was about.
    one_by_one: bool,
}

impl Raw {
    /// What is not acknowledged yet belongs to a transaction that will be aborted: it goes with its writer, so that no late
    /// report meets the replay.
    fn failed(&mut self, error: &SinkError) {
        self.writer = None;
        self.one_by_one |= error.kind == Kind::Refused;
    }

    /// The transaction is committed, and whatever was refused is behind.
    pub(super) fn committed(&mut self) {
        self.one_by_one = false;
    }
}

impl Working<'_> {
    /// Hands a raw record over to `topic` on the source. Where that is known to refuse it, the record's partition halts.
    pub(super) fn keep_raw(&mut self, slot: usize, record: &Fetched, topic: &str, key: &[u8]) -> Result<(), Failure> {
        let mut writer = match self.raw.writer.take() {
            Some(writer) => writer,
            None => self.lane.shared.raw_quarantine(topic)?,
        };
        let put = writer.put(record, key).and_then(|()| if self.raw.one_by_one { writer.settle() } else { Ok(()) });
        self.raw.writer = Some(writer);
        let Err(error) = put else { return Ok(()) };
        if error.kind != Kind::Refused {
            self.raw.failed(&error);
            return Err(error.into());
        }
        if self.raw.one_by_one {
            // Made anew, like any writer that was refused something on the broker.
            self.raw.failed(&error);
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
        let mut raw = Raw::default();
        for (kind, after) in [(Kind::Abort, false), (Kind::Lost, false), (Kind::Refused, true), (Kind::Abort, true)] {
            raw.failed(&SinkError::new("have a record acknowledged", "why", None, kind));
            assert_eq!(raw.one_by_one, after, "{kind:?}");
        }
        raw.committed();
        assert!(!raw.one_by_one);
    }
}
