//! A configuration around one step, and the way back from a place in it to what the author wrote. It must not check
//! anything: the configuration's own code does.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::config::{Location, Source};
use crate::fields::avro;
use crate::toolkit::fixture::Fixture;

/// The name of the text in messages that no path explains.
const NAME: &str = "configuration";
/// What begins the names of the secrets, where the configuration looks them up.
const SECRET: &str = "SLUICE_FIXTURE_KEY_";

/// What a configuration is made of.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// The steps, each as a pipeline has it.
    pub steps: Vec<Map<String, Value>>,
    /// Keys by name.
    pub keys: Vec<(String, String)>,
    /// `plugins.limits`.
    pub limits: Option<Value>,
    /// `format` of the pipeline.
    pub format: Option<Value>,
    /// The schema that Avro values name.
    pub schema: Option<avro::Schema>,
}

impl Script {
    /// The step of a fixture; `plugin` is the one under test.
    pub fn of(fixture: &Fixture, plugin: Option<&str>) -> Script {
        let mut step = Map::new();
        if let Some(name) = plugin {
            step.insert("plugin".into(), name.into());
        }
        step.extend(fixture.step.clone());
        Script {
            steps: vec![step],
            keys: fixture.keys.clone(),
            limits: fixture.limits.clone(),
            format: fixture.format.clone(),
            schema: fixture.schema.clone(),
        }
    }

    /// The key that the configuration looks up under that variable; none for any other.
    pub(super) fn secret(&self, name: &str) -> Option<String> {
        let number: usize = name.strip_prefix(SECRET)?.parse().ok()?;
        self.keys.get(number).map(|(_, secret)| secret.clone())
    }

    /// The text of the configuration, one key a line, and which line is which path.
    pub(super) fn configuration(&self, dir: Option<&Path>) -> (Source, Places) {
        let keys: Map<String, Value> =
            self.keys.iter().enumerate().map(|(n, (name, _))| (name.clone(), json!({ "env": format!("{SECRET}{n}") }))).collect();
        let mut plugins = Map::new();
        if let Some(dir) = dir {
            plugins.insert("dir".into(), dir.display().to_string().into());
        }
        if let Some(limits) = &self.limits {
            plugins.insert("limits".into(), limits.clone());
        }
        let mut source = json!({ "bootstrap_servers": "127.0.0.1:1" });
        if self.format.is_some() {
            // What needs one is given one. It is never asked: the schema is known.
            source["schema_registry"] = json!({ "url": "http://127.0.0.1:1", "wait": "0s" });
        }
        let mut pipeline = json!({ "name": "fixture", "source": "source", "target": "target", "topics": { "include": ["*"] } });
        if let Some(format) = &self.format {
            pipeline["format"] = format.clone();
        }
        pipeline["steps"] = json!(self.steps);
        let whole = json!({
            "clusters": { "source": source, "target": { "bootstrap_servers": "127.0.0.1:2" } },
            "keys": keys,
            "plugins": plugins,
            "pipelines": [pipeline],
        });
        let mut writer = Writer { text: String::new(), places: Places(Vec::new()) };
        writer.value(&whole, "");
        (Source { name: NAME.into(), base: "".into(), text: writer.text }, writer.places)
    }
}

/// The path of what begins on each line.
pub(super) struct Places(Vec<String>);

impl Places {
    /// A message with the path of its place: `fields.$.card.n: message`.
    pub(super) fn tell(&self, at: &Location, message: &str) -> String {
        let path = usize::try_from(at.line).ok().and_then(|line| self.0.get(line.checked_sub(1)?));
        match path.map(|path| path.strip_prefix("pipelines.0.steps.0.").unwrap_or(path)) {
            Some(path) if !path.is_empty() => format!("{path}: {message}"),
            _ => message.to_owned(),
        }
    }
}

/// Writes JSON, which is YAML, a key or element a line.
struct Writer {
    text: String,
    places: Places,
}

impl Writer {
    fn line(&mut self, path: String) {
        self.text.push('\n');
        self.places.0.push(path);
    }

    fn value(&mut self, value: &Value, path: &str) {
        let empty = match value {
            Value::Object(map) => map.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        if empty {
            self.text.push_str(&value.to_string());
            return self.line(path.to_owned());
        }
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value {
            Value::Object(map) => {
                self.text.push('{');
                for (n, (key, value)) in map.iter().enumerate() {
                    self.separate(n, path);
                    self.text.push_str(&Value::from(key.as_str()).to_string());
                    self.text.push_str(": ");
                    self.value(value, &below(key));
                }
                self.text.push('}');
            }
            Value::Array(list) => {
                self.text.push('[');
                for (n, value) in list.iter().enumerate() {
                    self.separate(n, path);
                    self.value(value, &below(&n.to_string()));
                }
                self.text.push(']');
            }
            scalar => {
                self.text.push_str(&scalar.to_string());
                self.line(path.to_owned());
            }
        }
    }

    fn separate(&mut self, n: usize, path: &str) {
        if n > 0 {
            self.text.push(',');
        }
        self.line(path.to_owned());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn every_line_knows_its_path() {
        let step = r#"{ "plugin": "mask", "fields": { "$.a": {}, "$.b": { "n": 1.50 } }, "keep": ["$.c"] }"#;
        let step: Map<String, Value> = serde_json::from_str(step).unwrap();
        let script = Script { steps: vec![step], keys: vec![("pii".into(), "secret".into())], ..Script::default() };
        let (source, places) = script.configuration(Some(Path::new("/plugins")));
        let at = |text: &str| {
            let line = source.text.lines().position(|line| line.contains(text)).unwrap();
            let at = Location { file: "configuration".into(), line: u32::try_from(line + 1).unwrap(), column: 1 };
            places.tell(&at, "!")
        };
        for (text, path) in [
            ("\"mask\"", "plugin: !"),
            ("\"$.a\"", "fields.$.a: !"),
            ("\"$.b\"", "fields.$.b: !"),
            ("\"n\"", "fields.$.b.n: !"),
            ("\"$.c\"", "keep.0: !"),
            ("\"/plugins\"", "plugins.dir: !"),
        ] {
            assert_eq!(at(text), path, "{}", source.text);
        }
        assert_eq!(script.secret("SLUICE_FIXTURE_KEY_0").as_deref(), Some("secret"));
        assert!(!source.text.contains("secret"));
        assert_eq!(
            serde_json::from_str::<Value>(&source.text).unwrap()["pipelines"][0]["steps"][0]["fields"]["$.b"]["n"].to_string(),
            "1.50"
        );
    }
}
