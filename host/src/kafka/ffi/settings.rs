//! Changes single settings of a topic. The safe crate's call replaces all of a topic's settings at once, and so would drop
//! those it was not told of. It must not choose settings.

use std::ffi::CString;
use std::ptr;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::admin::AdminCall;

/// Sets each of `changes` on a topic, or deletes the topic's own value where there is none, all in one request; the
/// broker takes all of them or none.
pub fn change_topic_settings<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    changes: &[(&str, Option<&str>)],
    wait: Duration,
) -> Result<(), RDKafkaErrorCode> {
    use sys::rd_kafka_AlterConfigOpType_t as Op;
    let text = |text: &str| CString::new(text).map_err(|_| RDKafkaErrorCode::InvalidArgument);
    let name = text(topic)?;
    let mut resource = Resource::new(&name)?;
    for (setting, value) in changes {
        let setting = text(setting)?;
        let value = value.map(text).transpose()?;
        let op = if value.is_some() { Op::RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET } else { Op::RD_KAFKA_ALTER_CONFIG_OP_TYPE_DELETE };
        let value = value.as_ref().map_or(ptr::null(), |value| value.as_ptr());
        // SAFETY: the resource is valid, the call copies both texts; a deletion takes no value.
        let error = unsafe { sys::rd_kafka_ConfigResource_add_incremental_config(resource.0, setting.as_ptr(), op, value) };
        if !error.is_null() {
            // SAFETY: an error of ours alone, read and then destroyed once.
            return Err(unsafe {
                let code = sys::rd_kafka_error_code(error);
                sys::rd_kafka_error_destroy(error);
                code.into()
            });
        }
    }
    let call = AdminCall::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS, wait)?;
    // SAFETY: client, options and queue are valid; the request copies the resource.
    unsafe { sys::rd_kafka_IncrementalAlterConfigs(client.native_ptr(), &raw mut resource.0, 1, call.options, call.queue) };
    // SAFETY: everything read belongs to the event, which outlives the closure.
    call.answer(wait, |event| unsafe {
        let mut count = 0;
        let result = sys::rd_kafka_event_IncrementalAlterConfigs_result(event);
        let list = sys::rd_kafka_IncrementalAlterConfigs_result_resources(result, &mut count);
        let codes = (0..count).map(|index| sys::rd_kafka_ConfigResource_error(*list.add(index)));
        match codes.into_iter().find(|code| *code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR) {
            Some(code) => Err(code.into()),
            None if count == 0 => Err(RDKafkaErrorCode::Fail),
            None => Ok(()),
        }
    })?
}

/// What is to be changed; freed when it goes.
struct Resource(*mut sys::rd_kafka_ConfigResource_t);

impl Resource {
    fn new(topic: &CString) -> Result<Self, RDKafkaErrorCode> {
        // SAFETY: the name is copied; null comes back for a name that cannot be one.
        let resource = unsafe { sys::rd_kafka_ConfigResource_new(sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, topic.as_ptr()) };
        if resource.is_null() { Err(RDKafkaErrorCode::InvalidArgument) } else { Ok(Self(resource)) }
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        // SAFETY: made in `new`, destroyed once.
        unsafe { sys::rd_kafka_ConfigResource_destroy(self.0) }
    }
}
