//! The librdkafka calls that the safe crate lacks, wrapped so that nothing unsafe leaves this file. It must not decide
//! anything: no retries, no policy, no Sluice words.
//!
//! What is wrapped, and why the safe crate does not do:
//! - **fetching**: its end-of-partition event carries neither topic nor offset, its header access panics on a name that
//!   is not UTF-8, and it allocates twice a record. Batches come from `rd_kafka_consume_batch_queue`; that call can
//!   advance librdkafka's own position over errors and end-of-partition events (fixed in 2.13.2), which is harmless
//!   here because nobody reads that position: no commit, no stored offsets, no pause and resume; every (re)start of a
//!   partition names its offset.
//! - **producing**: a cached topic handle, header names as bytes, and a number that comes back with the report.
//! - **delivery reports**: read from the event as they are, without an allocation each.
//! - **topic ids and list-offsets by isolation level**: not exposed at all.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;

/// A number that travels with a produced record and comes back with its delivery report.
pub type Ticket = usize;

/// One thing that a consumer's queue held: a record, or an error or end-of-partition event of one partition.
pub struct Fetched(NonNull<sys::rd_kafka_message_t>);

// SAFETY: librdkafka messages may be used and destroyed from any thread, one at a time; `Fetched` is their only owner.
unsafe impl Send for Fetched {}

impl Drop for Fetched {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the consume call and is destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// A borrowed header: its name as bytes (up to the first NUL: the client library keeps no length) and its value.
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

impl Fetched {
    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: valid until drop.
        unsafe { self.0.as_ref() }
    }

    /// None for a record; the event otherwise (end of partition: [`RDKafkaErrorCode::PartitionEOF`]).
    pub fn error(&self) -> Option<RDKafkaErrorCode> {
        let err = self.raw().err;
        (err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| err.into())
    }

    /// The topic's name; None for events of the client as a whole.
    pub fn topic(&self) -> Option<&str> {
        let rkt = self.raw().rkt;
        if rkt.is_null() {
            return None;
        }
        // SAFETY: the message holds a reference to its topic; names are NUL-terminated ASCII.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(rkt)) }.to_str().ok()
    }

    /// Identifies the topic within its client, cheaper than comparing names.
    pub fn topic_handle(&self) -> usize {
        self.raw().rkt as usize
    }

    pub fn partition(&self) -> i32 {
        self.raw().partition
    }

    /// The record's offset; of an end-of-partition event the offset that comes next.
    pub fn offset(&self) -> i64 {
        self.raw().offset
    }

    pub fn key(&self) -> Option<&[u8]> {
        // SAFETY: pointer and length belong together and live as long as the message.
        unsafe { slice(self.raw().key, self.raw().key_len) }
    }

    pub fn value(&self) -> Option<&[u8]> {
        // SAFETY: as above.
        unsafe { slice(self.raw().payload, self.raw().len) }
    }

    /// Milliseconds since the epoch; -1 where the record carries none.
    pub fn timestamp(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: a valid message and a valid place for the type.
        unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &mut kind) }
    }

    /// Leader epoch of the record's batch; -1 where unknown.
    pub fn leader_epoch(&self) -> i32 {
        // SAFETY: a valid message.
        unsafe { sys::rd_kafka_message_leader_epoch(self.0.as_ptr()) }
    }

    fn raw_headers(&self) -> Result<*mut sys::rd_kafka_headers_t, RDKafkaErrorCode> {
        let mut headers = ptr::null_mut();
        // SAFETY: the list that comes back belongs to the message.
        let err = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &mut headers) };
        match err {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(headers),
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__NOENT => Ok(ptr::null_mut()),
            other => Err(other.into()),
        }
    }

    /// All headers in order, duplicates included. Fails where the record's header block cannot be parsed.
    pub fn headers(&self) -> Result<Vec<Header<'_>>, RDKafkaErrorCode> {
        let list = self.raw_headers()?;
        if list.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the list lives as long as the message, and so do names and values.
        unsafe {
            let count = sys::rd_kafka_header_cnt(list);
            let mut out = Vec::with_capacity(count);
            for index in 0..count {
                let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0usize);
                let err = sys::rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut size);
                if err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return Err(err.into());
                }
                out.push((CStr::from_ptr(name).to_bytes(), slice(value, size)));
            }
            Ok(out)
        }
    }

    /// A copy of the headers for a produced record, names kept whole; None where there are none.
    pub fn copy_headers(&self) -> Result<Option<Headers>, RDKafkaErrorCode> {
        let list = self.raw_headers()?;
        // SAFETY: a valid list or null, which is asked first.
        Ok(NonNull::new(list).and_then(|list| unsafe { NonNull::new(sys::rd_kafka_headers_copy(list.as_ptr())) }).map(Headers))
    }
}

/// # Safety
/// `data` is null or valid for `len` bytes for `'a`.
unsafe fn slice<'a>(data: *const std::ffi::c_void, len: usize) -> Option<&'a [u8]> {
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast(), len) })
}

/// The queue that a consumer's records and events come out of.
pub struct FetchQueue<C: ConsumerContext + 'static> {
    queue: NonNull<sys::rd_kafka_queue_t>,
    consumer: BaseConsumer<C>,
    room: Vec<*mut sys::rd_kafka_message_t>,
}

// SAFETY: queue handles may be used from any thread; `room` holds no live message between calls.
unsafe impl<C: ConsumerContext + 'static> Send for FetchQueue<C> {}

impl<C: ConsumerContext + 'static> Drop for FetchQueue<C> {
    fn drop(&mut self) {
        // SAFETY: taken once in `new`, given back before the client goes (fields drop after this body).
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

impl<C: ConsumerContext + 'static> FetchQueue<C> {
    /// Takes the consumer over. It must have a `group.id`, or it has no consumer queue: None.
    pub fn new(consumer: BaseConsumer<C>) -> Option<Self> {
        // SAFETY: a valid client.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Some(Self { queue: NonNull::new(queue)?, consumer, room: Vec::new() })
    }

    pub fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Appends up to `most` things to `out`. Where nothing is there it waits up to `wait` for the first one and then
    /// takes what else is there already: it never waits for a full batch.
    pub fn take(&mut self, out: &mut Vec<Fetched>, most: usize, wait: Duration) {
        if self.batch(out, most, Duration::ZERO) == 0 && !wait.is_zero() && self.batch(out, 1, wait) == 1 {
            self.batch(out, most.saturating_sub(1), Duration::ZERO);
        }
    }

    fn batch(&mut self, out: &mut Vec<Fetched>, most: usize, wait: Duration) -> usize {
        self.room.resize(most, ptr::null_mut());
        // SAFETY: room for `most` pointers; each one that comes back is owned by us and wrapped once.
        let got = unsafe { sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), millis(wait), self.room.as_mut_ptr(), most) };
        let got = usize::try_from(got).unwrap_or(0);
        out.extend(self.room[..got].iter().filter_map(|message| NonNull::new(*message)).map(Fetched));
        got
    }
}

/// A list of headers for a produced record.
pub struct Headers(NonNull<sys::rd_kafka_headers_t>);

// SAFETY: an owned list with no ties to a thread.
unsafe impl Send for Headers {}

impl Drop for Headers {
    fn drop(&mut self) {
        // SAFETY: owned; a list that librdkafka took over is forgotten instead (see `produce`).
        unsafe { sys::rd_kafka_headers_destroy(self.0.as_ptr()) }
    }
}

impl Headers {
    pub fn new(expected: usize) -> Self {
        // SAFETY: librdkafka aborts on allocation failure rather than returning null.
        Self(NonNull::new(unsafe { sys::rd_kafka_headers_new(expected) }).expect("librdkafka never returns a null header list"))
    }

    /// Appends one header; order and duplicates are kept.
    pub fn push(&mut self, name: &[u8], value: Option<&[u8]>) {
        let (data, len) = value.map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len()));
        // SAFETY: lengths are given; librdkafka copies. The call fails only on a read-only list, which this is not.
        unsafe {
            sys::rd_kafka_header_add(self.0.as_ptr(), name.as_ptr().cast::<c_char>(), name.len() as isize, data.cast(), len as isize);
        }
    }
}

/// A topic of a producer, looked up once.
pub struct TopicHandle(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: topic handles are reference-counted inside librdkafka and usable from any thread.
unsafe impl Send for TopicHandle {}

impl Drop for TopicHandle {
    fn drop(&mut self) {
        // SAFETY: taken once.
        unsafe { sys::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}

impl TopicHandle {
    /// Fails for a name that the client refuses (empty, too long, with a NUL).
    pub fn new<C: ProducerContext>(producer: &BaseProducer<C>, topic: &str) -> Option<Self> {
        let name = CString::new(topic).ok()?;
        // SAFETY: a valid client; a null configuration means the client's default.
        NonNull::new(unsafe { sys::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut()) }).map(Self)
    }
}

/// What to produce. Everything is copied during the call.
pub struct Outgoing<'a> {
    pub topic: &'a TopicHandle,
    pub partition: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Option<Headers>,
    /// Milliseconds since the epoch, above 0: librdkafka replaces 0 by now.
    pub timestamp: i64,
    pub ticket: Ticket,
}

/// Hands a record to the producer's queue. On failure the record (its headers) comes back with the error, so that a
/// full queue can be waited for.
pub fn produce<'a, C: ProducerContext>(producer: &BaseProducer<C>, out: Outgoing<'a>) -> Result<(), (RDKafkaErrorCode, Outgoing<'a>)> {
    use sys::rd_kafka_vtype_t::*;
    let (key, key_len) = out.key.map_or((ptr::null(), 0), |k| (k.as_ptr(), k.len()));
    let (value, value_len) = out.value.map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len()));
    let headers = out.headers.as_ref().map_or(ptr::null_mut(), |h| h.0.as_ptr());
    // SAFETY: the argument list follows rd_kafka_producev's documentation: tag, then the tag's arguments; MSG_F_COPY
    // copies key and value before the call returns; the header list is taken over only on success.
    let err = unsafe {
        sys::rd_kafka_producev(
            producer.client().native_ptr(),
            RD_KAFKA_VTYPE_RKT,
            out.topic.0.as_ptr(),
            RD_KAFKA_VTYPE_PARTITION,
            out.partition,
            RD_KAFKA_VTYPE_MSGFLAGS,
            sys::RD_KAFKA_MSG_F_COPY,
            RD_KAFKA_VTYPE_VALUE,
            value,
            value_len,
            RD_KAFKA_VTYPE_KEY,
            key,
            key_len,
            RD_KAFKA_VTYPE_OPAQUE,
            out.ticket as *mut std::ffi::c_void,
            RD_KAFKA_VTYPE_TIMESTAMP,
            out.timestamp,
            RD_KAFKA_VTYPE_HEADERS,
            headers,
            RD_KAFKA_VTYPE_END,
        )
    };
    if err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        if let Some(headers) = out.headers {
            std::mem::forget(headers);
        }
        Ok(())
    } else {
        Err((err.into(), out))
    }
}

/// Makes the client send what lingers, without waiting and without serving reports (the safe crate's flush would serve
/// and lose them).
pub fn wake_senders<C: ProducerContext>(producer: &BaseProducer<C>) {
    // SAFETY: a valid client. With no time to wait the call only wakes the senders; its time-out says nothing new.
    unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), 0) };
}

/// What became of a produced record.
pub struct Report {
    pub ticket: Ticket,
    pub partition: i32,
    /// Where it landed; negative where the broker did not say.
    pub offset: i64,
    pub error: Option<RDKafkaErrorCode>,
}

/// The queue that a producer's delivery reports and errors come out of.
pub struct ReportQueue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: as `FetchQueue`.
unsafe impl Send for ReportQueue {}

impl Drop for ReportQueue {
    fn drop(&mut self) {
        // SAFETY: taken once.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

impl ReportQueue {
    /// Drop it before the producer.
    pub fn new<C: ProducerContext>(producer: &BaseProducer<C>) -> Self {
        // SAFETY: a valid client always has a main queue.
        Self(NonNull::new(unsafe { sys::rd_kafka_queue_get_main(producer.client().native_ptr()) }).expect("every client has a main queue"))
    }

    /// Serves reports until none is left, waiting up to `wait` for the first. A client-level error comes back as Err
    /// with its text (addresses and names, never payload); reports before it have been handed over.
    pub fn serve(&self, wait: Duration, mut report: impl FnMut(Report)) -> Result<bool, (RDKafkaErrorCode, String)> {
        let (mut wait, mut any) = (wait, false);
        loop {
            // SAFETY: an event is used and destroyed within this turn; its messages belong to it.
            unsafe {
                let event = sys::rd_kafka_queue_poll(self.0.as_ptr(), millis(wait));
                if event.is_null() {
                    return Ok(any);
                }
                any = true;
                let failed = match sys::rd_kafka_event_type(event) {
                    sys::RD_KAFKA_EVENT_DR => {
                        loop {
                            let message = sys::rd_kafka_event_message_next(event);
                            let Some(message) = message.as_ref() else { break };
                            let error = (message.err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| message.err.into());
                            report(Report {
                                ticket: message._private as Ticket,
                                partition: message.partition,
                                offset: message.offset,
                                error,
                            });
                        }
                        None
                    }
                    sys::RD_KAFKA_EVENT_ERROR => {
                        let text = CStr::from_ptr(sys::rd_kafka_event_error_string(event)).to_string_lossy().into_owned();
                        let fatal = sys::rd_kafka_event_error_is_fatal(event) != 0;
                        Some((if fatal { RDKafkaErrorCode::Fatal } else { sys::rd_kafka_event_error(event).into() }, text))
                    }
                    sys::RD_KAFKA_EVENT_LOG => {
                        let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
                        if sys::rd_kafka_event_log(event, &mut facility, &mut text, &mut level) == 0 {
                            let text = CStr::from_ptr(text).to_string_lossy();
                            tracing::debug!(target: "librdkafka", level, "{text}");
                        }
                        None
                    }
                    _ => None,
                };
                sys::rd_kafka_event_destroy(event);
                if let Some(failed) = failed {
                    return Err(failed);
                }
            }
            wait = Duration::ZERO;
        }
    }
}

/// A queue, options and the event of one admin call, freed together.
struct AdminCall {
    queue: *mut sys::rd_kafka_queue_t,
    options: *mut sys::rd_kafka_AdminOptions_t,
}

impl AdminCall {
    fn new<C: ClientContext>(client: &Client<C>, api: sys::rd_kafka_admin_op_t, wait: Duration) -> Self {
        // SAFETY: a valid client; the options are freed in drop.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(client.native_ptr(), api);
            let mut text = [0 as c_char; 256];
            sys::rd_kafka_AdminOptions_set_request_timeout(options, millis(wait), text.as_mut_ptr(), text.len());
            Self { queue: sys::rd_kafka_queue_new(client.native_ptr()), options }
        }
    }

    /// Waits for the answer and hands it to `read`; the whole call's error otherwise.
    fn answer<T>(&self, wait: Duration, read: impl FnOnce(*mut sys::rd_kafka_event_t) -> T) -> Result<T, RDKafkaErrorCode> {
        // SAFETY: the event lives until destroyed below; `read` copies what it wants.
        unsafe {
            let event = sys::rd_kafka_queue_poll(self.queue, millis(wait + Duration::from_millis(500)));
            if event.is_null() {
                return Err(RDKafkaErrorCode::OperationTimedOut);
            }
            let err = sys::rd_kafka_event_error(event);
            let result = if err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(read(event)) } else { Err(err.into()) };
            sys::rd_kafka_event_destroy(event);
            result
        }
    }
}

impl Drop for AdminCall {
    fn drop(&mut self) {
        // SAFETY: both were made in `new`.
        unsafe {
            sys::rd_kafka_queue_destroy(self.queue);
            sys::rd_kafka_AdminOptions_destroy(self.options);
        }
    }
}

/// Topic ids (KIP-516) as the brokers print them; a topic that cannot be described carries its error.
pub fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    wait: Duration,
) -> Result<BTreeMap<String, Result<String, RDKafkaErrorCode>>, RDKafkaErrorCode> {
    let names: Vec<CString> = topics.iter().filter_map(|name| CString::new(*name).ok()).collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let call = AdminCall::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, wait);
    // SAFETY: names outlive the call; the collection is freed after the request was enqueued, which copies it.
    unsafe {
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        sys::rd_kafka_DescribeTopics(client.native_ptr(), collection, call.options, call.queue);
        sys::rd_kafka_TopicCollection_destroy(collection);
    }
    // SAFETY: everything read belongs to the event, which outlives the closure.
    call.answer(wait, |event| unsafe {
        let mut out = BTreeMap::new();
        let mut count = 0;
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        let list = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        for index in 0..count {
            let topic = *list.add(index);
            let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic)).to_string_lossy().into_owned();
            let error = sys::rd_kafka_TopicDescription_error(topic);
            let code = if error.is_null() { sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR } else { sys::rd_kafka_error_code(error) };
            let id = if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                let id = sys::rd_kafka_TopicDescription_topic_id(topic);
                Ok(CStr::from_ptr(sys::rd_kafka_Uuid_base64str(id)).to_string_lossy().into_owned())
            } else {
                Err(code.into())
            };
            out.insert(name, id);
        }
        out
    })
}

/// Which offsets to ask a partition for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spec {
    /// The first offset that is still there.
    Earliest,
    /// The end, for a reader that sees committed records only: the last stable offset.
    LatestStable,
    /// The end for a reader that sees everything: the high watermark.
    Latest,
    /// The first offset whose timestamp (milliseconds) is at or after this; -1 comes back where there is none.
    AtTime(i64),
}

/// An offset, or why there is none, a partition.
pub type OffsetAnswers = BTreeMap<(String, i32), Result<i64, RDKafkaErrorCode>>;

/// Asks all `partitions` for one offset each. Answers stand in no particular order; each carries its own error.
pub fn list_offsets<C: ClientContext>(
    client: &Client<C>,
    partitions: &[(&str, i32)],
    spec: Spec,
    wait: Duration,
) -> Result<OffsetAnswers, RDKafkaErrorCode> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let call = AdminCall::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS, wait);
    let (wanted, isolation) = match spec {
        Spec::Earliest => (
            sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_EARLIEST as i64,
            sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
        ),
        Spec::Latest => (
            sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST as i64,
            sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
        ),
        Spec::LatestStable => (
            sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST as i64,
            sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
        ),
        Spec::AtTime(at) => (at, sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED),
    };
    // SAFETY: the list and the error object are freed here; the request copies the list.
    unsafe {
        let error = sys::rd_kafka_AdminOptions_set_isolation_level(call.options, isolation);
        if !error.is_null() {
            let code = sys::rd_kafka_error_code(error);
            sys::rd_kafka_error_destroy(error);
            return Err(code.into());
        }
        let list = sys::rd_kafka_topic_partition_list_new(partitions.len() as i32);
        for (topic, partition) in partitions {
            let Ok(name) = CString::new(*topic) else { continue };
            let item = sys::rd_kafka_topic_partition_list_add(list, name.as_ptr(), *partition);
            (*item).offset = wanted;
        }
        sys::rd_kafka_ListOffsets(client.native_ptr(), list, call.options, call.queue);
        sys::rd_kafka_topic_partition_list_destroy(list);
    }
    // SAFETY: everything read belongs to the event.
    call.answer(wait, |event| unsafe {
        let mut out = BTreeMap::new();
        let mut count = 0;
        let result = sys::rd_kafka_event_ListOffsets_result(event);
        let list = sys::rd_kafka_ListOffsets_result_infos(result, &mut count);
        for index in 0..count {
            let item = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*list.add(index));
            let name = CStr::from_ptr(item.topic).to_string_lossy().into_owned();
            let failed = item.err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
            out.insert((name, item.partition), if failed { Err(item.err.into()) } else { Ok(item.offset) });
        }
        out
    })
}

/// Makes the mock cluster of this client settle groups without waiting for more members. False: it has none.
pub fn settle_mock_groups_at_once<C: ClientContext>(client: &Client<C>) -> bool {
    // SAFETY: a valid client; the cluster handle is checked before it is used and lives as long as the client.
    unsafe {
        let cluster = sys::rd_kafka_handle_mock_cluster(client.native_ptr());
        if !cluster.is_null() {
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
        !cluster.is_null()
    }
}

/// Keeps the C library's allocator from holding what the clients' threads gave back: without this every thread's arena
/// keeps its own peak, and a process with eight lanes passes its memory budget twofold. The first thing in `main`.
#[cfg(target_env = "gnu")]
pub fn bound_allocator() {
    unsafe extern "C" {
        fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    /// `M_TRIM_THRESHOLD`, `M_MMAP_THRESHOLD` and `M_ARENA_MAX` of malloc.h. A fixed mapping threshold does not grow.
    const SETTINGS: [(std::ffi::c_int, std::ffi::c_int); 3] = [(-1, 1 << 20), (-3, 128 << 10), (-8, 2)];
    for (parameter, value) in SETTINGS {
        // SAFETY: mallopt takes two integers and touches only the allocator's own settings. Where it refuses (0), memory
        // is as it was.
        unsafe { mallopt(parameter, value) };
    }
}

/// Other C libraries keep nothing that has to be bounded.
#[cfg(not(target_env = "gnu"))]
pub fn bound_allocator() {}

fn millis(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)
}
