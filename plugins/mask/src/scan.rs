//! Finds personal data inside free text: by its form, and by its check digits where it has any. It must not be anybody's
//! only guard: names, addresses and whatever has no form of its own are not found.
//!
//! One pass without regular expressions: every place where a word begins is shown to the scanners, each of which looks
//! at a bounded piece of text behind it. What they find may overlap and is taken together.
mod digits;
mod network;

use std::ops::Range;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// An e-mail address: a local part, `@`, and a domain with a full stop in it.
    Email,
    /// 13 to 19 digits whose check digit is right, with single spaces or hyphens between them.
    Card,
    /// Country, check digits, letters and digits whose remainder is right, with single spaces between them.
    Iban,
    /// Digits that begin with `+`, `00`, `0` or `(`, or are grouped 3-3-4.
    Phone,
    /// An IPv4 or IPv6 address.
    Ip,
}

/// All of them, as settings name them.
pub const FINDS: [(&str, Find); 5] =
    [("email", Find::Email), ("card", Find::Card), ("iban", Find::Iban), ("phone", Find::Phone), ("ip", Find::Ip)];

/// Appends the places of what is found in `text`, ascending and apart from each other.
pub fn scan(text: &str, wanted: &[Find], found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let first = found.len();
    let mut before = b' ';
    for (at, &byte) in bytes.iter().enumerate() {
        // A word begins where no letter or digit stands before; a local part also has marks such as `.` in it.
        let (word, local) = (!is_word(before), !is_local(before) && is_local(byte));
        if local || word && (is_word(byte) || matches!(byte, b'+' | b'(' | b':')) {
            for find in wanted {
                let end = match find {
                    Find::Email if local => network::email(bytes, at),
                    Find::Email => None,
                    _ if !word => None,
                    Find::Card => digits::card(bytes, at),
                    Find::Iban => digits::iban(bytes, at),
                    Find::Phone => digits::phone(bytes, at),
                    Find::Ip => network::ip(bytes, at),
                };
                if let Some(end) = end {
                    add(found, first, at..end);
                }
            }
        }
        before = byte;
    }
}

/// Takes a place together with the last one where they overlap; places come by their beginning.
fn add(found: &mut Vec<Range<usize>>, first: usize, new: Range<usize>) {
    match found.get_mut(first..).and_then(<[_]>::last_mut) {
        Some(last) if new.start < last.end => last.end = last.end.max(new.end),
        _ => found.push(new),
    }
}

/// A letter or digit, of any script: bytes above 127 are parts of letters here, so that nothing is cut in two.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// What a local part may hold (RFC 5322's `atom`, without the marks that stand around addresses in text).
fn is_local(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'&' | b'#' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        scan(text, &FINDS.map(|(_, find)| find), &mut found);
        found.into_iter().filter_map(|place| text.get(place)).collect()
    }

    #[test]
    fn what_has_a_form_is_found() {
        for (text, expected) in [
            ("mail ana@example.org, or call +49 151 23456789!", &["ana@example.org", "+49 151 23456789"][..]),
            ("<ana.b+c@mail.example.co.uk>", &["ana.b+c@mail.example.co.uk"]),
            ("Ünal ünal@müller.de.", &["ünal@müller.de"]),
            ("card 4111 1111 1111 1111 until 12/27", &["4111 1111 1111 1111"]),
            ("4111-1111-1111-1111", &["4111-1111-1111-1111"]),
            ("(378282246310005)", &["378282246310005"]),
            ("IBAN DE89 3704 0044 0532 0130 00 and more", &["DE89 3704 0044 0532 0130 00"]),
            ("to GB29NWBK60161331926819.", &["GB29NWBK60161331926819"]),
            ("from 203.0.113.77:443 via 2001:db8::1.", &["203.0.113.77", "2001:db8::1"]),
            ("[::1] and fe80::1%eth0", &["::1", "fe80::1"]),
            ("tel 030 23125032; (212) 555-0123; 212-555-0123", &["030 23125032", "(212) 555-0123", "212-555-0123"]),
            ("0049 30 23125032", &["0049 30 23125032"]),
            ("_ana-@example.org", &["_ana-@example.org"]),
            ("a@b.org b@c.org", &["a@b.org", "b@c.org"]),
            ("客户ana@example.org", &["客户ana@example.org"]),
        ] {
            assert_eq!(all(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_none_is_left() {
        for text in [
            "",
            "nothing here",
            "order 4711 of 2026-03-15 at 10:20:30",
            "2026-03-15T10:20:30.123+02:00",
            "4111 1111 1111 1112",
            "DE88370400440532013000",
            "version 1.2.3.4.5",
            "999.1.2.3",
            "a@b",
            "@example.org",
            "ana@.org",
            "user@host.",
            "0.123456789",
            "1e10",
            "123 456 789",
            "x4111111111111111",
            "4111111111111111x",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "aa:bb:cc:dd:ee:ff",
            "::",
            "std::vec",
        ] {
            assert_eq!(all(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn overlaps_are_one() {
        // The first 14 digits pass by accident, those of the first 18 too, and the card begins behind the first two.
        for text in ["14 4111 1111 1111 1111", "18 4111 1111 1111 1111"] {
            assert_eq!(all(text), [text]);
        }
        assert_eq!(all("4111111111111111@example.org"), ["4111111111111111@example.org"]);
    }

    /// Every place is looked at a bounded number of times; the bound is wide, as test machines are slow.
    #[test]
    fn time_grows_with_the_length_alone() {
        for piece in ["1 ", "12-", "a.", "a@", "0 ", "+1", "DE89 1 ", ":a", "1.", "(", "((1", "aé"] {
            let text = piece.repeat((1 << 18) / piece.len());
            let start = std::time::Instant::now();
            all(&text);
            assert!(start.elapsed().as_secs() < 5, "{piece:?} took {:?}", start.elapsed());
        }
    }
}
