//! What a step shows its plugin: rows as columns of a batch, the granted parts alone. It must not call the plugin; a row
//! that cannot be shown fails here.

use std::borrow::Cow;

use super::Step;
use crate::chain::format::{Reader, Unread, Viewed};
use crate::chain::plan::StepPlan;
use crate::chain::row::{OwnedHeader, Row};
use crate::chain::{Missed, Stopped, Verdict};
use crate::config::plan::{Absent, View};
use crate::fields::{Found, Value};
use crate::plugin::Kind;
use crate::schemas::wire::Part;

/// Where and how the value of one row is read.
pub(super) struct Place {
    pub(super) reader: Reader,
    /// Where behind the framing the body begins.
    pub(super) body: usize,
    /// How the plugin sees it, where it does not see the bytes.
    pub(super) view: Option<Viewed>,
}

impl Place {
    /// A value that nobody reads, or that is JSON from its first byte.
    const PLAIN: Self = Self { reader: Reader::Json, body: 0, view: None };
}

impl Step {
    /// Fills the batch from `rows`; rows that cannot be shown fail here.
    pub(super) fn select(
        &mut self,
        topic: &str,
        partition: i32,
        offsets: &[i64],
        rows: &[Row<'_>],
        verdicts: &mut [Verdict],
        missed: &mut Missed<'_>,
    ) -> Result<(), Stopped> {
        self.batch.clear();
        self.places.clear();
        if self.format.0 != topic || topic.is_empty() {
            let (format, framed) = self.plan.format(topic);
            self.format = (topic.to_owned(), format, framed);
        }
        if self.batch.topic != topic {
            topic.clone_into(&mut self.batch.topic);
        }
        self.batch.partition = partition;
        self.live.clear();
        for (index, row) in rows.iter().enumerate() {
            if matches!(verdicts[row.source], Verdict::Failed(_)) {
                continue;
            }
            let number = self.live.len();
            match self.show(number, row, offsets[row.source], missed) {
                Ok(place) => {
                    self.live.push(index);
                    self.places.push(place);
                }
                Err(Unread::Code(code)) => verdicts[row.source] = Verdict::Failed(self.plan.failed(code)),
                Err(Unread::Drift(detail)) => {
                    verdicts[row.source] = Verdict::Failed(self.plan.failed("drift".to_owned()));
                    missed.drifted(detail, offsets[row.source]);
                }
                Err(Unread::Schema(reference)) => return Err(Stopped::Schema(reference)),
            }
        }
        self.batch.count = self.live.len() as u32;
        Ok(())
    }

    /// Appends one row to the batch, whole or not at all.
    fn show(&mut self, number: usize, row: &Row<'_>, offset: i64, missed: &mut Missed<'_>) -> Result<Place, Unread> {
        if number == self.found.len() {
            self.found.push(Found::new());
        }
        let row_number = number as u32;
        let plan = self.plan.clone();
        let place = if plan.nest.is_some() || plan.view == View::Json { self.place(&plan, row)? } else { Place::PLAIN };
        let shown = match &row.value {
            Some(value) => self.show_fields(&plan, number, &place, value, offset, missed),
            None => Ok(()),
        };
        match shown.and_then(|()| self.show_granted(row_number, row, offset, &place)) {
            Ok(()) => Ok(place),
            Err(error) => {
                self.withdraw(row_number);
                Err(error)
            }
        }
    }

    /// What reads a row's value, for the fields and for the view.
    fn place(&mut self, plan: &StepPlan, row: &Row<'_>) -> Result<Place, Unread> {
        let (_, format, framed) = self.format;
        let views = plan.view == View::Json;
        let Some(value) = &row.value else {
            let view = views.then(|| Viewed::absent(plan.written_always(format).as_ref()));
            return Ok(Place { view, ..Place::PLAIN });
        };
        let mut headers: Vec<OwnedHeader> = Vec::new();
        if framed {
            row.each_header(|name, value| {
                if name == Part::Value.header().as_bytes() {
                    headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
                }
            })
            .map_err(|_| Unread::code("headers_unreadable"))?;
        }
        let (written, body) = plan.written(format, value, &headers)?;
        let reader = match &plan.nest {
            Some(nest) => plan.reader(nest, &written, &mut self.last)?,
            None => Reader::Json,
        };
        let framing = value.get(..body).unwrap_or_default();
        let view = if views { Some(Viewed::of(&written, framing, &headers)?) } else { None };
        Ok(Place { reader, body, view })
    }

    /// Appends the granted fields of a value to their columns.
    fn show_fields(
        &mut self,
        plan: &StepPlan,
        number: usize,
        place: &Place,
        value: &[u8],
        offset: i64,
        missed: &mut Missed<'_>,
    ) -> Result<(), Unread> {
        let Some(nest) = &plan.nest else { return Ok(()) };
        let body = value.get(place.body..).unwrap_or_default();
        let found = &mut self.found[number];
        nest.select(&place.reader, body, found).map_err(|error| Unread::code(error.code()))?;
        for (field, grant) in plan.fields.iter().enumerate() {
            let matched = nest.matched(found, field);
            missed.saw(grant.selector_number, matched, offset);
            if !matched && plan.absent == Absent::Reject {
                return Err(Unread::code("field_absent"));
            }
        }
        let columns = &mut self.batch.fields;
        nest.each(&place.reader, body, found, &mut |value: Value<'_>| {
            let column = &mut columns[value.field as usize];
            value.append(&mut column.data).map_err(|error| Unread::code(error.code()))?;
            let end = u32::try_from(column.data.len()).map_err(|_| Unread::code("batch_too_large"))?;
            column.rows.push(number as u32);
            column.kinds.push(value.kind as u8);
            column.ends.push(end);
            Ok(())
        })
    }

    /// Appends what the step grants beside its fields.
    fn show_granted(&mut self, number: u32, row: &Row<'_>, offset: i64, place: &Place) -> Result<(), Unread> {
        let too_large = |_| Unread::code("batch_too_large");
        let part = |bytes: &'_ Option<Cow<'_, [u8]>>| if bytes.is_some() { Kind::Bytes } else { Kind::Null };
        if let Some(keys) = &mut self.batch.keys {
            keys.push(number, part(&row.key), row.key.as_deref().unwrap_or_default()).map_err(too_large)?;
        }
        if let Some(values) = &mut self.batch.values {
            let value = row.value.as_deref().unwrap_or_default();
            let mut json = Vec::new();
            let shown = match (&place.view, &row.value) {
                (Some(view), Some(_)) => {
                    let body = value.get(place.body..).unwrap_or_default();
                    view.show(body, &mut json).map_err(|error| Unread::Code(format!("view_{}", error.code())))?;
                    &json
                }
                _ => value,
            };
            values.push(number, part(&row.value), shown).map_err(too_large)?;
        }
        if self.plan.sees.headers {
            let headers = &mut self.batch.headers;
            row.each_header(|name, value| headers.push(number, name, value)).map_err(|_| Unread::code("headers_unreadable"))?;
        }
        if self.plan.sees.timestamp {
            self.batch.timestamps.push(row.timestamp);
        }
        if self.plan.sees.offset {
            self.batch.offsets.push(offset);
        }
        if self.plan.sees.sizes {
            let size = |bytes: &Option<Cow<'_, [u8]>>| bytes.as_ref().map_or(-1, |bytes| bytes.len() as i64);
            self.batch.key_sizes.push(size(&row.key));
            self.batch.value_sizes.push(size(&row.value));
        }
        self.batch.origins.push(offset);
        Ok(())
    }

    /// Takes back what was appended for a row that cannot be shown after all.
    fn withdraw(&mut self, number: u32) {
        let whole = self.batch.keys.iter_mut().chain(self.batch.values.iter_mut());
        for column in self.batch.fields.iter_mut().chain(whole) {
            let keep = column.rows.partition_point(|row| *row < number);
            column.rows.truncate(keep);
            column.kinds.truncate(keep);
            column.ends.truncate(keep);
            column.data.truncate(column.ends.last().map_or(0, |end| *end as usize));
        }
    }
}
