//! Stand-in for `sluice:plugin/keys`. It must not hand out key bytes.
use aes::Aes256;
use aes_gcm_siv::Aes256GcmSiv;
use aes_gcm_siv::aead::Aead;
use aes_siv::siv::Aes256Siv;
use fpe::ff1::{FF1, FlexibleNumeralString};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{HOST, rows_fit, values};
use crate::host::{Failure, Sealed};

/// Fewest values that format-preserving encryption hides one among.
const LEAST_DOMAIN: u64 = 1_000_000;
/// Most characters of a value for format-preserving encryption.
const FPE_CHARACTERS: usize = 256;

/// HKDF-SHA-256 with empty salt.
fn derive<const N: usize>(key: &str, info: &str) -> Result<[u8; N], Failure> {
    let secret = HOST.with_borrow(|host| host.keys.get(key).cloned()).ok_or(Failure::UnknownKey)?;
    let mut derived = [0; N];
    Hkdf::<Sha256>::new(None, &secret).expand(info.as_bytes(), &mut derived).expect("HKDF-SHA-256 gives up to 8,160 bytes");
    Ok(derived)
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Each value through `seal`.
fn each(ends: &[u32], data: &[u8], mut seal: impl FnMut(usize, &[u8]) -> Result<Vec<u8>, Failure>) -> Result<Sealed, Failure> {
    let mut sealed = Sealed { ends: Vec::new(), data: Vec::new() };
    for (i, value) in values(ends, data).ok_or(Failure::Malformed)?.into_iter().enumerate() {
        sealed.data.extend(seal(i, value)?);
        sealed.ends.push(u32::try_from(sealed.data.len()).expect("a test column is small"));
    }
    Ok(sealed)
}

pub(crate) fn key_id(key: &str) -> Result<String, Failure> {
    Ok(derive::<8>(key, "sluice/key-id")?.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(crate) fn hmac_sha256(key: &str, domain: &str, ends: &[u32], data: &[u8]) -> Result<Vec<u8>, Failure> {
    let mac = keyed(&derive::<32>(key, &format!("sluice/hmac/{domain}"))?);
    let values = values(ends, data).ok_or(Failure::Malformed)?;
    Ok(values.iter().flat_map(|value| mac.clone().chain_update(value).finalize().into_bytes()).collect())
}

pub(crate) fn seal(key: &str, domain: &str, ends: &[u32], data: &[u8]) -> Result<Sealed, Failure> {
    let mut siv = Aes256Siv::new(&derive::<64>(key, &format!("sluice/siv/{domain}"))?.into());
    let none: [&[u8]; 0] = [];
    each(ends, data, |_, value| siv.encrypt(none, value).map_err(|_| Failure::Malformed))
}

pub(crate) fn fpe(key: &str, domain: &str, alphabet: &str, ends: &[u32], data: &[u8]) -> Result<Sealed, Failure> {
    let derived = derive::<32>(key, &format!("sluice/ff1/{domain}"))?;
    let letters: Vec<char> = alphabet.chars().collect();
    if letters.iter().enumerate().any(|(i, letter)| letters[..i].contains(letter)) {
        return Err(Failure::Malformed);
    }
    let radix = u32::try_from(letters.len()).map_err(|_| Failure::Malformed)?;
    let ff1 = FF1::<Aes256>::new(&derived, radix).map_err(|_| Failure::Malformed)?;
    each(ends, data, |_, value| {
        let text = std::str::from_utf8(value).map_err(|_| Failure::Malformed)?;
        let figure = |letter| letters.iter().position(|known| *known == letter).and_then(|at| u16::try_from(at).ok());
        let figures = text.chars().map(figure).collect::<Option<Vec<u16>>>().ok_or(Failure::Malformed)?;
        if figures.len() > FPE_CHARACTERS {
            return Err(Failure::Malformed);
        }
        let power = u32::try_from(figures.len()).map_err(|_| Failure::Malformed)?;
        if u64::from(radix).checked_pow(power).is_some_and(|domain| domain < LEAST_DOMAIN) {
            return Err(Failure::DomainTooSmall);
        }
        let sealed = ff1.encrypt(&[], &FlexibleNumeralString::from(figures)).map_err(|_| Failure::Malformed)?;
        let text: String = Vec::<u16>::from(sealed).into_iter().map(|figure| letters[usize::from(figure)]).collect();
        Ok(text.into_bytes())
    })
}

/// The coordinates are those of cluster `source`, topic `test`, partition 0, step 0.
pub(crate) fn encrypt(key: &str, domain: &str, field: u32, rows: &[u32], ends: &[u32], data: &[u8]) -> Result<Sealed, Failure> {
    let cipher = Aes256GcmSiv::new(&derive::<32>(key, &format!("sluice/gcm-siv/{domain}"))?.into());
    let nonces = keyed(&derive::<32>(key, &format!("sluice/gcm-siv-nonce/{domain}"))?);
    if !rows_fit(rows, ends) {
        return Err(Failure::Malformed);
    }
    let first = HOST.with_borrow(|host| host.offset);
    each(ends, data, |i, value| {
        let ordinal = rows[..i].iter().rev().take_while(|row| **row == rows[i]).count();
        let mut nonce = nonces.clone();
        for name in ["source", "test"] {
            nonce.update(&u32::try_from(name.len()).expect("a short name").to_be_bytes());
            nonce.update(name.as_bytes());
        }
        // Partition, step, field.
        [0, 0, field].iter().for_each(|number: &u32| nonce.update(&number.to_be_bytes()));
        nonce.update(&(first + i64::from(rows[i])).to_be_bytes());
        nonce.update(&u32::try_from(ordinal).expect("a test column is small").to_be_bytes());
        let nonce: [u8; 12] = nonce.finalize().into_bytes()[..12].try_into().expect("a hash has 32 bytes");
        let sealed = cipher.encrypt(&nonce.into(), value).map_err(|_| Failure::Malformed)?;
        Ok([&nonce[..], &sealed].concat())
    })
}
