//! Reads the conditions that are no operator on a field. It must not leave to a record what the settings can tell: an
//! expression that does not compile, a part of the record that the step does not see.
use serde_json::{Map, Value};
use sluice_cel::{Expression, Time, Value as Cel, is_name};
use sluice_plugin::{Sees, pointer};

use super::Reader;
use crate::First;
use crate::condition::Condition;
use crate::expression::{self, Variable};
use crate::identity::Part;
use crate::sample::Sample;

/// The conditions that are on no field.
pub const LEAVES: [&str; 6] = ["header", "cel", "sample", "time", "tombstone", "first"];

/// Identities that `first` remembers unless told.
const WINDOW: u32 = 100_000;
/// Most that the host remembers.
const MOST_WINDOW: u64 = 1_000_000;
/// Most variables of an expression.
const MOST_VARIABLES: usize = 64;

impl Reader<'_> {
    /// `{ cel: "…", with: { name: { field: … } } }`
    pub(super) fn cel(&mut self, at: &str, source: &Value, node: &Map<String, Value>) -> Option<Condition> {
        self.only(at, node, &["cel", "with"]);
        let nothing = Map::new();
        let (mut names, mut variables, mut whole) = (Vec::new(), Vec::new(), true);
        let with = match node.get("with") {
            None => &nothing,
            Some(Value::Object(with)) if with.len() <= MOST_VARIABLES => with,
            Some(_) => {
                self.problem(&pointer(at, "with"), format!("must be a map of at most {MOST_VARIABLES} names, each with a field"));
                return None;
            }
        };
        for (name, variable) in with {
            let at = pointer(&pointer(at, "with"), name);
            if !is_name(name) {
                self.problem(&at, "is no name: letters, digits and _, not a digit first, not a word of the language");
            }
            names.push(name.as_str());
            let variable = self.variable(&at, variable);
            whole &= variable.is_some();
            variables.extend(variable);
        }
        let Some(source) = source.as_str() else {
            self.problem(&pointer(at, "cel"), "must be an expression as text");
            return None;
        };
        match Expression::compile(source, &names) {
            Ok(expression) => whole.then(|| Condition::Cel(Box::new(expression::Cel { expression, variables }))),
            Err(problem) => {
                self.problem(&pointer(at, "cel"), problem.to_string());
                None
            }
        }
    }

    /// `{ field: …, list: true }` or `{ field: …, default: … }`
    fn variable(&mut self, at: &str, variable: &Value) -> Option<Variable> {
        let Some(variable) = variable.as_object().filter(|variable| variable.contains_key("field")) else {
            self.problem(at, "must be an object with a `field`");
            return None;
        };
        self.only(at, variable, &["field", "list", "default"]);
        let field = self.column(at, variable.get("field")?);
        let list = match variable.get("list") {
            None => Some(false),
            Some(list) => self.checked(&pointer(at, "list"), list.as_bool(), "must be true or false"),
        }?;
        let default = match variable.get("default") {
            None => None,
            Some(_) if list => {
                self.problem(&pointer(at, "default"), "has no meaning for a list: without values it is empty");
                return None;
            }
            Some(value) => Some(self.checked(&pointer(at, "default"), constant(value), "must be text, a number, a boolean or null")?),
        };
        Some(Variable { field: field?, list, default })
    }

    /// `{ percent: 10, by: key, seed: "…" }`
    pub(super) fn sample(&mut self, at: &str, sample: &Value) -> Option<Condition> {
        let sample = self.object(at, sample, &["percent", "by", "seed"])?;
        let by = self.part(&pointer(at, "by"), sample.get("by"));
        let seed = match sample.get("seed") {
            None => Some(""),
            Some(seed) => self.checked(&pointer(at, "seed"), seed.as_str(), "must be text"),
        };
        let percent = match sample.get("percent") {
            Some(Value::Number(percent)) => percent.to_string(),
            _ => String::new(),
        };
        match Sample::new(by?, seed?, &percent) {
            Ok(sample) => Some(Condition::Sample(Box::new(sample))),
            Err(why) => {
                self.problem(&pointer(at, "percent"), why);
                None
            }
        }
    }

    /// `{ from: …, to: … }`, one at least.
    pub(super) fn time(&mut self, at: &str, time: &Value) -> Option<Condition> {
        let seen = self.needs(at, Sees::TIMESTAMP, "timestamp", "the record's timestamp");
        let time = self.object(at, time, &["from", "to"])?;
        let from = self.millis(&pointer(at, "from"), time.get("from"), i64::MIN);
        let to = self.millis(&pointer(at, "to"), time.get("to"), i64::MAX);
        let (from, to) = (from?, to?);
        if time.is_empty() || from >= to {
            self.problem(at, "must have a `from`, a `to` after it, or both: kept is what is at or after `from` and before `to`");
            return None;
        }
        seen.then_some(Condition::Time(from, to))
    }

    /// A point in time, in milliseconds.
    fn millis(&mut self, at: &str, time: Option<&Value>, preset: i64) -> Option<i64> {
        let Some(time) = time else { return Some(preset) };
        let millis = match time {
            Value::String(text) => Time::parse(text).map(Time::millis),
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        self.checked(at, millis, "must be RFC 3339 text such as 2026-01-31T00:00:00Z, or milliseconds since 1970")
    }

    /// `tombstone: true`
    pub(super) fn tombstone(&mut self, at: &str, wanted: &Value) -> Option<Condition> {
        let seen = self.needs(at, Sees::SIZES, "sizes", "which values are null");
        let wanted = self.checked(at, wanted.as_bool(), "must be true or false")?;
        seen.then_some(Condition::Tombstone(wanted))
    }

    /// `{ by: …, window: 100000 }`
    pub(super) fn first(&mut self, at: &str, first: &Value) {
        if self.first.is_some() {
            self.problem(at, "is given twice; list all that tells records apart under one `by`");
            return;
        }
        let Some(first) = self.object(at, first, &["by", "window"]) else { return };
        let by_at = pointer(at, "by");
        let by: Vec<Option<Part>> = match first.get("by") {
            Some(Value::Array(parts)) if !parts.is_empty() => {
                parts.iter().enumerate().map(|(n, part)| self.part(&format!("{by_at}/{n}"), Some(part))).collect()
            }
            by => vec![self.part(&by_at, by)],
        };
        let window = match first.get("window") {
            None => Some(WINDOW),
            Some(window) => {
                let fits = window.as_u64().filter(|window| (1..=MOST_WINDOW).contains(window));
                self.checked(&pointer(at, "window"), fits.and_then(|window| u32::try_from(window).ok()), "must be 1 to 1000000")
            }
        };
        if let (Some(by), Some(window)) = (by.into_iter().collect(), window) {
            self.first = Some(First { by, window });
        }
    }

    /// `key`, or `{ field: … }`.
    fn part(&mut self, at: &str, part: Option<&Value>) -> Option<Part> {
        match part {
            Some(Value::String(word)) if word == "key" => self.needs(at, Sees::KEY, "key", "the record's key").then_some(Part::Key),
            Some(Value::Object(part)) if part.len() == 1 && part.contains_key("field") => {
                self.column(at, part.get("field")?).map(Part::Field)
            }
            _ => {
                self.problem(at, "must be `key`, or a field: { field: $.id }");
                None
            }
        }
    }

    /// An object with these keys alone.
    fn object<'v>(&mut self, at: &str, value: &'v Value, keys: &[&str]) -> Option<&'v Map<String, Value>> {
        let object = self.checked(at, value.as_object(), &format!("must be an object with {}", keys.join(", ")))?;
        self.only(at, object, keys);
        Some(object)
    }

    fn only(&mut self, at: &str, object: &Map<String, Value>, keys: &[&str]) {
        for key in object.keys().filter(|key| !keys.contains(&key.as_str())) {
            self.unknown(at, key, keys);
        }
    }

    /// The value, or a problem.
    fn checked<T>(&mut self, at: &str, value: Option<T>, wanted: &str) -> Option<T> {
        if value.is_none() {
            self.problem(at, wanted);
        }
        value
    }
}

/// A scalar of the settings as expressions know it.
fn constant(value: &Value) -> Option<Cel<'static>> {
    Some(match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => match Cel::number(&number.to_string()) {
            Cel::Opaque => return None,
            number => number,
        },
        Value::String(text) => Cel::Text(text.clone().into()),
        Value::Array(_) | Value::Object(_) => return None,
    })
}
