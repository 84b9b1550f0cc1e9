//! The parts of a document that edits go through: objects and arrays taken apart, everything else as it is written. It
//! must not lose a byte: taken apart and written again, a value is the same.
use std::borrow::Cow;
use std::ops::Range;

use crate::read::{Elements, Members, is_named};
use crate::scan::byte;
use crate::text::quote;

/// Bytes of the document, or of an edit.
pub(crate) type Bytes<'a> = Cow<'a, [u8]>;

/// A value.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// As it is written.
    Written(Bytes<'a>),
    Object(Container<'a>),
    Array(Container<'a>),
}

/// An object or an array.
#[derive(Debug)]
pub(crate) struct Container<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    /// White space between the brackets where there is nothing else.
    empty: Bytes<'a>,
}

/// A member or an element, with the white space around it.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// Before it.
    pub(crate) lead: Bytes<'a>,
    /// Its quotes included; of an element, nothing.
    pub(crate) name: Bytes<'a>,
    /// From the name to the value; of an element, nothing.
    pub(crate) colon: Bytes<'a>,
    pub(crate) value: Node<'a>,
    /// Behind it.
    pub(crate) tail: Bytes<'a>,
}

/// A part of bytes, borrowed where they are.
fn slice<'a>(bytes: &Bytes<'a>, range: Range<usize>) -> Bytes<'a> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(range).unwrap_or_default()),
        Cow::Owned(bytes) => Cow::Owned(bytes.get(range).unwrap_or_default().to_vec()),
    }
}

impl<'a> Node<'a> {
    /// Takes an object apart; none where it is not one.
    pub(crate) fn object(&mut self) -> Option<&mut Container<'a>> {
        if let Self::Written(bytes) = self
            && byte(bytes, 0) == b'{'
        {
            let members = Members { json: bytes, at: 1 };
            let places = members.map(|member| (member.name, member.value)).collect();
            *self = Self::Object(Container::of(bytes, places));
        }
        match self {
            Self::Object(object) => Some(object),
            Self::Written(_) | Self::Array(_) => None,
        }
    }

    /// Takes an array apart; none where it is not one.
    pub(crate) fn array(&mut self) -> Option<&mut Container<'a>> {
        if let Self::Written(bytes) = self
            && byte(bytes, 0) == b'['
        {
            let elements = Elements { json: bytes, at: 1 };
            let places = elements.map(|element| (element.start..element.start, element)).collect();
            *self = Self::Array(Container::of(bytes, places));
        }
        match self {
            Self::Array(array) => Some(array),
            Self::Written(_) | Self::Object(_) => None,
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Written(bytes) => out.extend_from_slice(bytes),
            Self::Object(object) => object.write(b"{", b"}", out),
            Self::Array(array) => array.write(b"[", b"]", out),
        }
    }
}

impl<'a> Container<'a> {
    /// From the places of its names and values.
    fn of(bytes: &Bytes<'a>, places: Vec<(Range<usize>, Range<usize>)>) -> Self {
        let inner_end = bytes.len().saturating_sub(1);
        if places.is_empty() {
            return Self { parts: Vec::new(), empty: slice(bytes, 1..inner_end) };
        }
        let starts: Vec<usize> = places.iter().map(|(name, _)| name.start).collect();
        let mut from = 1;
        let mut parts = Vec::with_capacity(places.len());
        for (n, (name, value)) in places.into_iter().enumerate() {
            // The comma stands somewhere between this value and the next name: white space before it is this one's.
            let until = match starts.get(n + 1) {
                Some(next) => (value.end..*next).find(|at| byte(bytes, *at) == b',').unwrap_or(*next),
                None => inner_end,
            };
            parts.push(Part {
                lead: slice(bytes, from..name.start),
                colon: slice(bytes, name.end..value.start),
                value: Node::Written(slice(bytes, value.clone())),
                tail: slice(bytes, value.end..until),
                name: slice(bytes, name),
            });
            from = until + 1;
        }
        Self { parts, empty: Cow::Borrowed(b"") }
    }

    fn write(&self, open: &[u8], close: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(open);
        if self.parts.is_empty() {
            out.extend_from_slice(&self.empty);
        }
        for (n, part) in self.parts.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            for bytes in [&part.lead, &part.name, &part.colon] {
                out.extend_from_slice(bytes);
            }
            part.value.write(out);
            out.extend_from_slice(&part.tail);
        }
        out.extend_from_slice(close);
    }

    /// Where the members of that name stand.
    pub(crate) fn named<'s>(&'s self, name: &'s str) -> impl Iterator<Item = usize> + 's {
        self.parts.iter().enumerate().filter(|(_, part)| is_named(&part.name, name)).map(|(at, _)| at)
    }

    /// Adds a member behind the others, spaced as they are.
    pub(crate) fn push(&mut self, name: &str, value: Node<'a>) {
        let mut written = Vec::with_capacity(name.len() + 2);
        quote(name, &mut written);
        let nothing: Bytes<'a> = Cow::Borrowed(b"");
        let (lead, colon, tail) = match self.parts.last_mut() {
            Some(last) => (last.lead.clone(), last.colon.clone(), std::mem::replace(&mut last.tail, nothing)),
            None => (nothing.clone(), Cow::Borrowed(&b":"[..]), nothing),
        };
        self.empty = Cow::Borrowed(b"");
        self.parts.push(Part { lead, name: Cow::Owned(written), colon, value, tail });
    }

    /// Takes a part out; the one before it keeps the white space before the bracket.
    pub(crate) fn remove(&mut self, at: usize) {
        let gone = self.parts.remove(at);
        if at == self.parts.len()
            && let Some(last) = self.parts.last_mut()
        {
            last.tail = gone.tail;
        }
    }
}
