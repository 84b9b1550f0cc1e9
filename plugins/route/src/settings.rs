//! Reads what a step is to do, and says all that is wrong with it. It must not accept a topic without a literal before
//! it: a record must not choose where it goes.
use serde_json::{Map, Value};
use sluice_json::Path;
use sluice_plugin::{Effects, Field, Grants, Problem, Sees, hint, pointer};

use crate::Router;
use crate::rekey::{self, Rekey};
use crate::split::{Missing, Part, Split};
use crate::template::{MOST_BYTES, Piece, Target, is_legal};

/// The keys of a step's settings.
pub const KEYS: [&str; 4] = ["to", "otherwise", "rekey", "split"];

/// Reads a step's settings, and those of its fields.
pub fn read(settings: &Map<String, Value>, fields: &[Field<Map<String, Value>>], grants: &Grants) -> Result<Router, Vec<Problem>> {
    let mut reader = Reader { fields, grants, used: vec![false; fields.len()], problems: Vec::new() };
    reader.only("/settings", settings, &KEYS);
    let target = reader.target(settings);
    let rekey = settings.get("rekey").and_then(|rekey| reader.rekey("/settings/rekey", rekey));
    let split = settings.get("split").and_then(|split| reader.split("/settings/split", split));
    if !KEYS.iter().any(|key| settings.contains_key(*key)) && reader.problems.is_empty() {
        reader.problem("/settings", "there is nothing to do; there are to, rekey and split");
    }
    for (n, used) in std::mem::take(&mut reader.used).into_iter().enumerate() {
        if !used && reader.problems.is_empty() {
            reader.problem(&format!("/fields/{n}"), "is granted, but neither `to` nor `rekey` names it");
        }
    }
    if reader.problems.is_empty() { Ok(Router { target, rekey, split }) } else { Err(reader.problems) }
}

struct Reader<'a> {
    fields: &'a [Field<Map<String, Value>>],
    grants: &'a Grants,
    /// Which fields anything names.
    used: Vec<bool>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// `to`, with `otherwise` and what the fields allow.
    fn target(&mut self, settings: &Map<String, Value>) -> Option<Target> {
        let allowed: Vec<_> = (0..self.fields.len()).map(|n| self.allowed(n)).collect();
        let Some(to) = settings.get("to") else {
            if settings.contains_key("otherwise") {
                self.problem("/settings/otherwise", "has no meaning without `to`");
            }
            return None;
        };
        self.may(Effects::ROUTE, "/settings/to", "route");
        let to = self.checked("/settings/to", to.as_str(), "must be the name of a topic as text, such as orders-{$.region}");
        let otherwise = match settings.get("otherwise") {
            None => Some(None),
            Some(Value::String(word)) if word == "reject" => Some(None),
            Some(topic) => self.topic("/settings/otherwise", topic).map(Some),
        };
        let pieces = self.pieces("/settings/to", to?, &allowed)?;
        Some(Target { pieces, otherwise: otherwise? })
    }

    /// `allow` of a field.
    fn allowed(&mut self, field: usize) -> Option<Vec<String>> {
        let at = format!("/fields/{field}");
        let settings = &self.fields.get(field)?.settings;
        self.only(&at, settings, &["allow"]);
        let at = pointer(&at, "allow");
        let list = settings.get("allow")?.as_array().filter(|list| !list.is_empty());
        let list = self.checked(&at, list, "must be a list of text that is not empty")?;
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty() && is_legal(text.as_bytes())).map(str::to_owned);
        let texts: Option<Vec<String>> = list.iter().map(text).collect();
        self.checked(&at, texts, "must be text of letters, digits, `.`, `_` and `-`, as it stands in a topic's name")
    }

    /// A topic's name, piece by piece.
    fn pieces(&mut self, at: &str, template: &str, allowed: &[Option<Vec<String>>]) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while !rest.is_empty() {
            let Some(inner) = rest.strip_prefix('{') else {
                let length = rest.find('{').unwrap_or(rest.len());
                let (literal, next) = rest.split_at(length);
                if !is_legal(literal.as_bytes()) {
                    self.problem(at, "has a sign that no topic has: letters, digits, `.`, `_` and `-` are known, and {…}");
                    return None;
                }
                pieces.push(Piece::Literal(literal.to_owned()));
                rest = next;
                continue;
            };
            if let Some(next) = inner.strip_prefix("topic}") {
                pieces.push(Piece::Topic);
                rest = next;
                continue;
            }
            // A selector may hold a brace itself, so that the granted ones are looked for.
            let named = self
                .fields
                .iter()
                .position(|field| inner.strip_prefix(field.selector.as_str()).is_some_and(|after| after.starts_with('}')));
            let Some(field) = named else {
                let name = inner.split('}').next().unwrap_or(inner);
                self.problem(at, format!("`{name}` is not among the fields that the step grants: write it into `fields`"));
                return None;
            };
            self.use_field(field);
            pieces.push(Piece::Field(field, allowed.get(field).cloned().flatten()));
            rest = inner.get(self.fields.get(field)?.selector.len() + 1..).unwrap_or_default();
        }
        let literal = pieces.first().filter(|piece| matches!(piece, Piece::Literal(_)));
        self.checked(at, literal, "must begin with letters of its own: a record does not choose freely where it goes")?;
        if template.starts_with("__") {
            self.problem(at, "begins with `__`, which brokers and this program keep for themselves");
            return None;
        }
        let literals = pieces.iter().map(|piece| if let Piece::Literal(text) = piece { text.len() } else { 1 });
        let (fits, whole) = (literals.sum::<usize>() <= MOST_BYTES, !matches!(template, "." | ".."));
        self.checked(at, (fits && whole).then_some(pieces), "is no name of a topic: it has at most 249 bytes, and is neither `.` nor `..`")
    }

    fn topic(&mut self, at: &str, topic: &Value) -> Option<String> {
        let legal = |name: &&str| {
            !name.is_empty()
                && name.len() <= MOST_BYTES
                && is_legal(name.as_bytes())
                && !name.starts_with("__")
                && !matches!(*name, "." | "..")
        };
        let name = self.checked(at, topic.as_str().filter(legal), "must be reject, or the name of a topic")?;
        Some(name.to_owned())
    }

    /// A selector, a list of them, or `{ from, as, miss }`.
    fn rekey(&mut self, at: &str, rekey: &Value) -> Option<Rekey> {
        self.may(Effects::EDIT_KEY, at, "edit-key");
        let nothing = Map::new();
        let (from_at, from, options) = match rekey {
            Value::Object(options) => {
                self.only(at, options, &["from", "as", "miss"]);
                (pointer(at, "from"), options.get("from"), options)
            }
            from => (at.to_owned(), Some(from), &nothing),
        };
        let from: Vec<(String, &Value)> = match from {
            Some(Value::Array(list)) => list.iter().enumerate().map(|(n, field)| (format!("{from_at}/{n}"), field)).collect(),
            Some(field) => vec![(from_at.clone(), field)],
            None => Vec::new(),
        };
        if from.is_empty() {
            self.problem(&from_at, "must be a selector, or a list of them");
        }
        let fields: Vec<Option<usize>> = from.into_iter().map(|(at, field)| self.field(&at, field)).collect();
        let json = match options.get("as").map(Value::as_str) {
            None => Some(fields.len() > 1),
            Some(Some("json")) => Some(true),
            Some(Some("text")) if fields.len() == 1 => Some(false),
            Some(Some("text")) => self.checked(&pointer(at, "as"), None, "must be json: several values as text could not be told apart"),
            Some(_) => self.checked(&pointer(at, "as"), None, "must be text or json"),
        };
        let miss =
            self.choice(at, "miss", options, &[("reject", rekey::Miss::Reject), ("null", rekey::Miss::Null), ("keep", rekey::Miss::Keep)]);
        Some(Rekey { from: fields.into_iter().collect::<Option<_>>()?, json: json?, miss: miss? })
    }

    fn field(&mut self, at: &str, selector: &Value) -> Option<usize> {
        let selector = self.checked(at, selector.as_str(), "must be a selector as text")?;
        let field = self.fields.iter().position(|field| field.selector == selector);
        let missing = format!("`{selector}` is not among the fields that the step grants: write it into `fields`");
        let field = self.checked(at, field, &missing)?;
        self.use_field(field);
        Some(field)
    }

    fn use_field(&mut self, field: usize) {
        self.used.iter_mut().skip(field).take(1).for_each(|used| *used = true);
    }

    /// `{ $.items: { as, none, index } }`
    fn split(&mut self, at: &str, split: &Value) -> Option<Split> {
        self.may(Effects::DROP | Effects::EMIT, at, "drop and emit");
        for (part, name, why) in [
            (Sees::VALUE, "value", "the record's value"),
            (Sees::KEY, "key", "the record's key, which its parts get"),
            (Sees::HEADERS, "headers", "the record's headers, which its parts get"),
        ] {
            if !self.grants.sees.contains(part) {
                self.problem(at, format!("needs to see {why}: write `{name}` into the step's `sees`"));
            }
        }
        let entry = split.as_object().filter(|split| split.len() == 1).and_then(|split| split.iter().next());
        let (path, how) = self.checked(at, entry, "must be one path with how: { $.items: { as: value } }")?;
        let at = pointer(at, path);
        let path = match Path::parse(path) {
            Ok(path) => Some(path),
            Err(error) => self.checked(&at, None, &format!("cannot read the path {path}: {error}")),
        };
        let how = self.checked(&at, how.as_object(), "must be an object: { as, none, index }")?;
        self.only(&at, how, &["as", "none", "index"]);
        let part = self.choice(&at, "as", how, &[("value", Part::Value), ("in_place", Part::InPlace), ("single", Part::Single)]);
        let none = self.choice(&at, "none", how, &[("reject", Missing::Reject), ("pass", Missing::Pass), ("drop", Missing::Drop)]);
        let index_header = match how.get("index") {
            None => Some(None),
            Some(name) => {
                let name = name.as_str().filter(|name| !name.is_empty() && name.len() <= MOST_BYTES && !name.contains('\0'));
                self.checked(&pointer(&at, "index"), name, "must be the name of a header: text of 1 to 249 bytes without NUL")
                    .map(|name| Some(name.as_bytes().to_vec()))
            }
        };
        Some(Split { path: path?, part: part?, none: none?, index_header: index_header? })
    }

    /// One of some words; the first unless given. Null is the word `null`: it is written without quotes.
    fn choice<T: Copy>(&mut self, at: &str, key: &str, object: &Map<String, Value>, words: &[(&str, T)]) -> Option<T> {
        let word = match object.get(key) {
            None => return words.first().map(|(_, value)| *value),
            Some(Value::Null) => Some("null"),
            Some(word) => word.as_str(),
        };
        let found = words.iter().find(|(own, _)| Some(*own) == word).map(|(_, value)| *value);
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        self.checked(&pointer(at, key), found, &format!("must be one of {}", names.join(", ")))
    }

    /// Whether the step may do what a setting does.
    fn may(&mut self, effects: Effects, at: &str, names: &str) {
        if !self.grants.effects.contains(effects) {
            self.problem(at, format!("needs the effect {names}, which the step does not grant"));
        }
    }

    fn only(&mut self, at: &str, object: &Map<String, Value>, keys: &[&str]) {
        for key in object.keys().filter(|key| !keys.contains(&key.as_str())) {
            self.problem(&pointer(at, key), format!("unknown key; {}", hint(key, keys)));
        }
    }

    /// The value, or a problem.
    fn checked<T>(&mut self, at: &str, value: Option<T>, wanted: &str) -> Option<T> {
        if value.is_none() {
            self.problem(at, wanted);
        }
        value
    }

    fn problem(&mut self, at: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(at, message));
    }
}

#[cfg(test)]
mod tests;
