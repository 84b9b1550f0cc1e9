//! Masks an address and keeps its domain. It must not keep what only stands where a domain would: text that is no
//! address is masked whole.
use crate::keep::{Side, keep};

/// Appends `value` with all but the first letter of the local part masked.
pub fn email(out: &mut Vec<u8>, value: &[u8]) {
    let Some((local, domain)) = split(value) else { return keep(out, value, Side::First, 0) };
    keep(out, local, Side::First, 1);
    out.push(b'@');
    out.extend_from_slice(domain);
}

/// Splits at the last `@` where both sides could be those of an address: a local part, and a domain of letters,
/// digits, `.`, `-` and `_` alone. So `ask ana@home or 555-1234` keeps nothing.
fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = std::str::from_utf8(value).ok()?;
    let (local, domain) = text.rsplit_once('@')?;
    let named = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let is_address = !local.is_empty() && !domain.is_empty() && domain.chars().all(named);
    is_address.then_some((local.as_bytes(), domain.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_domain_stays() {
        for (value, expected) in [
            ("ana@example.org", "a**@example.org"),
            ("a@example.org", "*@example.org"),
            ("ünal.öz@müller.de", "ü******@müller.de"),
            ("\"a@b\"@example.org", "\"****@example.org"),
            ("no address", "**********"),
            ("@example.org", "************"),
            ("ana@", "****"),
            ("", ""),
            ("ask ana@home or 555-1234", "************************"),
            ("ana@example.org>", "****************"),
        ] {
            let mut out = Vec::new();
            email(&mut out, value.as_bytes());
            assert_eq!(String::from_utf8_lossy(&out), expected, "{value}");
        }
        let mut out = Vec::new();
        email(&mut out, &[b'a', b'@', 0xff]);
        assert_eq!(out, b"***");
    }
}
