//! The sample, damaged at random: it is accepted or refused with places that exist, and nothing panics.

use proptest::prelude::*;

use super::*;

/// Pieces that mean something to YAML or to Sluice.
const PIECES: [&str; 24] = [
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "- ",
    "\n",
    "  ",
    "#",
    "&a ",
    "*a",
    "<<: *a",
    "|",
    "null",
    "-1",
    "1e999",
    "true",
    "é\u{1F600}",
    "$.a[*]",
    "99999999999999999999",
    "key",
    "fields:",
    "\t",
];

#[derive(Clone, Debug)]
enum Damage {
    Cut(prop::sample::Index, usize),
    Insert(prop::sample::Index, &'static str),
    Swap(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    use prop::sample::{Index, select};
    prop_oneof![
        (any::<Index>(), 1..40usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        (any::<Index>(), select(&PIECES[..])).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Damage::Swap(a, b)),
    ]
}

/// By lines where lines are swapped, else by characters; comments are left out, for they take most of the hits.
fn apply(text: &str, damage: &Damage) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return String::new();
    }
    match damage {
        Damage::Cut(at, length) => {
            let start = at.index(chars.len());
            chars.drain(start..(start + length).min(chars.len()));
        }
        Damage::Insert(at, piece) => {
            let at = at.index(chars.len());
            chars.splice(at..at, piece.chars());
        }
        Damage::Swap(a, b) => {
            let mut lines: Vec<&str> = text.lines().collect();
            if lines.is_empty() {
                return String::new();
            }
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
            return lines.join("\n");
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_panics_and_always_says_where(damages in prop::collection::vec(damage(), 1..4)) {
        let bare = SAMPLE.lines().map(|line| line.split("  #").next().unwrap_or_default().trim_end());
        let mut text = bare.collect::<Vec<_>>().join("\n");
        for damage in &damages {
            text = apply(&text, damage);
        }
        if let Err(errors) = plan(&text) {
            prop_assert!(!errors.errors().is_empty());
            let lines = u32::try_from(text.lines().count()).unwrap();
            for error in errors.errors() {
                prop_assert!(error.at.line <= lines + 1, "{error}");
                prop_assert!(!error.message.contains('\n'), "{error:?}");
                prop_assert!(!error.message.contains(&env("KEY").unwrap()), "{error}");
            }
        }
    }
}
