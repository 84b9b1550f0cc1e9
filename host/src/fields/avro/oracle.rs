//! The slow and plain reading of Avro's encoding, over trees, for tests to compare with. Shares nothing with the walk: no
//! table, no plan, no reader. A tree knows how its arrays and maps were cut into blocks, so that what must stay byte for
//! byte can be compared byte for byte.

use serde_json::{Value, json};

/// A schema.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ty {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    /// Of so many symbols, `S0`, `S1` and so on.
    Enum(usize),
    Date,
    Millis,
    /// Bytes, with a scale of 2.
    Decimal,
    Uuid,
    Array(Box<Ty>),
    Map(Box<Ty>),
    Union(Vec<Ty>),
    Record(Vec<(String, Ty)>),
    /// The record that is the root, by its name.
    Root,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Boolean(bool),
    /// Also a date, a timestamp, and the number of a symbol.
    Long(i64),
    /// By their bits, so that NaN is equal to itself.
    Float(u32),
    Double(u64),
    /// Also a decimal.
    Bytes(Vec<u8>),
    Fixed(Vec<u8>),
    Text(String),
    /// By block: whether its size is written, and its items.
    Array(Vec<(bool, Vec<Tree>)>),
    Map(Vec<(bool, Vec<(String, Tree)>)>),
    Branch(usize, Box<Tree>),
    Record(Vec<Tree>),
}

impl Ty {
    /// The schema's text.
    pub(super) fn schema(&self) -> String {
        self.json(&mut 0).to_string()
    }

    /// Names are numbered as they come, so the root's is `T0`.
    fn json(&self, named: &mut usize) -> Value {
        let mut name = || {
            *named += 1;
            format!("T{}", *named - 1)
        };
        match self {
            Self::Null => json!("null"),
            Self::Boolean => json!("boolean"),
            Self::Int => json!("int"),
            Self::Long => json!("long"),
            Self::Float => json!("float"),
            Self::Double => json!("double"),
            Self::Bytes => json!("bytes"),
            Self::String => json!("string"),
            Self::Fixed(size) => json!({"type": "fixed", "name": name(), "size": size}),
            Self::Enum(count) => {
                let symbols: Vec<String> = (0..*count).map(|symbol| format!("S{symbol}")).collect();
                json!({"type": "enum", "name": name(), "symbols": symbols})
            }
            Self::Date => json!({"type": "int", "logicalType": "date"}),
            Self::Millis => json!({"type": "long", "logicalType": "timestamp-millis"}),
            Self::Decimal => json!({"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}),
            Self::Uuid => json!({"type": "string", "logicalType": "uuid"}),
            Self::Array(item) => json!({"type": "array", "items": item.json(named)}),
            Self::Map(value) => json!({"type": "map", "values": value.json(named)}),
            Self::Union(branches) => branches.iter().map(|branch| branch.json(named)).collect(),
            Self::Record(fields) => {
                let name = name();
                let fields: Vec<Value> = fields.iter().map(|(name, of)| json!({"name": name, "type": of.json(named)})).collect();
                json!({"type": "record", "name": name, "fields": fields})
            }
            Self::Root => json!("T0"),
        }
    }

    /// Whether it is a record, array or map; the root counts as one.
    pub(super) fn is_container(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Map(_) | Self::Record(_) | Self::Root)
    }

    /// What stands for a cleared value; the generated schemas have one for every type.
    pub(super) fn zero(&self, root: &Ty) -> Tree {
        match self {
            Self::Null => Tree::Null,
            Self::Boolean => Tree::Boolean(false),
            Self::Int | Self::Long | Self::Enum(_) | Self::Date | Self::Millis => Tree::Long(0),
            Self::Float => Tree::Float(0),
            Self::Double => Tree::Double(0),
            Self::Bytes | Self::Decimal => Tree::Bytes(Vec::new()),
            Self::String => Tree::Text(String::new()),
            Self::Uuid => Tree::Text("00000000-0000-0000-0000-000000000000".to_owned()),
            Self::Fixed(size) => Tree::Fixed(vec![0; *size]),
            Self::Array(_) => Tree::Array(Vec::new()),
            Self::Map(_) => Tree::Map(Vec::new()),
            Self::Union(branches) => {
                let at = branches.iter().position(|branch| *branch == Self::Null).unwrap_or(0);
                Tree::Branch(at, Box::new(branches[at].zero(root)))
            }
            Self::Record(fields) => Tree::Record(fields.iter().map(|(_, of)| of.zero(root)).collect()),
            Self::Root => root.zero(root),
        }
    }

    /// Whether the tree can be a value of the type's: what a decoder that was handed it would have to check.
    pub(super) fn decode(&self, root: &Ty, bytes: &mut &[u8], depth: usize) -> Option<Tree> {
        Some(match self {
            Self::Null => Tree::Null,
            Self::Boolean => match take(bytes, 1)? {
                [0] => Tree::Boolean(false),
                [1] => Tree::Boolean(true),
                _ => return None,
            },
            Self::Int | Self::Date => {
                let before = bytes.len();
                let number = number(bytes)?;
                Tree::Long(i32::try_from(number).ok().filter(|_| before - bytes.len() <= 5)?.into())
            }
            Self::Long | Self::Millis => Tree::Long(number(bytes)?),
            Self::Float => Tree::Float(u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?)),
            Self::Double => Tree::Double(u64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
            Self::Bytes | Self::Decimal => Tree::Bytes(content(bytes)?.to_vec()),
            Self::String | Self::Uuid => Tree::Text(String::from_utf8(content(bytes)?.to_vec()).ok()?),
            Self::Fixed(size) => Tree::Fixed(take(bytes, *size)?.to_vec()),
            Self::Enum(count) => Tree::Long(index(bytes, *count)? as i64),
            Self::Array(item) => {
                let inside = depth.checked_sub(1)?;
                Tree::Array(blocks(bytes, &mut |bytes| item.decode(root, bytes, inside))?)
            }
            Self::Map(value) => {
                let inside = depth.checked_sub(1)?;
                Tree::Map(blocks(bytes, &mut |bytes| {
                    let key = String::from_utf8(content(bytes)?.to_vec()).ok()?;
                    Some((key, value.decode(root, bytes, inside)?))
                })?)
            }
            Self::Union(branches) => {
                let branch = index(bytes, branches.len())?;
                Tree::Branch(branch, Box::new(branches[branch].decode(root, bytes, depth)?))
            }
            Self::Record(fields) => {
                let inside = depth.checked_sub(1)?;
                Tree::Record(fields.iter().map(|(_, of)| of.decode(root, bytes, inside)).collect::<Option<_>>()?)
            }
            Self::Root => root.decode(root, bytes, depth)?,
        })
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &mut &[u8]) -> Option<i64> {
    let mut raw = 0_u128;
    for shift in 0..10 {
        let byte = take(bytes, 1)?[0];
        raw |= u128::from(byte & 127) << (7 * shift);
        if byte < 128 {
            let raw = u64::try_from(raw).ok()?;
            return Some((raw / 2) as i64 ^ -((raw % 2) as i64));
        }
    }
    None
}

fn index(bytes: &mut &[u8], count: usize) -> Option<usize> {
    let before = bytes.len();
    usize::try_from(number(bytes)?).ok().filter(|&index| index < count && before - bytes.len() <= 5)
}

fn content<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(bytes)?).ok()?;
    take(bytes, length)
}

fn blocks<T>(bytes: &mut &[u8], read: &mut dyn FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<(bool, Vec<T>)>> {
    let mut blocks = Vec::new();
    loop {
        let count = number(bytes)?;
        if count == 0 {
            return Some(blocks);
        }
        let size = if count < 0 { Some(number(bytes)?) } else { None };
        if count.unsigned_abs() > 1 << 20 {
            return None;
        }
        let before = bytes.len();
        let items = (0..count.unsigned_abs()).map(|_| read(bytes)).collect::<Option<_>>()?;
        if size.is_some_and(|size| size != (before - bytes.len()) as i64) {
            return None;
        }
        blocks.push((size.is_some(), items));
    }
}

impl Tree {
    /// Appends the encoding, with arrays and maps in the blocks that the tree has.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => {}
            Self::Boolean(boolean) => out.push(u8::from(*boolean)),
            Self::Long(number) => push_number(*number, out),
            Self::Float(bits) => out.extend(bits.to_le_bytes()),
            Self::Double(bits) => out.extend(bits.to_le_bytes()),
            Self::Fixed(bytes) => out.extend(bytes),
            Self::Bytes(bytes) => {
                push_number(bytes.len() as i64, out);
                out.extend(bytes);
            }
            Self::Text(text) => {
                push_number(text.len() as i64, out);
                out.extend(text.as_bytes());
            }
            Self::Array(blocks) => encode_blocks(blocks, out, |item, out| item.encode(out)),
            Self::Map(blocks) => encode_blocks(blocks, out, |(key, value), out| {
                Self::Text(key.clone()).encode(out);
                value.encode(out);
            }),
            Self::Branch(branch, value) => {
                push_number(*branch as i64, out);
                value.encode(out);
            }
            Self::Record(fields) => fields.iter().for_each(|field| field.encode(out)),
        }
    }

    /// The items of an array or the values of a map, with their keys.
    pub(super) fn items(&self) -> Vec<(Option<&str>, &Tree)> {
        match self {
            Self::Array(blocks) => blocks.iter().flat_map(|(_, items)| items).map(|item| (None, item)).collect(),
            Self::Map(blocks) => blocks.iter().flat_map(|(_, items)| items).map(|(key, value)| (Some(&**key), value)).collect(),
            _ => Vec::new(),
        }
    }
}

fn encode_blocks<T>(blocks: &[(bool, Vec<T>)], out: &mut Vec<u8>, encode: impl Fn(&T, &mut Vec<u8>)) {
    for (sized, items) in blocks {
        let mut bytes = Vec::new();
        items.iter().for_each(|item| encode(item, &mut bytes));
        let count = items.len() as i64;
        push_number(if *sized { -count } else { count }, out);
        if *sized {
            push_number(bytes.len() as i64, out);
        }
        out.extend(bytes);
    }
    push_number(0, out);
}

fn push_number(number: i64, out: &mut Vec<u8>) {
    let mut raw = if number < 0 { ((-1 - number) as u64) * 2 + 1 } else { number as u64 * 2 };
    loop {
        let last = raw < 128;
        out.push(raw as u8 % 128 + if last { 0 } else { 128 });
        raw /= 128;
        if last {
            return;
        }
    }
}
