//! Runs a case: a JSON file with settings, records and what must become of them. It must refuse answers that the host
//! would refuse, and must see when a batch border changes an answer.
use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::batch::{Scalar, parse_scalars};
use super::{counters, import, init_granted};
use crate::{Changes, Description, Plugin, Sees};

mod apply;
mod record;

use apply::{Fate, Outcome, apply};
use record::{Parts, Whole};

/// What a case does not find as it says: a sentence with the place.
#[derive(Debug)]
pub struct CaseFailure(pub String);

/// A case as a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows, for the reader.
    #[serde(rename = "about")]
    _about: String,
    /// Keys by name; the text is the secret.
    #[serde(default)]
    keys: BTreeMap<String, String>,
    /// Tables by name, rows by key; a row is an object.
    #[serde(default)]
    tables: BTreeMap<String, BTreeMap<String, Box<RawValue>>>,
    /// The step's settings; `{}` unless given.
    settings: Option<Box<RawValue>>,
    /// Granted fields, selector and settings.
    #[serde(default)]
    fields: Vec<(String, Box<RawValue>)>,
    /// What the step grants beside fields, by the contract's names; nothing unless given.
    #[serde(default)]
    sees: Vec<String>,
    #[serde(default)]
    records: Vec<Record>,
    /// What is counted over all records, by name; what is not named is 0.
    #[serde(default)]
    counters: BTreeMap<String, u64>,
    /// What is wrong with the settings, `place: message`; then there are no records.
    #[serde(default)]
    problems: Vec<String>,
}

/// One record: values by selector, an array for several, no entry for a missing field; and its parts: `key`, `value`,
/// `headers`, `timestamp`. Bytes are written as text, or as the JSON that they are.
#[derive(Deserialize)]
#[serde(try_from = "Parts")]
struct Record {
    r#in: BTreeMap<String, Box<RawValue>>,
    /// What its fields become; `in` unless given.
    out: Option<BTreeMap<String, Box<RawValue>>>,
    /// What its parts become, `topic` too; what is not named stays.
    becomes: Parts,
    /// It does not go on.
    dropped: bool,
    /// It is rejected with this code.
    rejected: Option<String>,
    /// What follows it, by parts.
    emitted: Vec<Parts>,
    parts: Parts,
}

// By hand: serde's own way to collect other keys (`flatten`) loses how they are written.
impl TryFrom<Parts> for Record {
    type Error = serde_json::Error;

    fn try_from(mut parts: Parts) -> Result<Self, Self::Error> {
        fn take<T: DeserializeOwned + Default>(parts: &mut Parts, name: &str) -> Result<T, serde_json::Error> {
            parts.remove(name).map_or_else(|| Ok(T::default()), |json| serde_json::from_str(json.get()))
        }
        Ok(Self {
            r#in: take(&mut parts, "in")?,
            out: take(&mut parts, "out")?,
            becomes: take(&mut parts, "becomes")?,
            dropped: take(&mut parts, "dropped")?,
            rejected: take(&mut parts, "rejected")?,
            emitted: take(&mut parts, "emitted")?,
            parts,
        })
    }
}

/// Runs every `*.json` of a folder; there must be one.
///
/// # Errors
/// The first case that does not hold, by its file.
pub fn check_cases<P: Plugin>(folder: impl AsRef<Path>) -> Result<(), CaseFailure> {
    let folder = folder.as_ref();
    let failure = |error: &dyn std::fmt::Display| CaseFailure(format!("cannot read cases in {}: {error}", folder.display()));
    let mut found = false;
    for entry in std::fs::read_dir(folder).map_err(|error| failure(&error))? {
        let path = entry.map_err(|error| failure(&error))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).map_err(|error| failure(&error))?;
            check_case::<P>(&text).map_err(|CaseFailure(why)| CaseFailure(format!("{}: {why}", path.display())))?;
            found = true;
        }
    }
    if found { Ok(()) } else { Err(failure(&"there is none")) }
}

/// Runs one case, at batch sizes 1, 7 and all records.
///
/// # Errors
/// What is not as the case says.
pub fn check_case<P: Plugin>(json: &str) -> Result<(), CaseFailure> {
    let case: Case = serde_json::from_str(json).map_err(|error| CaseFailure(format!("is not a case: {error}")))?;
    let expected = case.records.iter().map(|record| case.expected(record)).collect::<Result<Vec<_>, _>>()?;
    for size in [1, 7, case.records.len().max(1)] {
        let at = |why: &str| CaseFailure(format!("at batches of {size}: {why}"));
        import::reset();
        case.keys.iter().for_each(|(name, secret)| import::add_key(name, secret.as_bytes()));
        for (name, rows) in &case.tables {
            import::add_table(name);
            rows.iter().for_each(|(key, row)| import::add_row(name, key.as_bytes(), row.get()));
        }
        let Some(mut plugin) = case.init::<P>()? else { return Ok(()) };
        let mut outcomes = Vec::new();
        for (first, records) in (0..).step_by(size).zip(case.records.chunks(size)) {
            import::at_offset(first);
            let records = records.iter().map(|record| case.before(record)).collect::<Result<Vec<_>, _>>()?;
            let batch = record::shown(&records, case.fields.len(), case.granted()?, first);
            let mut changes = Changes::none();
            let description = P::describe();
            plugin.transform(&batch, &mut changes).map_err(|rejected| at(&format!("the batch failed with code {}", rejected.0)))?;
            outcomes.extend(apply(&description, &batch, &changes, records).map_err(|why| at(&why))?);
        }
        for (n, (found, expected)) in outcomes.iter().zip(&expected).enumerate() {
            if found != expected {
                return Err(at(&format!("record {n} became {}, not {}", found.show(), expected.show())));
            }
        }
        case.check_counters(&P::describe()).map_err(|why| at(&why))?;
    }
    Ok(())
}

impl Case {
    /// The instance; none where the case is about problems and they are as it says.
    fn init<P: Plugin>(&self) -> Result<Option<P>, CaseFailure> {
        let settings = self.settings.as_ref().map_or("{}", |settings| settings.get());
        let fields: Vec<_> = self.fields.iter().map(|(selector, settings)| (selector.as_str(), settings.get())).collect();
        let (plugin, problems) = match init_granted::<P>(settings, &fields, self.granted()?, P::describe().effects) {
            Ok(plugin) => (Some(plugin), Vec::new()),
            Err(problems) => (None, problems),
        };
        let problems: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.at, problem.message)).collect();
        if problems == self.problems { Ok(plugin) } else { Err(CaseFailure(format!("problems are {problems:?}, not {:?}", self.problems))) }
    }

    /// The values of the granted fields, in their order.
    fn values(&self, record: &BTreeMap<String, Box<RawValue>>) -> Result<Vec<Vec<Scalar>>, CaseFailure> {
        if let Some(unknown) = record.keys().find(|name| !self.fields.iter().any(|(selector, _)| selector == *name)) {
            return Err(CaseFailure(format!("{unknown} is not among its fields")));
        }
        let values = |(selector, _): &(String, _)| record.get(selector).map_or(Ok(Vec::new()), |json| parse_scalars(json.get()));
        self.fields.iter().map(values).collect::<Result<_, _>>().map_err(|error| CaseFailure(format!("has a bad value: {error}")))
    }

    /// What the step grants beside fields.
    fn granted(&self) -> Result<Sees, CaseFailure> {
        let names = [
            ("key", Sees::KEY),
            ("value", Sees::VALUE),
            ("headers", Sees::HEADERS),
            ("timestamp", Sees::TIMESTAMP),
            ("offset", Sees::OFFSET),
            ("sizes", Sees::SIZES),
        ];
        let flag = |name: &String| names.iter().find(|(known, _)| known == name).map(|(_, flag)| *flag);
        let unknown = |name: &String| CaseFailure(format!("{name} is nothing that can be seen"));
        self.sees.iter().try_fold(Sees::empty(), |sees, name| Ok(sees | flag(name).ok_or_else(|| unknown(name))?))
    }

    fn before(&self, record: &Record) -> Result<Whole, CaseFailure> {
        Whole::of(self.values(&record.r#in)?, &record.parts).map_err(CaseFailure)
    }

    fn expected(&self, record: &Record) -> Result<Outcome, CaseFailure> {
        let changes = record.out.is_some() || !record.becomes.is_empty();
        let fate = match (changes, record.dropped, &record.rejected) {
            (false, true, None) => Fate::Dropped,
            (false, false, Some(code)) if record.emitted.is_empty() => Fate::Rejected(code.clone()),
            (_, false, None) => {
                let mut after = self.before(record)?;
                if let Some(out) = &record.out {
                    after.fields = self.values(out)?;
                }
                after.change(&record.becomes).map_err(CaseFailure)?;
                Fate::Passed(Box::new(after))
            }
            _ => return Err(CaseFailure("a record is changed, dropped or rejected, not several".to_owned())),
        };
        let emitted = |parts| {
            let stamp = self.before(record)?.timestamp;
            let whole = Whole::of(Vec::new(), parts).map_err(CaseFailure)?;
            Ok(Whole { timestamp: stamp, ..whole })
        };
        Ok(Outcome { record: fate, emitted: record.emitted.iter().map(emitted).collect::<Result<_, _>>()? })
    }

    fn check_counters(&self, description: &Description) -> Result<(), String> {
        let mut found = BTreeMap::new();
        for (index, count) in counters() {
            let name = description.counters.get(index as usize).ok_or_else(|| format!("counter {index} is not declared"))?;
            found.insert(name.clone(), count);
        }
        if found == self.counters { Ok(()) } else { Err(format!("counters are {found:?}, not {:?}", self.counters)) }
    }
}
