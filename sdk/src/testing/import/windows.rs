//! Stand-in for `sluice:plugin/windows`: one partition, nothing to take back. It must not be larger than a test.
use std::collections::{BTreeMap, VecDeque};

use super::{HOST, rows_fit, values};
use crate::host::WindowFailure;

/// Windows of one step.
const NAMES: usize = 16;
const NAME_BYTES: usize = 64;
const LIMIT: u32 = 1_000_000;

#[derive(Default)]
pub(super) struct Windows {
    calls: u64,
    by_name: BTreeMap<String, VecDeque<Entry>>,
}

/// A value, the latest last, with the record that it was seen in last and what that record was told.
struct Entry {
    value: Vec<u8>,
    call: u64,
    row: u32,
    answer: u8,
}

pub(crate) fn seen(name: &str, limit: u32, rows: &[u32], ends: &[u32], data: &[u8]) -> Result<Vec<u8>, WindowFailure> {
    let values = values(ends, data).ok_or(WindowFailure::Malformed)?;
    if name.is_empty() || name.len() > NAME_BYTES || limit == 0 || limit > LIMIT || !rows_fit(rows, ends) {
        return Err(WindowFailure::Malformed);
    }
    HOST.with_borrow_mut(|host| {
        let windows = &mut host.windows;
        if !windows.by_name.contains_key(name) && windows.by_name.len() == NAMES {
            return Err(WindowFailure::TooMany);
        }
        windows.calls += 1;
        let call = windows.calls;
        let window = windows.by_name.entry(name.to_owned()).or_default();
        let mut answers = Vec::with_capacity(values.len());
        for (value, &row) in values.into_iter().zip(rows) {
            let at = window.iter().position(|entry| entry.value == value);
            let known = at.and_then(|at| window.remove(at));
            let answer = known.map_or(0, |known| if (known.call, known.row) == (call, row) { known.answer } else { 1 });
            window.push_back(Entry { value: value.to_vec(), call, row, answer });
            window.drain(..window.len().saturating_sub(limit as usize));
            answers.push(answer);
        }
        Ok(answers)
    })
}
