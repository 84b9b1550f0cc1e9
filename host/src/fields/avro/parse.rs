//! Schema texts to a compiled schema: names and namespaces as the Avro specification has them, and what a schema from a
//! registry refers to. Reads JSON with `serde_json`; looks at no datum.
//!
//! It is as strict as decoding needs and no stricter: a name with a hyphen, which some libraries write, harms nobody.
//! Types may be referred to before they are defined, and a name without namespace is looked for in the enclosing
//! namespace first and without one then, as the Java library does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::logical::{Base, Logical};
use super::schema::{Enum, Field, Record, Run, Schema, Tables, Type};

#[cfg(test)]
mod tests;

/// At most so many bytes of text, references included. Stops a registry's answer from filling the memory; the largest
/// schemas seen in practice are a tenth of it.
const MAX_TEXT: usize = 4 << 20;

/// At most so many types, fields and branches. Stops small texts that stand for large tables.
const MAX_TYPES: usize = 1 << 16;

/// At most so many bytes in a name: it stands in messages and paths.
const MAX_NAME: usize = 1_024;

/// How many of the innermost places a message names.
const SHOWN_PLACES: usize = 4;

/// The primitive types, by their numbers.
const PRIMITIVES: [(&str, Type); 8] = [
    ("null", Type::Null),
    ("boolean", Type::Boolean),
    ("int", Type::Int(Logical::None)),
    ("long", Type::Long(Logical::None)),
    ("float", Type::Float),
    ("double", Type::Double),
    ("bytes", Type::Bytes(Logical::None)),
    ("string", Type::String(Logical::None)),
];

/// Why a text is not a schema. Names places of the schema; no datum was seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the Avro schema{place}: {message}")]
pub struct SchemaError {
    /// Where, from the outside in, with a word before it: ` at record com.acme.Payment, field card`. Empty for the
    /// whole.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

impl Schema {
    /// Reads a writer's schema. `references` are the other registered schemas that it needs, by the name it refers to
    /// them with, in any order, with those that they need in turn.
    pub fn parse(text: &str, references: &[(String, String)]) -> Result<Self, SchemaError> {
        let size: usize = references.iter().map(|(_, text)| text.len()).sum::<usize>() + text.len();
        let mut parser = Parser::new();
        if size > MAX_TEXT {
            return Err(parser.error(format!("more than {MAX_TEXT} bytes of text")));
        }
        let mut seen = HashSet::from([text]);
        for (name, text) in references {
            if seen.insert(text) {
                let place = format!("the reference {}", shown(name));
                parser.within(place, |parser| parser.text(text))?;
            }
        }
        let root = parser.text(text)?;
        Ok(Self { tables: Arc::new(parser.finish(root)?) })
    }
}

/// A type that is called by its name.
struct Reference {
    /// Where the placeholder stands.
    number: u32,
    fullname: String,
    /// The name as written, where it has no namespace of its own.
    bare: Option<String>,
    place: String,
}

struct Parser {
    schema: Tables,
    named: HashMap<String, u32>,
    references: Vec<Reference>,
    /// Every union and where it stands, for what can only be checked at the end.
    unions: Vec<(Run, String)>,
    places: Vec<String>,
}

impl Parser {
    fn new() -> Self {
        let schema = Tables {
            types: PRIMITIVES.iter().map(|&(_, primitive)| primitive).collect(),
            children: Vec::new(),
            records: Vec::new(),
            enums: Vec::new(),
            fixed_names: HashMap::new(),
            root: 0,
            empty: Vec::new(),
            zero_rank: Vec::new(),
        };
        Self { schema, named: HashMap::new(), references: Vec::new(), unions: Vec::new(), places: Vec::new() }
    }

    fn text(&mut self, text: &str) -> Result<u32, SchemaError> {
        // serde_json ends at 128 arrays and objects in each other, so what follows may recurse.
        let value: Value = serde_json::from_str(text).map_err(|error| self.error(format!("not JSON: {error}")))?;
        self.read(&value, "")
    }

    /// A type, wherever one may stand.
    fn read(&mut self, value: &Value, namespace: &str) -> Result<u32, SchemaError> {
        match value {
            Value::String(name) => self.name(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(attributes) => match attributes.get("type") {
                Some(Value::String(name)) => self.object(name, attributes, namespace),
                Some(inner @ (Value::Object(_) | Value::Array(_))) => self.read(inner, namespace),
                _ => Err(self.error("an object without a type")),
            },
            _ => Err(self.error("neither a name, nor an object, nor a union")),
        }
    }

    /// A type that is called by its name alone.
    fn name(&mut self, name: &str, namespace: &str) -> Result<u32, SchemaError> {
        if let Some(primitive) = PRIMITIVES.iter().position(|&(word, _)| word == name) {
            return Ok(primitive as u32);
        }
        let fullname = self.fullname(name, None, namespace)?;
        let bare = Some(name.to_owned()).filter(|name| !name.contains('.'));
        let place = self.place();
        let number = self.push(Type::Null)?;
        self.references.push(Reference { number, fullname, bare, place });
        Ok(number)
    }

    fn object(&mut self, name: &str, attributes: &Map<String, Value>, namespace: &str) -> Result<u32, SchemaError> {
        let made = match name {
            "record" | "error" => return self.record(attributes, namespace),
            "enum" => return self.enumeration(attributes, namespace),
            "fixed" => return self.fixed(attributes, namespace),
            "array" => {
                let items = self.child("items", attributes, namespace)?;
                return self.push(Type::Array(items));
            }
            "map" => {
                let values = self.child("values", attributes, namespace)?;
                return self.push(Type::Map(values));
            }
            "int" => Type::Int(Logical::of(attributes, Base::Int)),
            "long" => Type::Long(Logical::of(attributes, Base::Long)),
            "bytes" => Type::Bytes(Logical::of(attributes, Base::Bytes)),
            "string" => Type::String(Logical::of(attributes, Base::String)),
            _ => return self.name(name, namespace),
        };
        match made {
            Type::Int(Logical::None) | Type::Long(Logical::None) | Type::Bytes(Logical::None) | Type::String(Logical::None) => {
                self.name(name, namespace)
            }
            annotated => self.push(annotated),
        }
    }

    fn child(&mut self, attribute: &str, attributes: &Map<String, Value>, namespace: &str) -> Result<u32, SchemaError> {
        let Some(value) = attributes.get(attribute) else { return Err(self.error(format!("no {attribute}"))) };
        self.within(attribute.to_owned(), |parser| parser.read(value, namespace))
    }

    fn record(&mut self, attributes: &Map<String, Value>, namespace: &str) -> Result<u32, SchemaError> {
        let number = self.push(Type::Null)?;
        let fullname = self.define(number, attributes, namespace)?;
        let namespace = fullname.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_owned();
        self.within(format!("record {}", shown(&fullname)), |parser| {
            let Some(Value::Array(declared)) = attributes.get("fields") else { return Err(parser.error("no list of fields")) };
            let (mut fields, mut types) = (Vec::new(), Vec::new());
            for (at, field) in declared.iter().enumerate() {
                let Value::Object(field) = field else { return Err(parser.error(format!("field {at} is no object"))) };
                let Some(name) = field.get("name").and_then(Value::as_str) else {
                    return Err(parser.error(format!("field {at} has no name")));
                };
                parser.check_name(name)?;
                types.push(parser.within(format!("field {}", shown(name)), |parser| match field.get("type") {
                    Some(value) => parser.read(value, &namespace),
                    None => Err(parser.error("no type")),
                })?);
                let aliases = field.get("aliases").and_then(Value::as_array).into_iter().flatten();
                let aliases = aliases.filter_map(Value::as_str).map(Into::into).collect();
                fields.push(Field { name: name.into(), aliases });
            }
            let mut seen = HashSet::new();
            if let Some(twice) = fields.iter().find(|field| !seen.insert(field.name.clone())) {
                return Err(parser.error(format!("two fields {}", shown(&twice.name))));
            }
            drop_ambiguous_aliases(&mut fields);
            let run = parser.run(&types)?;
            let record = parser.schema.records.len() as u32;
            parser.schema.records.push(Record { fullname: fullname.into(), fields });
            parser.schema.types[number as usize] = Type::Record { number: record, fields: run };
            Ok(number)
        })
    }

    fn enumeration(&mut self, attributes: &Map<String, Value>, namespace: &str) -> Result<u32, SchemaError> {
        let number = self.push(Type::Null)?;
        let fullname = self.define(number, attributes, namespace)?;
        self.within(format!("enum {}", shown(&fullname)), |parser| {
            let Some(Value::Array(declared)) = attributes.get("symbols") else { return Err(parser.error("no list of symbols")) };
            let symbols: Option<Vec<Box<str>>> = declared.iter().map(|symbol| symbol.as_str().map(Into::into)).collect();
            let Some(symbols) = symbols else { return Err(parser.error("a symbol that is no string")) };
            let mut seen = HashSet::new();
            if let Some(twice) = symbols.iter().find(|symbol| !seen.insert(&***symbol)) {
                return Err(parser.error(format!("two symbols {}", shown(twice))));
            }
            let default = attributes.get("default").and_then(Value::as_str);
            let default = default.and_then(|default| symbols.iter().position(|symbol| **symbol == *default)).unwrap_or(0) as u32;
            let (at, count) = (parser.schema.enums.len() as u32, symbols.len() as u32);
            parser.schema.enums.push(Enum { fullname: fullname.into(), symbols, default });
            parser.schema.types[number as usize] = Type::Enum { number: at, symbols: count };
            Ok(number)
        })
    }

    fn fixed(&mut self, attributes: &Map<String, Value>, namespace: &str) -> Result<u32, SchemaError> {
        let number = self.push(Type::Null)?;
        let fullname = self.define(number, attributes, namespace)?;
        self.within(format!("fixed {}", shown(&fullname)), |parser| {
            let size = attributes.get("size").and_then(Value::as_u64).and_then(|size| i32::try_from(size).ok());
            let Some(size) = size.map(i32::unsigned_abs) else { return Err(parser.error("no size from 0 to 2^31 - 1")) };
            parser.schema.fixed_names.insert(number, fullname.into());
            parser.schema.types[number as usize] = Type::Fixed { size, logical: Logical::of(attributes, Base::Fixed(size)) };
            Ok(number)
        })
    }

    fn union(&mut self, declared: &[Value], namespace: &str) -> Result<u32, SchemaError> {
        let mut branches = Vec::new();
        for (at, branch) in declared.iter().enumerate() {
            let number = self.within(format!("branch {at}"), |parser| parser.read(branch, namespace))?;
            if matches!(self.schema.get(number), Type::Union(_)) {
                return Err(self.error("a union inside a union"));
            }
            branches.push(number);
        }
        let run = self.run(&branches)?;
        self.unions.push((run, self.place()));
        self.push(Type::Union(run))
    }

    /// Gives the type its name, which nobody else may have.
    fn define(&mut self, number: u32, attributes: &Map<String, Value>, enclosing: &str) -> Result<String, SchemaError> {
        let Some(name) = attributes.get("name").and_then(Value::as_str) else { return Err(self.error("a named type without a name")) };
        let fullname = self.fullname(name, attributes.get("namespace").and_then(Value::as_str), enclosing)?;
        if PRIMITIVES.iter().any(|&(word, _)| word == fullname) {
            return Err(self.error(format!("a type of ours that is named like the primitive {fullname}")));
        }
        if self.named.insert(fullname.clone(), number).is_some() {
            return Err(self.error(format!("{} is defined twice", shown(&fullname))));
        }
        Ok(fullname)
    }

    /// A name with a dot is full. Another one takes the namespace beside it, else the enclosing one.
    fn fullname(&self, name: &str, namespace: Option<&str>, enclosing: &str) -> Result<String, SchemaError> {
        self.check_name(name)?;
        let namespace = namespace.unwrap_or(enclosing);
        let fullname = match name.contains('.') {
            true => name.trim_start_matches('.').to_owned(),
            false if namespace.is_empty() => name.to_owned(),
            false => format!("{namespace}.{name}"),
        };
        self.check_name(&fullname)?;
        Ok(fullname)
    }

    fn check_name(&self, name: &str) -> Result<(), SchemaError> {
        match name.len() {
            0 => Err(self.error("an empty name")),
            1..=MAX_NAME => Ok(()),
            _ => Err(self.error(format!("a name of more than {MAX_NAME} bytes"))),
        }
    }

    fn push(&mut self, made: Type) -> Result<u32, SchemaError> {
        let number = self.schema.types.len();
        if number >= MAX_TYPES {
            return Err(self.error(format!("more than {MAX_TYPES} types")));
        }
        self.schema.types.push(made);
        Ok(number as u32)
    }

    fn run(&mut self, children: &[u32]) -> Result<Run, SchemaError> {
        let first = self.schema.children.len();
        if first + children.len() > MAX_TYPES {
            return Err(self.error(format!("more than {MAX_TYPES} fields and branches")));
        }
        self.schema.children.extend_from_slice(children);
        Ok(Run { first: first as u32, count: children.len() as u32 })
    }

    /// Puts the types in the place of their names.
    fn finish(mut self, root: u32) -> Result<Tables, SchemaError> {
        let mut targets: Vec<u32> = (0..self.schema.types.len() as u32).collect();
        for Reference { number, fullname, bare, place } in std::mem::take(&mut self.references) {
            let found = self.named.get(&fullname).or_else(|| self.named.get(bare.as_deref()?));
            let Some(&found) = found else {
                return Err(SchemaError { place, message: format!("no type {} is defined here or in a reference", shown(&fullname)) });
            };
            targets[number as usize] = found;
        }
        let schema = &mut self.schema;
        schema.root = targets[root as usize];
        schema.children.iter_mut().for_each(|child| *child = targets[*child as usize]);
        for made in &mut schema.types {
            if let Type::Array(child) | Type::Map(child) = made {
                *child = targets[*child as usize];
            }
        }
        for (run, place) in std::mem::take(&mut self.unions) {
            let schema = &self.schema;
            let mut seen = HashSet::new();
            let twice = schema.children(run).iter().find(|&&branch| !seen.insert(schema.branch_name(branch)));
            if let Some(&twice) = twice {
                return Err(SchemaError { place, message: format!("two branches {}", shown(schema.branch_name(twice))) });
            }
        }
        self.schema.derive();
        Ok(self.schema)
    }

    fn within<T>(&mut self, place: String, read: impl FnOnce(&mut Self) -> Result<T, SchemaError>) -> Result<T, SchemaError> {
        self.places.push(place);
        let result = read(self);
        self.places.pop();
        result
    }

    fn place(&self) -> String {
        let hidden = self.places.len().saturating_sub(SHOWN_PLACES);
        let shown = self.places.get(hidden..).unwrap_or_default().join(", ");
        match (shown.is_empty(), hidden) {
            (true, _) => shown,
            (false, 0) => format!(" at {shown}"),
            (false, _) => format!(" at …, {shown}"),
        }
    }

    fn error(&self, message: impl Into<String>) -> SchemaError {
        SchemaError { place: self.place(), message: message.into() }
    }
}

/// A name from a schema as messages show it: it may hold anything.
fn shown(name: &str) -> String {
    name.chars().take(MAX_NAME).flat_map(char::escape_debug).collect()
}

fn drop_ambiguous_aliases(fields: &mut [Field]) {
    let mut uses: HashMap<Box<str>, usize> = HashMap::new();
    for field in fields.iter_mut() {
        field.aliases.retain(|alias| *alias != field.name);
        field.aliases.sort_unstable();
        field.aliases.dedup();
        field.aliases.iter().chain([&field.name]).for_each(|name| *uses.entry(name.clone()).or_default() += 1);
    }
    for field in fields {
        field.aliases.retain(|alias| uses.get(alias) == Some(&1));
    }
}
