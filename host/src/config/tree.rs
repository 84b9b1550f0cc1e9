//! YAML text into a tree of nodes with places, numbers with their exact text. It knows YAML, and nothing of Sluice.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::Spanned;
use serde_saphyr::options::NonFiniteFloatPolicy;

use super::place::{Any, Spot};

/// One value of the file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its number in the file, parents before children.
    pub(super) id: u32,
    /// Where it begins; for the value of a key in block style that is its first key.
    pub(super) spot: Spot,
    pub(super) kind: Kind,
}

/// What a value is. Maps and lists keep the order of the file.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// The name of a map entry; a number or boolean as a name is its text.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) spot: Spot,
}

impl Node {
    /// What it is, for messages; never what is in it.
    pub(super) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The place to show for it: of its own, or of its key where the key says more than the first child.
    pub(super) fn shown(&self, key: Option<&Key>) -> Spot {
        match (&self.kind, key) {
            (Kind::Null | Kind::Map(_) | Kind::List(_), Some(key)) => key.spot,
            _ => self.spot,
        }
    }

    /// The node of that number, at or below this one.
    pub(super) fn find(&self, id: u32) -> Option<&Node> {
        if self.id == id {
            return Some(self);
        }
        // Numbers rise in document order: the node is below the last child that does not come after it.
        let below = match &self.kind {
            Kind::List(items) => items.iter().rev().find(|n| n.id <= id),
            Kind::Map(entries) => entries.iter().rev().map(|(_, n)| n).find(|n| n.id <= id),
            _ => None,
        };
        below.and_then(|n| n.find(id))
    }

    /// The same as JSON, without places.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Number(n) => Value::Number(n.clone()),
            Kind::Text(t) => Value::String(t.clone()),
            Kind::List(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(entries) => {
                let pairs = entries.iter().map(|(k, n)| (k.text.clone(), n.to_json()));
                Value::Object(pairs.collect())
            }
        }
    }
}

/// The trees of all files.
pub(super) struct Forest(pub(super) Vec<Node>);

impl Forest {
    /// The node that a part of the file refers to; none only if the reference is of other files.
    pub(super) fn get(&self, any: Any) -> Option<&Node> {
        self.0.get(any.file as usize)?.find(any.node)
    }
}

/// Text that is not YAML, or not what a configuration can hold.
#[derive(Debug)]
pub(super) struct NotYaml {
    pub(super) spot: Spot,
    pub(super) message: String,
}

/// Reads the one document of a file. An empty file is null.
pub(super) fn read(file: u32, text: &str) -> Result<Node, NotYaml> {
    // YAML 1.2: `yes` is a text, `1_000` too. Infinity reaches `Builder::number`, which refuses it by name while
    // `1e400`, a number like any other, keeps its text. Depth, aliases and sizes stay within the parser's budget.
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    };
    let raw: Raw = serde_saphyr::from_str_with_options(text, options).map_err(|error| NotYaml {
        spot: error.location().map_or(spot_of(file, 0, 0), |l| spot_of(file, l.line(), l.column())),
        message: explain(&error, text),
    })?;
    let mut builder = Builder { file, text, next: 0 };
    builder.node(raw)
}

fn spot_of(file: u32, line: u64, column: u64) -> Spot {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Spot { file, line: narrow(line), column: narrow(column) }
}

/// The parser's message without its own way of saying where, and with a hint where a selector was not quoted.
fn explain(error: &serde_saphyr::Error, text: &str) -> String {
    match error {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            return format!("the key \"{key}\" is given twice in this map");
        }
        serde_saphyr::Error::MultipleDocuments { .. } => {
            return "a second document begins here; write one a file, and give -f for each".to_owned();
        }
        _ => {}
    }
    let full = error.to_string();
    let message = match error.location() {
        Some(l) => full.replace(&format!(" at line {}, column {}", l.line(), l.column()), ""),
        None => full,
    };
    // Where an alias leads past the parser's bounds, the error is inside another one.
    let first = match message.lines().next().unwrap_or_default() {
        bound if bound.starts_with("budget breached") => {
            "it has more values, names or levels than any configuration; aliases multiply what they name"
        }
        first => first,
    };
    let line = error
        .location()
        .and_then(|l| usize::try_from(l.line()).ok())
        .and_then(|l| text.lines().nth(l.saturating_sub(1)))
        .unwrap_or_default();
    let bare = line.match_indices('$').any(|(at, _)| {
        let selector = &line[at + 1..];
        selector.starts_with(['.', '[']) && selector.contains('[') && !line[..at].ends_with(['"', '\''])
    });
    let hint = if bare { "; quote a key that has brackets, such as \"$.items[*].note\"" } else { "" };
    format!("cannot read as YAML: {first}{hint}")
}

struct Builder<'a> {
    file: u32,
    text: &'a str,
    next: u32,
}

impl Builder<'_> {
    fn node(&mut self, raw: Raw) -> Result<Node, NotYaml> {
        let id = self.next;
        self.next += 1;
        let at = raw.0.defined;
        let spot = spot_of(self.file, at.line(), at.column());
        let kind = match raw.0.value {
            RawKind::Null => Kind::Null,
            RawKind::Bool(b) => Kind::Bool(b),
            RawKind::Number(parsed) => Kind::Number(self.number(at, parsed, spot)?),
            RawKind::Text(text) => Kind::Text(text),
            RawKind::List(items) => {
                let items = items.into_iter().map(|item| self.node(item));
                Kind::List(items.collect::<Result<_, _>>()?)
            }
            RawKind::Map(entries) => Kind::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let spot = spot_of(self.file, key.defined.line(), key.defined.column());
                        let key = Key { text: key.value, spot };
                        Ok((key, self.node(value)?))
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(Node { id, spot, kind })
    }

    /// The number's own text in JSON's form, so that nothing is rounded; hexadecimal and octal as they were parsed.
    fn number(&self, at: serde_saphyr::Location, parsed: Option<Number>, spot: Spot) -> Result<Number, NotYaml> {
        let span = at.span();
        let range = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
        let written = range.and_then(|range| self.text.get(range));
        written
            .and_then(json_form)
            .or(parsed)
            .ok_or_else(|| NotYaml { spot, message: "infinity and not-a-number have no place here".into() })
    }
}

/// A decimal number of YAML as JSON writes it: no plus sign, no leading zeros, digits on both sides of the point.
fn json_form(text: &str) -> Option<Number> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, rest) = digits.split_at(digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let rest = match rest.strip_prefix('.') {
        Some(after) if !after.starts_with(|c: char| c.is_ascii_digit()) => after,
        _ => rest,
    };
    Number::from_str(&format!("{sign}{whole}{rest}")).ok()
}

/// A node as the parser hands it over.
struct Raw(Spanned<RawKind>);

enum RawKind {
    Null,
    Bool(bool),
    /// None: infinity, not-a-number, or too large for a float.
    Number(Option<Number>),
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Raw)
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Null)
    }

    fn visit_none<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawKind, E> {
        Ok(RawKind::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawKind, E> {
        Ok(RawKind::Number(Some(value.into())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawKind, E> {
        Ok(RawKind::Number(Some(value.into())))
    }

    fn visit_u128<E>(self, value: u128) -> Result<RawKind, E> {
        Ok(RawKind::Number(Number::from_u128(value)))
    }

    fn visit_i128<E>(self, value: i128) -> Result<RawKind, E> {
        Ok(RawKind::Number(Number::from_i128(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawKind, E> {
        Ok(RawKind::Number(Number::from_f64(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawKind, E> {
        Ok(RawKind::Text(value.to_owned()))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<RawKind, E> {
        Err(E::custom("binary values have no place here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(RawKind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawKind, A::Error> {
        let mut entries: Vec<(Spanned<String>, Raw)> = Vec::new();
        let mut seen = HashSet::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Raw>()? {
            // The parser compares keys as nodes: `1` and `"1"` differ there, and are one name here.
            if !seen.insert(key.value.clone()) {
                return Err(A::Error::custom(format_args!("the key \"{}\" is given twice", key.value)));
            }
            entries.push((key, value));
        }
        Ok(RawKind::Map(entries))
    }
}
