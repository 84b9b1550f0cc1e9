//! What a plugin answered, as the host holds it: checked against the grants, and moved out of the generated types.
//! It must not apply anything; and its `Debug` shows sizes, never a payload.

use std::fmt;

use super::bindings::sluice::plugin::types as wit;
use super::column::slice;

/// Answers to a column: one for each of its values, in order.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The [`super::Action`] of each value.
    pub actions: Vec<u8>,
    /// The [`super::Kind`] of each new value; without meaning where the action is not `set`.
    pub kinds: Vec<u8>,
    /// Where each new value ends in `data`.
    pub ends: Vec<u32>,
    /// The new values, back to back.
    pub data: Vec<u8>,
}

impl Answers {
    /// Number of answers.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether there is no answer.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The new bytes of value `i`, if there are that many answers.
    pub fn get(&self, i: usize) -> Option<&[u8]> {
        slice(&self.ends, &self.data, i)
    }
}

/// Answers to the column of one granted field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldAnswers {
    /// Index into the batch's fields.
    pub field: u32,
    /// One for each value of the column.
    pub answers: Answers,
}

/// One header of one record. No value is a null value, which is not an empty one.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// The record it belongs to; 0 in an emitted record.
    pub row: u32,
    /// Its name, without NUL.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

/// A record that did not exist before; it follows its row in the output.
#[derive(Clone, PartialEq, Eq)]
pub struct Emitted {
    /// The record that it came from.
    pub row: u32,
    /// Another target topic; none: the row's.
    pub topic: Option<String>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<Header>,
}

/// Everything that is not named stays as it is, byte for byte. A row may be named more than once: where it is
/// rejected, by its row or by the action of one of its values, nothing else said about it counts, what it emitted
/// included; where it is dropped, what it emitted goes on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Answers to field columns, each column at most once.
    pub fields: Vec<FieldAnswers>,
    /// One answer a record; new kinds are null or bytes.
    pub keys: Option<Answers>,
    /// One answer a record; new kinds are null or bytes.
    pub values: Option<Answers>,
    /// Rows whose headers are replaced, ascending, each once.
    pub header_rows: Vec<u32>,
    /// The new headers of `header_rows`, rows ascending.
    pub headers: Vec<Header>,
    /// New timestamps in milliseconds, above 0, rows ascending, each once.
    pub timestamps: Vec<(u32, i64)>,
    /// New target topics, rows ascending, each once.
    pub routes: Vec<(u32, String)>,
    /// Rows that do not go on, ascending, each once.
    pub dropped: Vec<u32>,
    /// Rows that cannot be transformed with the index of their declared code, rows ascending, each once.
    pub rejected: Vec<(u32, u32)>,
    /// New records, rows ascending.
    pub emitted: Vec<Emitted>,
}

impl From<wit::Answers> for Answers {
    fn from(from: wit::Answers) -> Self {
        let wit::Answers { actions, kinds, ends, data } = from;
        Answers { actions, kinds, ends, data }
    }
}

impl From<wit::HeaderResult> for Header {
    fn from(from: wit::HeaderResult) -> Self {
        let wit::HeaderResult { row, name, value } = from;
        Header { row, name, value }
    }
}

impl From<wit::Emitted> for Emitted {
    fn from(from: wit::Emitted) -> Self {
        let wit::Emitted { row, topic, key, value, headers } = from;
        Emitted { row, topic, key, value, headers: headers.into_iter().map(Into::into).collect() }
    }
}

impl From<wit::Changes> for Changes {
    fn from(from: wit::Changes) -> Self {
        let fields = from.fields.into_iter();
        Changes {
            fields: fields.map(|f| FieldAnswers { field: f.field, answers: f.answers.into() }).collect(),
            keys: from.keys.map(Into::into),
            values: from.values.map(Into::into),
            header_rows: from.header_rows,
            headers: from.headers.into_iter().map(Into::into).collect(),
            timestamps: from.timestamps.iter().map(|s| (s.row, s.timestamp)).collect(),
            routes: from.routes.into_iter().map(|r| (r.row, r.topic)).collect(),
            dropped: from.dropped,
            rejected: from.rejected.iter().map(|r| (r.row, r.code)).collect(),
            emitted: from.emitted.into_iter().map(Into::into).collect(),
        }
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answers({} answers, {} bytes)", self.len(), self.data.len())
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header(row {})", self.row)
    }
}

impl fmt::Debug for Emitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Emitted(row {}, {} headers)", self.row, self.headers.len())
    }
}
