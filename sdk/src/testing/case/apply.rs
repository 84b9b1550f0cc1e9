//! Applies changes to the records of a case as the host does. It must refuse what the host would refuse.
use super::super::batch::Scalar;
use super::record::{Headers, Whole};
use crate::{Answers, Batch, Changes, Column, Description, Effects, Header, Kind, action};

/// What became of a record.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) record: Fate,
    /// What it emitted, without fields.
    pub(super) emitted: Vec<Whole>,
}

/// What became of the record itself.
#[derive(Debug, PartialEq)]
pub(super) enum Fate {
    Passed(Box<Whole>),
    Dropped,
    Rejected(String),
}

impl Outcome {
    /// For a person who reads a failure.
    pub(super) fn show(&self) -> String {
        let emitted: String = self.emitted.iter().map(|record| format!(", emitting {}", record.show())).collect();
        match &self.record {
            Fate::Passed(record) => format!("{}{emitted}", record.show()),
            Fate::Dropped => format!("dropped{emitted}"),
            Fate::Rejected(code) => format!("rejected as {code}"),
        }
    }
}

/// What becomes of each record of `batch`, whose records are `records`.
pub(super) fn apply(description: &Description, batch: &Batch, changes: &Changes, mut records: Vec<Whole>) -> Result<Vec<Outcome>, String> {
    declared(description.effects, changes)?;
    fields(description.effects, batch, changes, &mut records)?;
    replace(&changes.keys, batch.keys.as_ref(), &mut records, |record| &mut record.key)?;
    replace(&changes.values, batch.values.as_ref(), &mut records, |record| &mut record.value)?;
    headers(changes, &mut records)?;
    rows(batch.count, changes.timestamps.iter().map(|stamp| stamp.row))?;
    for stamp in &changes.timestamps {
        records[stamp.row as usize].timestamp = stamp.timestamp;
    }
    rows(batch.count, changes.routes.iter().map(|route| route.row))?;
    for route in &changes.routes {
        records[route.row as usize].topic = Some(topic(&route.topic)?);
    }
    let stamps: Vec<i64> = records.iter().map(|record| record.timestamp).collect();
    let mut outcomes: Vec<Outcome> =
        records.into_iter().map(|record| Outcome { record: Fate::Passed(Box::new(record)), emitted: Vec::new() }).collect();
    rows(batch.count, changes.dropped.iter().copied())?;
    changes.dropped.iter().for_each(|&row| outcomes[row as usize].record = Fate::Dropped);
    if !changes.emitted.is_sorted_by_key(|emitted| emitted.row) || changes.emitted.iter().any(|emitted| emitted.row >= batch.count) {
        return Err("emitted rows do not ascend or do not exist".to_owned());
    }
    for emitted in &changes.emitted {
        let row = emitted.row as usize;
        let own = emitted.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect();
        let topic = emitted.topic.as_deref().map(topic).transpose()?;
        let (key, value) = (emitted.key.clone(), emitted.value.clone());
        outcomes[row].emitted.push(Whole { fields: Vec::new(), key, value, headers: own, timestamp: stamps[row], topic });
    }
    rows(batch.count, changes.rejected.iter().map(|rejection| rejection.row))?;
    for rejection in &changes.rejected {
        let code = description.rejections.get(rejection.code as usize).ok_or("a rejection code is not declared")?;
        outcomes[rejection.row as usize] = Outcome { record: Fate::Rejected(code.clone()), emitted: Vec::new() };
    }
    Ok(outcomes)
}

fn declared(effects: Effects, changes: &Changes) -> Result<(), String> {
    let elsewhere = changes.emitted.iter().any(|emitted| emitted.topic.is_some());
    let used = [
        (!changes.fields.is_empty(), Effects::EDIT_FIELDS),
        (changes.keys.is_some(), Effects::EDIT_KEY),
        (changes.values.is_some(), Effects::EDIT_VALUE),
        (!changes.header_rows.is_empty(), Effects::EDIT_HEADERS),
        (!changes.timestamps.is_empty(), Effects::EDIT_TIMESTAMP),
        (!changes.dropped.is_empty(), Effects::DROP),
        (!changes.rejected.is_empty(), Effects::REJECT),
        (!changes.routes.is_empty() || elsewhere, Effects::ROUTE),
        (!changes.emitted.is_empty(), Effects::EMIT),
    ];
    let undeclared = used.iter().any(|(used, effect)| *used && !effects.contains(*effect));
    if undeclared { Err("it did what its description does not declare".to_owned()) } else { Ok(()) }
}

/// Rows that exist, ascending, each once.
fn rows(count: u32, rows: impl Iterator<Item = u32>) -> Result<(), String> {
    let rows: Vec<u32> = rows.collect();
    let right = rows.is_sorted_by(|a, b| a < b) && rows.iter().all(|&row| row < count);
    if right { Ok(()) } else { Err("rows do not ascend or do not exist".to_owned()) }
}

/// A name that the host would take.
fn topic(name: &str) -> Result<String, String> {
    let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    let free = !["", ".", ".."].contains(&name) && !name.starts_with("__");
    if legal && free && name.len() <= 249 { Ok(name.to_owned()) } else { Err(format!("{name:?} is no name of a topic")) }
}

fn fields(effects: Effects, batch: &Batch, changes: &Changes, records: &mut [Whole]) -> Result<(), String> {
    for field in &changes.fields {
        let n = field.field as usize;
        let column = batch.fields.get(n).ok_or_else(|| format!("there is no field {n}"))?;
        whole(&field.answers, column.len())?;
        records.iter_mut().for_each(|record| record.fields[n].clear());
        for (i, (row, value)) in column.iter().enumerate() {
            let values = &mut records[row as usize].fields[n];
            let new = || part(&field.answers, i);
            match field.answers.actions[i] {
                action::KEEP | action::REJECT => values.push(Scalar::new(value.kind, value.bytes)),
                action::SET => values.push(Scalar::new(Kind(field.answers.kinds[i]), new()?)),
                action::REMOVE => {}
                action::CLEAR if value.kind == Kind::TEXT => values.push(Scalar::new(Kind::TEXT, new()?)),
                action::CLEAR => values.push(Scalar::new(Kind::NULL, b"")),
                other => return Err(format!("there is no action {other}")),
            }
        }
    }
    for (n, column) in batch.fields.iter().enumerate() {
        let answered = changes.fields.iter().filter(|field| field.field as usize == n).count();
        if answered > 1 || (answered == 0 && effects.contains(Effects::EDIT_FIELDS) && !column.is_empty()) {
            return Err(format!("field {n} was answered {answered} times"));
        }
    }
    Ok(())
}

/// Keys or values.
fn replace(
    answers: &Option<Answers>,
    column: Option<&Column>,
    records: &mut [Whole],
    place: fn(&mut Whole) -> &mut Option<Vec<u8>>,
) -> Result<(), String> {
    let Some(answers) = answers else { return Ok(()) };
    whole(answers, column.map_or(records.len(), Column::len))?;
    for (i, record) in records.iter_mut().enumerate() {
        match (answers.actions[i], Kind(answers.kinds[i])) {
            (action::KEEP | action::REJECT, _) => {}
            (action::REMOVE, _) | (action::SET, Kind::NULL) => *place(record) = None,
            (action::SET, Kind::BYTES) => *place(record) = Some(part(answers, i)?.to_vec()),
            (action, kind) => return Err(format!("a key or value was answered by action {action} with kind {}", kind.0)),
        }
    }
    Ok(())
}

fn headers(changes: &Changes, records: &mut [Whole]) -> Result<(), String> {
    rows(u32::try_from(records.len()).expect("a test batch is small"), changes.header_rows.iter().copied())?;
    let order: Vec<u32> = changes.headers.iter().map(|header| header.row).collect();
    if !order.is_sorted() || order.iter().any(|row| !changes.header_rows.contains(row)) {
        return Err("headers do not ascend, or belong to a row whose headers are not replaced".to_owned());
    }
    for row in &changes.header_rows {
        let own = |header: &&Header| header.row == *row;
        let list: Headers = changes.headers.iter().filter(own).map(|header| (header.name.clone(), header.value.clone())).collect();
        records[*row as usize].headers = list;
    }
    Ok(())
}

/// As many answers as values.
fn whole(answers: &Answers, values: usize) -> Result<(), String> {
    let lengths = [answers.actions.len(), answers.kinds.len(), answers.ends.len()];
    let fit = lengths == [values; 3] && answers.ends.last().map_or(0, |&end| end as usize) == answers.data.len();
    if fit { Ok(()) } else { Err("answers do not have the length of their column".to_owned()) }
}

fn part(answers: &Answers, i: usize) -> Result<&[u8], String> {
    let start = if i == 0 { 0 } else { answers.ends[i - 1] as usize };
    answers.data.get(start..answers.ends[i] as usize).ok_or_else(|| "ends do not ascend".to_owned())
}
