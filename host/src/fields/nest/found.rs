//! What the paths of a step find in one document and inside its texts. Opens texts, changes nothing.

use super::super::hit::{DecodeError, Hit, Hits, Kind};
use super::super::reader::Reader;
use super::{Nest, Role};

/// Bytes of opened texts that are kept room for between documents, and opened texts. Stops one large document from holding
/// its memory in every lane for good.
const RETAINED_BYTES: usize = 64 << 10;
const RETAINED_TEXTS: usize = 64;

/// Everything that one [`select`](Nest::select) finds. Made once and used for document after document.
#[derive(Debug, Default)]
pub struct Found {
    pub(super) hits: Hits,
    /// One bit a field of the step; without meaning where no text is opened.
    matched: Vec<u64>,
    /// Those that were opened first, in document order; the others are room.
    texts: Vec<Text>,
    opened: usize,
}

/// A text that was opened.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// Its hit, by number.
    pub(super) hit: usize,
    /// Without the escapes of the document around it.
    pub(super) bytes: Vec<u8>,
    pub(super) found: Found,
}

/// A value of one of the step's fields.
pub struct Value<'a> {
    /// The step's field.
    pub field: u32,
    pub kind: Kind,
    reader: &'a Reader,
    body: &'a [u8],
    hit: &'a Hit,
}

impl Value<'_> {
    /// Appends it as a column carries it.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.reader.append_value(self.body, self.hit, out)
    }
}

impl Found {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to edit and nothing to drop: the document passes as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hits.hits().is_empty() && self.hits.pruned() == 0
    }

    /// Whether an allow list drops something.
    #[must_use]
    pub fn is_pruned(&self) -> bool {
        self.hits.pruned() > 0 || self.texts().iter().any(|text| text.found.is_pruned())
    }

    /// The texts opened in this document, in document order.
    pub(super) fn texts(&self) -> &[Text] {
        self.texts.get(..self.opened).unwrap_or_default()
    }

    fn begin(&mut self) {
        self.opened = 0;
        self.matched.clear();
        self.texts.truncate(RETAINED_TEXTS);
    }

    /// The next text, empty.
    fn open(&mut self, hit: usize) -> &mut Text {
        if self.opened == self.texts.len() {
            self.texts.push(Text::default());
        }
        let text = &mut self.texts[self.opened];
        self.opened += 1;
        text.hit = hit;
        text.bytes.clear();
        text.bytes.shrink_to(RETAINED_BYTES);
        text
    }
}

impl Nest {
    /// Finds the values of all fields, after checking that the body and every text that is opened are valid. `found` is
    /// overwritten; after an error it is of no use.
    pub fn select(&self, reader: &Reader, body: &[u8], found: &mut Found) -> Result<(), DecodeError> {
        found.begin();
        reader.select(&self.selection, body, &mut found.hits)?;
        if self.roles.is_empty() {
            return Ok(());
        }
        found.matched.resize(self.fields.div_ceil(64), 0);
        for (at, role) in self.roles.iter().enumerate() {
            if let Some(field) = role.field.filter(|_| found.hits.matched(at)) {
                found.matched[field as usize / 64] |= 1 << (field % 64);
            }
        }
        for number in 0..found.hits.hits().len() {
            let hit = found.hits.hits()[number];
            let Some(inside) = self.role(&hit).and_then(|role| role.inside.as_deref()) else { continue };
            match hit.kind {
                Kind::Null => continue,
                Kind::Text => {}
                _ => return Err(DecodeError::InnerNotText),
            }
            let text = found.open(number);
            reader.append_value(body, &hit, &mut text.bytes)?;
            inside.select(&Reader::Json, &text.bytes, &mut text.found).map_err(inner)?;
            let text = &found.texts[found.opened - 1];
            found.matched.iter_mut().zip(&text.found.matched).for_each(|(word, more)| *word |= more);
        }
        Ok(())
    }

    /// Whether the path of a field named anything; see [`Hits::matched`].
    #[must_use]
    pub fn matched(&self, found: &Found, field: usize) -> bool {
        if self.roles.is_empty() {
            return found.hits.matched(field);
        }
        found.matched.get(field / 64).is_some_and(|word| word >> (field % 64) & 1 == 1)
    }

    /// Calls with every value that was found, those of one field in document order, and stops at an error. `reader` and
    /// `body` are those that were selected in.
    pub fn each<E, F>(&self, reader: &Reader, body: &[u8], found: &Found, call: &mut F) -> Result<(), E>
    where
        F: FnMut(Value<'_>) -> Result<(), E>,
    {
        let mut texts = found.texts().iter().peekable();
        for (number, hit) in found.hits.hits().iter().enumerate() {
            let role = self.role(hit);
            if let Some(field) = role.map_or(Some(hit.field), |role| role.field) {
                call(Value { field, kind: hit.kind, reader, body, hit })?;
            }
            let inside = role.and_then(|role| role.inside.as_deref());
            if let (Some(inside), Some(text)) = (inside, texts.next_if(|text| text.hit == number)) {
                inside.each(&Reader::Json, &text.bytes, &text.found, call)?;
            }
        }
        Ok(())
    }

    /// What the field of a hit stands for; none: itself.
    #[inline(always)]
    pub(super) fn role(&self, hit: &Hit) -> Option<&Role> {
        self.roles.get(hit.field as usize)
    }
}

/// What is wrong with a text, told apart from the document around it.
fn inner(error: DecodeError) -> DecodeError {
    if error == DecodeError::NotJson { DecodeError::InnerNotJson } else { error }
}
