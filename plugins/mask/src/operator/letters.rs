//! The operators that keep some letters of a value, on columns. They must not keep any of a boolean.
use sluice_plugin::{Column, Value};

use crate::output::Output;
use crate::settings::Reader;
use crate::{card, email, iban, initials, ip, keep, pattern, phone};

/// Scalars that `keep_first` and `keep_last` keep unless `n` says otherwise.
const DEFAULT_N: u64 = 4;
/// Letters, scalars or digits that a setting counts at most.
const MOST: u64 = u32::MAX as u64;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Letters {
    /// All but `n` scalars at one side are masked.
    Keep {
        /// The side that stays.
        side: keep::Side,
        /// How many scalars stay, 0 for none.
        n: usize,
    },
    /// All but the ends and some characters.
    Mask(pattern::Pattern),
    /// The first scalars are left, and nothing in place of the others.
    Truncate(usize),
    /// The first letter of each word.
    Initials,
    /// The local part is masked but for its first letter; the domain stays.
    Email,
    /// A card number but for its ends.
    Card {
        /// Digits that stay at the start.
        first: usize,
        /// And at the end.
        last: usize,
    },
    /// An account number but for its country and its end.
    Iban(usize),
    /// A telephone number but for its country and its end.
    Phone(usize),
    /// An address but for its network.
    Ip(ip::Prefixes),
}

impl Letters {
    pub fn read(name: &str, reader: &mut Reader<'_>) -> Option<Self> {
        Some(match name {
            "keep_first" => Self::Keep { side: keep::Side::First, n: reader.integer("n", DEFAULT_N, 0, MOST)? },
            "keep_last" => Self::Keep { side: keep::Side::Last, n: reader.integer("n", DEFAULT_N, 0, MOST)? },
            "mask" => Self::mask(reader)?,
            "truncate" => Self::Truncate(reader.needed_integer("n", 0, MOST)?),
            "email" => Self::Email,
            "card" => {
                let first = reader.integer("keep_first", 0, 0, card::MOST_FIRST);
                let last = reader.integer("keep_last", 4, 0, card::MOST_LAST);
                Self::Card { first: first?, last: last? }
            }
            "iban" => Self::Iban(reader.integer("keep_last", 4, 0, 4)?),
            "phone" => Self::Phone(reader.integer("keep_last", 2, 0, 4)?),
            "ip" => {
                let (v4, v6) = (reader.integer("v4", 24, 0, 31), reader.integer("v6", 48, 0, 127));
                Self::Ip(ip::Prefixes { v4: u32::try_from(v4?).ok()?, v6: u32::try_from(v6?).ok()? })
            }
            _ => Self::Initials,
        })
    }

    fn mask(reader: &mut Reader<'_>) -> Option<Self> {
        let mask = reader.letter("char", '*');
        let (first, last) = (reader.integer("keep_first", 0, 0, MOST), reader.integer("keep_last", 0, 0, MOST));
        let skip = reader.letters("skip");
        Some(Self::Mask(pattern::Pattern::new(mask?, first?, last?, skip?)))
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Keep { side: keep::Side::First, .. } => "keep_first",
            Self::Keep { side: keep::Side::Last, .. } => "keep_last",
            Self::Mask(_) => "mask",
            Self::Truncate(_) => "truncate",
            Self::Initials => "initials",
            Self::Email => "email",
            Self::Card { .. } => "card",
            Self::Iban(_) => "iban",
            Self::Phone(_) => "phone",
            Self::Ip(_) => "ip",
        }
    }

    pub fn answer(&self, column: &Column) -> Output {
        // One loop for each, so that none asks for every value which it is.
        match self {
            Self::Keep { side: keep::Side::First, n } => each(column, |out, value| keep::keep(out, value, keep::Side::First, *n)),
            Self::Keep { side: keep::Side::Last, n } => each(column, |out, value| keep::keep(out, value, keep::Side::Last, *n)),
            Self::Mask(pattern) => each(column, |out, value| pattern.mask(out, value)),
            Self::Truncate(n) => each(column, |out, value| keep::truncate(out, value, *n)),
            Self::Initials => each(column, initials::initials),
            Self::Email => each(column, email::email),
            Self::Card { first, last } => each(column, |out, value| card::card(out, value, *first, *last)),
            Self::Iban(last) => each(column, |out, value| iban::iban(out, value, *last)),
            Self::Phone(last) => each(column, |out, value| phone::phone(out, value, *last)),
            Self::Ip(prefixes) => each(column, |out, value| prefixes.mask(out, value)),
        }
    }
}

#[inline]
fn each(column: &Column, write: impl Fn(&mut Vec<u8>, &[u8])) -> Output {
    let mut output = Output::of(column);
    let mut answer = |(row, value): (u32, Value<'_>)| output.letters(row, value, &write);
    column.iter().for_each(&mut answer);
    output
}
