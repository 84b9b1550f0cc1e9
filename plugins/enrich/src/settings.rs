//! Reads what a step is to do, and says all that is wrong with it. It must not accept a key that it does not know, nor
//! leave to a record what the settings can tell: a path that is none, a part of the record that the step does not see.
use serde_json::{Map, Value};
use sluice_json::{Path, Segment};
use sluice_plugin::{Grants, Problem, Sees, hint, pointer};

mod entries;

use crate::Enrich;
use crate::cast::Cast;
use crate::record::Names;
use crate::shape::{Flatten, Shape};
use crate::source::{Miss, Part, Set, Source, Target};

/// The keys of a step's settings.
pub const KEYS: [&str; 6] = ["set", "provenance", "cast", "drop", "flatten", "rename"];

/// Most steps of a path. Stops one that costs more to follow than any document is deep.
const MOST_SEGMENTS: usize = 32;

/// Longest header name, bytes. Stops one that no client would take.
const MOST_NAME: usize = 249;

/// The headers of `provenance: true`, and what they say.
const PROVENANCE: [(&str, Part); 6] = [
    ("sluice-pipeline", Part::Pipeline),
    ("sluice-source", Part::Source),
    ("sluice-source-topic", Part::Topic),
    ("sluice-source-partition", Part::Partition),
    ("sluice-source-offset", Part::Offset),
    ("sluice-source-timestamp", Part::Timestamp),
];

/// Reads a step's settings.
pub fn read(settings: &Map<String, Value>, fields: usize, grants: Grants) -> Result<Enrich, Vec<Problem>> {
    let mut reader = Reader { sees: grants.sees, needs_value: false, needs_headers: false, problems: Vec::new() };
    if fields > 0 {
        reader.problem("/fields/0", "enrich works on the whole value: write `value` into the step's `sees`, and paths into its settings");
    }
    reader.only("/settings", settings, &KEYS);
    let mut set = reader.entries("/settings/set", settings.get("set"));
    if reader.flag("/settings/provenance", settings.get("provenance")) {
        for (name, part) in PROVENANCE {
            reader.sees_part("/settings/provenance", &part);
            reader.needs_headers("/settings/provenance");
            set.push(Set { target: Target::Header(name.into()), source: Source::Part(part), miss: Miss::Reject });
        }
    }
    let mut shape = reader.shape(settings);
    let (paths, drop_headers) = reader.drop("/settings/drop", settings.get("drop"));
    shape.drop = paths;
    if set.is_empty() && shape.is_empty() && drop_headers.is_empty() && reader.problems.is_empty() {
        reader.problem("/settings", format!("there is nothing to do; there are {}", KEYS.join(", ")));
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let names = Names { pipeline: grants.pipeline, source: grants.source, target: grants.target };
    Ok(Enrich { set, shape, drop_headers, names, needs_value: reader.needs_value, needs_headers: reader.needs_headers })
}

struct Reader {
    sees: Sees,
    needs_value: bool,
    needs_headers: bool,
    problems: Vec<Problem>,
}

impl Reader {
    fn shape(&mut self, settings: &Map<String, Value>) -> Shape {
        let mut shape = Shape::default();
        for (at, path, to) in self.by_path("/settings/cast", settings.get("cast")) {
            let cast = to.as_str().and_then(|to| Cast::NAMES.iter().find(|(name, _)| *name == to)).map(|(_, cast)| *cast);
            let cast = self.checked(&at, cast, "must be text, integer, decimal or boolean");
            shape.cast.extend(path.zip(cast));
        }
        for (at, path, how) in self.by_path_or_root("/settings/flatten", settings.get("flatten")) {
            if let Some((path, (prefix, delimiter))) = path.zip(self.flattened(&at, how)) {
                if path.is_root() && delimiter.is_none() {
                    self.problem(&at, "flattens nothing: the whole document has nowhere to move up to; give a delimiter");
                }
                shape.flatten.push(Flatten { path, prefix, delimiter });
            }
        }
        for (at, path, name) in self.by_path("/settings/rename", settings.get("rename")) {
            if let Some(path) = &path
                && matches!(path.segments().last(), Some(Segment::Index(_)))
            {
                self.problem(&at, "an element of an array has no name");
            }
            let name = self.checked(&at, name.as_str(), "must be the new name, as text");
            shape.rename.extend(path.zip(name.map(str::to_owned)));
        }
        shape
    }

    /// Paths and headers that go.
    fn drop(&mut self, at: &str, list: Option<&Value>) -> (Vec<Path>, Vec<Vec<u8>>) {
        let (mut paths, mut headers) = (Vec::new(), Vec::new());
        let list = match list {
            None => return (paths, headers),
            Some(list) => self.checked(at, list.as_array(), "must be a list of paths, or of { header: name }"),
        };
        for (n, gone) in list.into_iter().flatten().enumerate() {
            let at = format!("{at}/{n}");
            match gone.as_object().filter(|gone| gone.len() == 1).and_then(|gone| gone.get("header")) {
                Some(header) => headers.extend(self.header_name(&pointer(&at, "header"), header)),
                None => paths.extend(self.member(&at, gone.as_str())),
            }
        }
        (paths, headers)
    }

    /// The name of a header that the step sets or drops.
    fn header_name(&mut self, at: &str, name: &Value) -> Option<Vec<u8>> {
        let name = name.as_str().filter(|name| !name.is_empty() && name.len() <= MOST_NAME && !name.contains('\0'));
        let name = self.checked(at, name, "must be the name of a header: text of 1 to 249 bytes without NUL")?;
        self.needs_headers(at);
        Some(name.as_bytes().to_vec())
    }

    /// A prefix, or `{ prefix: …, delimiter: … }`.
    fn flattened(&mut self, at: &str, how: &Value) -> Option<(String, Option<String>)> {
        if let Some(prefix) = how.as_str() {
            return Some((prefix.to_owned(), None));
        }
        let how = self.checked(at, how.as_object(), "must be the prefix of the new names as text, or { prefix, delimiter }")?;
        self.only(at, how, &["prefix", "delimiter"]);
        let mut text = |key| match how.get(key) {
            None => Some(None),
            Some(text) => self.checked(&pointer(at, key), text.as_str(), "must be text").map(|text| Some(text.to_owned())),
        };
        let (prefix, delimiter) = (text("prefix")?, text("delimiter")?);
        Some((prefix.unwrap_or_default(), delimiter))
    }

    /// The entries of a map by path: where each is, its path where it is one, and what it says.
    fn by_path_or_root<'v>(&mut self, at: &str, map: Option<&'v Value>) -> Vec<(String, Option<Path>, &'v Value)> {
        let Some(map) = map else { return Vec::new() };
        let Some(map) = self.checked(at, map.as_object(), "must be a map by path: { $.a: … }") else { return Vec::new() };
        map.iter()
            .map(|(path, value)| {
                let at = pointer(at, path);
                let path = self.path(&at, Some(path));
                (at, path, value)
            })
            .collect()
    }

    /// The same, of what can be taken out of something.
    fn by_path<'v>(&mut self, at: &str, map: Option<&'v Value>) -> Vec<(String, Option<Path>, &'v Value)> {
        let mut entries = self.by_path_or_root(at, map);
        for (at, path, _) in &mut entries {
            if path.as_ref().is_some_and(Path::is_root) {
                self.problem(at, "is the whole document");
                *path = None;
            }
        }
        entries
    }

    /// A path to something in the document.
    fn member(&mut self, at: &str, path: Option<&str>) -> Option<Path> {
        let path = self.path(at, path)?;
        self.checked(at, Some(path).filter(|path| !path.is_root()), "is the whole document")
    }

    /// A path in the document, which the step has to see.
    fn path(&mut self, at: &str, path: Option<&str>) -> Option<Path> {
        let path = self.checked(at, path, "must be a path as text, such as $.customer.id")?;
        let read = match Path::parse(path) {
            Ok(read) if read.segments().len() <= MOST_SEGMENTS => read,
            Ok(_) => {
                self.problem(at, format!("has more than {MOST_SEGMENTS} steps"));
                return None;
            }
            Err(error) => {
                self.problem(at, format!("cannot read the path {path}: {error}"));
                return None;
            }
        };
        self.needs(at, Sees::VALUE, "value", "the record's value");
        self.needs_value = true;
        Some(read)
    }

    fn needs_headers(&mut self, at: &str) {
        self.needs(at, Sees::HEADERS, "headers", "the record's headers, which are replaced as a whole");
        self.needs_headers = true;
    }

    /// What a part of the record needs to be seen.
    fn sees_part(&mut self, at: &str, part: &Part) {
        match part {
            Part::Offset => self.needs(at, Sees::OFFSET, "offset", "the record's source offset"),
            Part::Timestamp | Part::Time => self.needs(at, Sees::TIMESTAMP, "timestamp", "the record's timestamp"),
            Part::Key => self.needs(at, Sees::KEY, "key", "the record's key"),
            Part::Path(_) | Part::Topic | Part::Partition | Part::Pipeline | Part::Source | Part::Target => {}
        }
    }

    /// Said once for each part: the first place is enough to mend all.
    fn needs(&mut self, at: &str, part: Sees, name: &str, why: &str) {
        if !self.sees.contains(part) {
            self.problem(at, format!("needs to see {why}: write `{name}` into the step's `sees`"));
            self.sees |= part;
        }
    }

    fn flag(&mut self, at: &str, flag: Option<&Value>) -> bool {
        let flag = flag.map_or(Some(false), Value::as_bool);
        self.checked(at, flag, "must be true or false").unwrap_or(false)
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
