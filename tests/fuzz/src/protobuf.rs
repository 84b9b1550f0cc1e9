//! Protobuf: `3` for the schema of proto3, anything else for that of proto2; the head, then a message. `prost-reflect` says
//! what is valid and what is in it.

use std::sync::LazyLock;

use prost_reflect::prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{DynamicMessage, Kind, MapKey, MessageDescriptor, Value};

use crate::check::{self, Decoded, Format, Walker};
use crate::head::Head;
use crate::host::fields::proto::{MessageId, Plan, Schema};
use crate::host::fields::{DecodeError, Edit, Hit, Hits, PatchError, Patched, Selection};
use crate::tree::{Leaf, Node};

/// Everything that the format has, under the names that a head can say.
const OLD: &str = r#"
syntax = "proto2";
package t;
enum Color { RED = 1; GREEN = 2; DARK = -3; }
message All {
  optional string a = 1; optional Numbers b = 2; optional Fixed c = 3; optional Lists d = 4; repeated All e = 5;
  map<string, All> f = 6; optional group G = 7 { optional string a = 1; repeated All b = 2; repeated group C = 3 { optional string a = 1; } }
  oneof one { string h = 8; }
}
message Numbers {
  optional double a = 1; optional float b = 2; optional int32 c = 3; optional int64 d = 4; optional uint32 e = 5; optional uint64 f = 6;
  optional sint32 g = 7; optional sint64 h = 8;
}
message Fixed {
  optional fixed32 a = 1; optional fixed64 b = 2; optional sfixed32 c = 3; optional sfixed64 d = 4; optional bool e = 5;
  optional Color f = 6; optional bytes g = 70; optional Numbers h = 71;
}
message Lists {
  repeated int32 a = 1; repeated sint64 b = 2 [packed = true]; repeated fixed32 c = 3 [packed = true];
  repeated Color d = 100 [packed = true]; repeated double e = 101; map<int64, bytes> f = 102; map<bool, Color> g = 103;
  map<sint32, Lists> h = 104;
}
"#;

/// What proto3 has besides.
const NEW: &str = r#"
syntax = "proto3";
enum Color { NONE = 0; RED = 1; GREEN = 2; }
message New {
  string a = 1; int32 b = 2; optional string c = 3; Color d = 4; New e = 5; repeated double f = 6; bytes g = 7; map<string, New> h = 8;
  bool i = 9; repeated string j = 10; uint64 k = 11; float l = 12;
}
"#;

static OLD_FORMAT: LazyLock<Protobuf> = LazyLock::new(|| Protobuf::new(OLD));
static NEW_FORMAT: LazyLock<Protobuf> = LazyLock::new(|| Protobuf::new(NEW));

struct Protobuf {
    schema: Schema,
    message: MessageId,
    descriptor: MessageDescriptor,
}

pub fn run(input: &[u8]) {
    let Some((version, rest)) = input.split_first() else { return };
    let (head, body) = Head::split(rest);
    check::body(if *version == b'3' { &*NEW_FORMAT } else { &*OLD_FORMAT }, &head, body);
}

impl Protobuf {
    fn new(text: &str) -> Self {
        let schema = Schema::parse(text, &[]).expect("a schema of ours");
        let message = schema.message(&[0]).expect("it has a message");
        let file = protox::file::File::from_source("t.proto", text).expect("a schema of ours");
        let mut pool = prost_reflect::DescriptorPool::new();
        pool.add_file_descriptor_proto(file.into()).expect("a schema of ours");
        let descriptor = pool.get_message_by_name(schema.name(message)).expect("the same message");
        Self { schema, message, descriptor }
    }
}

impl Format for Protobuf {
    type Walker = Plan;

    fn walker(&self, selection: Selection) -> Option<Plan> {
        Plan::compile(&selection, &self.schema, self.message).ok()
    }

    fn decode(&self, body: &[u8]) -> Decoded {
        if !maps_are_delimited(&self.descriptor, &mut &*body, None) {
            return Decoded::Refused;
        }
        DynamicMessage::decode(self.descriptor.clone(), body).map_or(Decoded::Refused, |message| Decoded::Tree(node(&message)))
    }

    fn agrees(&self, error: DecodeError, decode: impl Fn() -> Decoded) -> bool {
        match error {
            DecodeError::Truncated | DecodeError::BadVarint | DecodeError::NotProtobuf | DecodeError::InvalidUtf8 => decode().refused(),
            // What is asked for cannot be told apart for sure, though a reader makes something of it.
            _ => true,
        }
    }

    fn sees_all(&self) -> bool {
        false
    }
}

impl Walker for Plan {
    fn select(&self, body: &[u8], hits: &mut Hits) -> Result<(), DecodeError> {
        Plan::select(self, body, hits)
    }

    fn append_value(&self, body: &[u8], hit: &Hit, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        Plan::append_value(self, body, hit, out)
    }

    fn patch<'a>(
        &self,
        body: &[u8],
        hits: &Hits,
        edit: impl FnMut(usize, &Hit) -> Edit<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Patched, PatchError> {
        Plan::patch(self, body, hits, edit, out)
    }
}

/// `prost-reflect` does not look at the wire type of a map's entry and so reads what nobody else does. False also where
/// the bytes are no message; `group`: the number whose end ends them.
fn maps_are_delimited(message: &MessageDescriptor, bytes: &mut &[u8], group: Option<u32>) -> bool {
    while !bytes.is_empty() {
        let Ok((number, wire)) = decode_key(bytes) else { return false };
        let field = message.get_field(number);
        let inner = field.as_ref().and_then(|field| field.kind().as_message().cloned());
        let sound = match (wire, inner) {
            (WireType::EndGroup, _) => return group == Some(number),
            (WireType::LengthDelimited, Some(inner)) => {
                let length = decode_varint(bytes).ok().and_then(|length| usize::try_from(length).ok());
                let Some((mut content, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else { return false };
                *bytes = rest;
                maps_are_delimited(&inner, &mut content, None)
            }
            (WireType::StartGroup, Some(inner)) => maps_are_delimited(&inner, bytes, Some(number)),
            (_, Some(_)) if field.is_some_and(|field| field.is_map()) => false,
            (wire, _) => skip_field(wire, number, bytes, DecodeContext::default()).is_ok(),
        };
        if !sound {
            return false;
        }
    }
    group.is_none()
}

fn node(message: &DynamicMessage) -> Node {
    let known = message.fields().map(|(field, value)| {
        let kind = field.kind();
        let node = match value {
            Value::List(list) => Node::List(list.iter().map(|value| single(&kind, value)).collect()),
            Value::Map(map) => {
                let kind = kind.as_message().expect("a map has entries").map_entry_value_field().kind();
                let mut members: Vec<_> = map.iter().map(|(key, value)| (name(key), single(&kind, value))).collect();
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                Node::Names(members)
            }
            value => single(&kind, value),
        };
        (field.name().to_owned(), node)
    });
    // No head has a name for them, but a wildcard means them too.
    let unknown = message.unknown_fields().map(|field| {
        let now = format!("{field:?}");
        ("?".to_owned(), Node::Leaf(Leaf { now, zero: String::new(), text: false }))
    });
    Node::Names(known.chain(unknown).collect())
}

fn single(kind: &Kind, value: &Value) -> Node {
    match value {
        Value::Message(message) => node(message),
        value => {
            let (now, zero) = (format!("{value:?}"), format!("{:?}", Value::default_value(kind)));
            match value {
                Value::String(text) => Node::Leaf(Leaf { now: format!("{text:?}"), zero: "\"\"".to_owned(), text: true }),
                _ => Node::Leaf(Leaf { now, zero, text: false }),
            }
        }
    }
}

fn name(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
