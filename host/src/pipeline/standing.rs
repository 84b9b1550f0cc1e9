//! What keeps this process out of the pipeline's group, as the group's client last told it. It must not join or leave the
//! group: whoever serves the group tells it what it met.

use std::sync::{Mutex, PoisonError};

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka;
use crate::metrics::Reason;

/// Why the group does not take this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    pub reason: Reason,
    pub detail: String,
}

/// Whether the group takes this process, until it is told otherwise.
pub struct Standing {
    pipeline: String,
    barred: Mutex<Option<Barred>>,
}

impl Standing {
    /// Nothing is known against it.
    pub fn new(pipeline: &str) -> Self {
        Self { pipeline: pipeline.to_owned(), barred: Mutex::default() }
    }

    /// The group's client met an error; says whether that was told. The library repeats some with every try to join, and
    /// others it reports once, however long they last: what is known stands until the group takes the process. What passes
    /// by itself, like a broker that is away, takes nothing back and bars nobody.
    pub fn meet(&self, error: &KafkaError) -> bool {
        let pipeline = &self.pipeline;
        let Some(code) = error.rdkafka_error_code().filter(|code| !passes(*code)) else {
            tracing::debug!(pipeline, %error, "group");
            return false;
        };
        let reason = if kafka::denies(code) { Reason::Authorization } else { Reason::NotAssigned };
        let detail = format!("the group sluice.{pipeline} on the target does not take this process: {}", kafka::reason(code));
        let found = Some(Barred { reason, detail: detail.clone() });
        let mut barred = self.barred.lock().unwrap_or_else(PoisonError::into_inner);
        if *barred == found {
            return false;
        }
        *barred = found;
        tracing::warn!(pipeline, "{detail}");
        true
    }

    /// The group takes the process, be it without a lane for now.
    pub fn taken(&self) {
        if self.barred.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!(pipeline = self.pipeline, "the group takes this process now");
        }
    }

    /// What is known against it.
    pub fn barred(&self) -> Option<Barred> {
        self.barred.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether an error ends by itself: brokers that are away or busy, leaders that move, a membership that has to be renewed; or
/// is about a place in a log that nobody reads by this client.
fn passes(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as E;
    matches!(
        code,
        E::AllBrokersDown
            | E::Authentication
            | E::AutoOffsetReset
            | E::BrokerDestroy
            | E::BrokerNotAvailable
            | E::BrokerTransportFailure
            | E::CoordinatorLoadInProgress
            | E::CoordinatorNotAvailable
            | E::DestroyBroker
            | E::FencedLeaderEpoch
            | E::IllegalGeneration
            | E::LeaderNotAvailable
            | E::MemberIdRequired
            | E::NetworkException
            | E::NodeUpdate
            | E::NotCoordinator
            | E::NotLeaderForPartition
            | E::OffsetOutOfRange
            | E::OperationTimedOut
            | E::PollExceeded
            | E::RebalanceInProgress
            | E::ReplicaNotAvailable
            | E::RequestTimedOut
            | E::Resolve
            | E::SSL
            | E::TimedOutQueue
            | E::UnknownLeaderEpoch
            | E::UnknownMemberId
            | E::WaitingForCoordinator
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_error_is_told_once_and_stands_until_the_group_takes_the_process() {
        use RDKafkaErrorCode as E;
        let standing = Standing::new("p");
        let reason = || standing.barred().map(|barred| barred.reason);
        for (code, told, expected) in [
            (E::CoordinatorNotAvailable, false, None),
            (E::AllBrokersDown, false, None),
            (E::BrokerTransportFailure, false, None),
            (E::GroupAuthorizationFailed, true, Some(Reason::Authorization)),
            (E::GroupAuthorizationFailed, false, Some(Reason::Authorization)),
            // A broker that goes meanwhile grants nothing.
            (E::AllBrokersDown, false, Some(Reason::Authorization)),
            (E::TopicAuthorizationFailed, true, Some(Reason::Authorization)),
            (E::InconsistentGroupProtocol, true, Some(Reason::NotAssigned)),
        ] {
            assert_eq!((standing.meet(&KafkaError::MessageConsumption(code)), reason()), (told, expected), "{code:?}");
        }
        standing.taken();
        assert_eq!(reason(), None);
        assert!(standing.meet(&KafkaError::MessageConsumption(E::GroupAuthorizationFailed)), "it was taken back since");
        assert!(standing.barred().is_some_and(|barred| barred.detail.contains("sluice.p") && barred.detail.contains("not authorized")));
    }
}
