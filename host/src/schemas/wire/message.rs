//! The list of numbers that leads to a message inside its Protobuf file: which of the file's messages, then which of
//! the messages inside it, and so on. It is not told what the file holds.

use super::WireError;

/// Deepest nesting of messages that is followed; no person nests a tenth of it.
const MAX_DEPTH: u32 = 64;

/// The most bytes of a 32-bit number in this form.
const MAX_VARINT_BYTES: usize = 5;

/// The list as it stands in the record: a count and as many numbers, each a zigzag varint; a sole zero byte stands for
/// the file's first message. Equal bytes mean the same message, so it can key a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageIndexes<'a>(&'a [u8]);

impl<'a> MessageIndexes<'a> {
    /// The list that the bytes begin with, and how long it is.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, usize), WireError> {
        let (count, mut end) = number(bytes).ok_or(WireError::MessageIndexes)?;
        if count > MAX_DEPTH {
            return Err(WireError::MessageIndexes);
        }
        for _ in 0..count {
            let (_, length) = number(&bytes[end..]).ok_or(WireError::MessageIndexes)?;
            end += length;
        }
        Ok((Self(&bytes[..end]), end))
    }

    /// The bytes of the list.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The numbers, each counted from 0; at least one.
    pub fn path(&self) -> Vec<u32> {
        let mut rest = self.0;
        let mut numbers = Vec::new();
        while let Some((number, length)) = number(rest) {
            numbers.push(number);
            rest = &rest[length..];
        }
        // The first is the count, but for the short form, whose count is what it says: message 0.
        if numbers.len() > 1 {
            numbers.remove(0);
        }
        numbers
    }
}

/// A zigzag varint that is not negative, and how long it is.
fn number(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut raw = 0_u64;
    for (i, byte) in bytes.iter().take(MAX_VARINT_BYTES).enumerate() {
        raw |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            // Negative ones are odd.
            let even = raw.is_multiple_of(2);
            return even.then(|| u32::try_from(raw / 2).ok()).flatten().map(|number| (number, i + 1));
        }
    }
    None
}
