//! Questions that the safe crate does not ask: topic ids and offsets by isolation level. It must not interpret answers.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::millis;

/// A queue, options and the event of one admin call, freed together.
pub(super) struct AdminCall {
    pub(super) queue: *mut sys::rd_kafka_queue_t,
    pub(super) options: *mut sys::rd_kafka_AdminOptions_t,
}

impl AdminCall {
    /// For one question to the brokers, which have `wait` to answer it. Refused where the library takes no such time: the
    /// answer would come by its default of a minute, when nobody waits any more.
    pub(super) fn new<C: ClientContext>(
        client: &Client<C>,
        api: sys::rd_kafka_admin_op_t,
        wait: Duration,
    ) -> Result<Self, RDKafkaErrorCode> {
        let mut text = [0 as c_char; 256];
        // SAFETY: a valid client; queue and options are freed in drop, also where the time is refused.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(client.native_ptr(), api);
            let call = Self { queue: sys::rd_kafka_queue_new(client.native_ptr()), options };
            match sys::rd_kafka_AdminOptions_set_request_timeout(options, millis(wait), text.as_mut_ptr(), text.len()) {
                sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(call),
                refused => Err(refused.into()),
            }
        }
    }

    /// Waits for the answer and hands it to `read`; the whole call's error otherwise.
    pub(super) fn answer<T>(&self, wait: Duration, read: impl FnOnce(*mut sys::rd_kafka_event_t) -> T) -> Result<T, RDKafkaErrorCode> {
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

/// Whether any broker answers. An admin call that waits for its broker runs again at every change of the connection's
/// state and has it connect at once, past the back-off (librdkafka 2.12.1, rd_kafka_admin_common_get_broker): while a
/// cluster is down, two threads spin. Asking for metadata, here of no topic, waits quietly.
fn answers<C: ClientContext>(client: &Client<C>, wait: Duration) -> Result<(), RDKafkaErrorCode> {
    let mut metadata = std::ptr::null();
    // SAFETY: a valid client and no topic; what comes back is freed.
    unsafe {
        let err = sys::rd_kafka_metadata(client.native_ptr(), 0, std::ptr::null_mut(), &mut metadata, millis(wait));
        if err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(err.into());
        }
        sys::rd_kafka_metadata_destroy(metadata);
    }
    Ok(())
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

/// Ids by topic name, empty where the brokers know none; a topic that cannot be described carries its error.
pub type TopicIds = BTreeMap<String, Result<String, RDKafkaErrorCode>>;

/// Asks for topic ids (KIP-516) as the brokers print them, and waits for the answer.
pub fn topic_ids<C: ClientContext>(client: &Client<C>, topics: &[&str], wait: Duration) -> Result<TopicIds, RDKafkaErrorCode> {
    answers(client, wait)?;
    answered_ids(&ask_ids(client, topics, wait)?, wait)
}

/// A question for topic ids that is on its way. One that is dropped is forgotten.
pub struct AskedIds<C: ConsumerContext> {
    call: AdminCall,
    wait: Duration,
    /// Whom it was asked by. Below the call, which ends first.
    pub client: Arc<BaseConsumer<C>>,
}

impl<C: ConsumerContext> AskedIds<C> {
    /// Sends the question, and waits for nothing; the brokers have `wait` to answer.
    pub fn ask(client: Arc<BaseConsumer<C>>, topics: &[&str], wait: Duration) -> Result<Self, RDKafkaErrorCode> {
        Ok(Self { call: ask_ids(client.client(), topics, wait)?, wait, client })
    }

    /// Waits for the answer.
    pub fn answer(&self) -> Result<TopicIds, RDKafkaErrorCode> {
        answered_ids(&self.call, self.wait)
    }
}

fn ask_ids<C: ClientContext>(client: &Client<C>, topics: &[&str], wait: Duration) -> Result<AdminCall, RDKafkaErrorCode> {
    let names: Vec<CString> = topics.iter().filter_map(|name| CString::new(*name).ok()).collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let call = AdminCall::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, wait)?;
    // SAFETY: names outlive the call; the collection is freed after the request was enqueued, which copies it.
    unsafe {
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        sys::rd_kafka_DescribeTopics(client.native_ptr(), collection, call.options, call.queue);
        sys::rd_kafka_TopicCollection_destroy(collection);
    }
    Ok(call)
}

fn answered_ids(call: &AdminCall, wait: Duration) -> Result<TopicIds, RDKafkaErrorCode> {
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
                let known = sys::rd_kafka_Uuid_most_significant_bits(id) != 0 || sys::rd_kafka_Uuid_least_significant_bits(id) != 0;
                Ok(if known { CStr::from_ptr(sys::rd_kafka_Uuid_base64str(id)).to_string_lossy().into_owned() } else { String::new() })
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

/// What stands where a leader did not answer: its partitions have no error of their own (librdkafka 2.12.1,
/// rd_kafka_ListOffsets, whose merging passes a failed request over). Taken for an offset it would be the end of an empty
/// log.
const UNANSWERED: i64 = sys::RD_KAFKA_OFFSET_INVALID as i64;

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
    answers(client, wait)?;
    let call = AdminCall::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS, wait)?;
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
            let answer = if item.err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                Err(item.err.into())
            } else if item.offset == UNANSWERED {
                Err(RDKafkaErrorCode::OperationTimedOut)
            } else {
                Ok(item.offset)
            };
            out.insert((name, item.partition), answer);
        }
        out
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use rdkafka::ClientConfig;
    use rdkafka::consumer::DefaultConsumerContext;

    #[test]
    fn a_time_that_the_library_does_not_take_is_refused() {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", "localhost:1");
        let client: Arc<BaseConsumer<DefaultConsumerContext>> = Arc::new(config.create().unwrap());
        let asked = |wait| AskedIds::ask(client.clone(), &["t"], wait).map(drop);
        assert_eq!(asked(Duration::from_secs(10)), Ok(()));
        assert_eq!(asked(Duration::from_secs(24 * 3600)), Err(RDKafkaErrorCode::InvalidArgument));
    }
}
