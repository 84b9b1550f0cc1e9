//! Tokens: of a hash, sealed, or encrypted, on columns. It must not work on one value at a time, and must not answer
//! with less of a hash than keeps values apart, unless its settings say so.
use sluice_plugin::host::{self, HMAC_BYTES};
use sluice_plugin::{Column, Kind, Value};

use super::Place;
use crate::integer::Integer;
use crate::output::Output;
use crate::rejection::Rejection;
use crate::settings::{Key, Reader};
use crate::token::{self, DEFAULT_BYTES, Encoding, FEWEST_BYTES, MOST_BYTES};

/// Hexadecimal digits of a key's public id.
const KEY_ID_DIGITS: usize = 16;

/// A keyed hash: the same value, the same token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hmac {
    pub key: Key,
    pub form: Form,
}

/// How a hash is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `length` bytes of it, 16 to 32, as text.
    Text {
        /// How.
        encoding: Encoding,
        /// Bytes of hash.
        length: usize,
        /// Behind the id of the key.
        named: bool,
    },
    /// As a UUID; 122 bits of it.
    Uuid,
    /// As an integer of the same number of digits; two values may share one.
    Integer,
}

impl Hmac {
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let key = reader.key("");
        let outputs = [("text", None), ("hex", None), ("uuid", Some(Form::Uuid)), ("integer", Some(Form::Integer))];
        let hex = reader.get("output").is_some_and(|output| output == "hex");
        let form = match reader.one_of_or("output", &outputs, None)? {
            Some(form) => Some(form),
            None => Self::text(reader, hex),
        };
        Some(Self { key: key?, form: form? })
    }

    fn text(reader: &mut Reader<'_>, hex: bool) -> Option<Form> {
        let encodings = [("hex", Encoding::Hex), ("base64", Encoding::Base64), ("base64url", Encoding::Base64Url)];
        let encoding = reader.one_of_or("encoding", if hex { &encodings[..1] } else { &encodings }, Encoding::Hex);
        let length = reader.integer("length", DEFAULT_BYTES as u64, FEWEST_BYTES as u64, MOST_BYTES as u64);
        let named = reader.flag("key_id");
        Some(Form::Text { encoding: encoding?, length: length?, named: named? })
    }

    pub fn answer(&self, column: &Column) -> Result<Output, Rejection> {
        let hashes = host::hmac_sha256(&self.key.name, &self.key.domain, column)?;
        let id = match self.form {
            Form::Text { named: true, .. } => host::key_id(&self.key.name)? + ".",
            _ => String::new(),
        };
        let mut output = Output::with_bytes(column, column.len() * self.bytes());
        for ((row, value), hash) in column.iter().zip(hashes.chunks_exact(HMAC_BYTES)) {
            match self.form {
                Form::Text { encoding, length, .. } => {
                    let token = hash.get(..length).ok_or(Rejection::KeyUnavailable)?;
                    output.text(row, value, |out, _| {
                        out.extend_from_slice(id.as_bytes());
                        encoding.write(out, token);
                    });
                }
                Form::Uuid => {
                    let hash = hash.first_chunk().ok_or(Rejection::KeyUnavailable)?;
                    output.text(row, value, |out, _| token::uuid(out, hash));
                }
                Form::Integer => integer(&mut output, row, value, hash)?,
            }
        }
        Ok(output)
    }

    /// Bytes of one token.
    fn bytes(&self) -> usize {
        match self.form {
            Form::Text { encoding, length, named } => encoding.token_bytes(length) + if named { KEY_ID_DIGITS + 1 } else { 0 },
            Form::Uuid => 36,
            Form::Integer => 20,
        }
    }
}

/// Answers with an integer for an integer, and with text for text that is one: the same digits, the same token.
fn integer(output: &mut Output, row: u32, value: Value<'_>, hash: &[u8]) -> Result<(), Rejection> {
    let text = matches!(value.kind, Kind::INTEGER | Kind::TEXT);
    match Integer::parse(value.bytes).filter(|_| text) {
        _ if value.is_null() => output.keep(),
        Some(integer) => {
            let magnitude = integer.chosen(hash).ok_or(Rejection::KeyUnavailable)?;
            output.write(value.kind, |out| integer.write(out, magnitude));
        }
        None => output.reject(row, Rejection::NotAnInteger),
    }
    Ok(())
}

/// A token that the program opens again: `<prefix><key id>.<base64url>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealing {
    pub key: Key,
    /// Text before the key id.
    pub prefix: String,
    /// The same value, another token in every record.
    pub varied: bool,
}

impl Sealing {
    pub fn read(name: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let (key, prefix) = (reader.key(""), reader.any_text("prefix"));
        Some(Self { key: key?, prefix: prefix?.to_owned(), varied: name == "encrypt" })
    }

    pub fn name(&self) -> &'static str {
        if self.varied { "encrypt" } else { "tokenize" }
    }

    pub fn answer(&self, place: Place<'_>, column: &Column) -> Result<Output, Rejection> {
        let Key { name, domain } = &self.key;
        let id = host::key_id(name)?;
        let sealed = if self.varied { host::encrypt(name, domain, place.field, column) } else { host::seal(name, domain, column) }?;
        let around = self.prefix.len() + KEY_ID_DIGITS + 1;
        let mut output = Output::with_bytes(column, column.len() * (around + 4) + sealed.data.len() / 3 * 4);
        for ((row, value), sealed) in column.iter().zip(sealed.iter()) {
            output.text(row, value, |out, _| {
                out.extend_from_slice(self.prefix.as_bytes());
                out.extend_from_slice(id.as_bytes());
                out.push(b'.');
                Encoding::Base64Url.write(out, sealed);
            });
        }
        Ok(output)
    }
}
