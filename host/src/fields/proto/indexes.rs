//! The message-index list that stands between the wire header of a schema registry and a Protobuf message: which message
//! of the schema it is, as the position at each level of nesting. Knows no schema.
//!
//! Zigzag varints: how many, then each. The most frequent list, the first message alone, is the single byte 0.

use super::super::hit::DecodeError;
use super::super::scan::MAX_DEPTH;
use super::wire;

/// The list at the start of `bytes`, and how many bytes it takes. An empty list is never handed out: it is written for
/// `[0]`. Errors: [`Truncated`](DecodeError::Truncated), [`BadVarint`](DecodeError::BadVarint); and
/// [`BadLength`](DecodeError::BadLength) for a negative count or index, or for more levels than messages nest.
pub fn read(bytes: &[u8]) -> Result<(Vec<i32>, usize), DecodeError> {
    let mut pos = 0;
    let mut next = || {
        let (value, end) = wire::varint(bytes, pos)?;
        pos = end;
        let value = i32::try_from(wire::unzigzag(value)).map_err(|_| DecodeError::BadVarint)?;
        if value < 0 { Err(DecodeError::BadLength) } else { Ok(value) }
    };
    let count = next()? as usize;
    if count > MAX_DEPTH {
        return Err(DecodeError::BadLength);
    }
    let indexes = if count == 0 { vec![0] } else { (0..count).map(|_| next()).collect::<Result<_, _>>()? };
    Ok((indexes, pos))
}

/// Appends the list as serializers write it.
pub fn write(indexes: &[i32], out: &mut Vec<u8>) {
    if indexes == [0] {
        out.push(0);
        return;
    }
    wire::push_varint(wire::zigzag(indexes.len() as i64), out);
    for &index in indexes {
        wire::push_varint(wire::zigzag(i64::from(index)), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_as_serializers_write_them() {
        let cases: [(&[u8], &[i32], usize); 6] = [
            (b"\x00.", &[0], 1),
            (b"\x02\x02.", &[1], 2),
            (b"\x04\x00\x02.", &[0, 1], 3),
            (b"\x06\x04\x00\x80\x01.", &[2, 0, 64], 5),
            // As some clients write it: not shortened.
            (b"\x02\x00.", &[0], 2),
            (b"\x80\x00.", &[0], 2),
        ];
        for (bytes, indexes, length) in cases {
            assert_eq!(read(bytes), Ok((indexes.to_vec(), length)), "{bytes:x?}");
            let mut out = Vec::new();
            write(indexes, &mut out);
            assert_eq!(read(&out), Ok((indexes.to_vec(), out.len())));
        }
        let mut out = Vec::new();
        write(&[0], &mut out);
        write(&[0, 1], &mut out);
        assert_eq!(out, b"\x00\x04\x00\x02");
    }

    #[test]
    fn refusals() {
        let cases: [(&[u8], DecodeError); 8] = [
            (b"", DecodeError::Truncated),
            (b"\x02", DecodeError::Truncated),
            (b"\x04\x00", DecodeError::Truncated),
            (b"\x80", DecodeError::Truncated),
            (b"\x01", DecodeError::BadLength),
            (b"\x02\x01", DecodeError::BadLength),
            (b"\xfe\xff\xff\xff\x0f", DecodeError::BadLength),
            (b"\xfe\xff\xff\xff\xff\x0f", DecodeError::BadVarint),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(read(bytes), Err(wanted), "{bytes:x?}");
        }
    }
}
