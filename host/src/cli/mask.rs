//! `sluice mask try`: one value through the real component. It must not print anything but the result on stdout.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::output::{Format, plain};
use super::{Exit, Failure};
use crate::masking::{Scalar, Trial, TrialError, Tried};
use crate::plugin::Kind;
use crate::say::{self, say};

/// Arguments of `sluice mask try`.
#[derive(Args)]
pub struct TryArgs {
    /// The operator.
    #[arg(long = "use", value_name = "OPERATOR")]
    operator: String,
    /// A setting of the operator; may be repeated. VALUE is JSON where it reads as JSON, else text; a KEY with dots is one
    /// inside another: then.use=redact.
    #[arg(long = "set", value_name = "KEY=VALUE", allow_hyphen_values = true, value_parser = setting)]
    settings: Vec<(String, String)>,
    /// The operator's key, one of `keys` in FILE; short for --set key=NAME.
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// The value of the field that `by` would name.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    subject: Option<String>,
    /// The value: a number, true, false or null as JSON writes it, else text.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    input: String,
    /// The value is text, whatever it looks like.
    #[arg(long)]
    text: bool,
    /// Configuration file with the keys; may be repeated.
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// The result for scripts.
#[derive(Serialize)]
struct Shown {
    /// kept, set, removed or rejected.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// Masks one value and prints what it becomes. A rejection is exit code 1, settings that the operator refuses are 3.
pub fn try_one(args: &TryArgs) -> Result<Exit, Failure> {
    let keys = Arc::new(super::key_ring(&args.files)?);
    let settings = settings(args)?;
    let value = if args.text { Scalar::text(&args.input) } else { Scalar::read(&args.input) };
    let trial = Trial { settings, subject: args.subject.as_deref().map(Scalar::read), value };
    let tried = trial.run(keys).map_err(|error| {
        let exit = if matches!(error, TrialError::Settings { .. }) { Exit::Config } else { Exit::Failed };
        let keyless = args.files.is_empty() && trial.settings.contains_key("key");
        let hint = if keyless { "; keys come from a configuration: give its file by -f" } else { "" };
        Failure { message: format!("{error}{hint}"), exit }
    })?;
    if args.output != Format::Table {
        say!("{}", plain(&shown(&trial, &tried), args.output).map_err(Failure::new)?);
        return Ok(if matches!(tried, Tried::Rejected(_)) { Exit::Failed } else { Exit::Done });
    }
    let result = match &tried {
        Tried::Kept => &trial.value,
        Tried::Set(scalar) => scalar,
        Tried::Removed => return Ok(Exit::Done),
        Tried::Rejected(code) => return Err(Failure::new(format!("the record is rejected: {code}"))),
    };
    let bytes = if result.kind == Kind::Null { b"null" } else { &*result.bytes };
    say::bytes(bytes);
    Ok(Exit::Done)
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn settings(args: &TryArgs) -> Result<Map<String, Value>, Failure> {
    let wrong = |message: String| Failure { message, exit: Exit::Usage };
    let mut settings = Map::new();
    for (setting, value) in &args.settings {
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.clone()));
        let (path, last) = setting.rsplit_once('.').map_or((None, setting.as_str()), |(path, last)| (Some(path), last));
        let mut inside = &mut settings;
        for name in path.into_iter().flat_map(|path| path.split('.')) {
            let below = inside.entry(name).or_insert_with(|| Value::Object(Map::new()));
            inside = below.as_object_mut().ok_or_else(|| wrong(format!("--set {setting}: {name} has a value already")))?;
        }
        if inside.insert(last.to_owned(), value).is_some() {
            return Err(wrong(format!("--set {setting}: {last} is given twice")));
        }
    }
    for (name, value) in [("use", Some(&args.operator)), ("key", args.key.as_ref())] {
        if let Some(value) = value
            && settings.insert(name.to_owned(), Value::String(value.clone())).is_some()
        {
            return Err(wrong(format!("{name} is given twice")));
        }
    }
    if settings.contains_key("by") {
        return Err(wrong("there is one field here; give the subject's value by --subject, not by".to_owned()));
    }
    Ok(settings)
}

fn shown(trial: &Trial, tried: &Tried) -> Shown {
    let of = |outcome, scalar: &Scalar| {
        let text = || Value::String(String::from_utf8_lossy(&scalar.bytes).into_owned());
        let (kind, value) = match scalar.kind {
            Kind::Null => ("null", Value::Null),
            Kind::Boolean => ("boolean", Value::Bool(scalar.bytes == b"true")),
            // A number as it is written, whatever its length.
            Kind::Integer => ("integer", serde_json::from_slice(&scalar.bytes).unwrap_or_else(|_| text())),
            Kind::Decimal => ("decimal", serde_json::from_slice(&scalar.bytes).unwrap_or_else(|_| text())),
            Kind::Text => ("text", text()),
            Kind::Bytes | Kind::Composite => ("bytes", text()),
        };
        Shown { outcome, kind: Some(kind), value: Some(value), code: None }
    };
    match tried {
        Tried::Kept => of("kept", &trial.value),
        Tried::Set(scalar) => of("set", scalar),
        Tried::Removed => Shown { outcome: "removed", kind: None, value: None, code: None },
        Tried::Rejected(code) => Shown { outcome: "rejected", kind: None, value: None, code: Some(code.clone()) },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(operator: &str, settings: &[&str], key: Option<&str>) -> Result<Value, String> {
        let args = TryArgs {
            operator: operator.into(),
            settings: settings.iter().map(|text| setting(text)).collect::<Result<_, _>>()?,
            key: key.map(str::to_owned),
            subject: None,
            input: String::new(),
            text: false,
            files: Vec::new(),
            output: Format::Table,
        };
        super::settings(&args).map(Value::Object).map_err(|failure| failure.message)
    }

    #[test]
    fn settings_are_read_from_words() {
        let cases: [(&str, &[&str], Option<&str>, Value); 4] = [
            ("keep_last", &["n=4"], None, json!({ "n": 4, "use": "keep_last" })),
            (
                "mask",
                &["char=\"1\"", "skip=-. ", "keep_last=2"],
                None,
                json!({ "char": "1", "skip": "-. ", "keep_last": 2, "use": "mask" }),
            ),
            ("bucket", &["bounds=[1,2.50]"], None, serde_json::from_str(r#"{ "bounds": [1, 2.50], "use": "bucket" }"#).unwrap()),
            (
                "detect",
                &["then.use=hmac", "then.key=pii"],
                Some("x"),
                json!({ "then": { "use": "hmac", "key": "pii" }, "use": "detect", "key": "x" }),
            ),
        ];
        for (operator, settings, key, expected) in cases {
            assert_eq!(given(operator, settings, key).unwrap(), expected);
        }
        for (settings, key, expected) in [
            (&["n"][..], None, "write KEY=VALUE"),
            (&["n=1", "n=2"], None, "--set n: n is given twice"),
            (&["then=1", "then.use=x"], None, "--set then.use: then has a value already"),
            (&["key=a"], Some("b"), "key is given twice"),
            (&["by=$.a"], None, "there is one field here; give the subject's value by --subject, not by"),
        ] {
            assert_eq!(given("x", settings, key).unwrap_err(), expected);
        }
    }
}
