//! Random schemas and messages for the tests, all from one seed.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use prost_reflect::bytes::Bytes;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// A generator whose whole sequence follows from its seed.
pub(super) struct Random(u64);

impl Random {
    /// Any seed will do, 0 too.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// splitmix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number from 0 to `bound` - 1; `bound` is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// Of any magnitude.
    fn number(&mut self) -> u64 {
        let shift = self.below(64);
        self.next() >> shift
    }
}

const SCALARS: [&str; 16] = [
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "bool",
    "string", "bytes", "Color",
];
const KEYS: [&str; 8] = ["int32", "int64", "uint32", "sint64", "fixed32", "sfixed64", "bool", "string"];
const NUMBERS: [u32; 12] = [1, 2, 3, 15, 16, 62, 63, 64, 65, 1000, 18_999, 536_870_911];

/// Three messages M0 to M2 with fields `a` to `h`, in each other at random, proto2 or proto3.
pub(super) fn random_schema(random: &mut Random) -> String {
    let proto3 = random.below(2) == 0;
    let mut text = format!("syntax = \"proto{}\";\n", if proto3 { 3 } else { 2 });
    text.push_str(if proto3 { "enum Color { RED = 0; " } else { "enum Color { RED = 7; " });
    text.push_str("GREEN = 1; BLUE = -2; }\n");
    for message in 0..3 {
        text.push_str(&format!("message M{message} {{\n"));
        let mut numbers = NUMBERS.to_vec();
        let mut oneof = String::new();
        for name in 'a'..='h' {
            if random.below(3) == 0 {
                continue;
            }
            let number = numbers.swap_remove(random.below(numbers.len()));
            let kind = match random.below(3) {
                0 => format!("M{}", random.below(3)),
                _ => (*random.pick(&SCALARS)).to_owned(),
            };
            let packed = if random.below(2) == 0 { "true" } else { "false" };
            let packs = !kind.starts_with('M') && kind != "string" && kind != "bytes";
            let packed = if packs { format!(" [packed = {packed}]") } else { String::new() };
            let group = name.to_ascii_uppercase();
            let field = match random.below(8) {
                0 | 1 => format!("repeated {kind} {name} = {number}{packed};"),
                2 => format!("map<{}, {kind}> {name} = {number};", random.pick(&KEYS)),
                3 => {
                    oneof.push_str(&format!("  {kind} {name} = {number};\n"));
                    continue;
                }
                4 if !proto3 => format!("optional group {group} = {number} {{ optional {kind} a = 1; repeated M0 b = 2; }}"),
                5 if !proto3 => format!("repeated group {group} = {number} {{ optional {kind} a = 1; optional M1 c = 9; }}"),
                6 if proto3 => format!("{kind} {name} = {number};"),
                _ => format!("optional {kind} {name} = {number};"),
            };
            text.push_str(&format!("  {field}\n"));
        }
        if !oneof.is_empty() {
            text.push_str(&format!("  oneof one {{\n{oneof}  }}\n"));
        }
        text.push_str("}\n");
    }
    text
}

/// A message with some of its fields, at most `depth` levels deep.
pub(super) fn random_message(descriptor: &MessageDescriptor, random: &mut Random, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        if random.below(4) == 0 && !field.is_required() {
            continue;
        }
        let value = if field.is_map() {
            let Kind::Message(entry) = field.kind() else { panic!("a map without entries") };
            let count = random.below(3);
            let entries = (0..count).map(|_| {
                let key = key(&entry.map_entry_key_field(), random);
                (key, value(&entry.map_entry_value_field().kind(), random, depth))
            });
            let entries: Vec<_> = entries.collect();
            if depth == 0 { None } else { Some(Value::Map(entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())) }
        } else if field.is_list() {
            let count = random.below(4);
            Some(Value::List((0..count).filter_map(|_| value(&field.kind(), random, depth)).collect()))
        } else {
            value(&field.kind(), random, depth)
        };
        if let Some(value) = value {
            message.set_field(&field, value);
        }
    }
    message
}

fn key(field: &FieldDescriptor, random: &mut Random) -> MapKey {
    let small = random.below(3) as u64;
    let number = if small == 0 { random.number() } else { small };
    match field.kind() {
        Kind::Bool => MapKey::Bool(number % 2 == 1),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(number as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(number as i64),
        Kind::Uint32 | Kind::Fixed32 => MapKey::U32(number as u32),
        Kind::Uint64 | Kind::Fixed64 => MapKey::U64(number),
        _ => MapKey::String((*random.pick(&["", "a", "b", "1", "é"])).to_owned()),
    }
}

fn value(kind: &Kind, random: &mut Random, depth: usize) -> Option<Value> {
    let number = random.number();
    Some(match kind {
        Kind::Double => Value::F64(*random.pick(&[0.0, -0.5, 1e300, f64::INFINITY, 0.1, number as f64])),
        Kind::Float => Value::F32(*random.pick(&[0.0, -0.5, 1e30, f32::NEG_INFINITY, 0.1, number as f32])),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number as i64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number),
        Kind::Bool => Value::Bool(number % 2 == 1),
        Kind::String => Value::String((*random.pick(&["", "é", "text"])).repeat(*random.pick(&[1, 1, 1, 40, 5000]))),
        Kind::Bytes => Value::Bytes(Bytes::from(vec![number as u8; *random.pick(&[0, 1, 127, 128])])),
        Kind::Enum(_) => Value::EnumNumber(*random.pick(&[1, -2, 1, 5])),
        Kind::Message(_) if depth == 0 => return None,
        Kind::Message(message) => Value::Message(random_message(message, random, depth - 1)),
    })
}
