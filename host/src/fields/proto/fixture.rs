//! What the tests of this folder share: schemas, messages from the text format, and a selection applied to one.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::super::{Containers, DecodeError, Edit, Hit, Hits, PatchError, Patched, Selection, Selector};
use super::{MessageId, Plan, Schema, compiler};

/// A schema with all that the format has, its messages numbered as they stand: 0 All, 1 Tree, 2 Old.
pub(super) const ALL: &str = r#"
syntax = "proto2";
package t;
enum Color { RED = 1; GREEN = 2; DARK = -3; }
message All {
  optional double double = 1;
  optional float float = 2;
  optional int32 int32 = 3;
  optional int64 int64 = 4;
  optional uint32 uint32 = 5;
  optional uint64 uint64 = 6;
  optional sint32 sint32 = 7;
  optional sint64 sint64 = 8;
  optional fixed32 fixed32 = 9;
  optional fixed64 fixed64 = 10;
  optional sfixed32 sfixed32 = 11;
  optional sfixed64 sfixed64 = 12;
  optional bool bool = 13;
  optional string string = 14;
  optional bytes bytes = 15;
  optional Color color = 16;
  optional group Pair = 17 { optional string left = 1; repeated Pair inner = 2; }
  repeated int32 numbers = 100;
  repeated sint64 packed = 101 [packed = true];
  repeated fixed32 fours = 102 [packed = true];
  repeated string names = 103;
  repeated All items = 104;
  repeated Color colors = 105 [packed = true];
  map<string, string> labels = 106;
  map<int64, All> by_number = 107;
  map<bool, bytes> by_bool = 108;
  map<sint32, Color> by_color = 109;
  oneof choice { string card_number = 110; int32 account = 111; All other = 112; }
  extensions 1000 to 2000;
}
extend All { optional string nick = 1000; repeated int32 marks = 1001; }
message Tree { optional string name = 1; repeated Tree children = 2; optional Tree parent = 3; optional Leaf leaf = 4;
  optional Empty empty = 5; message Leaf { optional int32 size = 1; } message Empty {} }
message Old { required string name = 1; required int32 size = 2; required Color color = 3; required Old.Inner inner = 4;
  optional string note = 5; repeated Inner inners = 6;
  message Inner { required bytes key = 1; optional string text = 2; required double ratio = 3; } }
"#;

/// What proto3 has besides; one message.
pub(super) const NEW: &str = r#"
syntax = "proto3";
enum Color { NONE = 0; RED = 1; GREEN = 2; }
message New { string name = 1; int32 size = 2; optional string nick = 3; Color color = 4; New inner = 5; repeated double ratios = 6;
  bytes raw = 7; double ratio = 8; bool flag = 9; oneof one { string text = 10; int64 number = 11; } uint64 large = 12;
  map<string, New> parts = 13; float narrow = 14; }
"#;

/// Selectors, separated by white space.
pub(super) fn list(selectors: &str) -> Vec<Selector> {
    selectors.split_whitespace().map(|text| Selector::parse(text).unwrap()).collect()
}

/// A message type under test.
pub(super) struct Fixture {
    pub(super) pool: DescriptorPool,
    pub(super) schema: Schema,
    pub(super) id: MessageId,
}

impl Fixture {
    /// The message at `index` in the file.
    pub(super) fn new(text: &str, index: i32) -> Self {
        let pool = compiler::compile(text, &[]).unwrap();
        let schema = Schema::parse(text, &[]).unwrap();
        let id = schema.message(&[index]).unwrap();
        Self { pool, schema, id }
    }

    /// The compiler's descriptor of the message, for what prost-reflect reads and writes.
    pub(super) fn descriptor(&self) -> MessageDescriptor {
        self.pool.get_message_by_name(self.schema.name(self.id)).unwrap()
    }

    /// A message written in the text format, as bytes.
    pub(super) fn encode(&self, text: &str) -> Vec<u8> {
        DynamicMessage::parse_text_format(self.descriptor(), text).unwrap_or_else(|error| panic!("{text}: {error:?}")).encode_to_vec()
    }

    /// Bytes as prost-reflect reads them; panics where it does not.
    pub(super) fn message(&self, bytes: &[u8]) -> DynamicMessage {
        DynamicMessage::decode(self.descriptor(), bytes).unwrap()
    }

    /// Whether two bodies are the same to a reader. Written anew they have lost what is nothing, like an empty packed
    /// field. To be asserted without printing: prost-reflect's text of a recursive type has no end.
    pub(super) fn same(&self, one: &[u8], other: &[u8]) -> bool {
        let anew = |body: &[u8]| self.message(&self.message(body).encode_to_vec());
        anew(one) == anew(other)
    }

    /// Bytes as a message in the text format; of a map in no order.
    pub(super) fn decode(&self, bytes: &[u8]) -> String {
        self.message(bytes).to_text_format()
    }

    /// The plan of selectors, written as for [`list`], for the message.
    pub(super) fn plan(&self, fields: &str, keep: Option<&str>, containers: Containers) -> Plan {
        let keep = keep.map(list);
        let selection = Selection::compile(&list(fields), keep.as_deref(), containers).unwrap();
        Plan::compile(&selection, &self.schema, self.id).unwrap()
    }

    /// Every hit as `field:kind:value`.
    pub(super) fn found(&self, body: &[u8], fields: &str, containers: Containers) -> Result<String, DecodeError> {
        let plan = self.plan(fields, None, containers);
        let mut hits = Hits::new();
        plan.select(body, &mut hits)?;
        let one = |hit: &Hit| {
            let mut value = Vec::new();
            plan.append_value(body, hit, &mut value).unwrap();
            format!("{}:{}:{}", hit.field, hit.kind as u8, String::from_utf8_lossy(&value))
        };
        Ok(hits.hits().iter().map(one).collect::<Vec<_>>().join(" "))
    }

    /// Edits every hit of field i by `edits[i]`; none: unchanged.
    pub(super) fn patched(&self, body: &[u8], fields: &str, keep: Option<&str>, edits: &[Edit<'_>]) -> Result<Option<Vec<u8>>, PatchError> {
        let plan = self.plan(fields, keep, Containers::Expand);
        let mut hits = Hits::new();
        plan.select(body, &mut hits).unwrap_or_else(|error| panic!("{fields}: {error}"));
        let mut out = b"before".to_vec();
        let mut asked = 0;
        let edit = |index: usize, hit: &Hit| {
            assert_eq!(index, asked);
            asked += 1;
            edits[hit.field as usize]
        };
        let result = plan.patch(body, &hits, edit, &mut out);
        let new = out.split_off(6);
        assert_eq!(out, b"before");
        match result {
            Ok(Patched::Changed) => Ok(Some(new)),
            Ok(Patched::Unchanged) => {
                assert_eq!(new, b"");
                Ok(None)
            }
            Err(error) => {
                assert_eq!(new, b"");
                Err(error)
            }
        }
    }

    /// The same, from the text format to it.
    pub(super) fn patched_text(&self, text: &str, fields: &str, keep: Option<&str>, edits: &[Edit<'_>]) -> Result<String, PatchError> {
        let body = self.encode(text);
        Ok(self.patched(&body, fields, keep, edits)?.map_or_else(|| "unchanged".to_owned(), |new| self.decode(&new)))
    }
}

/// An edit that sets a value; `kind` is the number of the contract.
pub(super) fn set(kind: u8, data: &str) -> Edit<'_> {
    Edit::Set { kind, data: data.as_bytes() }
}

/// An edit that clears a value, with a text for those that take one.
pub(super) const CLEAR: Edit<'_> = Edit::Clear { text: b"[gone]" };
