//! Scanners for e-mail and IP addresses. They must not take a time of day or a version for an address.
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{is_local, is_word};

/// Bytes of a local part and of a domain (RFC 5321, section 4.5.3.1).
const LOCAL_BYTES: usize = 64;
const DOMAIN_BYTES: usize = 255;
/// Bytes of the longest IPv6 address: `xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:255.255.255.255`.
const IP_BYTES: usize = 45;

/// Where the e-mail address whose local part begins at `start` ends. A local part that is too long is one still: more
/// is hidden then, not less.
pub fn email(text: &[u8], start: usize) -> Option<usize> {
    let local = text.get(start..)?.iter().take_while(|&&byte| is_local(byte)).count();
    let at = start + local;
    if local == 0 || local > LOCAL_BYTES * 4 || text.get(at) != Some(&b'@') {
        return None;
    }
    let rest = text.get(at + 1..)?;
    let length = rest.iter().take(DOMAIN_BYTES).take_while(|&&byte| is_word(byte) || matches!(byte, b'.' | b'-' | b'_')).count();
    let mut domain = rest.get(..length)?;
    while let Some((b'.' | b'-' | b'_', shorter)) = domain.split_last() {
        domain = shorter;
    }
    let mut labels = domain.split(|&byte| byte == b'.');
    let named = labels.clone().count() > 1 && labels.clone().all(|label| !label.is_empty());
    // The last label is a name: no number is a top-level domain.
    let ends = labels.next_back().is_some_and(|label| label.len() > 1 && !label.iter().all(u8::is_ascii_digit));
    (named && ends).then_some(at + 1 + domain.len())
}

/// Where the IP address that begins at `start` ends.
pub fn ip(text: &[u8], start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    let length = rest.iter().take(IP_BYTES + 1).take_while(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')).count();
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    // In the middle of something longer: `1.2.3.4.5`, `aa:bb`.
    if length > IP_BYTES || matches!(before, Some(b'.' | b':')) {
        return None;
    }
    let mut end = length;
    loop {
        let address = std::str::from_utf8(rest.get(..end)?).ok()?;
        let ends = rest.get(end).is_none_or(|&next| !is_word(next));
        if ends && (address.parse::<Ipv4Addr>().is_ok() || (address != "::" && address.parse::<Ipv6Addr>().is_ok())) {
            return Some(start + end);
        }
        // A port, or the full stop or colon of the sentence.
        end = address.rfind([':', '.']).filter(|&shorter| shorter > 0)?;
        let port = address.get(end..).is_some_and(|port| port.starts_with(':'));
        let with_port = port && address.get(..end).is_some_and(|shorter| shorter.parse::<Ipv4Addr>().is_ok());
        if end + 1 != address.len() && !with_port {
            return None;
        }
    }
}
