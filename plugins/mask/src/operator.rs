//! What becomes of a column under each operator. It must answer every value, and must not keep any but a null.
use sluice_plugin::host::{self, HMAC_BYTES};
use sluice_plugin::{Column, ColumnAnswers, Kind, Rejected, Value};

use crate::date::{self, Text, Unit};
use crate::email::email;
use crate::keep::{Side, keep};
use crate::token::Encoding;
use crate::{KEY_UNAVAILABLE, NOT_A_DATE, NOT_A_SCALAR, OPERATORS};

/// What takes the place of text under `redact`.
const REDACTED: &str = "[redacted]";

/// One operator with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// Text becomes `[redacted]`, anything else null.
    Redact,
    /// The field or array element goes.
    Remove,
    /// The value becomes null.
    Null,
    /// The value becomes a fixed one, nulls too.
    Replace {
        /// The kind of the fixed value.
        kind: Kind,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// All but `n` scalars at one side are masked.
    Keep {
        /// The side that stays.
        side: Side,
        /// How many scalars stay, 0 for none.
        n: usize,
    },
    /// The value becomes a token: the same value the same token, under one key and domain.
    Hmac {
        /// The key's name.
        key: String,
        /// Keeps the tokens of one purpose apart from those of another.
        domain: String,
        /// How a token is written.
        encoding: Encoding,
        /// Bytes of hash in a token, 16 to 32.
        length: usize,
    },
    /// The local part is masked but for its first letter; the domain stays.
    Email,
    /// The date becomes coarser.
    DateTrunc(Unit),
}

impl Operator {
    /// The name that settings use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Remove => "remove",
            Self::Null => "null",
            Self::Replace { .. } => "replace",
            Self::Keep { side: Side::First, .. } => "keep_first",
            Self::Keep { side: Side::Last, .. } => "keep_last",
            Self::Hmac { .. } => "hmac",
            Self::Email => "email",
            Self::DateTrunc(_) => "date_trunc",
        }
    }

    /// The index of its counter.
    pub(crate) fn index(&self) -> u32 {
        (0..).zip(OPERATORS).find(|&(_, name)| name == self.name()).map_or(u32::MAX, |(index, _)| index)
    }

    /// The answers to a column, and how many values were masked: neither kept nulls nor rejected ones are.
    pub(crate) fn answer(&self, column: &Column) -> Result<(ColumnAnswers, u64), Rejected> {
        let mut answers = ColumnAnswers::with_bytes(column, self.bytes_for(column));
        let mut masked = 0;
        match self {
            Self::Hmac { key, domain, encoding, length } => {
                let hashes = host::hmac_sha256(key, domain, column).map_err(|_| Rejected(KEY_UNAVAILABLE))?;
                for ((row, value), hash) in column.iter().zip(hashes.chunks_exact(HMAC_BYTES)) {
                    let token = hash.get(..*length).ok_or(Rejected(KEY_UNAVAILABLE))?;
                    masked += text_of(&mut answers, row, value, |out, _| encoding.write(out, token));
                }
            }
            Self::Keep { side, n } => {
                for (row, value) in column {
                    masked += letters_of(&mut answers, row, value, |out, bytes| keep(out, bytes, *side, *n));
                }
            }
            Self::Email => {
                for (row, value) in column {
                    masked += letters_of(&mut answers, row, value, email);
                }
            }
            Self::DateTrunc(unit) => {
                for (row, value) in column {
                    masked += date_of(&mut answers, row, value, *unit);
                }
            }
            Self::Redact | Self::Remove | Self::Null | Self::Replace { .. } => {
                for (_, value) in column {
                    masked += self.constant(&mut answers, value);
                }
            }
        }
        Ok((answers, masked))
    }

    /// The operators whose answer does not depend on what the value says.
    fn constant(&self, answers: &mut ColumnAnswers, value: Value<'_>) -> u64 {
        match self {
            Self::Remove => answers.remove(),
            Self::Replace { kind, bytes } => answers.set(*kind, bytes),
            _ if value.is_null() => {
                answers.keep();
                return 0;
            }
            Self::Redact if value.kind == Kind::TEXT => answers.text(REDACTED),
            _ => answers.null(),
        }
        1
    }

    /// Room for the new values, so that the buffer is made once.
    fn bytes_for(&self, column: &Column) -> usize {
        match self {
            Self::Remove | Self::Null => 0,
            Self::Redact => column.len() * REDACTED.len(),
            Self::Replace { bytes, .. } => column.len() * bytes.len(),
            Self::Hmac { encoding, length, .. } => column.len() * encoding.token_bytes(*length),
            Self::Keep { .. } | Self::Email | Self::DateTrunc(_) => column.data.len(),
        }
    }
}

/// Answers with what `write` makes of the bytes: bytes stay bytes, anything else becomes text. A null stays.
#[inline]
fn text_of(answers: &mut ColumnAnswers, row: u32, value: Value<'_>, write: impl FnOnce(&mut Vec<u8>, &[u8])) -> u64 {
    match value.kind {
        Kind::NULL => {
            answers.keep();
            return 0;
        }
        Kind::BYTES => answers.write(Kind::BYTES, |out| write(out, value.bytes)),
        Kind::TEXT | Kind::INTEGER | Kind::DECIMAL | Kind::BOOLEAN => answers.write(Kind::TEXT, |out| write(out, value.bytes)),
        _ => {
            answers.reject(row, NOT_A_SCALAR);
            return 0;
        }
    }
    1
}

/// As [`text_of`], for what keeps some letters: a boolean becomes null, as the number of its letters tells which it is.
#[inline]
fn letters_of(answers: &mut ColumnAnswers, row: u32, value: Value<'_>, write: impl FnOnce(&mut Vec<u8>, &[u8])) -> u64 {
    if value.kind == Kind::BOOLEAN {
        answers.null();
        return 1;
    }
    text_of(answers, row, value, write)
}

/// Answers with the truncated date, text for text and an integer for an integer; anything but a null rejects.
fn date_of(answers: &mut ColumnAnswers, row: u32, value: Value<'_>, unit: Unit) -> u64 {
    match value.kind {
        Kind::NULL => {
            answers.keep();
            return 0;
        }
        Kind::TEXT => {
            if let Some(date) = Text::parse(value.bytes) {
                answers.write(Kind::TEXT, |out| date.truncate(out, unit));
                return 1;
            }
        }
        _ => {
            if let Some(millis) = value.as_i64().and_then(|millis| date::truncate_millis(millis, unit)) {
                answers.write(Kind::INTEGER, |out| push_integer(out, millis));
                return 1;
            }
        }
    }
    answers.reject(row, NOT_A_DATE);
    0
}

/// Appends the digits of an integer, without a buffer of their own.
fn push_integer(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    let start = out.len();
    let mut rest = number.unsigned_abs();
    loop {
        out.push(b'0' + u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_as_they_read() {
        for number in [0, 7, -7, 10, 1_772_323_200_000, -86_400_000, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            push_integer(&mut out, number);
            assert_eq!(String::from_utf8_lossy(&out), number.to_string());
        }
    }

    /// A kind that the contract may get later must not pass.
    #[test]
    fn an_unknown_kind_never_passes() {
        let column = Column { rows: vec![3, 4], kinds: vec![6, 99], ends: vec![0, 6], data: b"secret".to_vec() };
        let operators = [
            Operator::Redact,
            Operator::Remove,
            Operator::Null,
            Operator::Keep { side: Side::Last, n: 4 },
            Operator::Email,
            Operator::DateTrunc(Unit::Day),
        ];
        for operator in operators {
            let answers = operator.answer(&column).map(|(answers, _)| sluice_plugin::Answers::from(answers));
            assert!(
                answers.is_ok_and(|answers| answers.actions.len() == 2 && !answers.actions.contains(&0) && answers.data.is_empty()),
                "{operator:?}"
            );
        }
    }
}
