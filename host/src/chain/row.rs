//! A record on its way through the chain: borrowed from the source until a step changes it. It must not know steps.

use std::borrow::Cow;

use rdkafka::types::RDKafkaErrorCode;

use super::record::Record;
use crate::kafka::ffi;
use crate::schemas::wire::Part;

/// A header whose bytes are ours.
pub type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

/// The headers of a row.
pub enum RowHeaders<'r> {
    /// As the source has them, not even parsed.
    Source(&'r dyn Record),
    /// Changed by a step.
    Owned(Vec<OwnedHeader>),
}

/// One record of the output so far.
pub struct Row<'r> {
    /// Which record of the batch it is or comes from.
    pub source: usize,
    /// A step made it.
    pub emitted: bool,
    pub key: Option<Cow<'r, [u8]>>,
    pub value: Option<Cow<'r, [u8]>>,
    pub header_set: RowHeaders<'r>,
    /// Milliseconds since the epoch, above 0.
    pub timestamp: i64,
    /// Another target topic than the source's name; a step chose it.
    pub topic: Option<String>,
}

impl<'r> Row<'r> {
    /// The record as the source has it; `source` is its place in the batch.
    pub fn of(source: usize, record: &'r dyn Record) -> Self {
        Self {
            source,
            emitted: false,
            key: record.key().map(Cow::Borrowed),
            value: record.value().map(Cow::Borrowed),
            header_set: RowHeaders::Source(record),
            timestamp: record.timestamp(),
            topic: None,
        }
    }

    /// The key or the value; none where it is null.
    pub fn half(&self, part: Part) -> Option<&[u8]> {
        match part {
            Part::Key => self.key.as_deref(),
            Part::Value => self.value.as_deref(),
        }
    }

    /// The key or the value to replace; none makes it null.
    pub fn half_mut(&mut self, part: Part) -> &mut Option<Cow<'r, [u8]>> {
        match part {
            Part::Key => &mut self.key,
            Part::Value => &mut self.value,
        }
    }

    /// Bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, |key| key.len()) + self.value.as_ref().map_or(0, |value| value.len())
    }

    /// The headers as the producer takes them.
    pub fn headers(&self) -> Result<Option<ffi::Headers>, RDKafkaErrorCode> {
        match &self.header_set {
            RowHeaders::Source(record) => record.copy_headers(),
            RowHeaders::Owned(list) if list.is_empty() => Ok(None),
            RowHeaders::Owned(list) => {
                let mut headers = ffi::Headers::new(list.len());
                for (name, value) in list {
                    headers.push(name, value.as_deref());
                }
                Ok(Some(headers))
            }
        }
    }

    /// Calls `each` with every header in order.
    pub fn each_header(&self, mut each: impl FnMut(&[u8], Option<&[u8]>)) -> Result<(), RDKafkaErrorCode> {
        match &self.header_set {
            RowHeaders::Source(record) => record.headers()?.into_iter().for_each(|(name, value)| each(name, value)),
            RowHeaders::Owned(list) => list.iter().for_each(|(name, value)| each(name, value.as_deref())),
        }
        Ok(())
    }

    /// Keeps only headers with one of these names.
    pub fn keep_headers(&mut self, names: &[&[u8]]) -> Result<(), RDKafkaErrorCode> {
        self.retain_headers(|name| names.contains(&name))
    }

    /// Takes the headers of that name away.
    pub fn drop_header(&mut self, name: &[u8]) -> Result<(), RDKafkaErrorCode> {
        let mut there = false;
        self.each_header(|own, _| there |= own == name)?;
        if there { self.retain_headers(|own| own != name) } else { Ok(()) }
    }

    fn retain_headers(&mut self, keep: impl Fn(&[u8]) -> bool) -> Result<(), RDKafkaErrorCode> {
        if let RowHeaders::Source(record) = &self.header_set
            && record.headers()?.is_empty()
        {
            return Ok(());
        }
        let mut kept: Vec<OwnedHeader> = Vec::new();
        self.each_header(|name, value| {
            if keep(name) {
                kept.push((name.to_vec(), value.map(<[u8]>::to_vec)));
            }
        })?;
        self.header_set = RowHeaders::Owned(kept);
        Ok(())
    }
}
