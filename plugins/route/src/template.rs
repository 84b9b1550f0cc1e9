//! The topic that a record goes to. It must not make a name of signs that a topic cannot have, nor one that does not
//! begin as the settings say.
use sluice_plugin::{Batch, Kind, Value};

use crate::{Fault, column};

/// Longest name of a topic, bytes, in Kafka.
pub const MOST_BYTES: usize = 249;

/// Where records go.
#[derive(Debug)]
pub struct Target {
    /// The name, piece by piece; the first one is a literal.
    pub pieces: Vec<Piece>,
    /// Where a record goes that has no such name; none to reject it.
    pub otherwise: Option<String>,
}

/// A piece of a topic's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it is written.
    Literal(String),
    /// The name of the source topic.
    Topic,
    /// The value of a granted field, by its index; one of these texts, or any.
    Field(usize, Option<Vec<String>>),
}

/// Whether the text can stand in a topic's name.
pub fn is_legal(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl Target {
    /// The topic of every record of the batch.
    pub fn topics(&self, batch: &Batch) -> Vec<Result<String, Fault>> {
        let mut topics: Vec<Result<String, Fault>> = vec![Ok(String::new()); batch.count as usize];
        for piece in &self.pieces {
            let append = |topic: &mut Result<String, Fault>, text: Result<&str, Fault>| match (&mut *topic, text) {
                (Ok(name), Ok(text)) => name.push_str(text),
                (Ok(_), Err(fault)) => *topic = Err(fault),
                (Err(_), _) => {}
            };
            match piece {
                Piece::Literal(text) => topics.iter_mut().for_each(|topic| append(topic, Ok(text))),
                Piece::Topic => topics.iter_mut().for_each(|topic| append(topic, Ok(&batch.topic))),
                Piece::Field(field, allowed) => {
                    for (topic, value) in topics.iter_mut().zip(column::values(batch, *field)) {
                        append(topic, value.and_then(|value| part(value, allowed.as_deref())));
                    }
                }
            }
        }
        for topic in &mut topics {
            if topic.as_ref().is_ok_and(|name| name.len() > MOST_BYTES) {
                *topic = Err(Fault::TopicTooLong);
            }
            if let (Err(_), Some(otherwise)) = (&topic, &self.otherwise) {
                *topic = Ok(otherwise.clone());
            }
        }
        topics
    }
}

/// A value as a part of a name.
fn part<'v>(value: Option<Value<'v>>, allowed: Option<&[String]>) -> Result<&'v str, Fault> {
    let value = value.ok_or(Fault::NoRoute)?;
    let legal = matches!(value.kind, Kind::TEXT | Kind::INTEGER | Kind::BOOLEAN) && !value.bytes.is_empty() && is_legal(value.bytes);
    let text = std::str::from_utf8(value.bytes).ok().filter(|_| legal).ok_or(Fault::NoRoute)?;
    if allowed.is_none_or(|allowed| allowed.iter().any(|own| own == text)) { Ok(text) } else { Err(Fault::NoRoute) }
}
