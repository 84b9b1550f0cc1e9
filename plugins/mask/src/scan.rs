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
    /// 13 to 19 digits whose check digit is right, with single spaces or hyphens of any width between them.
    Card,
    /// Country, check digits, letters and digits whose remainder is right, with single spaces of any width between them.
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
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        let word = !before.is_ascii_alphanumeric() && (letter.is_ascii_alphanumeric() || matches!(letter, '+' | '(' | ':'));
        let local = !network::is_local(before) && network::is_local(letter);
        if word || local {
            for find in wanted {
                let place = match find {
                    Find::Email if local => network::email(text, at),
                    Find::Email => None,
                    _ if !word => None,
                    Find::Card => digits::card(bytes, at).map(|end| at..end),
                    Find::Iban => digits::iban(bytes, at).map(|end| at..end),
                    Find::Phone => digits::phone(bytes, at).map(|end| at..end),
                    Find::Ip => network::ip(bytes, at).map(|end| at..end),
                };
                if let Some(place) = place {
                    add(found, first, place);
                }
            }
        }
        before = letter;
    }
}

/// Takes a place together with the last one where they overlap; places come by their beginning.
fn add(found: &mut Vec<Range<usize>>, first: usize, new: Range<usize>) {
    match found.get_mut(first..).and_then(<[_]>::last_mut) {
        Some(last) if new.start < last.end => last.end = last.end.max(new.end),
        _ => found.push(new),
    }
}

/// Whether a number or code does not end here: only letters and digits of ASCII are parts of one. Quotation marks, spaces and
/// letters of other scripts stand right beside them, and what stands there must hide none.
fn joins(next: Option<&u8>) -> bool {
    next.is_some_and(u8::is_ascii_alphanumeric)
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
            ("\u{201e}4111 1111 1111 1111\u{201c}", &["4111 1111 1111 1111"]),
            ("IBAN\u{a0}DE89370400440532013000\u{a0}", &["DE89370400440532013000"]),
            ("\u{5361}\u{53f7}4111111111111111\u{3002}", &["4111111111111111"]),
            ("\u{201e}ana@example.org\u{201c}, \u{90ae}\u{7bb1}\u{ff1a}ana@example.org\u{3002}1", &["ana@example.org", "ana@example.org"]),
            ("'o'hara@example.org' o\u{2019}hara@example.org", &["o'hara@example.org", "o\u{2019}hara@example.org"]),
            ("Jose\u{301}@example.org\u{548c}1.5", &["Jose\u{301}@example.org\u{548c}1"]),
            ("4111\u{a0}1111\u{a0}1111\u{a0}1111", &["4111\u{a0}1111\u{a0}1111\u{a0}1111"]),
            ("4111\u{2011}1111\u{2011}1111\u{ad}1111.", &["4111\u{2011}1111\u{2011}1111\u{ad}1111"]),
            ("DE89\u{202f}3704 0044\u{2009}0532\u{3000}0130 00\u{a0}", &["DE89\u{202f}3704 0044\u{2009}0532\u{3000}0130 00"]),
            ("\u{a0}+49\u{a0}151\u{2013}23456789", &["+49\u{a0}151\u{2013}23456789"]),
            ("212\u{2011}555\u{2011}0123", &["212\u{2011}555\u{2011}0123"]),
            ("host:203.0.113.77, addr:2001:db8::1.", &["203.0.113.77", "2001:db8::1"]),
            ("203.0.113.77.Because IPv6:2001:db8::1:x", &["203.0.113.77", "2001:db8::1"]),
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
            "4111\u{a0}\u{a0}1111 1111 1111",
            "4111\u{e9}1111 1111 1111",
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

    /// What is planted is found whole, whatever that is no letter or digit stands beside it, and whatever beyond.
    #[test]
    fn what_stands_beside_hides_nothing() {
        let planted = [
            ("4111 1111 1111 1111", Find::Card),
            ("DE89 3704 0044 0532 0130 00", Find::Iban),
            ("GB29NWBK60161331926819", Find::Iban),
            ("+49 151 23456789", Find::Phone),
            ("030 23125032", Find::Phone),
            ("212-555-0123", Find::Phone),
            ("203.0.113.77", Find::Ip),
            ("2001:db8::1", Find::Ip),
            ("ana.b@example.org", Find::Email),
            ("o'hara@example.org", Find::Email),
        ];
        let mut found = Vec::new();
        let mut plant = |planted: &str, find: Find, before: char, after: char| {
            for (left, right) in [("", ""), ("x", "y"), ("b", "b"), ("\u{5361}", "\u{e9}")] {
                let text = format!("{left}{before}{planted}{after}{right}");
                let start = left.len() + before.len_utf8();
                found.clear();
                scan(&text, &[find], &mut found);
                let hidden = found.iter().any(|place| place.start <= start && place.end >= start + planted.len());
                assert!(hidden, "{text:?}: {found:?}");
                assert!(found.iter().all(|place| text.get(place.clone()).is_some()), "{text:?}: {found:?}");
            }
        };
        let marks: Vec<char> = ('\u{0}'..='\u{3100}').chain('\u{4e00}'..='\u{4e40}').chain('\u{ff00}'..='\u{ffff}').collect();
        let marks: Vec<char> = marks.into_iter().filter(|mark| !mark.is_ascii_alphanumeric()).collect();
        let mut other = 7_usize;
        for (number, &mark) in marks.iter().enumerate() {
            // Every mark on both sides, beside one that comes by chance.
            other = other.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number);
            let by_chance = marks[(other >> 33) % marks.len()];
            for (planted, find) in planted {
                plant(planted, find, mark, by_chance);
                plant(planted, find, by_chance, mark);
            }
        }
        for before in marks.iter().take_while(|mark| mark.is_ascii()) {
            for after in marks.iter().take_while(|mark| mark.is_ascii()) {
                planted.iter().for_each(|&(planted, find)| plant(planted, find, *before, *after));
            }
        }
    }

    #[test]
    fn an_address_may_be_long() {
        let long = format!("{}@{}.example.org", "a".repeat(300), "b.".repeat(200) + "b");
        assert_eq!(all(&format!("\u{e9} {long}")), [&*long]);
    }

    /// Every place is looked at a bounded number of times; the bound is wide, as test machines are slow.
    #[test]
    fn time_grows_with_the_length_alone() {
        for piece in ["1 ", "12-", "a.", "a@", "0 ", "+1", "DE89 1 ", ":a", "a:", "::", "1.", "(", "((1", "aé", "é@", "'", "a@b."] {
            let text = piece.repeat((1 << 18) / piece.len());
            let start = std::time::Instant::now();
            all(&text);
            assert!(start.elapsed().as_secs() < 5, "{piece:?} took {:?}", start.elapsed());
        }
    }
}
