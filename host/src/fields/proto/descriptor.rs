//! What is needed of a schema to walk messages: small tables of messages, fields and enums, by number. Built once from
//! the compiler's descriptors; knows no bytes of a message and no selection.

use prost_reflect::{Cardinality, DescriptorPool, EnumDescriptor, Kind, MessageDescriptor};

use super::wire;

/// All messages and enums of a schema with its imports, by their place in these lists.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enum>,
    /// Ascending.
    names: Vec<(Box<str>, u32)>,
}

/// A message type; its number is its place in [`Tables`].
#[derive(Debug)]
pub(super) struct Message {
    /// With its package.
    pub(super) name: Box<str>,
    /// Ascending by number; extensions included, named as `[package.name]`.
    pub(super) fields: Box<[Field]>,
}

/// A field or extension of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: Box<str>,
    pub(super) json_name: Box<str>,
    pub(super) kind: Type,
    pub(super) label: Label,
    /// Repeated numbers are written packed.
    pub(super) packed: bool,
}

/// The type of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Type {
    Scalar(Scalar),
    Message(u32),
    Group(u32),
}

/// A type whose values hold no others; of an enum with its number in [`Tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Enum(u32),
}

/// How often a field stands in a message, and what its absence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Label {
    /// proto2: a message without it cannot be read.
    Required,
    /// Absent is another thing than its default value: proto2 `optional`, proto3 `optional`, oneofs, messages.
    Optional,
    /// proto3: absent is the default value.
    Implicit,
    Repeated,
    /// Repeated entries of key and value.
    Map,
}

/// The symbols of an enum.
#[derive(Debug)]
pub(super) struct Enum {
    pub(super) name: Box<str>,
    /// Ascending by number; of aliases the first declared.
    by_number: Box<[(i32, Box<str>)]>,
    /// Ascending by name, aliases too.
    by_name: Box<[(Box<str>, i32)]>,
    /// The default: the first declared.
    pub(super) first: i32,
}

impl Tables {
    /// No messages at all.
    #[cfg(test)]
    pub(super) const EMPTY: Self = Self { messages: Vec::new(), enums: Vec::new(), names: Vec::new() };

    /// The tables of a pool whose names are all resolved.
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        let messages: Vec<MessageDescriptor> = pool.all_messages().collect();
        let enums: Vec<EnumDescriptor> = pool.all_enums().collect();
        let names = numbered(messages.iter().map(MessageDescriptor::full_name));
        let enum_names = numbered(enums.iter().map(EnumDescriptor::full_name));
        let kind = |kind: Kind, group: bool| match kind {
            Kind::Message(message) if group => Type::Group(number(&names, message.full_name())),
            Kind::Message(message) => Type::Message(number(&names, message.full_name())),
            Kind::Enum(found) => Type::Scalar(Scalar::Enum(number(&enum_names, found.full_name()))),
            Kind::Double => Type::Scalar(Scalar::Double),
            Kind::Float => Type::Scalar(Scalar::Float),
            Kind::Int32 => Type::Scalar(Scalar::Int32),
            Kind::Int64 => Type::Scalar(Scalar::Int64),
            Kind::Uint32 => Type::Scalar(Scalar::Uint32),
            Kind::Uint64 => Type::Scalar(Scalar::Uint64),
            Kind::Sint32 => Type::Scalar(Scalar::Sint32),
            Kind::Sint64 => Type::Scalar(Scalar::Sint64),
            Kind::Fixed32 => Type::Scalar(Scalar::Fixed32),
            Kind::Fixed64 => Type::Scalar(Scalar::Fixed64),
            Kind::Sfixed32 => Type::Scalar(Scalar::Sfixed32),
            Kind::Sfixed64 => Type::Scalar(Scalar::Sfixed64),
            Kind::Bool => Type::Scalar(Scalar::Bool),
            Kind::String => Type::Scalar(Scalar::String),
            Kind::Bytes => Type::Scalar(Scalar::Bytes),
        };
        let label = |cardinality: Cardinality, map: bool, presence: bool| match cardinality {
            Cardinality::Required => Label::Required,
            Cardinality::Repeated if map => Label::Map,
            Cardinality::Repeated => Label::Repeated,
            Cardinality::Optional if presence => Label::Optional,
            Cardinality::Optional => Label::Implicit,
        };
        let message = |message: &MessageDescriptor| {
            let fields = message.fields().map(|field| Field {
                number: field.number(),
                name: field.name().into(),
                json_name: field.json_name().into(),
                kind: kind(field.kind(), field.is_group()),
                label: label(field.cardinality(), field.is_map(), field.supports_presence()),
                packed: field.is_packed(),
            });
            let extensions = message.extensions().map(|field| Field {
                number: field.number(),
                name: format!("[{}]", field.full_name()).into(),
                json_name: format!("[{}]", field.full_name()).into(),
                kind: kind(field.kind(), field.is_group()),
                label: label(field.cardinality(), false, true),
                packed: field.is_packed(),
            });
            let mut fields: Vec<Field> = fields.chain(extensions).collect();
            fields.sort_by_key(|field| field.number);
            Message { name: message.full_name().into(), fields: fields.into() }
        };
        let messages = messages.iter().map(message).collect();
        Self { messages, enums: enums.iter().map(Enum::new).collect(), names }
    }

    /// The number of the message of a name.
    pub(super) fn find(&self, name: &str) -> u32 {
        number(&self.names, name)
    }

    /// The message of that number; numbers come from these tables alone.
    pub(super) fn message(&self, number: u32) -> &Message {
        &self.messages[number as usize]
    }

    /// The enum of that number; numbers come from these tables alone.
    pub(super) fn enumeration(&self, number: u32) -> &Enum {
        &self.enums[number as usize]
    }
}

/// Where each stands in its list, by name.
fn numbered<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(Box<str>, u32)> {
    let mut names: Vec<(Box<str>, u32)> = names.zip(0..).map(|(name, number)| (name.into(), number)).collect();
    names.sort_unstable();
    names
}

/// The compiler has resolved all names: each is there.
fn number(names: &[(Box<str>, u32)], name: &str) -> u32 {
    let at = names.binary_search_by(|(known, _)| (**known).cmp(name)).ok();
    at.and_then(|at| names.get(at)).map_or(0, |(_, number)| *number)
}

impl Message {
    /// The field or extension of that number; none if the schema does not have it.
    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        self.fields.binary_search_by_key(&number, |field| field.number).ok().and_then(|at| self.fields.get(at))
    }
}

impl Field {
    /// Whether readers take a value of a wire type for this field: numbers also packed.
    pub(super) fn takes(&self, wire: u8) -> bool {
        self.kind.wire() == wire || (wire == wire::LEN && self.packs())
    }

    /// Whether many numbers may stand in one field without tags. Readers take both forms, whatever the schema says.
    pub(super) fn packs(&self) -> bool {
        self.label == Label::Repeated && matches!(self.kind, Type::Scalar(scalar) if scalar.wire() != wire::LEN)
    }

    /// The message of a map's entries.
    pub(super) fn entry(&self) -> Option<u32> {
        match (self.label, self.kind) {
            (Label::Map, Type::Message(entry)) => Some(entry),
            _ => None,
        }
    }
}

impl Type {
    /// The wire type of one value.
    pub(super) fn wire(self) -> u8 {
        match self {
            Self::Scalar(scalar) => scalar.wire(),
            Self::Message(_) => wire::LEN,
            Self::Group(_) => wire::START,
        }
    }
}

impl Tables {
    /// A type as a schema writes it.
    pub(super) fn words(&self, kind: Type) -> String {
        match kind {
            Type::Message(number) => format!("message {}", self.message(number).name),
            Type::Group(number) => format!("group {}", self.message(number).name),
            Type::Scalar(Scalar::Enum(number)) => format!("enum {}", self.enumeration(number).name),
            // The names of the variants are those of the language, but for the case.
            Type::Scalar(scalar) => format!("{scalar:?}").to_lowercase(),
        }
    }
}

impl Scalar {
    /// The wire type of one value, not packed.
    pub(super) fn wire(self) -> u8 {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => wire::I64,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => wire::I32,
            Self::String | Self::Bytes => wire::LEN,
            _ => wire::VARINT,
        }
    }

    /// Whether it is an integer of 64 bits.
    pub(super) fn is_wide(self) -> bool {
        matches!(self, Self::Int64 | Self::Uint64 | Self::Sint64 | Self::Fixed64 | Self::Sfixed64)
    }
}

impl Enum {
    fn new(found: &EnumDescriptor) -> Self {
        // In the order of the source: the compiler's own list of values is sorted.
        let values = found.enum_descriptor_proto().value.iter();
        let mut by_number: Vec<(i32, Box<str>)> = values.map(|value| (value.number(), value.name().into())).collect();
        let first = by_number.first().map_or(0, |(number, _)| *number);
        let mut by_name: Vec<(Box<str>, i32)> = by_number.iter().map(|(number, name)| (name.clone(), *number)).collect();
        by_name.sort_unstable();
        // Stable: of one number the first declared stays.
        by_number.sort_by_key(|(number, _)| *number);
        by_number.dedup_by_key(|(number, _)| *number);
        Self { name: found.full_name().into(), by_number: by_number.into(), by_name: by_name.into(), first }
    }

    /// The symbol of a number, of aliases the first declared; none for a number without one.
    pub(super) fn symbol(&self, number: i32) -> Option<&str> {
        let at = self.by_number.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.by_number.get(at).map(|(_, name)| &**name)
    }

    /// The number of a symbol, aliases too.
    pub(super) fn number(&self, symbol: &[u8]) -> Option<i32> {
        let at = self.by_name.binary_search_by(|(name, _)| name.as_bytes().cmp(symbol)).ok()?;
        self.by_name.get(at).map(|(_, number)| *number)
    }
}
