//! One payment in each format, the same content as far as the format goes, about 1 KiB each. It must not draw on a clock
//! or on chance.

use std::io::Write as _;

use crate::record::mix;

/// The Avro schema that [`Payment::avro`] is written with.
pub const AVRO: &str = r#"{"type":"record","name":"Payment","namespace":"bench","fields":[
    {"name":"id","type":"string"},{"name":"status","type":{"type":"enum","name":"Status","symbols":["captured","refunded","declined"]}},
    {"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},{"name":"currency","type":"string"},
    {"name":"customer","type":{"type":"record","name":"Customer","fields":[
        {"name":"id","type":"long"},{"name":"email","type":["null","string"]},{"name":"country","type":"string"}]}},
    {"name":"card","type":{"type":"record","name":"Card","fields":[{"name":"pan","type":"string"},{"name":"expires","type":"string"}]}},
    {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
        {"name":"sku","type":"string"},{"name":"count","type":"int"},{"name":"price","type":"double"},{"name":"text","type":["null","string"]}]}}},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}"#;

/// The Protobuf schema that [`Payment::protobuf`] is written with; its first message.
pub const PROTOBUF: &str = r#"syntax = "proto3"; package bench;
    message Payment { string id = 1; Status status = 2; int64 cents = 3; string currency = 4; Customer customer = 5; Card card = 6;
      repeated Line lines = 7; int64 at = 8; }
    enum Status { CAPTURED = 0; REFUNDED = 1; DECLINED = 2; }
    message Customer { int64 id = 1; string email = 2; string country = 3; }
    message Card { string pan = 1; string expires = 2; }
    message Line { string sku = 1; int32 count = 2; double price = 3; string text = 4; }"#;

const STATUSES: [&str; 3] = ["captured", "refunded", "declined"];

/// Bytes that each form is filled up to with lines.
const SIZE: usize = 1_000;

/// A payment by its number.
pub struct Payment {
    number: u64,
    bits: u64,
}

struct Line {
    sku: String,
    count: u64,
    /// Quarters are exact in a double.
    price: f64,
    text: &'static str,
}

impl Payment {
    pub fn new(number: u64) -> Self {
        Self { number, bits: mix(number) }
    }

    pub fn email(&self) -> String {
        format!("person.{:06}@example.com", self.bits % 1_000_000)
    }

    pub fn pan(&self) -> String {
        format!("499901{:010}", self.bits % 10_000_000_000)
    }

    fn id(&self) -> String {
        format!("p-{:012}", self.number)
    }

    fn status(&self) -> usize {
        (self.bits >> 60) as usize % STATUSES.len()
    }

    fn cents(&self) -> u64 {
        self.bits % 900_000 + 100
    }

    fn line(&self, at: u64) -> Line {
        let bits = mix(self.bits ^ at);
        let text = ["blue, size M", "gift wrapped", "spare part", "refill"][(bits >> 62) as usize];
        Line { sku: format!("A-{:06}", bits % 1_000_000), count: bits % 9 + 1, price: (bits % 40_000) as f64 / 4.0, text }
    }

    /// A document of many small members.
    pub fn json(&self) -> Vec<u8> {
        let mut out = format!(
            r#"{{"id":"{}","status":"{}","amount":{}.{:02},"currency":"EUR","customer":{{"id":{},"email":"{}","country":"DE"}},"card":{{"pan":"{}","expires":"12/29"}},"lines":["#,
            self.id(),
            STATUSES[self.status()],
            self.cents() / 100,
            self.cents() % 100,
            self.bits % 1_000_000,
            self.email(),
            self.pan()
        )
        .into_bytes();
        for at in 0.. {
            let Line { sku, count, price, text } = self.line(at);
            let comma = if at == 0 { "" } else { "," };
            // Writing to a Vec cannot fail.
            write!(out, r#"{comma}{{"sku":"{sku}","count":{count},"price":{price:.2},"text":"{text}"}}"#).unwrap_or_default();
            if out.len() >= SIZE {
                break;
            }
        }
        out.extend_from_slice(br#"],"at":"2026-01-01T00:00:00Z"}"#);
        out
    }

    /// A datum, without framing.
    pub fn avro(&self) -> Vec<u8> {
        let mut out = Vec::new();
        text(&self.id(), &mut out);
        zigzag(self.status() as i64, &mut out);
        let cents = self.cents().to_be_bytes();
        // Six digits and a sign fit four bytes.
        zigzag(4, &mut out);
        out.extend_from_slice(&cents[4..]);
        text("EUR", &mut out);
        zigzag((self.bits % 1_000_000) as i64, &mut out);
        zigzag(1, &mut out);
        text(&self.email(), &mut out);
        text("DE", &mut out);
        text(&self.pan(), &mut out);
        text("12/29", &mut out);
        let mut lines = Vec::new();
        let mut count = 0;
        while out.len() + lines.len() < SIZE {
            let line = self.line(count);
            count += 1;
            text(&line.sku, &mut lines);
            zigzag(line.count as i64, &mut lines);
            lines.extend_from_slice(&line.price.to_le_bytes());
            zigzag(1, &mut lines);
            text(line.text, &mut lines);
        }
        zigzag(count as i64, &mut out);
        out.append(&mut lines);
        zigzag(0, &mut out);
        zigzag(1_767_225_600_000, &mut out);
        out
    }

    /// A message, without framing.
    pub fn protobuf(&self) -> Vec<u8> {
        let mut out = Vec::new();
        field(1, self.id().as_bytes(), &mut out);
        number(2, self.status() as u64, &mut out);
        number(3, self.cents(), &mut out);
        field(4, b"EUR", &mut out);
        let mut customer = Vec::new();
        number(1, self.bits % 1_000_000, &mut customer);
        field(2, self.email().as_bytes(), &mut customer);
        field(3, b"DE", &mut customer);
        field(5, &customer, &mut out);
        let mut card = Vec::new();
        field(1, self.pan().as_bytes(), &mut card);
        field(2, b"12/29", &mut card);
        field(6, &card, &mut out);
        for at in 0.. {
            let line = self.line(at);
            let mut inner = Vec::new();
            field(1, line.sku.as_bytes(), &mut inner);
            number(2, line.count, &mut inner);
            varint(3 << 3 | 1, &mut inner);
            inner.extend_from_slice(&line.price.to_le_bytes());
            field(4, line.text.as_bytes(), &mut inner);
            field(7, &inner, &mut out);
            if out.len() >= SIZE {
                break;
            }
        }
        number(8, 1_767_225_600_000, &mut out);
        out
    }
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number > 127 {
        out.push(number as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

fn zigzag(number: i64, out: &mut Vec<u8>) {
    varint(((number << 1) ^ (number >> 63)) as u64, out);
}

fn text(text: &str, out: &mut Vec<u8>) {
    zigzag(text.len() as i64, out);
    out.extend_from_slice(text.as_bytes());
}

fn number(field: u64, value: u64, out: &mut Vec<u8>) {
    varint(field << 3, out);
    varint(value, out);
}

fn field(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    varint(field << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}
