//! The hash of what decides a pipeline's output. It covers no key bytes: those have ids of their own.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::topics::Pattern;
use super::{Absent, FieldGrant, Formats, Isolation, KeyRule, Mode, OnError, Payload, Pipeline, Step, TopicRule, Unmatched, View};

impl Pipeline {
    /// SHA-256 over canonical JSON of the name, both clusters' names, topics, formats, steps and `on_error`. Where it
    /// starts, how fast it goes, how it delivers and where a registry is change no output record, and are not in it.
    pub fn config_hash(&self) -> [u8; 32] {
        let content = json!({
            "version": 1,
            "name": self.name,
            "source": self.source.name,
            "target": self.target.name,
            "include": self.topics.include().map(pattern).collect::<Vec<_>>(),
            "exclude": self.topics.exclude().map(pattern).collect::<Vec<_>>(),
            "formats": formats(self.formats),
            "topic_rules": self.topic_rules.iter().map(topic_rule).collect::<Vec<_>>(),
            "on_error": on_error(&self.on_error),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
        });
        let mut text = String::new();
        canonical(&content, &mut text);
        Sha256::digest(text.as_bytes()).into()
    }
}

fn pattern(pattern: &Pattern) -> Value {
    match pattern {
        Pattern::Glob(text) => json!({ "glob": text }),
        Pattern::Regex(text) => json!({ "regex": text }),
    }
}

fn formats(formats: Formats) -> Value {
    json!({ "key": formats.key.word(), "value": formats.value.word() })
}

fn topic_rule(rule: &TopicRule) -> Value {
    json!({ "topics": rule.topics.include().map(pattern).collect::<Vec<_>>(), "formats": formats(rule.formats) })
}

fn on_error(on_error: &OnError) -> Value {
    match on_error {
        OnError::Halt => json!("halt"),
        OnError::Quarantine { topic, payload } => json!({
            "quarantine": topic,
            "payload": match payload {
                Payload::None => "none",
                Payload::Source => "source",
            },
        }),
    }
}

fn step(step: &Step) -> Value {
    let field = |grant: &FieldGrant| json!([grant.selector, grant.settings]);
    let sees = step.sees;
    let mut content = json!({
        "plugin": step.plugin,
        "mode": match step.mode {
            Mode::Fields => "fields",
            Mode::AllowList => "allow_list",
        },
        "fields": step.fields.iter().map(field).collect::<Vec<_>>(),
        "keep": step.keep,
        "key": match &step.key {
            KeyRule::Clear => json!("clear"),
            KeyRule::Null => json!("null"),
            KeyRule::Masked(mask) => json!({ "fields": mask.fields.iter().map(field).collect::<Vec<_>>(), "keep": mask.keep }),
        },
        "headers": step.headers,
        "absent": match step.absent {
            Absent::Pass => "pass",
            Absent::Reject => "reject",
        },
        "unmatched": step.unmatched.map(|unmatched| match unmatched {
            Unmatched::Halt => "halt",
            Unmatched::Allow => "allow",
        }),
        "unlisted_halts": step.unlisted_halts,
        "map_names_clear": step.map_names_clear,
        "sees": [sees.key, sees.value, sees.headers, sees.timestamp, sees.offset, sees.sizes],
        "view": match step.view {
            View::Bytes => "bytes",
            View::Json => "json",
        },
        "compacted_allowed": step.compacted_allowed,
        "isolation": match step.isolation {
            Isolation::Lane => "lane",
            Isolation::Batch => "batch",
        },
        "settings": step.settings,
    });
    if let (Some(effects), Some(content)) = (step.effects, content.as_object_mut()) {
        let listed = [
            effects.edit_fields,
            effects.edit_key,
            effects.edit_value,
            effects.edit_headers,
            effects.edit_timestamp,
            effects.drop,
            effects.reject,
            effects.route,
            effects.emit,
        ];
        content.insert("effects".to_owned(), json!(listed));
    }
    content
}

/// JSON without white space, names sorted, numbers as written: one text for one meaning.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (i, (name, value)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}
