//! Reading the encoding: numbers, lengths, blocks, and whole values that nobody selected. Checks everything it passes
//! over; keeps nothing.

use super::super::hit::DecodeError;
use super::super::scan::MAX_DEPTH;
use super::schema::{Tables, Type};

/// How many array elements and records without bytes (null, a record of nulls) a datum may have in all. Stops a count of
/// 2^60 nulls, which takes ten bytes, and records of records of nothing from taking the time and memory of as many values.
const MAX_EMPTY_VALUES: u64 = 1 << 20;

/// The block of an array or map whose items are being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockHead {
    /// How many items it has; never 0.
    pub(super) count: u64,
    /// How many bytes they have, where the block says so.
    pub(super) size: Option<usize>,
}

/// A place in a datum.
pub(super) struct Reader<'a> {
    pub(super) schema: &'a Tables,
    pub(super) body: &'a [u8],
    pub(super) pos: usize,
    empty_values: u64,
}

impl<'a> Reader<'a> {
    /// At `pos` of the body, with no empty value counted yet.
    pub(super) fn new(schema: &'a Tables, body: &'a [u8], pos: usize) -> Self {
        Self { schema, body, pos, empty_values: 0 }
    }

    /// A zig-zag number of up to ten bytes. Ones longer than they need be are read: the bytes stay as they are.
    #[inline(always)]
    pub(super) fn long(&mut self) -> Result<i64, DecodeError> {
        let raw = match self.body.get(self.pos) {
            Some(&byte @ 0..0x80) => {
                self.pos += 1;
                u64::from(byte)
            }
            _ => self.longer()?,
        };
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn longer(&mut self) -> Result<u64, DecodeError> {
        let rest = self.body.get(self.pos..).unwrap_or_default();
        let mut raw = 0;
        for (at, &byte) in rest.iter().take(10).enumerate() {
            raw |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                if at == 9 && byte > 1 {
                    break;
                }
                self.pos += at + 1;
                return Ok(raw);
            }
        }
        Err(if rest.len() < 10 { DecodeError::Truncated } else { DecodeError::BadVarint })
    }

    /// A zig-zag number of up to five bytes that has 32 bits.
    #[inline(always)]
    pub(super) fn int(&mut self) -> Result<i32, DecodeError> {
        let start = self.pos;
        let int = i32::try_from(self.long()?).map_err(|_| DecodeError::BadVarint)?;
        if self.pos - start > 5 { Err(DecodeError::BadVarint) } else { Ok(int) }
    }

    /// The next `length` bytes.
    #[inline(always)]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let body = self.body;
        let end = self.pos.checked_add(length).ok_or(DecodeError::Truncated)?;
        let bytes = body.get(self.pos..end).ok_or(DecodeError::Truncated)?;
        self.pos = end;
        Ok(bytes)
    }

    /// Bytes with their length before them.
    #[inline(always)]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.long()?).map_err(|_| DecodeError::BadLength)?;
        self.take(length)
    }

    /// UTF-8 with its length before it.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::InvalidUtf8)
    }

    /// One byte, 0 or 1; any other is refused.
    #[inline(always)]
    pub(super) fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(DecodeError::BadValue),
        }
    }

    /// Which of `count` branches or symbols.
    #[inline(always)]
    pub(super) fn index(&mut self, count: u32) -> Result<u32, DecodeError> {
        let index = u32::try_from(self.int()?).map_err(|_| DecodeError::BadIndex)?;
        if index < count { Ok(index) } else { Err(DecodeError::BadIndex) }
    }

    /// The head of the next block of items of a type; none at the end of the array or map. `key` bytes stand before each
    /// item at least.
    #[inline(always)]
    pub(super) fn block(&mut self, item: u32, key: bool) -> Result<Option<BlockHead>, DecodeError> {
        let count = self.long()?;
        let sized = count < 0;
        let count = count.unsigned_abs();
        if count == 0 {
            return Ok(None);
        }
        let size = if sized { Some(usize::try_from(self.long()?).map_err(|_| DecodeError::BadLength)?) } else { None };
        let rest = self.body.len() - self.pos;
        if !key && self.schema.empty[item as usize] {
            self.empty(count)?;
        } else if count > rest as u64 {
            return Err(DecodeError::Truncated);
        }
        Ok(Some(BlockHead { count, size }))
    }

    /// Counts values without bytes.
    pub(super) fn empty(&mut self, count: u64) -> Result<(), DecodeError> {
        self.empty_values = self.empty_values.saturating_add(count);
        if self.empty_values > MAX_EMPTY_VALUES { Err(DecodeError::TooManyItems) } else { Ok(()) }
    }

    /// Whether a block that began at `start` was as long as it said. Readers may jump over a block by its size, so one that
    /// lies says different things to different readers.
    #[inline(always)]
    pub(super) fn end_block(&self, head: BlockHead, start: usize) -> Result<(), DecodeError> {
        match head.size {
            Some(size) if size != self.pos - start => Err(DecodeError::BadLength),
            _ => Ok(()),
        }
    }

    /// Passes over a value of the type, inside `depth` containers.
    pub(super) fn skip(&mut self, number: u32, depth: usize) -> Result<(), DecodeError> {
        let schema = self.schema;
        match schema.get(number) {
            Type::Array(item) => self.skip_items(item, false, depth),
            Type::Map(item) => self.skip_items(item, true, depth),
            Type::Record { .. } if schema.empty[number as usize] => Ok(()),
            Type::Record { fields, .. } => {
                enter(depth)?;
                schema.children(fields).iter().try_for_each(|&field| self.skip(field, depth + 1))
            }
            Type::Union(branches) => {
                let branch = self.index(branches.count)?;
                self.skip(schema.children(branches)[branch as usize], depth)
            }
            scalar => self.skip_scalar(scalar),
        }
    }

    /// Passes over a scalar, checking it as reading it would; of null and containers over nothing.
    #[inline(always)]
    pub(super) fn skip_scalar(&mut self, scalar: Type) -> Result<(), DecodeError> {
        match scalar {
            Type::Boolean => self.boolean().map(drop),
            Type::Int(_) => self.int().map(drop),
            Type::Long(_) => self.long().map(drop),
            Type::Float => self.take(4).map(drop),
            Type::Double => self.take(8).map(drop),
            Type::Bytes(_) => self.bytes().map(drop),
            Type::String(_) => self.string().map(drop),
            Type::Fixed { size, .. } => self.take(size as usize).map(drop),
            Type::Enum { symbols, .. } => self.index(symbols).map(drop),
            Type::Null | Type::Array(_) | Type::Map(_) | Type::Union(_) | Type::Record { .. } => Ok(()),
        }
    }

    fn skip_items(&mut self, item: u32, keys: bool, depth: usize) -> Result<(), DecodeError> {
        enter(depth)?;
        while let Some(head) = self.block(item, keys)? {
            let start = self.pos;
            for _ in 0..head.count {
                if keys {
                    self.string()?;
                }
                self.skip(item, depth + 1)?;
            }
            self.end_block(head, start)?;
        }
        Ok(())
    }

    /// Notes how long every array in a value is, by where it begins, in that order: what an index from the end asks. One
    /// pass for all of them, however they lie in each other.
    pub(super) fn array_lengths(&mut self, number: u32, depth: usize, lengths: &mut Vec<(u32, u32)>) -> Result<(), DecodeError> {
        let schema = self.schema;
        match schema.get(number) {
            Type::Array(item) => {
                let (at, start) = (lengths.len(), self.pos as u32);
                lengths.push((start, 0));
                let length = self.item_lengths(item, false, depth, lengths)?;
                lengths[at].1 = length;
                Ok(())
            }
            Type::Map(item) => self.item_lengths(item, true, depth, lengths).map(drop),
            Type::Record { .. } if schema.empty[number as usize] => Ok(()),
            Type::Record { fields, .. } => {
                enter(depth)?;
                schema.children(fields).iter().try_for_each(|&field| self.array_lengths(field, depth + 1, lengths))
            }
            Type::Union(branches) => {
                let branch = self.index(branches.count)?;
                self.array_lengths(schema.children(branches)[branch as usize], depth, lengths)
            }
            scalar => self.skip_scalar(scalar),
        }
    }

    fn item_lengths(&mut self, item: u32, keys: bool, depth: usize, lengths: &mut Vec<(u32, u32)>) -> Result<u32, DecodeError> {
        enter(depth)?;
        let mut length = 0_u32;
        while let Some(head) = self.block(item, keys)? {
            let start = self.pos;
            for _ in 0..head.count {
                if keys {
                    self.string()?;
                }
                self.array_lengths(item, depth + 1, lengths)?;
            }
            self.end_block(head, start)?;
            length = length.saturating_add(u32::try_from(head.count).unwrap_or(u32::MAX));
        }
        Ok(length)
    }
}

/// Whether another container may stand inside `depth` of them.
#[inline(always)]
pub(super) fn enter(depth: usize) -> Result<(), DecodeError> {
    if depth >= MAX_DEPTH { Err(DecodeError::TooDeep) } else { Ok(()) }
}

/// Appends a zig-zag number.
pub(super) fn push_long(number: i64, out: &mut Vec<u8>) {
    let mut raw = (number << 1) as u64 ^ (number >> 63) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}
