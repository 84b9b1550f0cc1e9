//! Reads the entries of `set`: where a value comes from, where it goes, and what becomes of a record without it. It must
//! not let two sources stand in one entry: which of them counts would be a guess.
use serde_json::{Map, Value};
use sluice_cel::is_name;
use sluice_json::Path;
use sluice_plugin::{Column, host, pointer};

use super::Reader;
use crate::expression::{Expression, Variable};
use crate::source::{Lookup, Miss, Part, Set, Source, Target};

/// The keys of an entry that say where a value comes from.
const SOURCES: [&str; 4] = ["value", "from", "lookup", "cel"];
/// Most variables of an expression.
const MOST_VARIABLES: usize = 64;

/// What `from` can name beside a path.
const PARTS: [(&str, Part); 9] = [
    ("topic", Part::Topic),
    ("partition", Part::Partition),
    ("offset", Part::Offset),
    ("timestamp", Part::Timestamp),
    ("time", Part::Time),
    ("key", Part::Key),
    ("pipeline", Part::Pipeline),
    ("source", Part::Source),
    ("target", Part::Target),
];

impl Reader {
    /// The entries in order.
    pub(super) fn entries(&mut self, at: &str, entries: Option<&Value>) -> Vec<Set> {
        match entries {
            None => Vec::new(),
            Some(Value::Array(entries)) => {
                let read = entries.iter().enumerate().map(|(n, entry)| self.entry(&format!("{at}/{n}"), entry));
                read.collect::<Vec<_>>().into_iter().flatten().collect()
            }
            Some(_) => {
                self.problem(at, "must be a list such as [{ to: $.region, value: eu }]");
                Vec::new()
            }
        }
    }

    fn entry(&mut self, at: &str, entry: &Value) -> Option<Set> {
        let entry = self.checked(at, entry.as_object(), "must be an object such as { to: $.region, value: eu }")?;
        let given: Vec<&str> = SOURCES.into_iter().filter(|source| entry.contains_key(*source)).collect();
        let [given] = given[..] else {
            self.problem(at, format!("must have one of {}", SOURCES.join(", ")));
            return None;
        };
        let mut keys = vec!["to", "header", given];
        match given {
            "cel" => keys.extend(["with", "miss"]),
            "from" => keys.push("miss"),
            _ => {}
        }
        self.only(at, entry, &keys);
        let target = self.target(at, entry);
        let value = entry.get(given)?;
        let value_at = pointer(at, given);
        let mut miss = self.miss(&pointer(at, "miss"), entry.get("miss").filter(|_| given != "lookup"));
        let source = match given {
            "value" => Some(Source::Constant(value.to_string().into_bytes())),
            "from" => self.part(&value_at, value).map(Source::Part),
            "lookup" => {
                let (lookup, own) = self.lookup(&value_at, value)?;
                miss = own;
                lookup.map(Source::Lookup)
            }
            _ => self.cel(at, value, entry).map(|expression| Source::Cel(Box::new(expression))),
        };
        Some(Set { target: target?, source: source?, miss: miss? })
    }

    fn target(&mut self, at: &str, entry: &Map<String, Value>) -> Option<Target> {
        match (entry.get("to"), entry.get("header")) {
            (Some(to), None) => self.path(&pointer(at, "to"), to.as_str()).map(Target::Value),
            (None, Some(header)) => self.header_name(&pointer(at, "header"), header).map(Target::Header),
            _ => {
                self.problem(at, "must have a `to` or a `header`: where the value goes");
                None
            }
        }
    }

    /// A path, or the name of something around the document.
    fn part(&mut self, at: &str, part: &Value) -> Option<Part> {
        let names = PARTS.map(|(name, _)| name).join(", ");
        let text = self.checked(at, part.as_str(), &format!("must be a path, or one of {names}"))?;
        if text.starts_with('$') {
            return self.path(at, Some(text)).map(Part::Path);
        }
        let part = PARTS.iter().find(|(name, _)| *name == text).map(|(_, part)| part.clone());
        let part = self.checked(at, part, &format!("must be a path, which begins with $, or one of {names}"))?;
        self.sees_part(at, &part);
        Some(part)
    }

    /// `reject`, `keep`, `null` or `{ value: … }`.
    fn miss(&mut self, at: &str, miss: Option<&Value>) -> Option<Miss> {
        match miss {
            None => Some(Miss::Reject),
            Some(Value::Null) => Some(Miss::Set(b"null".to_vec())),
            Some(Value::String(word)) if word == "reject" => Some(Miss::Reject),
            Some(Value::String(word)) if word == "keep" => Some(Miss::Keep),
            Some(Value::String(word)) if word == "null" => Some(Miss::Set(b"null".to_vec())),
            Some(Value::Object(object)) if object.len() == 1 && object.contains_key("value") => {
                object.get("value").map(|value| Miss::Set(value.to_string().into_bytes()))
            }
            Some(_) => {
                self.problem(at, "must be reject, keep, null or { value: … }");
                None
            }
        }
    }

    /// `{ table, by, take, miss }`, and the miss apart.
    fn lookup(&mut self, at: &str, lookup: &Value) -> Option<(Option<Lookup>, Option<Miss>)> {
        let lookup = self.checked(at, lookup.as_object(), "must be an object: { table, by, take, miss }")?;
        self.only(at, lookup, &["table", "by", "take", "miss"]);
        let table_at = pointer(at, "table");
        let table = self.checked(&table_at, lookup.get("table").and_then(Value::as_str), "must be the name of a table");
        if let Some(table) = table
            && let Err(failure) = host::look_up(table, &Column::new())
        {
            let why = match failure {
                host::TableFailure::UnknownTable => format!("there is no table `{table}`; give it under `tables`"),
                host::TableFailure::Denied => format!("the step is not granted the table `{table}`"),
                host::TableFailure::Unavailable => format!("the table `{table}` cannot be kept"),
                host::TableFailure::Malformed | host::TableFailure::Unsupported => "this program has no tables".to_owned(),
            };
            self.problem(&table_at, why);
        }
        let by = match lookup.get("by") {
            Some(by) => self.part(&pointer(at, "by"), by),
            None => self.checked(&pointer(at, "by"), None, "must be what a row is found by: a path, or key"),
        };
        let take = match lookup.get("take") {
            None => Some(None),
            Some(take) => self.take(&pointer(at, "take"), take).map(Some),
        };
        let miss = self.miss(&pointer(at, "miss"), lookup.get("miss"));
        let read = match (table, by, take) {
            (Some(table), Some(by), Some(take)) => Some(Lookup { table: table.to_owned(), by, take }),
            _ => None,
        };
        Some((read, miss))
    }

    /// The name of a member of the row, or a path in it.
    fn take(&mut self, at: &str, take: &Value) -> Option<Path> {
        let take = self.checked(at, take.as_str(), "must be the name of a member of the row, or a path in it")?;
        let path = if take.starts_with('$') { Path::parse(take) } else { Ok(Path::member(take)) };
        path.map_err(|error| self.problem(at, format!("cannot read the path {take}: {error}"))).ok()
    }

    /// An expression with its variables.
    fn cel(&mut self, at: &str, source: &Value, entry: &Map<String, Value>) -> Option<Expression> {
        let nothing = Map::new();
        let with_at = pointer(at, "with");
        let with = match entry.get("with") {
            None => &nothing,
            Some(with) => {
                let with = with.as_object().filter(|with| with.len() <= MOST_VARIABLES);
                self.checked(&with_at, with, &format!("must be a map of at most {MOST_VARIABLES} names, each with a path"))?
            }
        };
        let (mut names, mut variables) = (Vec::new(), Vec::new());
        for (name, variable) in with {
            let at = pointer(&with_at, name);
            if !is_name(name) {
                self.problem(&at, "is no name: letters, digits and _, not a digit first, not a word of the language");
            }
            names.push(name.as_str());
            variables.extend(self.variable(&at, variable));
        }
        let source = self.checked(&pointer(at, "cel"), source.as_str(), "must be an expression as text")?;
        match sluice_cel::Expression::compile(source, &names) {
            Ok(compiled) if variables.len() == names.len() => Some(Expression { compiled, variables }),
            Ok(_) => None,
            Err(problem) => {
                self.problem(&pointer(at, "cel"), problem.to_string());
                None
            }
        }
    }

    /// A path or a name, or `{ field: …, default: … }`.
    fn variable(&mut self, at: &str, variable: &Value) -> Option<Variable> {
        let Some(object) = variable.as_object() else {
            return self.part(at, variable).map(|part| Variable { part, default: None });
        };
        self.only(at, object, &["field", "default"]);
        let Some(field) = object.get("field") else {
            self.problem(at, "must be a path, or an object with a `field`");
            return None;
        };
        let part = self.part(&pointer(at, "field"), field)?;
        Some(Variable { part, default: object.get("default").map(|value| value.to_string().into_bytes()) })
    }
}
