//! A guest that turns each record into several, for tests of the offset map. It must not depend on where a batch ends.

use serde::Deserialize;
use sluice_plugin::{
    Batch, Changes, Column, Description, Effects, Emitted, Field, Grants, Header, NoSettings, Plugin, Problem, Rejected, Sees,
};

/// Drops each record and emits it `copies` times, numbered by a header `copy`; none with `copies: 0`.
struct Split {
    copies: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    copies: u32,
}

const SCHEMA: &str = r#"{"type":"object","properties":{"copies":{"type":"integer","minimum":0,"maximum":100}},
"required":["copies"],"additionalProperties":false}"#;

impl Plugin for Split {
    type Settings = Settings;
    type Field = NoSettings;

    fn describe() -> Description {
        Description::new("guest-split", env!("CARGO_PKG_VERSION"), "Turns each record into several.")
            .settings_schema(SCHEMA)
            .sees(Sees::KEY | Sees::VALUE | Sees::HEADERS)
            .effects(Effects::DROP | Effects::EMIT)
    }

    fn new(settings: Settings, _: Vec<Field<NoSettings>>, grants: Grants) -> Result<Self, Vec<Problem>> {
        if !grants.sees.contains(Sees::KEY | Sees::VALUE | Sees::HEADERS) {
            return Err(vec![Problem::new("/settings", "needs to see key, value and headers, or copies would lose them")]);
        }
        Ok(Split { copies: settings.copies })
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        let mut keys = whole(batch.keys.as_ref());
        let mut values = whole(batch.values.as_ref());
        for row in 0..batch.count {
            changes.drop_row(row);
            let (key, value) = (keys.next().flatten(), values.next().flatten());
            let own = batch.headers.iter().filter(|header| header.row == row);
            let own: Vec<Header> = own.map(|header| Header { row: 0, ..header.clone() }).collect();
            for copy in 0..self.copies {
                let number = Header { row: 0, name: b"copy".to_vec(), value: Some(copy.to_string().into_bytes()) };
                let headers = own.iter().cloned().chain([number]).collect();
                changes.emitted.push(Emitted { row, topic: None, key: key.map(<[u8]>::to_vec), value: value.map(<[u8]>::to_vec), headers });
            }
        }
        Ok(())
    }
}

/// Keys or values, one a record, null or bytes.
fn whole(column: Option<&Column>) -> impl Iterator<Item = Option<&[u8]>> {
    let values = column.into_iter().flat_map(|column| column.iter());
    values.map(|(_, value)| (!value.is_null()).then_some(value.bytes))
}

sluice_plugin::register!(Split);
