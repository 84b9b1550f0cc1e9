//! Writes to the target: one producer, what became of each record it took, and the transaction around them. It knows
//! nothing of sources and positions; whether to abort, replay or give up is read off [`SinkError::kind`].

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::ffi::{self, Headers, Outgoing, ReportQueue, Ticket, TopicHandle};
use crate::kafka::{self, Context};

/// How long one look for reports blocks while the producer's queue is full or is being flushed.
const SERVE: Duration = Duration::from_millis(20);

/// How long the client is told to send what lingers: its threads must get to see it. While it lasts they poll without a
/// pause wherever a record waits behind a request (librdkafka 2.12.1, `rd_kafka_msgq_allow_wakeup_at`), so it is a
/// twentieth of [`SERVE`]: a quarter cost eight lanes a third of their processor time. Both double up to twice while no
/// report comes: a busy machine lets no thread see so short a word.
const WAKE: Duration = Duration::from_millis(1);

/// How long the target may take to tell the partitions of one topic.
const LEARN_WITHIN: Duration = Duration::from_secs(5);

/// How long a commit or an abort may take at most, also where the transaction time-out is longer: a target that does
/// not answer must not hold a lane that is asked to stop. (In librdkafka 2.12.1 a wait of -1 has no end.)
const COMMIT_WITHIN: Duration = Duration::from_secs(30);

/// One step of an abort, between two looks at the reports. The call is resumable.
const ABORT_STEP: Duration = Duration::from_millis(100);

/// How long a failed transaction waits for the report that says why.
const WHY_WITHIN: Duration = Duration::from_secs(5);

/// What [`SinkError::doing`] says of a record that the client refused at once.
pub const HANDING_OVER: &str = "write a record";

/// Ticket of a record whose landing place nobody asks for.
const UNTRACKED: Ticket = Ticket::MAX;

/// What has to happen after a failed call. Computed here and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The transaction cannot be committed: abort it, rewind, begin again.
    Abort,
    /// The target refused a record: as abort, and replay in ever smaller transactions until it stands alone.
    Refused,
    /// Fatal, fenced or of unknown outcome: close the producer and give the lane up.
    Lost,
}

/// The cluster that is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Target,
    /// Raw records that are put aside, and nothing else.
    Source,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Target { "target" } else { "source" })
    }
}

/// A write that failed: what was done, where, why, and what has to happen now.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} on the {side}: {reason}")]
pub struct SinkError {
    pub doing: &'static str,
    pub side: Side,
    pub reason: String,
    pub code: Option<RDKafkaErrorCode>,
    pub kind: Kind,
    /// It is about what the lane itself keeps on the target, or ends there: no source record is to blame.
    pub own: bool,
}

impl SinkError {
    /// On the target, and `own` is false: whoever writes elsewhere, or the lane's own records, says so.
    pub fn new(doing: &'static str, reason: impl Into<String>, code: Option<RDKafkaErrorCode>, kind: Kind) -> Self {
        Self { doing, side: Side::Target, reason: reason.into(), code, kind, own: false }
    }

    /// The same, of what the lane itself keeps on the target.
    pub fn owned(self) -> Self {
        Self { own: true, ..self }
    }

    /// A newer producer with our transactional id exists: another process owns the lane.
    pub fn is_fenced(&self) -> bool {
        matches!(self.code, Some(RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch | RDKafkaErrorCode::Fenced))
    }

    /// The target denies a right; it may be granted again.
    pub fn is_denied(&self) -> bool {
        use RDKafkaErrorCode as E;
        matches!(self.code, Some(E::TopicAuthorizationFailed | E::ClusterAuthorizationFailed | E::TransactionalIdAuthorizationFailed))
    }

    /// The same, with a producer that is of no use any more.
    pub fn given_up(&self) -> Self {
        Self { side: self.side, ..Self::new(self.doing, self.reason.clone(), self.code, Kind::Lost) }
    }

    /// As a denied right to write a topic that a record goes to.
    pub fn denied(doing: &'static str, reason: String) -> Self {
        Self::new(doing, reason, Some(RDKafkaErrorCode::TopicAuthorizationFailed), Kind::Abort)
    }
}

/// Where a produced record landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    pub topic: u16,
    pub partition: i32,
    pub offset: i64,
}

/// A record to write; everything is copied.
pub struct Record<'a> {
    pub topic: u16,
    pub partition: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Option<Headers>,
    /// Milliseconds since the epoch, above 0.
    pub timestamp: i64,
}

/// One producer and its open transaction.
///
/// ```text
/// idle ──begin──▶ open ──settle──▶ settled ──commit──▶ idle
///                  └────────abort────────────────────▶ idle
/// ```
pub struct Sink {
    // Fields drop in this order: handles and queue before the client.
    topics: Vec<TopicHandle>,
    reports: ReportQueue,
    producer: BaseProducer<Context>,
    names: Vec<String>,
    by_name: HashMap<String, u16>,
    landed: Vec<Landing>,
    outstanding: usize,
    /// Looks for reports in a row that found none.
    quiet: u32,
    failure: Option<(RDKafkaErrorCode, String)>,
    transactional: bool,
    /// A transaction was begun and not ended.
    begun: bool,
    timeout: Duration,
}

impl Sink {
    /// `timeout` is the transaction time-out: no wait in here is longer.
    pub fn new(producer: BaseProducer<Context>, transactional: bool, timeout: Duration) -> Self {
        Self {
            topics: Vec::new(),
            reports: ReportQueue::new(&producer),
            producer,
            names: Vec::new(),
            by_name: HashMap::new(),
            landed: Vec::new(),
            outstanding: 0,
            quiet: 0,
            failure: None,
            transactional,
            begun: false,
            timeout,
        }
    }

    /// Fences every earlier producer of the same transactional id and ends what it left open.
    pub fn init(&self) -> Result<(), SinkError> {
        if !self.transactional {
            return Ok(());
        }
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.producer.init_transactions(Duration::from_secs(10)) {
                Ok(()) => return Ok(()),
                Err(error) if retriable(&error) && Instant::now() < deadline => {}
                Err(error) => return Err(self.classified("initialise transactions", &error)),
            }
        }
    }

    /// The number of a target topic in this sink.
    pub fn topic(&mut self, name: &str) -> Result<u16, SinkError> {
        if let Some(index) = self.by_name.get(name) {
            return Ok(*index);
        }
        let lost = |reason: &str| SinkError::new("open a topic", reason, None, Kind::Lost);
        let handle = TopicHandle::new(&self.producer, name).ok_or_else(|| lost("the client refuses the topic's name"))?;
        let index = u16::try_from(self.topics.len()).map_err(|_| lost("more than 65,535 target topics in one lane"))?;
        self.topics.push(handle);
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), index);
        Ok(index)
    }

    /// The name of a topic by its number, which [`Sink::topic`] gave.
    pub fn topic_name(&self, index: u16) -> &str {
        &self.names[usize::from(index)]
    }

    /// Forgets what became of earlier records, and begins a transaction if the sink is transactional.
    pub fn begin(&mut self) -> Result<(), SinkError> {
        self.landed.clear();
        self.failure = None;
        if self.transactional {
            self.producer.begin_transaction().map_err(|error| self.classified("begin a transaction", &error))?;
            self.begun = true;
        }
        Ok(())
    }

    /// Takes a record and returns the ticket to ask [`Sink::landing`] with once settled. Waits while the queue is full.
    pub fn send(&mut self, record: Record<'_>) -> Result<Ticket, SinkError> {
        let ticket = self.landed.len();
        self.landed.push(Landing { topic: record.topic, partition: record.partition, offset: -1 });
        self.enqueue(record, ticket)?;
        Ok(ticket)
    }

    /// Takes a record whose landing place nobody asks for.
    pub fn send_untracked(&mut self, record: Record<'_>) -> Result<(), SinkError> {
        self.enqueue(record, UNTRACKED)
    }

    fn enqueue(&mut self, record: Record<'_>, ticket: Ticket) -> Result<(), SinkError> {
        let mut deadline = None;
        let Record { topic, partition, key, value, mut headers, timestamp } = record;
        loop {
            let out = Outgoing { topic: &self.topics[usize::from(topic)], partition, key, value, headers, timestamp, ticket };
            match ffi::produce(&self.producer, out) {
                Ok(()) => {
                    self.outstanding += 1;
                    return Ok(());
                }
                Err((RDKafkaErrorCode::QueueFull, back)) => {
                    headers = back.headers;
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.timeout);
                    self.serve_or_wake()?;
                    if Instant::now() > deadline {
                        return Err(self.failed(HANDING_OVER, RDKafkaErrorCode::QueueFull, "the target takes no records".into()));
                    }
                }
                // The transaction has failed already; the report that says why is on its way.
                Err((RDKafkaErrorCode::State, _)) => return Err(self.why()),
                Err((code @ RDKafkaErrorCode::UnknownPartition, _)) => {
                    self.learn_partitions(topic);
                    return Err(self.failed(HANDING_OVER, code, kafka::reason(code)));
                }
                Err((code, _)) => return Err(self.failed(HANDING_OVER, code, kafka::reason(code))),
            }
        }
    }

    /// The client knows the partitions of a topic that it writes to from up to five minutes ago
    /// (`topic.metadata.refresh.interval.ms`), and refuses those that are younger without a look. An answer for the topic
    /// tells it; the replay finds them then.
    fn learn_partitions(&self, topic: u16) {
        if let Err(error) = self.producer.client().fetch_metadata(Some(self.topic_name(topic)), LEARN_WITHIN) {
            tracing::debug!(%error, "the partitions of a topic on the target are not to be had; the replay asks again");
        }
    }

    fn why(&mut self) -> SinkError {
        let until = Instant::now() + WHY_WITHIN;
        while self.outstanding > 0 && self.cause().is_none() && Instant::now() < until {
            if let Err(error) = self.serve(SERVE) {
                return error;
            }
        }
        self.unacknowledged()
    }

    /// The failure of the open transaction. Where the reports tell only that records were purged, the client itself gave
    /// the transaction up, and says why; what has to happen follows from the reports all the same.
    fn unacknowledged(&mut self) -> SinkError {
        let reported = self.failure.take();
        let told = if reported.as_ref().is_none_or(|(code, _)| is_purge(*code)) { self.transaction_error() } else { None };
        let silent = reported.is_none() && self.outstanding == 0;
        let (code, text) = reported.unwrap_or((RDKafkaErrorCode::State, "the transaction failed".into()));
        let error = self.failed("have a record acknowledged", code, text);
        match told {
            Some((code, reason)) => SinkError { code: Some(code), reason, kind: if silent { Kind::Abort } else { error.kind }, ..error },
            None => error,
        }
    }

    /// Why the client gave the open transaction up; none where it did not. librdkafka tells a transaction's error by
    /// refusing the next call that its state does not allow, and a begin changes nothing while a transaction is open. A
    /// denied WRITE is told nowhere else: the broker refuses the partition, and what was queued for it is purged.
    fn transaction_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        if !self.begun {
            return None;
        }
        match self.producer.begin_transaction() {
            Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => Some((error.code(), ffi::nameless(&error.string()))),
            _ => None,
        }
    }

    /// Why the producer is of no use any more; none where it is. In words that name no topic (I8).
    fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.producer.client().fatal_error().map(|(code, text)| (code, ffi::nameless(&text)))
    }

    /// Takes in the reports that are there, waiting up to `wait` for the first.
    pub fn serve(&mut self, wait: Duration) -> Result<(), SinkError> {
        let (landed, outstanding, failure) = (&mut self.landed, &mut self.outstanding, &mut self.failure);
        let served = self.reports.serve(wait, |report| {
            *outstanding = outstanding.saturating_sub(1);
            if let Some(code) = report.error {
                // A purge follows from the first failure; it is never the cause. What leaves a request on its way weighs
                // more than any answer.
                let weighs_more = |first| is_purge(first) || (kind_of(code) == Kind::Lost && kind_of(first) != Kind::Lost);
                if failure.as_ref().is_none_or(|(first, _)| weighs_more(*first)) {
                    *failure = Some((code, kafka::reason(code)));
                }
            } else if let Some(landing) = landed.get_mut(report.ticket) {
                landing.offset = report.offset;
                landing.partition = report.partition;
            }
        });
        if let Err((code, text)) = served {
            if code == RDKafkaErrorCode::Fatal {
                let (code, text) = self.fatal_error().unwrap_or((code, ffi::nameless(&text)));
                return Err(SinkError::new("write", text, Some(code), Kind::Lost));
            }
            // Connection errors: the client reconnects by itself, deliveries tell whether it did in time.
            self.producer.client().context().error(KafkaError::Global(code), &text);
        }
        Ok(())
    }

    /// As [`Sink::serve`]; where no report comes, what lingers below a batch's size is sent.
    fn serve_or_wake(&mut self) -> Result<(), SinkError> {
        let (before, longer) = (self.outstanding, 1 << self.quiet.min(2));
        self.serve(SERVE * longer)?;
        self.quiet = if self.outstanding == before { self.quiet + 1 } else { 0 };
        if self.quiet > 0 {
            ffi::wake_senders(&self.producer, WAKE * longer);
        }
        Ok(())
    }

    /// The failure that the others follow from, once a report told it.
    fn cause(&self) -> Option<RDKafkaErrorCode> {
        self.failure.as_ref().map(|(code, _)| *code).filter(|code| !is_purge(*code))
    }

    /// Waits until every record was acknowledged. Afterwards each ticket has its landing place, or this fails: offsets
    /// are never inferred. After a failure nothing is waited for: the client holds back what is queued until the abort.
    pub fn settle(&mut self) -> Result<(), SinkError> {
        let deadline = Instant::now() + self.timeout;
        ffi::wake_senders(&self.producer, WAKE);
        while self.outstanding > 0 && self.cause().is_none() {
            self.serve_or_wake()?;
            if Instant::now() > deadline {
                return Err(self.failed("have records acknowledged", RDKafkaErrorCode::OperationTimedOut, "time ran out".into()));
            }
        }
        if self.failure.is_some() {
            return Err(self.unacknowledged());
        }
        if self.landed.iter().any(|landing| landing.offset < 0) {
            return Err(self.failed(
                "have a record acknowledged",
                RDKafkaErrorCode::Fail,
                "an acknowledgement came without an offset".into(),
            ));
        }
        Ok(())
    }

    /// Where a settled record landed.
    pub fn landing(&self, ticket: Ticket) -> Landing {
        self.landed[ticket]
    }

    /// Records taken since begin whose landing place is kept.
    pub fn taken(&self) -> usize {
        self.landed.len()
    }

    /// Commits; everything must be settled. Any failure leaves the outcome to the next take-over: a commit may have
    /// reached the coordinator whatever the client says of it.
    pub fn commit(&mut self) -> Result<(), SinkError> {
        if !self.transactional {
            return Ok(());
        }
        let lost = |error: SinkError| SinkError { kind: Kind::Lost, ..error };
        self.producer.commit_transaction(self.timeout.min(COMMIT_WITHIN)).map_err(|error| lost(self.classified("commit", &error)))?;
        self.begun = false;
        Ok(())
    }

    /// Drops everything since begin; nothing to do before it.
    pub fn abort(&mut self) -> Result<(), SinkError> {
        if self.transactional && !self.begun {
            return Ok(());
        }
        let deadline = Instant::now() + self.timeout.min(COMMIT_WITHIN);
        let ended = if self.transactional { self.abort_transaction(deadline) } else { self.purge() };
        while ended.is_ok() && self.outstanding > 0 && Instant::now() < deadline {
            self.serve(SERVE)?;
        }
        let cause = self.failure.take().filter(|(code, _)| self.transactional && !is_purge(*code) && kind_of(*code) == Kind::Lost);
        self.landed.clear();
        ended?;
        if let Some((code, text)) = cause {
            return Err(self.failed("have a record acknowledged", code, text));
        }
        if self.outstanding == 0 {
            self.begun = false;
            return Ok(());
        }
        Err(SinkError::new("abort", "dropped records did not report", None, Kind::Lost))
    }

    /// The client drops what is queued and waits for what is on its way: a produce request that arrived after the abort
    /// would become part of the next transaction. Its reports are served meanwhile, or it would wait for ever.
    fn abort_transaction(&mut self, deadline: Instant) -> Result<(), SinkError> {
        loop {
            match self.producer.abort_transaction(ABORT_STEP) {
                Ok(()) => return Ok(()),
                Err(error) if retriable(&error) && Instant::now() < deadline => self.serve(SERVE)?,
                // Whatever it is, the producer's state is unknown now (librdkafka #4849 ends here too).
                Err(error) => return Err(SinkError { kind: Kind::Lost, ..self.classified("abort", &error) }),
            }
        }
    }

    fn purge(&mut self) -> Result<(), SinkError> {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        Ok(())
    }

    fn failed(&self, doing: &'static str, code: RDKafkaErrorCode, reason: String) -> SinkError {
        if let Some((code, reason)) = self.fatal_error() {
            return SinkError::new(doing, reason, Some(code), Kind::Lost);
        }
        SinkError::new(doing, reason, Some(code), kind_of(code))
    }

    fn classified(&self, doing: &'static str, error: &KafkaError) -> SinkError {
        let code = error.rdkafka_error_code();
        let (kind, reason) = match error {
            KafkaError::Transaction(error) if error.txn_requires_abort() => (Kind::Abort, ffi::nameless(&error.string())),
            KafkaError::Transaction(error) => (Kind::Lost, ffi::nameless(&error.string())),
            other => (Kind::Lost, other.to_string()),
        };
        SinkError::new(doing, reason, code, kind)
    }
}

fn retriable(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(error) if error.is_retriable() && !error.is_fatal() && !error.txn_requires_abort())
}

/// What a report's code asks for.
fn kind_of(code: RDKafkaErrorCode) -> Kind {
    use RDKafkaErrorCode as E;
    match code {
        E::MessageSizeTooLarge
        | E::InvalidTimestamp
        | E::InvalidRecord
        | E::InvalidMessage
        | E::InvalidMessageSize
        | E::PolicyViolation => Kind::Refused,
        // A definite answer: what was refused was not written, and is not on its way. What was purged in the queue never
        // was; why is told by a replay, where no report told it.
        E::PurgeQueue
        | E::UnknownTopic
        | E::UnknownPartition
        | E::UnknownTopicOrPartition
        | E::NotLeaderForPartition
        | E::LeaderNotAvailable
        | E::NotEnoughReplicas
        | E::InvalidTopic
        | E::TopicAuthorizationFailed
        | E::ClusterAuthorizationFailed => Kind::Abort,
        // Time-outs, lost connections, the rest: a request may still be on its way. Were this producer used again, it
        // could arrive after the abort and become part of the next transaction, beside its replay (librdkafka 2.12.1
        // lacks KIP-890). A new producer has a new epoch, which fences it.
        _ => Kind::Lost,
    }
}

fn is_purge(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)
}
