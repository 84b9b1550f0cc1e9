//! What a consumer's queue holds: records and events, in batches. It must not decide which of them count.

use std::ffi::{CStr, CString, c_void};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::{Headers, millis};

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

    /// The client's words for an event; none for a record. They name topics and offsets, never a record's bytes.
    pub fn error_text(&self) -> Option<String> {
        self.error()?;
        // SAFETY: a valid message with an error; the text lives as long as it does.
        unsafe {
            let text = sys::rd_kafka_message_errstr(self.0.as_ptr());
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
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

    /// The partition's number in the topic; without meaning where there is no topic.
    pub fn partition(&self) -> i32 {
        self.raw().partition
    }

    /// The record's offset; of an end-of-partition event the offset that comes next.
    pub fn offset(&self) -> i64 {
        self.raw().offset
    }

    /// The record's key; none where it is null.
    pub fn key(&self) -> Option<&[u8]> {
        // SAFETY: pointer and length belong together and live as long as the message.
        unsafe { slice(self.raw().key, self.raw().key_len) }
    }

    /// The record's value; none where it is null. Without meaning for an event.
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
        Ok(NonNull::new(list).and_then(|list| unsafe { NonNull::new(sys::rd_kafka_headers_copy(list.as_ptr())) }).map(Headers::own))
    }
}

/// # Safety
/// `data` is null or valid for `len` bytes for `'a`.
unsafe fn slice<'a>(data: *const c_void, len: usize) -> Option<&'a [u8]> {
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
        super::carry_logs(consumer.client());
        Some(Self { queue: NonNull::new(queue)?, consumer, room: Vec::new() })
    }

    /// The consumer that the queue is of, for assignments and questions.
    pub fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Moves an assigned partition to `offset` and has the client check, before it delivers anything, that the log did
    /// not diverge from the one of `leader_epoch` below it (KIP-320). An assignment with an offset does not do so by
    /// itself (librdkafka 2.12.1, `rd_kafka_toppar_fetch_start`); a seek does. A log that diverged comes as an error of
    /// the partition. Waits up to `wait` for the client's own thread.
    pub fn seek(&self, topic: &str, partition: i32, offset: i64, leader_epoch: i32, wait: Duration) -> Result<(), RDKafkaErrorCode> {
        let name = CString::new(topic).map_err(|_| RDKafkaErrorCode::InvalidArgument)?;
        // SAFETY: the list and what is asked of it live until the end of the block; so does the error, which is freed.
        let refused = unsafe {
            let list = sys::rd_kafka_topic_partition_list_new(1);
            let item = sys::rd_kafka_topic_partition_list_add(list, name.as_ptr(), partition);
            (*item).offset = offset;
            sys::rd_kafka_topic_partition_set_leader_epoch(item, leader_epoch);
            let error = sys::rd_kafka_seek_partitions(self.consumer.client().native_ptr(), list, millis(wait));
            let mut refused = (*item).err;
            sys::rd_kafka_topic_partition_list_destroy(list);
            if !error.is_null() {
                refused = sys::rd_kafka_error_code(error);
                sys::rd_kafka_error_destroy(error);
            }
            refused
        };
        if refused == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(refused.into()) }
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
