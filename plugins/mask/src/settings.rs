//! Reads the settings of a field, and says all that is wrong with them. It must not accept a key that it does not know:
//! a setting that has no effect is a value that is not masked as its author thinks.
use serde_json::{Map, Value};
use sluice_plugin::{Problem, hint, host, nearest, pointer};

use crate::decimal::Decimal;
use crate::operator::{OPERATORS, Operator};

/// The domain of a key unless `domain` says otherwise.
const DEFAULT_DOMAIN: &str = "default";

/// A key by name, and the domain that it is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The name in the configuration.
    pub name: String,
    /// Keeps what one purpose makes apart from what another does.
    pub domain: String,
}

/// What the settings of a field may refer to.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The selectors of all fields of the step, as written.
    pub selectors: &'a [&'a str],
    /// Which one the settings are for.
    pub own: usize,
}

/// Reads the settings of the field at the JSON pointer `at`.
///
/// # Errors
/// All that is wrong with them.
pub fn read(at: &str, settings: &Map<String, Value>, step: Step<'_>) -> Result<Operator, Vec<Problem>> {
    let mut reader = Reader { at, settings, step, known: Vec::with_capacity(8), any: false, problems: Vec::new() };
    let operator = Operator::read(&mut reader);
    reader.refuse_unknown();
    match operator {
        Some(operator) if reader.problems.is_empty() => Ok(operator),
        _ => Err(reader.problems),
    }
}

/// The settings of one field, or of an operator inside them. What asks for a key makes it known.
pub struct Reader<'a> {
    at: &'a str,
    settings: &'a Map<String, Value>,
    step: Step<'a>,
    /// Keys that the operator has.
    known: Vec<&'static str>,
    /// Nobody knows which keys there are.
    any: bool,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// The value of a key that the operator has.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.settings.get(key)
    }

    /// Whether an optional key is there.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// Text that must be there and must not be empty.
    pub fn text(&mut self, key: &'static str) -> Option<&'a str> {
        match self.get(key) {
            Some(Value::String(text)) if !text.is_empty() => return Some(text),
            Some(Value::Null) => {
                self.problem(key, "must be text that is not empty; without quotes YAML means nothing by null: write \"null\"".to_owned());
            }
            Some(_) => self.problem(key, "must be text that is not empty".to_owned()),
            None => self.missing(key),
        }
        None
    }

    /// Text, empty unless given.
    pub fn any_text(&mut self, key: &'static str) -> Option<&'a str> {
        match self.get(key) {
            None => Some(""),
            Some(Value::String(text)) => Some(text),
            Some(_) => {
                self.problem(key, "must be text".to_owned());
                None
            }
        }
    }

    /// `true` or `false`; `false` unless given.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let flag = self.get(key).map_or(Some(false), Value::as_bool);
        if flag.is_none() {
            self.problem(key, "must be true or false".to_owned());
        }
        flag
    }

    /// One character.
    pub fn letter(&mut self, key: &'static str, default: char) -> Option<char> {
        let Some(value) = self.get(key) else { return Some(default) };
        let mut letters = value.as_str().unwrap_or_default().chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => Some(letter),
            _ => {
                self.problem(key, "must be one character".to_owned());
                None
            }
        }
    }

    /// Different characters, none unless given.
    pub fn letters(&mut self, key: &'static str) -> Option<Vec<char>> {
        let letters: Vec<char> = self.any_text(key)?.chars().collect();
        let twice = letters.iter().enumerate().find(|(n, letter)| letters.get(..*n).is_some_and(|before| before.contains(letter)));
        if let Some((_, letter)) = twice {
            self.problem(key, format!("`{letter}` is there twice"));
            return None;
        }
        Some(letters)
    }

    /// One of some words, which must be there.
    pub fn one_of<T: Copy>(&mut self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        self.choose(key, text, choices)
    }

    /// One of some words.
    pub fn one_of_or<T: Copy>(&mut self, key: &'static str, choices: &[(&'static str, T)], default: T) -> Option<T> {
        if self.has(key) { self.one_of(key, choices) } else { Some(default) }
    }

    /// At least one of some words, in a list.
    pub fn some_of<T: Copy>(&mut self, key: &'static str, choices: &[(&'static str, T)]) -> Option<Vec<T>> {
        let Some(words) = self.get(key).and_then(Value::as_array).filter(|words| !words.is_empty()) else {
            let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
            self.problem(key, format!("must be a list of at least one of {}", names.join(", ")));
            return None;
        };
        words.iter().map(|word| self.choose(key, word.as_str().unwrap_or_default(), choices)).collect()
    }

    fn choose<T: Copy>(&mut self, key: &'static str, text: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let found = choices.iter().find(|(name, _)| *name == text).map(|&(_, choice)| choice);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
            self.problem(key, format!("must be one of {}, not `{text}`", names.join(", ")));
        }
        found
    }

    /// Exactly `count` texts, in a list.
    pub fn texts(&mut self, key: &'static str, count: usize) -> Option<Vec<String>> {
        let texts: Option<Vec<String>> = self
            .get(key)
            .and_then(Value::as_array)
            .and_then(|texts| texts.iter().map(|text| text.as_str().map(str::to_owned)).collect())
            .filter(|texts: &Vec<String>| texts.len() == count);
        if texts.is_none() {
            self.problem(key, format!("must be a list of {count} texts"));
        }
        texts
    }

    /// An integer between two bounds, both included.
    pub fn integer(&mut self, key: &'static str, default: u64, least: u64, most: u64) -> Option<usize> {
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

    /// As [`Reader::integer`]; it must be there.
    pub fn needed_integer(&mut self, key: &'static str, least: u64, most: u64) -> Option<usize> {
        if !self.has(key) {
            self.missing(key);
            return None;
        }
        self.integer(key, least, least, most)
    }

    /// An integer between two bounds, both included, that may be below zero.
    pub fn signed(&mut self, key: &'static str, default: i64, least: i64, most: i64) -> Option<i64> {
        let number = self.get(key).map_or(Some(default), Value::as_i64).filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.problem(key, format!("must be an integer from {least} to {most}"));
        }
        number
    }

    /// A number above zero, exactly as it is written.
    pub fn above_zero(&mut self, key: &'static str) -> Option<Decimal> {
        let number = self.get(key).and_then(decimal).filter(|number| number.units > 0);
        if number.is_none() {
            self.problem(key, "must be a number above 0, of at most 37 digits".to_owned());
        }
        number
    }

    /// Numbers that ascend, at least one.
    pub fn ascending(&mut self, key: &'static str) -> Option<Vec<Decimal>> {
        let numbers = self.get(key).and_then(Value::as_array).and_then(|list| list.iter().map(decimal).collect::<Option<Vec<_>>>());
        let ascends =
            |numbers: &Vec<Decimal>| !numbers.is_empty() && numbers.is_sorted_by(|a, b| a.common(*b).is_some_and(|(a, b, _)| a < b));
        let numbers = numbers.filter(ascends);
        if numbers.is_none() {
            self.problem(key, "must be a list of numbers, each above the one before it".to_owned());
        }
        numbers
    }

    /// `key` and `domain`, for the host to work with. An operator that derives a secret from a hash has a `purpose`, so
    /// that no published token is a part of that secret.
    pub fn key(&mut self, purpose: &str) -> Option<Key> {
        let name = self.text("key");
        let domain = if self.has("domain") { self.text("domain") } else { Some(DEFAULT_DOMAIN) };
        let (name, domain) = (name?, domain?);
        if let Some(reserved) = OPERATORS.iter().find(|operator| domain.strip_prefix(*operator).is_some_and(|rest| rest.starts_with(':'))) {
            self.problem("domain", format!("must not begin with `{reserved}:`, which sets apart what that operator makes"));
            return None;
        }
        let domain = if purpose.is_empty() { domain.to_owned() } else { format!("{purpose}:{domain}") };
        match host::check_key(name, &domain) {
            Ok(()) => return Some(Key { name: name.to_owned(), domain }),
            Err(host::Failure::Malformed) => self.problem("domain", "is too long; 200 bytes always fit".to_owned()),
            Err(_) => self.problem("key", format!("there is no key `{name}` for this step; name it under `keys`")),
        }
        None
    }

    /// The index of another field of the step, by its selector as written there.
    pub fn other_field(&mut self, key: &'static str) -> Option<usize> {
        let selector = self.text(key)?;
        let found = self.step.selectors.iter().position(|other| *other == selector);
        match found {
            Some(found) if found != self.step.own => Some(found),
            Some(_) => {
                self.problem(key, "names the field itself".to_owned());
                None
            }
            None => {
                let hint = match nearest(selector, self.step.selectors) {
                    Some(near) => format!("; did you mean \"{near}\"?"),
                    None => "; list it there, with `use: keep` if it is to stay".to_owned(),
                };
                self.problem(key, format!("`{selector}` is not among the `fields` of this step{hint}"));
                None
            }
        }
    }

    /// An operator inside this one, which is none of `refused`.
    pub fn nested(&mut self, key: &'static str, refused: &[&str]) -> Option<Operator> {
        let settings = match self.get(key) {
            Some(Value::Object(settings)) => settings,
            Some(_) => {
                self.problem(key, "must be an operator with its settings, `{ use: … }`".to_owned());
                return None;
            }
            None => {
                self.missing(key);
                return None;
            }
        };
        let at = pointer(self.at, key);
        match read(&at, settings, self.step) {
            Ok(operator) if refused.contains(&operator.name()) => {
                let problem = format!("`{}` makes no sense here", operator.name());
                self.problems.push(Problem::new(pointer(&at, "use"), problem));
                None
            }
            Ok(operator) => Some(operator),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    /// Without an operator nobody knows which keys it has.
    pub fn spare_unknown(&mut self) {
        self.any = true;
    }

    fn refuse_unknown(&mut self) {
        if self.any || self.known == ["use"] && !self.problems.is_empty() {
            return;
        }
        let told = |key: &&String| self.problems.iter().any(|problem| problem.at == pointer(self.at, key));
        let unknown: Vec<_> = self.settings.keys().filter(|key| !self.known.contains(&key.as_str()) && !told(key)).collect();
        for key in unknown {
            self.problem(key, format!("unknown setting; {}", hint(key, &self.known)));
        }
    }

    /// A key that must be there is not.
    pub fn missing(&mut self, key: &str) {
        let near = |other: &&String| !self.known.contains(&other.as_str()) && nearest(other, &[key]).is_some();
        match self.settings.keys().find(near) {
            Some(slip) => self.problem(slip, format!("unknown setting; did you mean \"{key}\"?")),
            None => self.problems.push(Problem::new(self.at, format!("`{key}` is missing"))),
        }
    }

    /// None of several keys is there, one of which must be.
    pub fn missing_one_of(&mut self, keys: &[&str]) {
        self.problems.push(Problem::new(self.at, format!("one of `{}` is missing", keys.join("`, `"))));
    }

    /// Something is wrong with the value of a key.
    pub fn problem(&mut self, key: &str, message: String) {
        self.problems.push(Problem::new(pointer(self.at, key), message));
    }
}

/// A number exactly as it is written.
fn decimal(value: &Value) -> Option<Decimal> {
    value.as_number().and_then(|number| Decimal::parse(number.to_string().as_bytes()))
}

#[cfg(test)]
mod tests;
