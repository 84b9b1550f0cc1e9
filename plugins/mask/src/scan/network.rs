//! Scanners for e-mail and IP addresses. They must not take a time of day or a version for an address.
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::joins;

/// Bytes of the longest addresses: `255.255.255.255` and `xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:255.255.255.255`.
const V4_BYTES: usize = 15;
const V6_BYTES: usize = 45;

/// What a local part may hold: RFC 5322's `atom`, without the marks that stand around addresses in text, and what is not
/// ASCII (RFC 6531).
pub fn is_local(letter: char) -> bool {
    is_name(letter) || matches!(letter, '.' | '_' | '%' | '+' | '-' | '&' | '#' | '~' | '\'' | '\u{2019}')
}

/// A letter, a digit, or what may be a part of one, such as an accent that is written apart.
fn is_name(letter: char) -> bool {
    match letter {
        '\u{0}'..='\u{7f}' => letter.is_ascii_alphanumeric(),
        // Quotation marks, dashes, and the punctuation of Chinese and Japanese, in both widths.
        '\u{ab}' | '\u{bb}' | '\u{2010}'..='\u{203a}' | '\u{3000}'..='\u{301f}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' => {
            false
        }
        _ => !letter.is_whitespace(),
    }
}

/// Where the e-mail address is whose local part begins at `start`, or behind the quotes there. One that is too long for mail
/// is one still: more is hidden then, not less. Every letter is looked at twice at most, as what stands left of `start` is no
/// part of a local part.
pub fn email(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let (local, domain) = rest.split_at_checked(rest.find(|letter| !is_local(letter))?)?;
    let address = local.trim_start_matches(['\'', '\u{2019}']);
    let domain = domain.strip_prefix('@').filter(|_| !address.is_empty())?;
    let end = domain.find(|letter| !is_name(letter) && !matches!(letter, '.' | '-' | '_')).unwrap_or(domain.len());
    let length = domain_length(domain.get(..end)?)?;
    Some(start + local.len() - address.len()..start + local.len() + 1 + length)
}

/// Bytes of the longest beginning of `domain` that is one: labels, of which the last is a name, as no number is a top-level
/// domain.
fn domain_length(domain: &str) -> Option<usize> {
    let mut domain = domain;
    let labels = domain.split('.').take_while(|label| !label.is_empty()).map(str::len);
    let ends = labels.scan(0, |end, label| {
        *end += label + 1;
        Some(*end - 1)
    });
    domain = domain.get(..ends.last()?)?;
    loop {
        let trimmed = domain.trim_end_matches(['.', '-', '_']);
        let (_, last) = trimmed.rsplit_once('.')?;
        if last.len() > 1 && !last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(trimmed.len());
        }
        domain = trimmed.strip_suffix(last)?;
    }
}

/// Where the IP address that begins at `start` ends.
pub fn ip(text: &[u8], start: usize) -> Option<usize> {
    let (before, rest) = text.split_at_checked(start)?;
    // In the middle of something longer: `1.2.3.4.5`.
    let pointed = matches!(before, [.., b'0'..=b'9', b'.']);
    let v4 = |end: &usize| {
        let ends = !matches!(rest.get(*end..), Some([b'.', b'0'..=b'9', ..]));
        ends && is::<Ipv4Addr>(rest, *end)
    };
    let v6 = |end: &usize| rest.get(..*end) != Some(b"::") && is::<Ipv6Addr>(rest, *end);
    let longest = ends(rest, V6_BYTES, |byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')).find(v6);
    let longest = longest.or_else(|| ends(rest, V4_BYTES, |byte| byte.is_ascii_digit() || byte == b'.').find(v4).filter(|_| !pointed));
    longest.map(|end| start + end)
}

/// Where something of such letters may end, the longest first.
fn ends(rest: &[u8], most: usize, part: impl Fn(u8) -> bool) -> impl Iterator<Item = usize> {
    let length = rest.iter().take(most).take_while(|&&byte| part(byte)).count();
    (2..=length).rev().filter(|&end| !joins(rest.get(end)))
}

fn is<A: std::str::FromStr>(rest: &[u8], end: usize) -> bool {
    rest.get(..end).and_then(|text| std::str::from_utf8(text).ok()).is_some_and(|text| text.parse::<A>().is_ok())
}
