//! Handing records to a producer's queue, and what became of them. It must not wait, retry or decide.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::millis;

/// A number that travels with a produced record and comes back with its delivery report.
pub type Ticket = usize;

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
    /// Takes over a list that nobody else owns.
    pub(super) fn own(list: NonNull<sys::rd_kafka_headers_t>) -> Self {
        Self(list)
    }

    /// An empty list with room for `expected` headers.
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
            out.ticket as *mut c_void,
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

/// Makes the client send what lingers, for as long as given and without serving reports (the safe crate's flush would
/// serve and lose them).
pub fn wake_senders<C: ProducerContext>(producer: &BaseProducer<C>, within: Duration) {
    // SAFETY: a valid client. The call wakes the senders, which send what lingers while it lasts; that it timed out says
    // nothing new.
    unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), millis(within)) };
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
        super::carry_logs(producer.client());
        // SAFETY: a valid client always has a main queue.
        Self(NonNull::new(unsafe { sys::rd_kafka_queue_get_main(producer.client().native_ptr()) }).expect("every client has a main queue"))
    }

    /// Serves reports until none is left, waiting up to `wait` for the first. A client-level error comes back as Err
    /// with its text, which may name a topic (see [`super::nameless`]); reports before it have been handed over.
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
                            let (facility, text) = (CStr::from_ptr(facility).to_string_lossy(), CStr::from_ptr(text).to_string_lossy());
                            tracing::debug!(target: "librdkafka", level, facility = &*facility, "{}", super::told(&facility, &text));
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
