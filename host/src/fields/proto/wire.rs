//! The wire format itself: varints, tags, and how long a value is. Knows no schema; every read is bounded by the slice it
//! is given, and every refusal is an error.

use super::super::hit::DecodeError;
use super::super::scan::MAX_DEPTH;

/// Wire types, the low three bits of a tag.
pub(super) const VARINT: u8 = 0;
/// Eight bytes, little-endian.
pub(super) const I64: u8 = 1;
/// A length, and so many bytes.
pub(super) const LEN: u8 = 2;
/// Begins a group.
pub(super) const START: u8 = 3;
/// Ends the group of the same field number.
pub(super) const END: u8 = 4;
/// Four bytes, little-endian.
pub(super) const I32: u8 = 5;

/// A tag as written: number and wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    /// `number` is from 1 to 2^29 - 1, `wire` one of the types above.
    pub(super) fn new(number: u32, wire: u8) -> Self {
        Self(number << 3 | u32::from(wire))
    }

    /// The field number; of a tag that was read from 1 to 2^29 - 1.
    #[inline(always)]
    pub(super) fn number(self) -> u32 {
        self.0 >> 3
    }

    /// The wire type; of a tag that was read one of those above.
    #[inline(always)]
    pub(super) fn wire(self) -> u8 {
        (self.0 & 7) as u8
    }

    /// Appends it in as few bytes as it takes.
    pub(super) fn push(self, out: &mut Vec<u8>) {
        push_varint(u64::from(self.0), out);
    }
}

/// The number at `pos`, and where it ends. At most 10 bytes and 64 bits; one with needless bytes is read, as all readers
/// do.
#[inline(always)]
pub(super) fn varint(bytes: &[u8], pos: usize) -> Result<(u64, usize), DecodeError> {
    match bytes.get(pos..) {
        Some([byte, ..]) if *byte < 0x80 => Ok((u64::from(*byte), pos + 1)),
        Some([low, high, ..]) if *high < 0x80 => Ok((u64::from(low & 0x7f) | u64::from(*high) << 7, pos + 2)),
        _ => long_varint(bytes, pos),
    }
}

fn long_varint(bytes: &[u8], pos: usize) -> Result<(u64, usize), DecodeError> {
    let mut value = 0;
    for at in 0..10 {
        let byte = *bytes.get(pos + at).ok_or(DecodeError::Truncated)?;
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            // The tenth byte has room for the highest bit only.
            return if at == 9 && byte > 1 { Err(DecodeError::BadVarint) } else { Ok((value, pos + at + 1)) };
        }
    }
    Err(DecodeError::BadVarint)
}

/// The tag at `pos`, and where it ends: at most 5 bytes, a number from 1 to 2^29 - 1 and a wire type that exists.
#[inline(always)]
pub(super) fn tag(bytes: &[u8], pos: usize) -> Result<(Tag, usize), DecodeError> {
    let (value, end) = varint(bytes, pos)?;
    let tag = u32::try_from(value).map_err(|_| DecodeError::BadVarint)?;
    if end - pos > 5 {
        return Err(DecodeError::BadVarint);
    }
    if tag < 8 || tag & 7 > 5 {
        return Err(DecodeError::NotProtobuf);
    }
    Ok((Tag(tag), end))
}

/// Where the content after the length at `pos` begins and ends.
#[inline(always)]
pub(super) fn content(bytes: &[u8], pos: usize) -> Result<(usize, usize), DecodeError> {
    let (length, start) = varint(bytes, pos)?;
    // Longer than any message may be: also what a negative length looks like.
    if length > i32::MAX as u64 {
        return Err(DecodeError::BadLength);
    }
    let end = start + length as usize;
    if end > bytes.len() { Err(DecodeError::Truncated) } else { Ok((start, end)) }
}

/// Where the value at `pos`, behind its tag, ends. `depth` messages and groups are open around it.
#[inline(always)]
pub(super) fn skip(bytes: &[u8], pos: usize, tag: Tag, depth: usize) -> Result<usize, DecodeError> {
    match tag.wire() {
        VARINT => varint(bytes, pos).map(|(_, end)| end),
        LEN => content(bytes, pos).map(|(_, end)| end),
        I64 => fixed(bytes, pos, 8),
        I32 => fixed(bytes, pos, 4),
        START => skip_group(bytes, pos, tag.number(), depth),
        _ => Err(DecodeError::NotProtobuf),
    }
}

fn fixed(bytes: &[u8], pos: usize, width: usize) -> Result<usize, DecodeError> {
    if bytes.len() - pos.min(bytes.len()) < width { Err(DecodeError::Truncated) } else { Ok(pos + width) }
}

/// Where the group whose content is at `pos` ends, its end tag included.
#[cold]
fn skip_group(bytes: &[u8], mut pos: usize, number: u32, depth: usize) -> Result<usize, DecodeError> {
    let mut open = [0; MAX_DEPTH];
    let mut last = number;
    let mut count = 0;
    loop {
        if pos >= bytes.len() {
            return Err(DecodeError::Truncated);
        }
        let (tag, next) = tag(bytes, pos)?;
        match tag.wire() {
            START => {
                if depth + count + 1 >= MAX_DEPTH {
                    return Err(DecodeError::TooDeep);
                }
                open[count] = std::mem::replace(&mut last, tag.number());
                count += 1;
                pos = next;
            }
            END if tag.number() != last => return Err(DecodeError::NotProtobuf),
            END if count == 0 => return Ok(next),
            END => {
                count -= 1;
                last = open[count];
                pos = next;
            }
            _ => pos = skip(bytes, next, tag, 0)?,
        }
    }
}

/// A number in as few bytes as it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Varint {
    bytes: [u8; 10],
    length: usize,
}

impl Varint {
    /// The shortest form of a number: 1 to 10 bytes.
    pub(super) fn new(mut value: u64) -> Self {
        let mut bytes = [0; 10];
        let mut length = 0;
        while value >= 0x80 {
            bytes[length] = value as u8 | 0x80;
            value >>= 7;
            length += 1;
        }
        bytes[length] = value as u8;
        Self { bytes, length: length + 1 }
    }

    /// The bytes that go to the wire.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Appends a number in as few bytes as it takes.
pub(super) fn push_varint(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(Varint::new(value).bytes());
}

/// A signed number as an unsigned one, small for small absolute values.
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// The signed number of which [`zigzag`] made an unsigned one.
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<T> = (&'static [u8], Result<T, DecodeError>);

    #[test]
    fn varints() {
        let cases: [Case<(u64, usize)>; 10] = [
            (b"\x00", Ok((0, 1))),
            (b"\x7f\xff", Ok((127, 1))),
            (b"\x80\x01", Ok((128, 2))),
            (b"\x80\x00", Ok((0, 2))),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Ok((u64::MAX, 10))),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", Err(DecodeError::BadVarint)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", Err(DecodeError::BadVarint)),
            (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", Ok((0, 10))),
            (b"", Err(DecodeError::Truncated)),
            (b"\x80", Err(DecodeError::Truncated)),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(varint(bytes, 0), wanted, "{bytes:x?}");
        }
        for value in [0, 1, 127, 128, 16_383, 16_384, 1 << 35, u64::MAX] {
            let written = Varint::new(value);
            assert_eq!(varint(written.bytes(), 0), Ok((value, written.bytes().len())));
            assert_eq!(zigzag(unzigzag(value)), value);
        }
        assert_eq!([0, -1, 1, i64::MIN].map(zigzag), [0, 1, 2, u64::MAX]);
    }

    #[test]
    fn tags() {
        let cases: [Case<(u32, u8, usize)>; 9] = [
            (b"\x08", Ok((1, VARINT, 1))),
            (b"\x88\x00", Ok((1, VARINT, 2))),
            (b"\xfa\x01", Ok((31, LEN, 2))),
            (b"\xfd\xff\xff\xff\x0f", Ok((536_870_911, I32, 5))),
            (b"\xfd\xff\xff\xff\x1f", Err(DecodeError::BadVarint)),
            (b"\x88\x80\x80\x80\x80\x00", Err(DecodeError::BadVarint)),
            (b"\x02", Err(DecodeError::NotProtobuf)),
            (b"\x0e", Err(DecodeError::NotProtobuf)),
            (b"\x0f", Err(DecodeError::NotProtobuf)),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(tag(bytes, 0).map(|(tag, end)| (tag.number(), tag.wire(), end)), wanted, "{bytes:x?}");
        }
    }

    #[test]
    fn values_are_skipped_whole() {
        let cases: [(u8, &[u8], Result<usize, DecodeError>); 14] = [
            (VARINT, b"\x96\x01.", Ok(2)),
            (I64, b"12345678.", Ok(8)),
            (I64, b"1234567", Err(DecodeError::Truncated)),
            (I32, b"1234.", Ok(4)),
            (I32, b"", Err(DecodeError::Truncated)),
            (LEN, b"\x02ab.", Ok(3)),
            (LEN, b"\x02a", Err(DecodeError::Truncated)),
            (LEN, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Err(DecodeError::BadLength)),
            (LEN, b"\x80\x80\x80\x80\x08", Err(DecodeError::BadLength)),
            (START, b"\x08\x01\x13\x14\x0c.", Ok(5)),
            (START, b"\x08\x01\x14", Err(DecodeError::NotProtobuf)),
            (START, b"\x08\x01", Err(DecodeError::Truncated)),
            (START, b"\x08", Err(DecodeError::Truncated)),
            (END, b"", Err(DecodeError::NotProtobuf)),
        ];
        for (wire, bytes, wanted) in cases {
            assert_eq!(skip(bytes, 0, Tag::new(1, wire), 0), wanted, "{wire} {bytes:x?}");
        }
        let nested = [b"\x0b".repeat(1_000_000), b"\x0c".repeat(1_000_000)].concat();
        assert_eq!(skip(&nested, 1, Tag::new(1, START), 0), Err(DecodeError::TooDeep));
        let most = [b"\x0b".repeat(MAX_DEPTH), b"\x0c".repeat(MAX_DEPTH)].concat();
        assert_eq!(skip(&most, 1, Tag::new(1, START), 0), Ok(2 * MAX_DEPTH));
        assert_eq!(skip(&most, 1, Tag::new(1, START), 1), Err(DecodeError::TooDeep));
    }
}
