//! The configuration: read once, here at the edge, into types that cannot be wrong, or refused with every place that is.
//! It connects to nothing and loads no plugin.
//!
//! text → `tree` (YAML with places) → `file` (shape) → `plan` (meaning). What `validate` accepts is what runs.

mod decode;
mod error;
pub mod file;
mod place;
pub mod plan;
mod properties;
mod schema;
mod secret;
mod suggest;
pub mod topics;
mod tree;
pub mod units;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{Class, ConfigError, ConfigErrors};
pub use file::{File, STEP_KEYS};
pub use place::{Any, At, Entries, Location, Spot};
pub use plan::{Keyring, Plan, SelectorCheck};
pub use properties::property_hint;
pub use schema::schema;
pub use secret::{Reference, Secret};
pub use suggest::nearest;

use error::Report;
use secret::{Outside, plain};
use tree::Forest;

/// The largest configuration file that is read.
const MAX_FILE_BYTES: u64 = 8 << 20;

/// The text of one configuration file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in messages.
    pub name: String,
    /// What relative paths in it are relative to.
    pub base: PathBuf,
    /// YAML 1.2.
    pub text: String,
}

/// The environment of the process, as secrets are looked up in it.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads and checks the files, and everything that they name: secrets, directories. Everything that is wrong is in the
/// error.
pub fn validate(files: &[PathBuf], selectors: SelectorCheck<'_>) -> Result<Plan, ConfigErrors> {
    plan_of(&read(files)?, selectors, &process_env)
}

/// The same for texts at hand, with the environment that secrets are looked up in.
pub fn plan_of(sources: &[Source], selectors: SelectorCheck<'_>, env: &dyn Fn(&str) -> Option<String>) -> Result<Plan, ConfigErrors> {
    let mut report = report_of(sources);
    let plan =
        parsed(sources, &mut report, |files, forest, bases, report| plan::build(files, forest, bases, selectors, Outside { env }, report));
    report.finish(plan)
}

/// The keys of the files alone, for tools that need nothing else: the rest is read, not checked.
pub fn load_keys(files: &[PathBuf]) -> Result<Keyring, ConfigErrors> {
    let sources = read(files)?;
    let mut report = report_of(&sources);
    let keys = parsed(&sources, &mut report, |files, forest, bases, report| {
        Some(plan::keys_alone(files, forest, bases, Outside { env: &process_env }, report))
    });
    report.finish(keys)
}

/// A file of another shape, read with the same rules and the same messages.
pub struct Shaped<T> {
    /// What it says.
    pub value: T,
    forest: Forest,
}

impl<T> Shaped<T> {
    /// A part whose shape is somebody else's, as JSON.
    pub fn json(&self, part: Any) -> serde_json::Value {
        self.forest.get(part).map_or(serde_json::Value::Null, |node| node.to_json())
    }

    /// Where that part begins.
    pub fn spot(&self, part: Any) -> Spot {
        self.forest.get(part).map_or_else(Spot::default, |node| node.spot)
    }
}

/// Reads a file of another shape, such as a fixture of a plugin.
pub fn shaped<T: serde::de::DeserializeOwned>(source: &Source) -> Result<Shaped<T>, ConfigErrors> {
    let mut report = report_of(std::slice::from_ref(source));
    let tree = match tree::read(0, &source.text) {
        Ok(tree) => Some(tree),
        Err(error) => {
            report.invalid(error.spot, error.message);
            None
        }
    };
    let shaped = tree.and_then(|tree| {
        let value = decode::decode(&tree, &mut report)?;
        Some(Shaped { value, forest: Forest(vec![tree]) })
    });
    report.finish(shaped)
}

fn report_of(sources: &[Source]) -> Report {
    Report::new(sources.iter().map(|source| Arc::from(source.name.as_str())).collect())
}

/// From text to shape; what comes after only if all files have theirs.
fn parsed<T>(
    sources: &[Source],
    report: &mut Report,
    then: impl FnOnce(Vec<File>, &Forest, &[PathBuf], &mut Report) -> Option<T>,
) -> Option<T> {
    let mut trees = Vec::new();
    for (i, source) in sources.iter().enumerate() {
        match tree::read(u32::try_from(i).unwrap_or(u32::MAX), &source.text) {
            Ok(tree) => trees.push(tree),
            Err(error) => report.invalid(error.spot, error.message),
        }
    }
    let forest = Forest(trees);
    let files: Vec<File> = forest.0.iter().filter_map(|tree| decode::decode(tree, report)).collect();
    if !report.is_clean() {
        return None;
    }
    let bases: Vec<_> = sources.iter().map(|source| source.base.clone()).collect();
    then(files, &forest, &bases, report)
}

fn read(files: &[PathBuf]) -> Result<Vec<Source>, ConfigErrors> {
    let names = files.iter().map(|file| Arc::from(file.display().to_string())).collect();
    let mut report = Report::new(names);
    let mut sources = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let base = file.parent().unwrap_or(Path::new("")).to_owned();
        let name = file.display().to_string();
        match text_of(file) {
            Ok(text) => sources.push(Source { name, base, text }),
            Err(why) => {
                let file = u32::try_from(i).unwrap_or(u32::MAX);
                report.invalid(Spot { file, ..Spot::default() }, format!("cannot read the configuration: {why}"));
            }
        }
    }
    report.finish(Some(sources))
}

fn text_of(file: &Path) -> Result<String, String> {
    use std::io::Read;
    let opened = std::fs::File::open(file).map_err(|error| plain(&error))?;
    let mut bytes = Vec::new();
    opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| plain(&error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err("it is larger than 8 MiB".into());
    }
    String::from_utf8(bytes).map_err(|error| format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
}

#[cfg(test)]
mod tests;
