//! What becomes of a column under each operator. It must answer every value.
mod choice;
mod constant;
mod date;
mod detect;
mod fpe;
mod json_keys;
mod keyed;
mod letters;
mod number;
mod subject;

use choice::Dictionary;
use constant::Constant;
use date::Dates;
use detect::Detect;
use fpe::Fpe;
use json_keys::JsonKeys;
use keyed::{Hmac, Sealing};
use letters::Letters;
use number::Numbers;
use sluice_plugin::{Column, hint};

use crate::output::Output;
use crate::rejection::Rejection;
use crate::settings::Reader;

/// Every operator, in the order of the counters.
pub const OPERATORS: [&str; 29] = [
    "redact",
    "remove",
    "null",
    "replace",
    "keep",
    "keep_first",
    "keep_last",
    "mask",
    "truncate",
    "initials",
    "email",
    "card",
    "iban",
    "phone",
    "ip",
    "hmac",
    "tokenize",
    "encrypt",
    "fpe",
    "dictionary",
    "bucket",
    "round",
    "geo_round",
    "noise",
    "date_trunc",
    "date_part",
    "date_shift",
    "detect",
    "json_keys",
];

/// A name that people look for, and why it is not there.
const HASH: &str = "a hash without a key hides nothing: whoever has a list of likely values finds them by hashing the list; \
                    use `hmac` with a `key`";

/// One operator with its settings, by family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// The answer does not depend on what the value says.
    Constant(Constant),
    /// Some letters stay.
    Letters(Letters),
    /// A token that cannot be opened.
    Hmac(Hmac),
    /// A token that can be.
    Sealing(Sealing),
    /// A value of the same length and alphabet, which can be opened.
    Fpe(Fpe),
    /// A word from a list.
    Dictionary(Dictionary),
    /// A coarser or a moved number.
    Numbers(Numbers),
    /// A coarser or a moved date.
    Dates(Dates),
    /// Another operator on what is found in the text.
    Detect(Box<Detect>),
    /// Another operator on the names in JSON.
    JsonKeys(Box<JsonKeys>),
}

/// Where a column stands: operators may read another one of the same step.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The index of the column.
    pub field: u32,
    /// All of them, none masked yet.
    pub columns: &'a [Column],
}

impl Operator {
    /// Reads the operator that `use` names, and its settings.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let name = reader.text("use")?;
        match name {
            "redact" | "remove" | "null" | "replace" | "keep" => Constant::read(name, reader).map(Self::Constant),
            "keep_first" | "keep_last" | "mask" | "truncate" | "initials" | "email" | "card" | "iban" | "phone" | "ip" => {
                Letters::read(name, reader).map(Self::Letters)
            }
            "hmac" => Hmac::read(reader).map(Self::Hmac),
            "tokenize" | "encrypt" => Sealing::read(name, reader).map(Self::Sealing),
            "fpe" => Fpe::read(reader).map(Self::Fpe),
            "dictionary" => Dictionary::read(reader).map(Self::Dictionary),
            "bucket" | "round" | "geo_round" | "noise" => Numbers::read(name, reader).map(Self::Numbers),
            "date_trunc" | "date_part" | "date_shift" => Dates::read(name, reader).map(Self::Dates),
            "detect" => Detect::read(reader).map(|detect| Self::Detect(Box::new(detect))),
            "json_keys" => JsonKeys::read(reader).map(|keys| Self::JsonKeys(Box::new(keys))),
            "hash" => {
                reader.problem("use", HASH.to_owned());
                reader.spare_unknown();
                None
            }
            other => {
                reader.problem("use", format!("unknown operator \"{other}\"; {}", hint(other, &OPERATORS)));
                reader.spare_unknown();
                None
            }
        }
    }

    /// The name that settings use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Constant(constant) => constant.name(),
            Self::Letters(letters) => letters.name(),
            Self::Hmac(_) => "hmac",
            Self::Sealing(sealing) => sealing.name(),
            Self::Fpe(_) => "fpe",
            Self::Dictionary(_) => "dictionary",
            Self::Numbers(numbers) => numbers.name(),
            Self::Dates(dates) => dates.name(),
            Self::Detect(_) => "detect",
            Self::JsonKeys(_) => "json_keys",
        }
    }

    /// The index of its counter.
    pub fn index(&self) -> u32 {
        (0..).zip(OPERATORS).find(|&(_, name)| name == self.name()).map_or(u32::MAX, |(index, _)| index)
    }

    /// The answers to a column.
    ///
    /// # Errors
    /// The host does not work under the operator's key any more.
    pub fn answer(&self, place: Place<'_>, column: &Column) -> Result<Output, Rejection> {
        match self {
            Self::Constant(constant) => Ok(constant.answer(column)),
            Self::Letters(letters) => Ok(letters.answer(column)),
            Self::Hmac(hmac) => hmac.answer(column),
            Self::Sealing(sealing) => sealing.answer(place, column),
            Self::Fpe(fpe) => fpe.answer(column),
            Self::Dictionary(dictionary) => dictionary.answer(column),
            Self::Numbers(numbers) => numbers.answer(place, column),
            Self::Dates(dates) => dates.answer(place, column),
            Self::Detect(detect) => detect.answer(place, column),
            Self::JsonKeys(keys) => keys.answer(place, column),
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_plugin::testing;

    use super::*;
    use crate::settings;

    fn read(json: &str) -> Operator {
        testing::reset();
        testing::add_key("pii", b"0123456789abcdef0123456789abcdef");
        let step = settings::Step { selectors: &["$.a", "$.b"], own: 0 };
        settings::read("/fields/0", &serde_json::from_str(json).expect(json), step).expect(json)
    }

    /// What cannot be written as a case: bytes stay bytes, and those that are no text say nothing any more.
    #[test]
    fn bytes_stay_bytes() {
        let data = b"ana@example.org\xffana@example.org".to_vec();
        let column = Column { rows: vec![0, 1], kinds: vec![5, 5], ends: vec![15, 31], data };
        for (json, expected) in [
            (r#"{"use":"keep_first","n":3}"#, [(1, 5, "ana************"), (1, 5, "****************")]),
            (r#"{"use":"redact"}"#, [(4, 4, "[redacted]"), (4, 4, "[redacted]")]),
            (r#"{"use":"replace","value":"x"}"#, [(1, 5, "x"), (1, 5, "x")]),
            (r#"{"use":"replace","value":7}"#, [(1, 2, "7"), (1, 2, "7")]),
            (r#"{"use":"fpe","key":"pii","alphabet":"digits","unfit":"redact"}"#, [(4, 4, "[redacted]"), (4, 4, "[redacted]")]),
            (r#"{"use":"dictionary","key":"pii","values":["x","x"]}"#, [(1, 5, "x"), (1, 5, "x")]),
            (r#"{"use":"detect","then":{"use":"keep_first","n":1}}"#, [(1, 5, "a**************"), (4, 4, "[redacted]")]),
            (r#"{"use":"json_keys","then":{"use":"redact"}}"#, [(3, 0, ""), (3, 0, "")]),
            (r#"{"use":"round","to":10}"#, [(3, 0, ""), (3, 0, "")]),
            (r#"{"use":"date_trunc","to":"day"}"#, [(3, 0, ""), (3, 0, "")]),
        ] {
            let place = Place { field: 0, columns: std::slice::from_ref(&column) };
            let (answers, _) = read(json).answer(place, &column).expect(json).into_parts();
            let found: Vec<_> = (0..2)
                .map(|n| (answers.actions[n], answers.kinds[n], String::from_utf8_lossy(detect::new_text(&answers, n)).into_owned()))
                .collect();
            assert_eq!(found, expected.map(|(action, kind, text)| (action, kind, text.to_owned())), "{json}");
        }
    }

    /// A kind that the contract may get later must not pass.
    #[test]
    fn an_unknown_kind_never_passes() {
        let column = Column { rows: vec![3, 4], kinds: vec![6, 99], ends: vec![0, 6], data: b"secret".to_vec() };
        let mut seen = std::collections::BTreeSet::new();
        for json in [
            r#"{"use":"redact"}"#,
            r#"{"use":"remove"}"#,
            r#"{"use":"null"}"#,
            r#"{"use":"replace","value":1}"#,
            r#"{"use":"keep_first"}"#,
            r#"{"use":"keep_last"}"#,
            r#"{"use":"mask"}"#,
            r#"{"use":"truncate","n":1}"#,
            r#"{"use":"initials"}"#,
            r#"{"use":"email"}"#,
            r#"{"use":"card"}"#,
            r#"{"use":"iban"}"#,
            r#"{"use":"phone"}"#,
            r#"{"use":"ip"}"#,
            r#"{"use":"hmac","key":"pii"}"#,
            r#"{"use":"hmac","key":"pii","output":"uuid"}"#,
            r#"{"use":"hmac","key":"pii","output":"integer"}"#,
            r#"{"use":"tokenize","key":"pii"}"#,
            r#"{"use":"encrypt","key":"pii"}"#,
            r#"{"use":"fpe","key":"pii","alphabet":"lower"}"#,
            r#"{"use":"fpe","key":"pii","alphabet":"digits","unfit":"redact"}"#,
            r#"{"use":"dictionary","key":"pii","list":"cities"}"#,
            r#"{"use":"bucket","size":10}"#,
            r#"{"use":"round","to":10}"#,
            r#"{"use":"geo_round"}"#,
            r#"{"use":"noise","key":"pii","range":1}"#,
            r#"{"use":"date_trunc","to":"day"}"#,
            r#"{"use":"date_part","part":"year"}"#,
            r#"{"use":"date_shift","key":"pii","by":"$.b","days":3}"#,
            r#"{"use":"detect","then":{"use":"redact"}}"#,
            r#"{"use":"json_keys","then":{"use":"hmac","key":"pii"}}"#,
        ] {
            let operator = read(json);
            seen.insert(operator.name());
            let place = Place { field: 0, columns: &[column.clone(), column.clone()] };
            let (answers, _) = operator.answer(place, &column).expect(json).into_parts();
            assert!(answers.actions.len() == 2 && !answers.actions.contains(&0), "{json}");
            assert!(!answers.data.windows(6).any(|bytes| bytes == b"secret"), "{json}");
        }
        let unseen: Vec<_> = OPERATORS.iter().filter(|&name| !seen.contains(name)).collect();
        assert_eq!(unseen, [&"keep"], "every operator is tried but the one that keeps");
    }
}
