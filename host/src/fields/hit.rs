//! What a selection finds in a document: spans of values, spans to prune, and why a document is refused. Holds
//! positions only; the document's bytes stay where they are.

use super::names::SeenNames;
use super::proto;
use super::text;
use super::walk::Frame;

/// What a value is; the numbers are those of the plugin contract (`wit/v0.1.0/plugin.wit`). JSON has no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `null`; no bytes.
    Null = 0,
    /// `true` or `false`.
    Boolean = 1,
    /// A number `-?(0|[1-9][0-9]*)` of any length, as its exact text.
    Integer = 2,
    /// Any other number, as its exact text.
    Decimal = 3,
    /// UTF-8, escapes resolved.
    Text = 4,
    /// As they are.
    Bytes = 5,
    /// An object or array, without bytes; only with [`Containers::Composite`](super::Containers::Composite).
    Composite = 6,
}

/// One value that a field's selector names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Index of the field in the selection.
    pub field: u32,
    /// What the value is.
    pub kind: Kind,
    /// The text has a backslash in it; only in JSON.
    pub(super) escaped: bool,
    /// Where the value's raw bytes begin, a string's quotes included.
    pub start: u32,
    /// Where they end.
    pub end: u32,
    /// Where its member begins: the quote of the name, or `start` for an element or the root.
    pub(super) member: u32,
    /// The format's own number for a description of the place, whose type is not written beside the value; 0 in JSON.
    pub(super) site: u32,
}

/// A member or element that the allow list does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prune {
    /// Where the member (its name's quote) or the element begins.
    pub(super) member: u32,
    /// Where its value ends.
    pub(super) end: u32,
    /// As in a [`Hit`].
    pub(super) site: u32,
}

/// A run of array elements or map entries whose count, and perhaps whose size, stands before it: a block of Avro. Only
/// those with a hit or a prune inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where its count begins.
    pub(super) head: u32,
    /// Where its first item begins.
    pub(super) start: u32,
    /// Where its last item ends.
    pub(super) end: u32,
    /// How many items it has.
    pub(super) count: u32,
    /// Its size stands behind its count.
    pub(super) sized: bool,
}

/// How many entries the vectors of [`Hits`] keep room for between documents. Stops one document of a million scalars from
/// holding its memory in every lane for good.
const RETAINED: usize = 1 << 14;

/// Everything one `select` finds, in document order. Made once and used for document after document; the vectors keep
/// their memory, up to a bound.
#[derive(Debug, Default)]
pub struct Hits {
    pub(super) hits: Vec<Hit>,
    pub(super) prunes: Vec<Prune>,
    /// The outer ones before the inner ones.
    pub(super) blocks: Vec<Block>,
    /// One bit a field.
    pub(super) matched: Vec<u64>,
    // The walk's memory; empty between calls.
    pub(super) stack: Vec<Frame>,
    pub(super) names: SeenNames,
    pub(super) lengths: Vec<(u32, u32)>,
    /// What the walk over a Protobuf message leaves for the patch, and its memory.
    pub(super) proto: proto::Scratch,
}

impl Hits {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The values found, in document order. Those of one field are in document order too, so a column is filled and
    /// answered by counting.
    #[must_use]
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// How many members and elements the allow list drops from the document, those inside another one not counted. With
    /// 0 and no hits the document passes as it is.
    #[must_use]
    pub fn pruned(&self) -> usize {
        self.prunes.len()
    }

    /// Whether the selector of `field` named anything in the document: also an empty object, and also a value that a
    /// more specific selector took. False for all fields after a refused document.
    #[must_use]
    pub fn matched(&self, field: usize) -> bool {
        self.matched.get(field / 64).is_some_and(|word| word >> (field % 64) & 1 == 1)
    }

    /// The same for all fields, 64 a word, field 0 the lowest bit of the first: to be or-ed into a running set. As many
    /// words as the selection's fields need.
    #[must_use]
    pub fn matched_words(&self) -> &[u64] {
        &self.matched
    }

    /// Empties it for a document and a selection of that many fields. Room beyond what is kept between documents is
    /// given back.
    pub(super) fn reset(&mut self, fields: usize) {
        self.hits.clear();
        self.prunes.clear();
        self.blocks.clear();
        self.matched.clear();
        self.matched.resize(fields.div_ceil(64), 0);
        self.stack.clear();
        self.names.clear();
        let capacity = self.hits.capacity().max(self.prunes.capacity()).max(self.blocks.capacity()).max(self.lengths.capacity());
        if capacity > RETAINED {
            self.hits.shrink_to(RETAINED);
            self.prunes.shrink_to(RETAINED);
            self.blocks.shrink_to(RETAINED);
            self.lengths.clear();
            self.lengths.shrink_to(RETAINED);
        }
        self.names.shrink(RETAINED);
        self.proto.reset(RETAINED);
    }
}

/// Appends a hit's bytes as a column carries them: text unescaped, numbers and booleans as they stand, nothing for null
/// and composites. `doc` must be the document of the hit; another one gives an error or wrong bytes, never a panic.
pub fn append_value(doc: &[u8], hit: &Hit, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let raw = doc.get(hit.start as usize..hit.end as usize).ok_or(DecodeError::NotJson)?;
    match hit.kind {
        Kind::Null | Kind::Composite => {}
        Kind::Boolean | Kind::Integer | Kind::Decimal => out.extend_from_slice(raw),
        Kind::Text => {
            let inner = raw.get(1..raw.len().wrapping_sub(1)).ok_or(DecodeError::NotJson)?;
            if hit.escaped {
                text::unescape(inner, out)?;
            } else {
                out.extend_from_slice(inner);
            }
        }
        Kind::Bytes => return Err(DecodeError::NotJson),
    }
    Ok(())
}

/// Why a document is refused. The record follows the pipeline's `on_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DecodeError {
    /// Not a JSON text by RFC 8259: also an empty one, a byte order mark, or bytes behind the value.
    #[error("cannot read the document: not JSON")]
    NotJson,
    /// JSON is UTF-8.
    #[error("cannot read the document: not valid UTF-8")]
    InvalidUtf8,
    /// More than [`MAX_DEPTH`](super::MAX_DEPTH) arrays and objects in each other.
    #[error("cannot read the document: nested deeper than 128 levels")]
    TooDeep,
    /// Two members of one name on the way to a selected value: readers differ on which one counts.
    #[error("cannot select in the document: a name occurs twice in one object")]
    DuplicateName,
    /// Half a surrogate pair in a selected text, or in a name beside one: no UTF-8 writes it.
    #[error("cannot select in the document: an escape is half a surrogate pair")]
    LoneSurrogate,
    /// The document is a single scalar, and the allow list does not name `$`.
    #[error("cannot select in the document: it is a single scalar that the allow list does not name")]
    RootNotListed,
    /// The value is one scalar, by its format, and a selector names a place inside it.
    #[error("cannot select in the value: it is no document, by its format, and a selector names a place in it")]
    NotADocument,
    /// The bytes of a binary format end inside a value.
    #[error("cannot read the document: it ends inside a value")]
    Truncated,
    /// A number of a binary format with more bytes than its type has.
    #[error("cannot read the document: a number is longer than its type")]
    BadVarint,
    /// A length of a binary format that is negative, or that its content disagrees with.
    #[error("cannot read the document: a length that its content cannot have")]
    BadLength,
    /// Bytes behind the end of the value: of another schema, or damaged.
    #[error("cannot read the document: bytes behind its end")]
    TrailingBytes,
    /// A union's branch or an enum's symbol beyond those of the schema.
    #[error("cannot read the document: an index that its type does not have")]
    BadIndex,
    /// A boolean that is neither 0 nor 1, a decimal longer than any that is read.
    #[error("cannot read the document: a value that its type does not have")]
    BadValue,
    /// More than a million values without bytes.
    #[error("cannot read the document: more than a million empty values")]
    TooManyItems,
    /// Bytes that no Protobuf message has: a field number 0, a wire type that does not exist, an end of a group that was
    /// not begun.
    #[error("cannot read the message: not Protobuf")]
    NotProtobuf,
    /// A field that is asked for stands in the message as another wire type than the schema's, or under an allow list
    /// any field: readers take it for an unknown one and hand it on.
    #[error("cannot select in the message: a field has another wire type than in the schema")]
    WireType,
    /// A field that the schema does not have, where every value is selected: it cannot be edited and must not pass.
    #[error("cannot select in the message: a field that the schema does not have stands where everything is selected")]
    UnknownField,
    /// A message in two parts, which readers join, and in it elements that are selected by index.
    #[error("cannot select in the message: a message whose elements are selected by index comes in parts")]
    SplitMessage,
    /// A value that a selector goes on inside (`>>`), and that is no text.
    #[error("cannot go on inside the value: it is not a text")]
    InnerNotText,
    /// A text that a selector goes on inside (`>>`), and that holds no JSON document.
    #[error("cannot go on inside the text: it is not JSON")]
    InnerNotJson,
    /// 4 GiB or more; positions are 32 bits, as in the plugin contract.
    #[error("cannot read the document: 4 GiB or more")]
    TooLarge,
}

impl DecodeError {
    /// A stable name, for metrics and quarantine records.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::TooDeep => "too_deep",
            Self::DuplicateName => "duplicate_name",
            Self::LoneSurrogate => "lone_surrogate",
            Self::RootNotListed => "root_not_listed",
            Self::NotADocument => "not_a_document",
            Self::Truncated => "truncated",
            Self::BadVarint => "bad_varint",
            Self::BadLength => "bad_length",
            Self::TrailingBytes => "trailing_bytes",
            Self::BadIndex => "bad_index",
            Self::BadValue => "bad_value",
            Self::TooManyItems => "too_many_items",
            Self::NotProtobuf => "not_protobuf",
            Self::WireType => "wire_type",
            Self::UnknownField => "unknown_field",
            Self::SplitMessage => "split_message",
            Self::InnerNotText => "inner_not_text",
            Self::InnerNotJson => "inner_not_json",
            Self::TooLarge => "too_large",
        }
    }
}
