//! Framing: a byte that says how long a header's value is and whether there is one, the header's value, then the value of
//! the record. The two readers of message indexes have to agree.

use crate::host::fields::proto::indexes;
use crate::host::schemas::wire::{self, Framing, Part, SchemaRef};

/// Of the first byte: there is a header, there are two, the header is for the key.
const ONE: u8 = 0x80;
const TWO: u8 = 0x40;
const OTHER: u8 = 0x20;

pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    let length = usize::from(first & !(ONE | TWO | OTHER)).min(rest.len());
    let (header, bytes) = rest.split_at(length);
    let part = if first & OTHER == 0 { Part::Value } else { Part::Key };
    let name = Part::Value.header().as_bytes();
    let mut headers = vec![("other".as_bytes(), Some(&b"\x00\x00\x00\x00\x09"[..]))];
    headers.extend((first & ONE != 0).then_some((name, Some(header))));
    headers.extend((first & TWO != 0).then_some((name, None)));
    let framing = match wire::read(part, bytes, headers.iter().copied()) {
        Ok(Some(framing)) => framing,
        Ok(None) => return,
        Err(error) => {
            assert!(part == Part::Value && first & ONE != 0, "{error}: there is no header to be wrong");
            return;
        }
    };
    let named = part == Part::Value && first & ONE != 0;
    assert_eq!(framing.in_header, named);
    reference(&framing, if named { header } else { bytes });
    if let Ok(start) = framing.body() {
        assert!(start <= bytes.len() && (start == 0) == named);
    }
    message(&framing, if named { header } else { bytes }, bytes);
}

/// What it says is what stands there.
fn reference(framing: &Framing<'_>, from: &[u8]) {
    let mut said = Vec::new();
    match framing.reference {
        SchemaRef::Id(id) => {
            said.push(0);
            said.extend(id.to_be_bytes());
        }
        SchemaRef::Guid(guid) => {
            said.push(1);
            said.extend(guid);
        }
    }
    assert!(from.starts_with(&said));
}

fn message(framing: &Framing<'_>, from: &[u8], bytes: &[u8]) {
    let Ok((list, start)) = framing.message(bytes) else { return };
    assert!(start <= bytes.len());
    let path = list.path();
    assert!(!path.is_empty());
    let behind = match framing.reference {
        SchemaRef::Id(_) => 5,
        SchemaRef::Guid(_) => 17,
    };
    let signed: Vec<i32> = path.iter().map(|&index| i32::try_from(index).expect("zigzag of 32 bits")).collect();
    assert_eq!(indexes::read(&from[behind..]), Ok((signed.clone(), list.bytes().len())));
    let mut written = Vec::new();
    indexes::write(&signed, &mut written);
    assert_eq!(indexes::read(&written), Ok((signed, written.len())));
}
