//! Format-preserving encryption on columns: letters go to the host, and come back into their places. It must not hand
//! over a value that the host would refuse, since one such fails them all.
use sluice_plugin::host;
use sluice_plugin::{Column, Kind, Value};

use crate::alphabet::{Alphabet, FEWEST_LETTERS, MOST_ENCRYPTED, MOST_LETTERS, Unfit, shortest};
use crate::integer::Integer;
use crate::output::Output;
use crate::rejection::Rejection;
use crate::settings::{Key, Reader};

const DIGITS: &str = "0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALPHANUMERIC: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Integers that an integer must be one of at least, as for text.
const FEWEST_INTEGERS: u64 = 1_000_000;
/// How often an integer is encrypted until it is one of the same width again. At least one in 13 is, so that not one
/// of 10^300 needs so many.
const MOST_WALKS: usize = 10_000;

/// Encryption in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fpe {
    pub key: Key,
    pub alphabet: Alphabet,
    /// A value that does not fit says nothing any more, rather than rejecting its record.
    pub redact_unfit: bool,
}

/// What is to be answered for a value.
enum Plan {
    /// A null.
    Keep,
    Unfit(Rejection),
    /// The letters of this number among those handed over.
    Letters(usize),
    /// The digits of this number among those handed over, of an integer.
    Digits(usize, Integer),
}

impl Fpe {
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let key = reader.key("");
        let named = [
            ("digits", Some(DIGITS)),
            ("lower", Some(LOWER)),
            ("upper", Some(UPPER)),
            ("alphanumeric", Some(ALPHANUMERIC)),
            ("custom", None),
        ];
        let letters = match reader.one_of("alphabet", &named) {
            Some(None) => reader.letters("characters"),
            Some(Some(letters)) => Some(letters.chars().collect()),
            None => {
                reader.spare_unknown();
                None
            }
        };
        let (keep, unfit) = (reader.letters("keep"), reader.one_of_or("unfit", &[("reject", false), ("redact", true)], false));
        let alphabet = Self::alphabet(reader, letters?, keep?);
        Some(Self { key: key?, alphabet: alphabet?, redact_unfit: unfit? })
    }

    fn alphabet(reader: &mut Reader<'_>, letters: Vec<char>, keep: Vec<char>) -> Option<Alphabet> {
        if !(FEWEST_LETTERS..=MOST_LETTERS).contains(&letters.len()) {
            reader.problem("characters", format!("must be {FEWEST_LETTERS} to {MOST_LETTERS} different characters"));
            return None;
        }
        if let Some(both) = keep.iter().find(|letter| letters.contains(letter)) {
            reader.problem("keep", format!("`{both}` is in the alphabet; what is encrypted cannot stay"));
            return None;
        }
        let fewest = shortest(letters.len());
        let length = reader.integer("min_length", fewest as u64, 1, MOST_ENCRYPTED as u64)?;
        if length < fewest {
            let letters = letters.len();
            reader.problem(
                "min_length",
                format!("{length} of {letters} letters spell fewer than a million values, which are found by trying; at least {fewest}"),
            );
            return None;
        }
        Some(Alphabet { letters: letters.into_iter().collect(), keep, shortest: length })
    }

    pub fn answer(&self, column: &Column) -> Result<Output, Rejection> {
        let (mut letters, mut digits) = (Column::new(), Column::new());
        let plans: Vec<Plan> = column.iter().map(|(row, value)| self.plan(row, value, &mut letters, &mut digits)).collect();
        let letters = host::fpe(&self.key.name, &self.key.domain, &self.alphabet.letters, &letters)?;
        let letters: Vec<&[u8]> = letters.iter().collect();
        let integers = plans.iter().filter_map(|plan| if let Plan::Digits(_, integer) = plan { Some(*integer) } else { None });
        let integers = self.walk(digits, integers.collect())?;
        let mut output = Output::of(column);
        let mut whole = Vec::new();
        for ((row, value), plan) in column.iter().zip(plans) {
            match plan {
                Plan::Keep => output.keep(),
                Plan::Unfit(_) if self.redact_unfit => output.clear(),
                Plan::Unfit(why) => output.reject(row, why),
                Plan::Letters(n) => {
                    whole.clear();
                    let back = letters.get(n).is_some_and(|letters| self.alphabet.put_back(&mut whole, value.bytes, letters));
                    if !back {
                        return Err(Rejection::KeyUnavailable);
                    }
                    output.text(row, value, |out, _| out.extend_from_slice(&whole));
                }
                Plan::Digits(n, integer) => match integers.get(n).copied().flatten() {
                    Some(magnitude) => output.write(Kind::INTEGER, |out| integer.write(out, magnitude)),
                    None => output.reject(row, Rejection::NumberOutOfRange),
                },
            }
        }
        Ok(output)
    }

    fn plan(&self, row: u32, value: Value<'_>, letters: &mut Column, digits: &mut Column) -> Plan {
        let pushed = |column: &mut Column, bytes: &[u8]| {
            column.push(row, Value { kind: Kind::TEXT, bytes });
            column.len() - 1
        };
        match value.kind {
            Kind::NULL => Plan::Keep,
            Kind::INTEGER if self.alphabet.letters == DIGITS => {
                let Some(integer) = Integer::parse(value.bytes) else { return Plan::Unfit(Rejection::NumberOutOfRange) };
                let (text, peers) = (integer.digits(), integer.peers());
                if peers.end() - peers.start() < FEWEST_INTEGERS - 1 || text.len() < self.alphabet.shortest {
                    return Plan::Unfit(Rejection::DomainTooSmall);
                }
                Plan::Digits(pushed(digits, text.as_bytes()), integer)
            }
            Kind::TEXT | Kind::BYTES | Kind::INTEGER | Kind::DECIMAL => {
                let mut found = Vec::with_capacity(value.bytes.len());
                match self.alphabet.letters_of(&mut found, value.bytes) {
                    Ok(()) => Plan::Letters(pushed(letters, &found)),
                    Err(Unfit::NotInAlphabet) => Plan::Unfit(Rejection::NotInAlphabet),
                    Err(Unfit::TooShort) => Plan::Unfit(Rejection::DomainTooSmall),
                    Err(Unfit::TooLong) => Plan::Unfit(Rejection::TooLong),
                }
            }
            Kind::BOOLEAN => Plan::Unfit(Rejection::NotInAlphabet),
            _ => Plan::Unfit(Rejection::NotAScalar),
        }
    }

    /// Encrypts digits again and again until they are those of an integer of the same width: what permutes all numbers
    /// of as many digits, walked so, permutes those of the same width. Whole columns go over, those that are done left
    /// out.
    fn walk(&self, mut column: Column, integers: Vec<Integer>) -> Result<Vec<Option<u64>>, Rejection> {
        let mut found = vec![None; integers.len()];
        let mut left: Vec<usize> = (0..integers.len()).collect();
        for _ in 0..MOST_WALKS {
            if left.is_empty() {
                break;
            }
            let sealed = host::fpe(&self.key.name, &self.key.domain, DIGITS, &column)?;
            let (mut next, mut still) = (Column::new(), Vec::new());
            for (&n, digits) in left.iter().zip(sealed.iter()) {
                let magnitude = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
                let fits = |magnitude: &u64| integers.get(n).is_some_and(|integer| integer.peers().contains(magnitude));
                match (magnitude.filter(fits), found.get_mut(n)) {
                    (Some(magnitude), Some(place)) => *place = Some(magnitude),
                    _ => {
                        next.push(0, Value { kind: Kind::TEXT, bytes: digits });
                        still.push(n);
                    }
                }
            }
            (column, left) = (next, still);
        }
        Ok(found)
    }
}
