//! The JSON Schema of the configuration, for editors: the file types with their doc comments. It validates nothing.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::file::File;

/// JSON Schema, draft 2020-12, with the manual of every key as its description.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<File>().to_value()
}
