//! A guest that uses what the host lends: a window, a table, sizes. It must not keep anything itself, but for the count
//! that shows how long an instance lives.

use serde::Deserialize;
use sluice_plugin::{
    Batch, Changes, ColumnAnswers, Description, Effects, Field, Grants, NoSettings, Plugin, Problem, Rejected, Sees, host,
};

/// Drops records whose first field was seen before, and tombstones; sets the second field to the row of the first.
struct Border {
    settings: Settings,
    calls: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Distinct values that the window remembers.
    window: u32,
    table: String,
    /// Calls after which the instance stops itself; 0: never.
    #[serde(default)]
    calls: u32,
}

const SCHEMA: &str = r#"{"type":"object","properties":{"window":{"type":"integer","minimum":1},"table":{"type":"string"},
"calls":{"type":"integer","minimum":0}},"required":["window","table"],"additionalProperties":false}"#;

impl Plugin for Border {
    type Settings = Settings;
    type Field = NoSettings;

    fn describe() -> Description {
        Description::new("guest-border", env!("CARGO_PKG_VERSION"), "Asks the host for all that it lends.")
            .settings_schema(SCHEMA)
            .sees(Sees::SIZES)
            .effects(Effects::EDIT_FIELDS | Effects::DROP)
            .rejections(&["refused"])
    }

    fn new(settings: Settings, fields: Vec<Field<NoSettings>>, grants: Grants) -> Result<Self, Vec<Problem>> {
        if fields.len() != 2 || !grants.sees.contains(Sees::SIZES) || grants.pipeline.is_empty() {
            return Err(vec![Problem::new("/settings", "needs two fields, sizes, and a pipeline with a name")]);
        }
        if host::check_table(&settings.table).is_err() {
            return Err(vec![Problem::new("/settings/table", "the host does not have this table for the step")]);
        }
        Ok(Border { settings, calls: 0 })
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        self.calls += 1;
        if self.settings.calls > 0 && self.calls > self.settings.calls {
            return Err(Rejected(u32::MAX));
        }
        let [ids, names] = &batch.fields[..] else { return Err(Rejected(0)) };
        let seen = host::seen("ids", self.settings.window, ids).map_err(|_| Rejected(0))?;
        let found = host::look_up(&self.settings.table, ids).map_err(|_| Rejected(0))?;
        let mut answers = ColumnAnswers::of(ids);
        ids.iter().for_each(|_| answers.keep());
        changes.answer(0, answers);
        let mut answers = ColumnAnswers::of(names);
        for (row, _) in names {
            let of_row = ids.rows.iter().position(|id| *id == row).and_then(|at| found.iter().nth(at).flatten());
            match of_row.and_then(|bytes| std::str::from_utf8(bytes).ok()) {
                Some(text) => answers.text(text),
                None => answers.clear("none"),
            }
        }
        changes.answer(1, answers);
        for row in 0..batch.count {
            let was_seen = ids.rows.iter().zip(&seen).any(|(id, seen)| *id == row && *seen);
            if was_seen || batch.value_sizes.get(row as usize) == Some(&-1) {
                changes.drop_row(row);
            }
        }
        Ok(())
    }
}

sluice_plugin::register!(Border);
