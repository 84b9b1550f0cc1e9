//! Membership in the pipeline's group on the target: which lanes are ours. It must not touch data; whoever implements
//! [`Lanes`] starts and ends the lanes.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaRespErr;

use crate::config::plan::Cluster;
use crate::kafka::{self, Context};

/// Told by the group which lanes come and go. Called on the group's thread.
pub trait Lanes: Send + Sync + 'static {
    /// These lanes are ours now.
    fn assigned(&self, lanes: &[u32]);
    /// These lanes are to go; returns once each has finished or aborted, or its time is over.
    fn revoked(&self, lanes: &[u32]);
}

struct Membership<L> {
    context: Context,
    lanes: L,
}

impl<L: Lanes> ClientContext for Membership<L> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = false;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.context.generate_oauth_token(config)
    }
}

impl<L: Lanes> ConsumerContext for Membership<L> {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let lanes: Vec<u32> = list.elements().iter().filter_map(|item| u32::try_from(item.partition()).ok()).collect();
        let done = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                // An offset of its own keeps the client from asking for committed ones; paused it fetches nothing.
                let assigned =
                    list.set_all_offsets(Offset::End).and_then(|()| consumer.incremental_assign(list)).and_then(|()| consumer.pause(list));
                if assigned.is_ok() {
                    self.lanes.assigned(&lanes);
                }
                assigned
            }
            _ => {
                self.lanes.revoked(&lanes);
                consumer.incremental_unassign(list)
            }
        };
        if let Err(error) = done {
            tracing::error!(?lanes, %error, "the group's assignment could not be followed");
        }
    }
}

/// A question of a lane to the group's thread: are we still a member of the group's current generation?
pub struct Confirm {
    questions: Sender<(u32, Sender<bool>)>,
}

impl Clone for Confirm {
    fn clone(&self) -> Self {
        Self { questions: self.questions.clone() }
    }
}

impl Confirm {
    /// Whether the coordinator, asked after this call began, still counts this process as the member that owns `lane`.
    /// False also when `give_up` turned true while waiting.
    ///
    /// The proof is an offset commit for the lane's partition: the coordinator takes it only from a member of the
    /// current generation, so a process that was thought dead and came back learns here that it is out, before it
    /// fences its successor. (A heartbeat would prove the same, but the client library does not show its own.)
    pub fn still_owned(&self, lane: u32, give_up: impl Fn() -> bool) -> bool {
        let (reply, answer) = channel();
        if self.questions.send((lane, reply)).is_err() {
            return false;
        }
        loop {
            match answer.recv_timeout(Duration::from_millis(50)) {
                Ok(owned) => return owned,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) if !give_up() => {}
                Err(_) => return false,
            }
        }
    }
}

/// The group's consumer; lives on one thread that polls it always.
pub struct Group<L: Lanes> {
    consumer: BaseConsumer<Membership<L>>,
    positions_topic: String,
    questions: Receiver<(u32, Sender<bool>)>,
    confirm: Confirm,
}

impl<L: Lanes> Group<L> {
    /// Joins `group` by subscribing to `positions_topic` on the target.
    pub fn join(target: &Cluster, group: &str, positions_topic: &str, lanes: L) -> KafkaResult<Self> {
        let context = Membership { context: Context::new(target), lanes };
        let consumer = kafka::group_consumer(target, group, context)?;
        consumer.subscribe(&[positions_topic])?;
        let (questions, asked) = channel();
        Ok(Self { consumer, positions_topic: positions_topic.to_owned(), questions: asked, confirm: Confirm { questions } })
    }

    /// For the lanes to ask whether they are still owned.
    pub fn confirm(&self) -> Confirm {
        self.confirm.clone()
    }

    /// Serves the group and the lanes' questions for up to `wait`.
    pub fn serve(&self, wait: Duration) -> Option<KafkaError> {
        let error = match self.consumer.poll(wait) {
            // A record that slipped through before the pause is nobody's.
            None | Some(Ok(_)) | Some(Err(KafkaError::PartitionEOF(_))) => None,
            Some(Err(error)) => Some(error),
        };
        // One proof answers all who wait: it is of membership, and a slow coordinator must not be asked once a lane.
        let asked: Vec<_> = self.questions.try_iter().collect();
        if let Some((first, _)) = asked.first() {
            let member = self.prove(*first);
            for (lane, reply) in asked {
                if reply.send(member && self.is_assigned(lane)).is_err() {
                    tracing::trace!(lane, "nobody waits for the answer any more");
                }
            }
        }
        error
    }

    /// Whether the client itself still counts the lane as assigned.
    fn is_assigned(&self, lane: u32) -> bool {
        let held = |list: TopicPartitionList| list.elements().iter().any(|item| item.partition() == lane as i32);
        !self.consumer.assignment_lost() && self.consumer.assignment().is_ok_and(held)
    }

    fn prove(&self, lane: u32) -> bool {
        let mut list = TopicPartitionList::new();
        let committed = list
            .add_partition_offset(&self.positions_topic, lane as i32, Offset::Offset(0))
            .and_then(|()| self.consumer.commit(&list, CommitMode::Sync));
        if let Err(error) = &committed {
            tracing::info!(lane, %error, "the group does not confirm the lane");
        }
        committed.is_ok()
    }

    /// Leaves the group. Every lane must have ended.
    pub fn leave(self) {
        self.consumer.unsubscribe();
        // Serve the revocation that unsubscribing brings; the consumer's drop closes it and tells the coordinator.
        self.serve(Duration::from_millis(100));
    }
}
