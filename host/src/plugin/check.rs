//! Checks an answer against its batch and its grants before anything of it is used: a plugin is never trusted.
//! It must not repair anything: whatever is wrong fails the whole call.

use super::changes::{Answers, Changes, Emitted, Header};
use super::column::{Action, Batch, Column, Kind};
use super::grants::Effects;
use super::limits::Limits;
use super::scalar;

/// What is wrong with an answer, in words that hold nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It breaks the contract.
    Invalid(&'static str),
    /// It is larger than allowed.
    Output(&'static str),
}

use Fault::{Invalid, Output};

/// What an answer is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) effects: Effects,
    pub(super) rejections: usize,
    pub(super) limits: &'a Limits,
}

/// Names of topics are at most that long in Kafka.
const TOPIC_BYTES: usize = 249;

/// Checks all of `changes`.
pub(super) fn changes(batch: &Batch, changes: &Changes, rules: &Rules<'_>) -> Result<(), Fault> {
    granted(changes, rules.effects)?;
    if changes.emitted.len() > rules.limits.output_records {
        return Err(Output("more emitted records than one call may answer"));
    }
    if bytes(changes) > rules.limits.output_bytes {
        return Err(Output("more bytes than one call may answer"));
    }
    fields(batch, changes, rules)?;
    for (answers, column) in [(&changes.keys, &batch.keys), (&changes.values, &batch.values)] {
        if let Some(answers) = answers {
            whole(answers, batch.count, column.as_ref(), rules)?;
        }
    }
    header_rows(batch.count, changes, rules)?;
    ascending(batch.count, changes.timestamps.iter().map(|t| t.0))?;
    if changes.timestamps.iter().any(|t| t.1 <= 0) {
        return Err(Invalid("a timestamp that is not above 0"));
    }
    ascending(batch.count, changes.routes.iter().map(|r| r.0))?;
    changes.routes.iter().try_for_each(|r| topic(&r.1))?;
    ascending(batch.count, changes.dropped.iter().copied())?;
    ascending(batch.count, changes.rejected.iter().map(|r| r.0))?;
    if changes.rejected.iter().any(|r| r.1 as usize >= rules.rejections) {
        return Err(Invalid("a rejection code that was not declared"));
    }
    emitted(batch, &changes.emitted, rules)
}

/// Every kind of change needs its effect, whether it would change anything or not.
fn granted(changes: &Changes, effects: Effects) -> Result<(), Fault> {
    let used = [
        (!changes.fields.is_empty(), effects.edit_fields, "fields without the effect edit-fields"),
        (changes.keys.is_some(), effects.edit_key, "keys without the effect edit-key"),
        (changes.values.is_some(), effects.edit_value, "values without the effect edit-value"),
        (!changes.header_rows.is_empty(), effects.edit_headers, "headers without the effect edit-headers"),
        (!changes.timestamps.is_empty(), effects.edit_timestamp, "timestamps without the effect edit-timestamp"),
        (!changes.routes.is_empty(), effects.route, "routes without the effect route"),
        (!changes.dropped.is_empty(), effects.drop, "dropped records without the effect drop"),
        (!changes.rejected.is_empty(), effects.reject, "rejected records without the effect reject"),
        (!changes.emitted.is_empty(), effects.emit, "emitted records without the effect emit"),
    ];
    match used.iter().find(|(used, granted, _)| *used && !granted) {
        Some((_, _, what)) => Err(Invalid(what)),
        None => Ok(()),
    }
}

/// Payload bytes of the whole answer.
fn bytes(changes: &Changes) -> usize {
    let header = |h: &Header| h.name.len() + h.value.as_ref().map_or(0, Vec::len);
    let opt = |v: &Option<Vec<u8>>| v.as_ref().map_or(0, Vec::len);
    let fields: usize = changes.fields.iter().map(|f| f.answers.data.len()).sum();
    let whole: usize = [&changes.keys, &changes.values].into_iter().flatten().map(|a| a.data.len()).sum();
    let headers: usize = changes.headers.iter().map(header).sum();
    let emitted = |e: &Emitted| opt(&e.key) + opt(&e.value) + e.headers.iter().map(header).sum::<usize>();
    fields + whole + headers + changes.emitted.iter().map(emitted).sum::<usize>()
}

/// Each column that has a value must be answered, so that nothing passes unmasked by omission.
fn fields(batch: &Batch, changes: &Changes, rules: &Rules<'_>) -> Result<(), Fault> {
    let mut answered = vec![false; batch.fields.len()];
    for one in &changes.fields {
        let i = one.field as usize;
        let (Some(column), Some(seen)) = (batch.fields.get(i), answered.get_mut(i)) else {
            return Err(Invalid("answers to a field that was not granted"));
        };
        if std::mem::replace(seen, true) {
            return Err(Invalid("a field answered twice"));
        }
        shape(&one.answers, column.len(), rules)?;
        contents(&one.answers)?;
    }
    let unanswered = |(column, answered): (&Column, &bool)| !answered && !column.is_empty();
    if rules.effects.edit_fields && batch.fields.iter().zip(&answered).any(unanswered) {
        return Err(Invalid("a granted field without answers"));
    }
    Ok(())
}

/// Lengths, actions and ends: as many answers as values, each end within the data and not below the one before.
fn shape(answers: &Answers, values: usize, rules: &Rules<'_>) -> Result<(), Fault> {
    let Answers { actions, kinds, ends, data } = answers;
    if actions.len() != values || kinds.len() != values || ends.len() != values {
        return Err(Invalid("another number of answers than values"));
    }
    let mut last = 0;
    for (&action, &end) in actions.iter().zip(ends) {
        if end < last {
            return Err(Invalid("ends that do not ascend"));
        }
        let action = Action::from_byte(action).ok_or(Invalid("an action that does not exist"))?;
        if !matches!(action, Action::Set | Action::Clear) && end != last {
            return Err(Invalid("bytes for a value that is not set"));
        }
        if action == Action::Reject && !rules.effects.reject {
            return Err(Invalid("rejected records without the effect reject"));
        }
        last = end;
    }
    if last as usize != data.len() {
        return Err(Invalid("ends that do not fit the data"));
    }
    Ok(())
}

/// Each new value is what its kind says. The shape is known to be right.
fn contents(answers: &Answers) -> Result<(), Fault> {
    // The whole column at once is the fast way; only a column that also holds bytes may fail it in good faith.
    let text = std::str::from_utf8(&answers.data).ok();
    let mut start = 0;
    for (i, &end) in answers.ends.iter().enumerate() {
        let (from, to) = (start, end as usize);
        start = to;
        let cleared = answers.actions[i] == Action::Clear as u8;
        if answers.actions[i] != Action::Set as u8 && !cleared {
            continue;
        }
        let value = &answers.data[from..to];
        let kind = Kind::from_byte(answers.kinds[i]).ok_or(Invalid("a kind that does not exist"))?;
        if cleared && kind != Kind::Text {
            return Err(Invalid("a clear with anything but text"));
        }
        let right = match kind {
            Kind::Null => value.is_empty(),
            Kind::Boolean => value == b"true" || value == b"false",
            Kind::Integer => scalar::is_integer(value),
            Kind::Decimal => scalar::is_decimal(value),
            Kind::Text => match text {
                Some(text) => text.is_char_boundary(from) && text.is_char_boundary(to),
                None => std::str::from_utf8(value).is_ok(),
            },
            Kind::Bytes => true,
            Kind::Composite => false,
        };
        if !right {
            return Err(Invalid(match kind {
                Kind::Null => "a null with bytes",
                Kind::Boolean => "a boolean that is neither true nor false",
                Kind::Integer => "an integer whose text is not one",
                Kind::Decimal => "a decimal whose text is not one",
                Kind::Text => "text that is not UTF-8",
                Kind::Bytes | Kind::Composite => "an object or array as a new value",
            }));
        }
    }
    Ok(())
}

/// Keys or values: one answer a record, and nothing but bytes or null as new ones.
fn whole(answers: &Answers, count: u32, column: Option<&Column>, rules: &Rules<'_>) -> Result<(), Fault> {
    shape(answers, column.map_or(count as usize, Column::len), rules)?;
    if answers.actions.contains(&(Action::Clear as u8)) {
        return Err(Invalid("a key or value that is cleared; only fields are"));
    }
    let set = answers.actions.iter().zip(&answers.kinds).filter(|(a, _)| **a == Action::Set as u8);
    for (_, kind) in set {
        if !matches!(Kind::from_byte(*kind), Some(Kind::Null | Kind::Bytes)) {
            return Err(Invalid("a key or value that is neither bytes nor null"));
        }
    }
    contents(answers)
}

/// Rows that exist, ascending, each once.
fn ascending(count: u32, rows: impl Iterator<Item = u32>) -> Result<(), Fault> {
    let mut least = 0;
    for row in rows {
        if row >= count {
            return Err(Invalid("a row that does not exist"));
        }
        if row < least {
            return Err(Invalid("rows that do not ascend"));
        }
        least = row + 1;
    }
    Ok(())
}

/// Replaced headers belong to rows that were named, in their order.
fn header_rows(count: u32, changes: &Changes, rules: &Rules<'_>) -> Result<(), Fault> {
    ascending(count, changes.header_rows.iter().copied())?;
    let mut rest = changes.headers.as_slice();
    for &row in &changes.header_rows {
        let n = rest.iter().take_while(|h| h.row == row).count();
        let (own, after) = rest.split_at(n);
        record_headers(own, rules)?;
        rest = after;
    }
    if !rest.is_empty() {
        return Err(Invalid("a header of a row whose headers are not replaced"));
    }
    Ok(())
}

/// The headers of one record. The client library ends a name at its first NUL, so that one is refused.
fn record_headers(headers: &[Header], rules: &Rules<'_>) -> Result<(), Fault> {
    if headers.len() > rules.limits.record_headers {
        return Err(Output("more headers than one record may have"));
    }
    if headers.iter().any(|h| h.name.contains(&0)) {
        return Err(Invalid("a header name with a NUL"));
    }
    Ok(())
}

fn emitted(batch: &Batch, emitted: &[Emitted], rules: &Rules<'_>) -> Result<(), Fault> {
    let own_key = |row: u32| batch.keys.as_ref().and_then(|keys| keys.get(row as usize));
    let mut least = 0;
    for one in emitted {
        if one.row >= batch.count {
            return Err(Invalid("a row that does not exist"));
        }
        if one.row < least {
            return Err(Invalid("rows that do not ascend"));
        }
        least = one.row;
        if let Some(name) = &one.topic {
            // Another topic is a route, wherever it is said.
            if !rules.effects.route {
                return Err(Invalid("routes without the effect route"));
            }
            topic(name)?;
        }
        // Another key is an edit, wherever it is said.
        if let Some(key) = &one.key
            && !rules.effects.edit_key
            && own_key(one.row) != Some(key)
        {
            return Err(Invalid("keys without the effect edit-key"));
        }
        record_headers(&one.headers, rules)?;
    }
    Ok(())
}

/// A name that Kafka allows and that is not one of the topics which brokers and Sluice keep for themselves.
fn topic(name: &str) -> Result<(), Fault> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let ok =
        !name.is_empty() && name.len() <= TOPIC_BYTES && name != "." && name != ".." && !name.starts_with("__") && name.bytes().all(legal);
    if ok { Ok(()) } else { Err(Invalid("a topic name that is not allowed")) }
}

#[cfg(test)]
mod tests;
