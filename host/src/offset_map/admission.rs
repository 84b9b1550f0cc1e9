//! What a generation stands for: configuration, plugin digests and key ids, written beside the segments it made.
//! It records; deciding whether a process may run a generation is not its business.

use super::varint::{Malformed, Reader, put, put_text};
use std::collections::BTreeMap;

/// A step's or key's name, or a hash in hex: longer ones are not ours.
const MOST_TEXT: usize = 1024;

/// The meaning of one generation. Because the map is never compacted, every output record is attributable to its
/// configuration, digests and keys for as long as the map lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Rises with every change.
    pub generation: u64,
    /// Hash of the pipeline's configuration, as the position records have it: 1 to 1,024 bytes.
    pub config_hash: String,
    /// Step name to the SHA-256 of its plugin's component.
    pub digests: BTreeMap<String, [u8; 32]>,
    /// Ids of the keys in use, never key bytes; order kept.
    pub key_ids: Vec<String>,
}

impl Admission {
    /// Appends it, as [`Admission::read`] takes it; it has to fit.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put(out, self.generation);
        put_text(out, &self.config_hash);
        put(out, self.digests.len() as u64);
        for (step, digest) in &self.digests {
            put_text(out, step);
            out.extend_from_slice(digest);
        }
        put(out, self.key_ids.len() as u64);
        for id in &self.key_ids {
            put_text(out, id);
        }
    }

    /// Reads what [`Admission::put`] wrote. A step that is there twice, and a text of a wrong length, are refused.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let generation = reader.number()?;
        let config_hash = reader.text(MOST_TEXT)?.to_owned();
        let mut digests = BTreeMap::new();
        for _ in 0..reader.count()? {
            let step = reader.text(MOST_TEXT)?.to_owned();
            let digest = reader.bytes(32)?.try_into().map_err(|_| Malformed("a digest is not 32 bytes"))?;
            if digests.insert(step, digest).is_some() {
                return Err(Malformed("a step is there twice"));
            }
        }
        let mut key_ids = Vec::new();
        for _ in 0..reader.count()? {
            key_ids.push(reader.text(MOST_TEXT)?.to_owned());
        }
        Ok(Self { generation, config_hash, digests, key_ids })
    }

    /// Whether every text is one that reading takes.
    pub(super) fn fits(&self) -> bool {
        let fits = |text: &String| (1..=MOST_TEXT).contains(&text.len());
        fits(&self.config_hash) && self.digests.keys().all(fits) && self.key_ids.iter().all(fits)
    }
}
