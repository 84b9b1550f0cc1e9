//! How commands show things: a table for people, JSON or YAML for scripts.

use clap::ValueEnum;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::Failure;
use crate::say::say;
use crate::status::{PipelineStatus, Status};

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Json,
    Yaml,
    Table,
}

/// A result that could not be written in the form asked for.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the result as {form}: {reason}")]
pub struct WriteError {
    form: &'static str,
    reason: String,
}

/// `value` as JSON on one line, or as YAML, without a new line at its end.
pub fn plain(value: &impl Serialize, format: Format) -> Result<String, WriteError> {
    match format {
        Format::Yaml => {
            let failed = |reason: String| WriteError { form: "YAML", reason };
            let value = serde_json::to_value(value).map_err(|error| failed(error.to_string()))?;
            let text = serde_saphyr::to_string(&Yaml(&value)).map_err(|error| failed(error.to_string()))?;
            Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        }
        Format::Json | Format::Table => {
            serde_json::to_string(value).map_err(|error| WriteError { form: "JSON", reason: error.to_string() })
        }
    }
}

/// A result for the writer of YAML, which does not know JSON's numbers: one that it would round is shown as text.
struct Yaml<'a>(&'a Value);

impl Serialize for Yaml<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => match (number.as_i64(), number.as_u64(), exact(number)) {
                (Some(whole), ..) => serializer.serialize_i64(whole),
                (_, Some(whole), _) => serializer.serialize_u64(whole),
                (.., Some(decimal)) => serializer.serialize_f64(decimal),
                _ => serializer.collect_str(number),
            },
            Value::Array(items) => serializer.collect_seq(items.iter().map(Yaml)),
            Value::Object(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, Yaml(value)))),
            plain => plain.serialize(serializer),
        }
    }
}

/// The number as a double, where its digits come back: up to 15 do (IEEE 754).
fn exact(number: &Number) -> Option<f64> {
    let text = number.as_str();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_zero = !text.split(['e', 'E']).next()?.contains(|digit| matches!(digit, '1'..='9'));
    number.as_f64().filter(|double| digits <= 15 && (double.is_normal() || is_zero))
}

/// Shows a result on stdout: `table` prints it for people, the other forms are for programs.
pub fn show(value: &impl Serialize, output: Format, table: impl FnOnce()) -> Result<(), Failure> {
    match output {
        Format::Table => table(),
        format => say!("{}", plain(value, format).map_err(Failure::new)?),
    }
    Ok(())
}

/// The status in the form asked for.
pub fn status(status: &Status, format: Format) -> Result<String, WriteError> {
    if format != Format::Table {
        return plain(status, format);
    }
    Ok(status.pipelines.iter().map(pipeline).collect::<Vec<_>>().join("\n\n"))
}

fn pipeline(pipeline: &PipelineStatus) -> String {
    let account = &pipeline.account;
    let mut lines = vec![
        format!("{}: {} -> {}", pipeline.name, pipeline.source, pipeline.target),
        format!(
            "  read {} = passed {} + filtered {} + quarantined {}; emitted {}",
            account.read, account.passed, account.filtered, account.quarantined, account.emitted
        ),
        format!("  {:<40} {:>9} {:>12} {:>12} {:>10}  {}", "TOPIC", "PARTITION", "POSITION", "END", "LAG", "HALTED"),
    ];
    let shown = |number: Option<i64>| number.map_or("?".to_owned(), |number| number.to_string());
    for partition in &pipeline.partitions {
        let lag = partition.lag.map_or("?".to_owned(), |lag| lag.to_string());
        let halted = partition.halted.as_ref().map_or(String::new(), |halt| format!("{}: {}", halt.code, halt.detail));
        let line = format!(
            "  {:<40} {:>9} {:>12} {:>12} {lag:>10}  {halted}",
            partition.topic,
            partition.partition,
            shown(partition.position),
            shown(partition.end)
        );
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn yaml_keeps_the_white_space_of_values() {
        for value in ["x", "x\u{a0}", "x\n", "x\n\n", " x "] {
            let text = plain(&serde_json::json!({ "value": value }), Format::Yaml).unwrap() + "\n";
            let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
            assert_eq!(read["value"], value, "{text}");
        }
    }

    #[test]
    fn yaml_shows_numbers_as_they_are() {
        for (number, shown) in [
            ("12", "12"),
            ("-9007199254740993", "-9007199254740993"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.5", "1.5"),
            ("0.0", "0.0"),
            ("123456789012345678901234", "\"123456789012345678901234\""),
            ("0.12345678901234567", "\"0.12345678901234567\""),
            ("1e400", "\"1e+400\""),
        ] {
            let value: Value = serde_json::from_str(&format!(r#"{{"in":[{number}]}}"#)).unwrap();
            let text = plain(&value, Format::Yaml).unwrap();
            assert!(text.ends_with(&format!("- {shown}")), "{text}");
        }
    }
}
