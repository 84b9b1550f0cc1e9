//! Words from a list in place of values, chosen by a keyed hash, on columns. It must not let a value choose without the
//! key.
use serde_json::Value as Json;
use sluice_plugin::Column;
use sluice_plugin::host::{self, HMAC_BYTES};

use crate::noise::choose;
use crate::output::Output;
use crate::rejection::Rejection;
use crate::settings::{Key, Reader};
use crate::words::{CITIES, COMPANIES, FIRST_NAMES, LAST_NAMES};

/// Fewest and most words of a list of one's own.
const FEWEST_WORDS: usize = 2;
const MOST_WORDS: usize = 65_536;

/// The same value, the same word; two values may share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dictionary {
    pub key: Key,
    pub words: Vec<String>,
}

impl Dictionary {
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let key = reader.key("dictionary");
        let lists = [("first_names", FIRST_NAMES), ("last_names", LAST_NAMES), ("cities", CITIES), ("companies", COMPANIES)];
        let words = match (reader.has("list"), reader.get("values")) {
            (true, None) => reader.one_of("list", &lists).map(|list| list.map(str::to_owned).to_vec()),
            (false, Some(values)) => Self::own(reader, values),
            (true, Some(_)) => {
                reader.problem("values", "`list` and `values` exclude each other".to_owned());
                None
            }
            (false, None) => {
                reader.missing_one_of(&["list", "values"]);
                None
            }
        };
        Some(Self { key: key?, words: words? })
    }

    fn own(reader: &mut Reader<'_>, values: &Json) -> Option<Vec<String>> {
        let words: Option<Vec<String>> =
            values.as_array().and_then(|words| words.iter().map(|word| word.as_str().map(str::to_owned)).collect());
        let words = words.filter(|words| (FEWEST_WORDS..=MOST_WORDS).contains(&words.len()));
        if words.is_none() {
            reader.problem("values", format!("must be a list of {FEWEST_WORDS} to {MOST_WORDS} texts"));
        }
        words
    }

    pub fn answer(&self, column: &Column) -> Result<Output, Rejection> {
        let hashes = host::hmac_sha256(&self.key.name, &self.key.domain, column)?;
        let mut output = Output::of(column);
        for ((row, value), hash) in column.iter().zip(hashes.chunks_exact(HMAC_BYTES)) {
            let chosen = choose(hash, self.words.len() as u128).and_then(|n| self.words.get(usize::try_from(n).ok()?));
            let word = chosen.ok_or(Rejection::KeyUnavailable)?;
            output.text(row, value, |out, _| out.extend_from_slice(word.as_bytes()));
        }
        Ok(output)
    }
}
