//! Runs a case: a JSON file with settings, records and what must become of them. It must refuse answers that the host
//! would refuse, and must see when a batch border changes an answer.
use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::batch::{Scalar, batch, parse_scalars};
use super::{counters, import, init};
use crate::{Answers, Batch, Changes, Description, Effects, Kind, Plugin, action};

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
    #[serde(default)]
    records: Vec<Record>,
    /// What is counted over all records, by name; what is not named is 0.
    #[serde(default)]
    counters: BTreeMap<String, u64>,
    /// What is wrong with the settings, `place: message`; then there are no records.
    #[serde(default)]
    problems: Vec<String>,
}

/// One record: values by selector, an array for several, no entry for a missing field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    r#in: BTreeMap<String, Box<RawValue>>,
    /// What becomes of it; `in` unless given.
    out: Option<BTreeMap<String, Box<RawValue>>>,
    /// It does not go on.
    #[serde(default)]
    dropped: bool,
    /// It is rejected with this code.
    rejected: Option<String>,
}

/// What became of a record.
#[derive(Debug, PartialEq)]
enum Outcome {
    Passed(Vec<Vec<Scalar>>),
    Dropped,
    Rejected(String),
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
            let values = records.iter().map(|record| case.values(&record.r#in)).collect::<Result<Vec<_>, _>>()?;
            let batch = batch(case.fields.len(), &values);
            let mut changes = Changes::none();
            let description = P::describe();
            plugin.transform(&batch, &mut changes).map_err(|rejected| at(&format!("the batch failed with code {}", rejected.0)))?;
            outcomes.extend(apply(&description, &batch, &changes, values).map_err(|why| at(&why))?);
        }
        for (n, (found, expected)) in outcomes.iter().zip(&expected).enumerate() {
            if found != expected {
                return Err(at(&format!("record {n} became {}, not {}", show(found), show(expected))));
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
        let (plugin, problems) = match init::<P>(settings, &fields) {
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

    fn expected(&self, record: &Record) -> Result<Outcome, CaseFailure> {
        match (&record.out, record.dropped, &record.rejected) {
            (None, true, None) => Ok(Outcome::Dropped),
            (None, false, Some(code)) => Ok(Outcome::Rejected(code.clone())),
            (out, false, None) => Ok(Outcome::Passed(self.values(out.as_ref().unwrap_or(&record.r#in))?)),
            _ => Err(CaseFailure("a record is out, dropped or rejected, not several".to_owned())),
        }
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

/// Applies changes as the host does, and refuses what it refuses.
fn apply(description: &Description, batch: &Batch, changes: &Changes, mut values: Vec<Vec<Vec<Scalar>>>) -> Result<Vec<Outcome>, String> {
    let may = |effect| description.effects.contains(effect);
    if (!changes.fields.is_empty() && !may(Effects::EDIT_FIELDS))
        || (!changes.dropped.is_empty() && !may(Effects::DROP))
        || (!changes.rejected.is_empty() && !may(Effects::REJECT))
    {
        return Err("it did what its description does not declare".to_owned());
    }
    for field in &changes.fields {
        apply_field(field.field as usize, &field.answers, batch, &mut values)?;
    }
    for (n, column) in batch.fields.iter().enumerate() {
        let answered = changes.fields.iter().filter(|field| field.field as usize == n).count();
        if answered > 1 || (answered == 0 && may(Effects::EDIT_FIELDS) && !column.is_empty()) {
            return Err(format!("field {n} was answered {answered} times"));
        }
    }
    let rejected: Vec<u32> = changes.rejected.iter().map(|rejection| rejection.row).collect();
    for rows in [&changes.dropped, &rejected] {
        if !rows.is_sorted_by(|a, b| a < b) || rows.iter().any(|&row| row >= batch.count) {
            return Err("dropped or rejected rows do not ascend or do not exist".to_owned());
        }
    }
    let mut outcomes: Vec<Outcome> = values.into_iter().map(Outcome::Passed).collect();
    changes.dropped.iter().for_each(|&row| outcomes[row as usize] = Outcome::Dropped);
    for rejection in &changes.rejected {
        let code = description.rejections.get(rejection.code as usize).ok_or("a rejection code is not declared")?;
        outcomes[rejection.row as usize] = Outcome::Rejected(code.clone());
    }
    Ok(outcomes)
}

fn apply_field(n: usize, answers: &Answers, batch: &Batch, values: &mut [Vec<Vec<Scalar>>]) -> Result<(), String> {
    let column = batch.fields.get(n).ok_or_else(|| format!("there is no field {n}"))?;
    let lengths = [answers.actions.len(), answers.kinds.len(), answers.ends.len()];
    if lengths != [column.len(); 3] || answers.ends.last().map_or(0, |&end| end as usize) != answers.data.len() {
        return Err(format!("the answers to field {n} do not have the length of the column"));
    }
    let mut rows = batch_values(values, n);
    let mut start = 0;
    for (i, (row, value)) in column.iter().enumerate() {
        let end = answers.ends[i] as usize;
        let new = answers.data.get(start..end).ok_or_else(|| format!("the ends of field {n} do not ascend"))?;
        start = end;
        match answers.actions[i] {
            action::KEEP | action::REJECT => rows[row as usize].push(Scalar::new(value.kind, value.bytes)),
            action::SET => rows[row as usize].push(Scalar::new(Kind(answers.kinds[i]), new)),
            action::REMOVE => {}
            action::CLEAR if value.kind == Kind::TEXT => rows[row as usize].push(Scalar::new(Kind::TEXT, new)),
            action::CLEAR => rows[row as usize].push(Scalar::new(Kind::NULL, b"")),
            other => return Err(format!("there is no action {other}")),
        }
    }
    Ok(())
}

/// The values of one field in every record, emptied.
fn batch_values(values: &mut [Vec<Vec<Scalar>>], field: usize) -> Vec<&mut Vec<Scalar>> {
    values
        .iter_mut()
        .map(|record| {
            record[field].clear();
            &mut record[field]
        })
        .collect()
}

fn show(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Dropped => "dropped".to_owned(),
        Outcome::Rejected(code) => format!("rejected as {code}"),
        Outcome::Passed(fields) => {
            let value = |value: &Scalar| format!("{}:{}", value.kind.0, String::from_utf8_lossy(&value.bytes));
            let field = |values: &Vec<Scalar>| values.iter().map(value).collect::<Vec<_>>().join(", ");
            format!("[{}]", fields.iter().map(field).collect::<Vec<_>>().join("] ["))
        }
    }
}
