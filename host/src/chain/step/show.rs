//! What a step shows its plugin: rows as columns of a batch, the granted parts alone. It must not call the plugin; a row
//! that cannot be shown fails here.

use std::borrow::Cow;

use super::Step;
use crate::chain::columns::Shown;
use crate::chain::format::{Unread, Viewed};
use crate::chain::part::PartPlan;
use crate::chain::row::Row;
use crate::chain::{Missed, Stopped, Verdict};
use crate::config::plan::View;
use crate::plugin::Kind;

/// How the plugin sees the value of one row.
#[derive(Default)]
pub(super) struct Place {
    /// Where behind the framing the body begins.
    body: usize,
    /// None where it sees the bytes.
    pub(super) view: Option<Viewed>,
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
        self.value.begin(&self.plan.values, topic);
        self.plan.key.iter().for_each(|part| self.key.begin(&part.half, topic));
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
            match self.show(&Shown { number, offset: offsets[row.source], row }, missed) {
                Ok(place) => {
                    self.live.push(index);
                    self.places.push(place);
                }
                Err(Unread::Code(code)) => verdicts[row.source] = Verdict::Failed(self.plan.failed(code)),
                Err(Unread::Drift(misfit)) => {
                    verdicts[row.source] = Verdict::Failed(self.plan.failed("drift".to_owned()));
                    missed.drifted(misfit, offsets[row.source]);
                }
                Err(Unread::Schema(reference)) => return Err(Stopped::Schema(reference)),
            }
        }
        self.batch.count = self.live.len() as u32;
        Ok(())
    }

    /// Appends one row to the batch, whole or not at all.
    fn show(&mut self, shown: &Shown<'_, '_>, missed: &mut Missed<'_>) -> Result<Place, Unread> {
        let place = self.append(shown, missed);
        if place.is_err() {
            self.withdraw(shown.number as u32);
        }
        place
    }

    fn append(&mut self, shown: &Shown<'_, '_>, missed: &mut Missed<'_>) -> Result<Place, Unread> {
        self.value.make_room(shown.number);
        self.key.make_room(shown.number);
        let place = self.show_value(shown, missed)?;
        let plan = self.plan.clone();
        if let Some(part) = &plan.key {
            self.show_key(part, shown, missed).map_err(|unread| match unread {
                Unread::Code(code) => Unread::Code(part.code(&code)),
                other => other,
            })?;
        }
        self.show_granted(shown.number as u32, shown.row, shown.offset, &place)?;
        Ok(place)
    }

    /// The fields of the value, and how the plugin sees the whole.
    fn show_value(&mut self, shown: &Shown<'_, '_>, missed: &mut Missed<'_>) -> Result<Place, Unread> {
        let plan = self.plan.clone();
        let views = plan.view == View::Json;
        let format = self.value.format();
        let Some(value) = shown.row.value.as_deref() else {
            let view = views.then(|| Viewed::absent(plan.values.always(format.0).as_ref()));
            return Ok(Place { body: 0, view });
        };
        if !views && plan.value.is_none() {
            return Ok(Place::default());
        }
        let located = plan.values.locate(format, value, shown.row)?;
        if let Some(part) = &plan.value {
            self.value.show(part, (shown, value, &located), &mut self.batch.fields, missed)?;
        }
        let framing = value.get(..located.body).unwrap_or_default();
        let view = if views { Some(Viewed::of(&located.written, framing, &located.headers)?) } else { None };
        Ok(Place { body: located.body, view })
    }

    /// The places of the key.
    fn show_key(&mut self, part: &PartPlan, shown: &Shown<'_, '_>, missed: &mut Missed<'_>) -> Result<(), Unread> {
        let Some(key) = shown.row.key.as_deref() else { return Ok(()) };
        let located = part.half.locate(self.key.format(), key, shown.row)?;
        self.key.show(part, (shown, key, &located), &mut self.batch.fields, missed)
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
            let (kind, shown) = match (&place.view, &row.value) {
                (Some(view), Some(_)) => {
                    let body = value.get(place.body..).unwrap_or_default();
                    view.show(body, &mut json).map_err(|error| Unread::Code(format!("view_{}", error.code())))?;
                    (if view.has_schema() { Kind::Text } else { Kind::Bytes }, json.as_slice())
                }
                _ => (part(&row.value), value),
            };
            values.push(number, kind, shown).map_err(too_large)?;
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
