//! Builds configurations. They are written as JSON, which is YAML too, so that the checker gets the very same steps.
//! Must not hide a setting: what a case relies on stands in the case.

use serde_json::{Value, json};

/// The key that `hmac` uses in the cases.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Steps of the flagship move: everything personal masked, only listed fields go on, tests and voids filtered out.
pub fn allow_list() -> Value {
    json!([mask("allow_list"), filter()])
}

/// The same, but masking only what is listed.
pub fn fields() -> Value {
    json!([mask("fields"), filter()])
}

/// One mask step that covers every personal field of the generated payments.
pub fn mask(mode: &str) -> Value {
    let mut step = json!({
        "plugin": "mask",
        "mode": mode,
        "fields": {
            "$.customer.name": { "use": "redact" },
            "$.customer.email": { "use": "hmac", "key": "pii" },
            "$.card.pan": { "use": "keep_last", "n": 4 },
            "$.items[*].note": { "use": "keep_first", "n": 2 },
            "$.made": { "use": "date_trunc", "to": "month" },
        },
    });
    if mode == "allow_list" {
        step["keep"] = json!(["$.seq", "$.id", "$.amount", "$.big", "$.status", "$.items[*].sku", "$.trigger"]);
        step["key"] = json!("clear");
        step["headers"] = json!(["seq", "trace"]);
    } else {
        step["fields"]["$.extra.secret"] = json!({ "use": "null" });
    }
    step
}

/// Keeps what is neither a test nor void and not below zero.
pub fn filter() -> Value {
    json!({
        "plugin": "filter",
        "where": { "all": [
            { "field": "$.status", "not_in": ["test", "void"] },
            { "not": { "field": "$.amount", "lt": 0 } },
        ] },
    })
}

/// A step of one of the test's own guests; it is granted what the guest asks for.
pub fn guest(name: &str) -> Value {
    match name {
        "guest-split" => json!({ "plugin": name, "copies": 2, "sees": ["key", "value", "headers"] }),
        _ => json!({ "plugin": name, "fields": { "$.trigger": {} } }),
    }
}

/// What the checker needs to know of `pii`: the same bytes, in hex.
pub fn checker_keys() -> Value {
    let hex: String = KEY.bytes().map(|b| format!("{b:02x}")).collect();
    json!({ "pii": hex })
}
