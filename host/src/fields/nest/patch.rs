//! Writes a document anew with the values of its fields changed, those inside texts, too: the texts first, each by a patch
//! of its own, then the document with the new texts. Decides nothing about a value.

use super::super::hit::Hit;
use super::super::patch::{self, Copied, Edit, PatchError, Patched};
use super::super::reader::Reader;
use super::Nest;
use super::found::Found;

/// What became of an opened text.
struct Rewritten {
    /// Its hit, by number.
    hit: usize,
    patched: Patched,
    text: Vec<u8>,
    copies: Vec<Copied>,
}

impl Nest {
    /// Appends `body` with every value edited as `edit` says of its field, and what an allow list does not name gone.
    /// `edit` is asked once a value, those of one field in document order. `found` must be that of `body`. After an error
    /// `out` is what it was before.
    pub fn patch<'a, F>(&self, reader: &Reader, body: &[u8], found: &Found, edit: &mut F, out: &mut Vec<u8>) -> Result<Patched, PatchError>
    where
        F: FnMut(u32) -> Edit<'a>,
    {
        if self.roles.is_empty() {
            return reader.patch(body, &found.hits, |_, hit| edit(hit.field), out);
        }
        let texts = self.rewrite(found, edit)?;
        reader.patch(body, &found.hits, self.answers(&texts, edit), out)
    }

    /// The same for a document inside a text, with a note of what stayed.
    fn patch_text<'a, F>(&self, body: &[u8], found: &Found, edit: &mut F, new: &mut Rewritten) -> Result<Patched, PatchError>
    where
        F: FnMut(u32) -> Edit<'a>,
    {
        let texts = self.rewrite(found, edit)?;
        patch::patch_noting(body, &found.hits, self.answers(&texts, edit), &mut new.text, Some(&mut new.copies))
    }

    /// The texts that were opened, patched.
    fn rewrite<'a, F>(&self, found: &Found, edit: &mut F) -> Result<Vec<Rewritten>, PatchError>
    where
        F: FnMut(u32) -> Edit<'a>,
    {
        let mut all = Vec::with_capacity(found.texts().len());
        for text in found.texts() {
            let hit = found.hits.hits().get(text.hit).ok_or(PatchError::ForeignHits)?;
            let inside = self.role(hit).and_then(|role| role.inside.as_deref()).ok_or(PatchError::ForeignHits)?;
            let mut new = Rewritten { hit: text.hit, patched: Patched::Unchanged, text: Vec::new(), copies: Vec::new() };
            new.patched = inside.patch_text(&text.bytes, &text.found, edit, &mut new)?;
            all.push(new);
        }
        Ok(all)
    }

    /// What becomes of each hit, in order: an opened text is what was made of it.
    fn answers<'n, 'a: 'n, F>(&'n self, texts: &'n [Rewritten], edit: &'n mut F) -> impl FnMut(usize, &Hit) -> Edit<'n>
    where
        F: FnMut(u32) -> Edit<'a>,
    {
        let mut texts = texts.iter().peekable();
        move |number, hit| {
            if let Some(new) = texts.next_if(|new| new.hit == number) {
                return match new.patched {
                    Patched::Unchanged => Edit::Keep,
                    Patched::Changed => Edit::Splice { text: &new.text, copies: &new.copies },
                };
            }
            match self.role(hit) {
                Some(role) => role.field.map_or(Edit::Keep, &mut *edit),
                None => edit(hit.field),
            }
        }
    }
}
