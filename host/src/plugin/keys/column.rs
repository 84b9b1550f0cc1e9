//! Keyed operations on whole columns, as plugins ask for them, with derived keys kept ready per instance. It must not
//! decide who may use which key, and opens nothing.

use super::gcm_siv::{Coordinates, GcmSiv, NONCE_BYTES, TAG_BYTES};
use super::hmac::{self, Keyed};
use super::ready::Ready;
use super::siv::{IV_BYTES, Siv};
use super::{DOMAIN_BYTES, Ff1, KeyRing, Refusal, Secret};
use crate::plugin::values::{Packed, values};

/// Derived keys of each kind that an instance keeps ready. Stops domains invented per record from growing without bound.
const READY: usize = 64;
/// Alphabets are larger than keys: up to 4 MiB with their tables.
const READY_ALPHABETS: usize = 8;

/// A column as it came from a plugin.
#[derive(Clone, Copy)]
pub(in crate::plugin) struct Column<'a> {
    /// The key's name.
    pub(in crate::plugin) key: &'a str,
    /// What keeps the tokens of one purpose apart from those of another.
    pub(in crate::plugin) domain: &'a str,
    /// Where each value ends.
    pub(in crate::plugin) ends: &'a [u32],
    /// The values.
    pub(in crate::plugin) data: &'a [u8],
}

/// The derived keys of one instance.
pub(in crate::plugin) struct Derived {
    hmacs: Ready<Keyed>,
    sivs: Ready<Siv>,
    ff1s: Ready<Ff1>,
    gcms: Ready<GcmSiv>,
}

impl Default for Derived {
    fn default() -> Self {
        Derived { hmacs: Ready::new(READY), sivs: Ready::new(READY), ff1s: Ready::new(READY_ALPHABETS), gcms: Ready::new(READY) }
    }
}

impl Derived {
    /// HMAC-SHA-256 (RFC 2104) of every value, back to back.
    pub(in crate::plugin) fn hmac_sha256(&mut self, ring: &KeyRing, column: Column<'_>) -> Result<Vec<u8>, Refusal> {
        let Column { key, domain, ends, data } = column;
        let secret = secret(ring, &column)?;
        let keyed = self.hmacs.get([key, domain, ""], || Ok(Keyed::derive(secret, domain)))?;
        let values = values(ends, data).ok_or(Refusal::Malformed)?;
        let mut tags = Vec::with_capacity(ends.len() * hmac::TAG_BYTES);
        for value in values {
            tags.extend_from_slice(&keyed.tag(value));
        }
        Ok(tags)
    }

    /// AES-SIV of every value.
    pub(in crate::plugin) fn seal(&mut self, ring: &KeyRing, column: Column<'_>) -> Result<Packed, Refusal> {
        let Column { key, domain, .. } = column;
        let secret = secret(ring, &column)?;
        let siv = self.sivs.get([key, domain, ""], || Ok(Siv::derive(secret, domain)))?;
        each(column, IV_BYTES, |_, value, out| siv.seal(value, out))
    }

    /// FF1 of every value.
    pub(in crate::plugin) fn fpe(&mut self, ring: &KeyRing, column: Column<'_>, alphabet: &str) -> Result<Packed, Refusal> {
        let Column { key, domain, .. } = column;
        let secret = secret(ring, &column)?;
        let ff1 = self.ff1s.get([key, domain, alphabet], || Ff1::derive(secret, domain, alphabet))?;
        each(column, 0, |_, value, out| ff1.seal(value, out))
    }

    /// AES-GCM-SIV of every value. `rows` says which record each belongs to; `origins` are the records' source offsets.
    pub(in crate::plugin) fn encrypt(
        &mut self,
        ring: &KeyRing,
        column: Column<'_>,
        at: &Coordinates<'_>,
        rows: &[u32],
        origins: &[i64],
    ) -> Result<Packed, Refusal> {
        let Column { key, domain, .. } = column;
        let secret = secret(ring, &column)?;
        let gcm = self.gcms.get([key, domain, ""], || Ok(GcmSiv::derive(secret, domain)))?;
        if rows.len() != column.ends.len() || !rows.is_sorted() || rows.last().is_some_and(|row| *row as usize >= origins.len()) {
            return Err(Refusal::Malformed);
        }
        let mut nonces = gcm.nonces(at);
        // Counted by source record, not by row: records that an earlier step emitted share the offset of their origin.
        let mut last = (None, 0);
        each(column, NONCE_BYTES + TAG_BYTES, |i, value, out| {
            let offset = origins[rows[i] as usize];
            last = (Some(offset), if last.0 == Some(offset) { last.1 + 1 } else { 0 });
            gcm.seal(nonces.of(offset, last.1), value, out)
        })
    }
}

fn secret<'r>(ring: &'r KeyRing, column: &Column<'_>) -> Result<Secret<'r>, Refusal> {
    if column.domain.len() > DOMAIN_BYTES {
        return Err(Refusal::Malformed);
    }
    ring.current(column.key).ok_or(Refusal::UnknownKey)
}

/// Each value of a column sealed by `seal`, which makes it `more` bytes longer.
fn each(
    column: Column<'_>,
    more: usize,
    mut seal: impl FnMut(usize, &[u8], &mut Vec<u8>) -> Result<(), Refusal>,
) -> Result<Packed, Refusal> {
    let values = values(column.ends, column.data).ok_or(Refusal::Malformed)?;
    let mut packed = Packed::with_capacity(values.len(), column.data.len() + values.len() * more);
    for (i, value) in values.enumerate() {
        seal(i, value, &mut packed.data)?;
        packed.end().ok_or(Refusal::Malformed)?;
    }
    Ok(packed)
}

#[cfg(test)]
mod tests;
