//! Reads the settings of a field into an operator, and says all that is wrong with them. It must not accept a key that
//! it does not know: a setting that has no effect is a value that is not masked as its author thinks.
use serde_json::{Map, Value};
use sluice_plugin::{Kind, Problem, host, nearest, pointer};

use crate::OPERATORS;
use crate::date::Unit;
use crate::keep::Side;
use crate::operator::Operator;
use crate::token::{DEFAULT_BYTES, Encoding, FEWEST_BYTES, MOST_BYTES};

/// Scalars that stay unless `n` says otherwise.
const DEFAULT_N: u64 = 4;

/// Reads the settings of the field at the JSON pointer `at`.
pub fn read(at: &str, settings: &Map<String, Value>) -> Result<Operator, Vec<Problem>> {
    let mut reader = Reader { at, settings, known: Vec::with_capacity(6), problems: Vec::new() };
    let operator = reader.operator();
    reader.refuse_unknown(operator.is_some());
    match operator {
        Some(operator) if reader.problems.is_empty() => Ok(operator),
        _ => Err(reader.problems),
    }
}

struct Reader<'a> {
    at: &'a str,
    settings: &'a Map<String, Value>,
    /// Keys that the operator has.
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn operator(&mut self) -> Option<Operator> {
        let name = self.text("use")?;
        Some(match name {
            "redact" => Operator::Redact,
            "remove" => Operator::Remove,
            "null" => Operator::Null,
            "replace" => self.replace()?,
            "keep_first" => Operator::Keep { side: Side::First, n: self.integer("n", DEFAULT_N, 0, u64::from(u32::MAX))? },
            "keep_last" => Operator::Keep { side: Side::Last, n: self.integer("n", DEFAULT_N, 0, u64::from(u32::MAX))? },
            "hmac" => self.hmac()?,
            "email" => Operator::Email,
            "date_trunc" => self.date_trunc()?,
            other => {
                let hint = match nearest(other, &OPERATORS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", OPERATORS.join(", ")),
                };
                self.problem("use", format!("unknown operator `{other}`; {hint}"));
                return None;
            }
        })
    }

    fn replace(&mut self) -> Option<Operator> {
        let (kind, bytes) = match self.get("value") {
            Some(Value::Null) => (Kind::NULL, Vec::new()),
            Some(Value::Bool(value)) => (Kind::BOOLEAN, value.to_string().into_bytes()),
            Some(Value::String(text)) => (Kind::TEXT, text.clone().into_bytes()),
            Some(Value::Number(number)) => {
                let text = number.to_string();
                (if text.contains(['.', 'e', 'E']) { Kind::DECIMAL } else { Kind::INTEGER }, text.into_bytes())
            }
            Some(Value::Array(_) | Value::Object(_)) => {
                self.problem("value", "must be text, a number, a boolean or null".to_owned());
                return None;
            }
            None => {
                self.missing("value");
                return None;
            }
        };
        Some(Operator::Replace { kind, bytes })
    }

    fn hmac(&mut self) -> Option<Operator> {
        let key = self.text("key");
        let domain = if self.has("domain") { self.text("domain") } else { Some("default") };
        let encodings = [("hex", Encoding::Hex), ("base64", Encoding::Base64), ("base64url", Encoding::Base64Url)];
        let encoding = if self.has("encoding") { self.one_of("encoding", &encodings) } else { Some(Encoding::Hex) };
        let length = self.integer("length", DEFAULT_BYTES as u64, FEWEST_BYTES as u64, MOST_BYTES as u64);
        let (key, domain, encoding, length) = (key?, domain?, encoding?, length?);
        if host::check_key(key, domain).is_err() {
            self.problem("key", format!("there is no key `{key}` for this step; name it under `keys`"));
            return None;
        }
        Some(Operator::Hmac { key: key.to_owned(), domain: domain.to_owned(), encoding, length })
    }

    fn date_trunc(&mut self) -> Option<Operator> {
        let units = [("year", Unit::Year), ("month", Unit::Month), ("day", Unit::Day), ("hour", Unit::Hour)];
        self.one_of("to", &units).map(Operator::DateTrunc)
    }

    /// The value of a key that the operator has.
    fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.settings.get(key)
    }

    /// Whether an optional key is there; it is known from then on.
    fn has(&mut self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// Text that must be there and must not be empty.
    fn text(&mut self, key: &'static str) -> Option<&'a str> {
        match self.get(key) {
            Some(Value::String(text)) if !text.is_empty() => return Some(text),
            Some(_) => self.problem(key, "must be text that is not empty".to_owned()),
            None => self.missing(key),
        }
        None
    }

    fn one_of<T: Copy>(&mut self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|&(_, choice)| choice);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
            self.problem(key, format!("must be one of {}, not `{text}`", names.join(", ")));
        }
        found
    }

    /// An integer between two bounds, both included.
    fn integer(&mut self, key: &'static str, default: u64, least: u64, most: u64) -> Option<usize> {
        let number = match self.get(key) {
            Some(value) => value.as_u64().filter(|number| (least..=most).contains(number)),
            None => Some(default),
        };
        let number = number.and_then(|number| usize::try_from(number).ok());
        if number.is_none() {
            self.problem(key, format!("must be an integer from {least} to {most}"));
        }
        number
    }

    /// Without an operator nobody knows which keys it has.
    fn refuse_unknown(&mut self, operator: bool) {
        let unknown: Vec<_> = self.settings.keys().filter(|key| !self.known.contains(&key.as_str())).collect();
        if !operator && self.known.len() == 1 {
            return;
        }
        for key in unknown {
            let hint = match nearest(key, &self.known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", self.known.join(", ")),
            };
            self.problem(key, format!("unknown setting; {hint}"));
        }
    }

    fn missing(&mut self, key: &str) {
        self.problems.push(Problem::new(self.at, format!("`{key}` is missing")));
    }

    fn problem(&mut self, key: &str, message: String) {
        self.problems.push(Problem::new(pointer(self.at, key), message));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
    use sluice_plugin::testing;

    use super::*;

    fn read_json(json: &str) -> Result<Operator, Vec<String>> {
        testing::reset();
        testing::add_key("pii", b"0123456789abcdef0123456789abcdef");
        let settings = serde_json::from_str(json).unwrap();
        read("/fields/2", &settings).map_err(|problems| problems.into_iter().map(|p| format!("{}: {}", p.at, p.message)).collect())
    }

    #[test]
    fn settings_become_operators() {
        let hmac = |domain: &str, encoding, length| Operator::Hmac { key: "pii".into(), domain: domain.into(), encoding, length };
        for (json, expected) in [
            (r#"{"use":"redact"}"#, Operator::Redact),
            (r#"{"use":"keep_first"}"#, Operator::Keep { side: Side::First, n: 4 }),
            (r#"{"use":"keep_last","n":0}"#, Operator::Keep { side: Side::Last, n: 0 }),
            (r#"{"use":"hmac","key":"pii"}"#, hmac("default", Encoding::Hex, 16)),
            (r#"{"use":"hmac","key":"pii","domain":"d","encoding":"base64url","length":32}"#, hmac("d", Encoding::Base64Url, 32)),
            (r#"{"use":"date_trunc","to":"hour"}"#, Operator::DateTrunc(Unit::Hour)),
            (r#"{"use":"replace","value":1.50}"#, Operator::Replace { kind: Kind::DECIMAL, bytes: b"1.50".to_vec() }),
            (
                r#"{"use":"replace","value":12345678901234567890123}"#,
                Operator::Replace { kind: Kind::INTEGER, bytes: b"12345678901234567890123".to_vec() },
            ),
            (r#"{"use":"replace","value":null}"#, Operator::Replace { kind: Kind::NULL, bytes: Vec::new() }),
        ] {
            assert_eq!(read_json(json), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        let all = OPERATORS.join(", ");
        for (json, expected) in [
            (r#"{}"#, vec!["/fields/2: `use` is missing".to_owned()]),
            (r#"{"use":"redcat","n":1}"#, vec!["/fields/2/use: unknown operator `redcat`; did you mean `redact`?".to_owned()]),
            (r#"{"use":"encrypt"}"#, vec![format!("/fields/2/use: unknown operator `encrypt`; there are {all}")]),
            (r#"{"use":7}"#, vec!["/fields/2/use: must be text that is not empty".to_owned()]),
            (r#"{"use":"keep_last","N":2}"#, vec!["/fields/2/N: unknown setting; did you mean `n`?".to_owned()]),
            (r#"{"use":"redact","n":2}"#, vec!["/fields/2/n: unknown setting; known are use".to_owned()]),
            (r#"{"use":"keep_last","n":-1}"#, vec!["/fields/2/n: must be an integer from 0 to 4294967295".to_owned()]),
            (r#"{"use":"keep_last","n":1.5}"#, vec!["/fields/2/n: must be an integer from 0 to 4294967295".to_owned()]),
            (r#"{"use":"hmac"}"#, vec!["/fields/2: `key` is missing".to_owned()]),
            (r#"{"use":"hmac","key":"pi"}"#, vec!["/fields/2/key: there is no key `pi` for this step; name it under `keys`".to_owned()]),
            (
                r#"{"use":"hmac","key":"pii","length":15,"encoding":"HEX"}"#,
                vec![
                    "/fields/2/encoding: must be one of hex, base64, base64url, not `HEX`".to_owned(),
                    "/fields/2/length: must be an integer from 16 to 32".to_owned(),
                ],
            ),
            (r#"{"use":"replace"}"#, vec!["/fields/2: `value` is missing".to_owned()]),
            (r#"{"use":"replace","value":[]}"#, vec!["/fields/2/value: must be text, a number, a boolean or null".to_owned()]),
            (r#"{"use":"date_trunc","to":"week"}"#, vec!["/fields/2/to: must be one of year, month, day, hour, not `week`".to_owned()]),
        ] {
            assert_eq!(read_json(json), Err(expected), "{json}");
        }
    }
}
