//! What the chain needs of a source record: the lane's come from Kafka, those of the plugin tools from a file. It must not
//! know what is done with them.

use std::fmt;

use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::ffi::{Fetched, Header, Headers};

/// A record as its source has it.
pub trait Record {
    /// Its offset in the partition.
    fn offset(&self) -> i64;
    /// Milliseconds since the epoch; 0 or less where it carries none.
    fn timestamp(&self) -> i64;
    /// The key; none where it is null.
    fn key(&self) -> Option<&[u8]>;
    /// The value; none where it is null.
    fn value(&self) -> Option<&[u8]>;
    /// All headers in order, duplicates included. Fails where the record's header block cannot be parsed.
    fn headers(&self) -> Result<Vec<Header<'_>>, RDKafkaErrorCode>;
    /// A copy of the headers for a produced record; none where there are none.
    fn copy_headers(&self) -> Result<Option<Headers>, RDKafkaErrorCode>;
}

impl Record for Fetched {
    fn offset(&self) -> i64 {
        Fetched::offset(self)
    }

    fn timestamp(&self) -> i64 {
        Fetched::timestamp(self)
    }

    fn key(&self) -> Option<&[u8]> {
        Fetched::key(self)
    }

    fn value(&self) -> Option<&[u8]> {
        Fetched::value(self)
    }

    fn headers(&self) -> Result<Vec<Header<'_>>, RDKafkaErrorCode> {
        Fetched::headers(self)
    }

    fn copy_headers(&self) -> Result<Option<Headers>, RDKafkaErrorCode> {
        Fetched::copy_headers(self)
    }
}

/// A record at hand, of no cluster.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sample {
    pub offset: i64,
    /// Milliseconds since the epoch, above 0.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Sizes alone: a record must not reach a log by way of a derived `Debug`.
impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(Vec::len);
        write!(f, "Sample({}, key {:?}, value {:?}, {} headers)", self.offset, size(&self.key), size(&self.value), self.headers.len())
    }
}

impl Record for Sample {
    fn offset(&self) -> i64 {
        self.offset
    }

    fn timestamp(&self) -> i64 {
        self.timestamp
    }

    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    fn headers(&self) -> Result<Vec<Header<'_>>, RDKafkaErrorCode> {
        Ok(self.headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect())
    }

    fn copy_headers(&self) -> Result<Option<Headers>, RDKafkaErrorCode> {
        if self.headers.is_empty() {
            return Ok(None);
        }
        let mut headers = Headers::new(self.headers.len());
        for (name, value) in &self.headers {
            headers.push(name, value.as_deref());
        }
        Ok(Some(headers))
    }
}
