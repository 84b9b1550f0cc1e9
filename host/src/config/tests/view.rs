//! How a step says that its plugin sees values as JSON.

use super::super::plan::View;
use super::*;

#[test]
fn values_are_seen_as_bytes_or_as_json() {
    let cases = [
        ("", "", View::Bytes),
        ("", ", sees: [value], view: bytes", View::Bytes),
        ("", ", sees: [value, key], view: json", View::Json),
        ("    format: json\n", ", sees: [value], view: json", View::Json),
        ("    format: { key: text }\n", ", sees: [value], view: json", View::Json),
    ];
    for (format, more, view) in cases {
        let mut plan = plan(&pipeline(&format!("{format}    steps: [{{ plugin: x{more} }}]\n"))).unwrap();
        let step = plan.pipelines.remove(0).steps.remove(0);
        assert_eq!(step.view, view, "{more}");
        assert!(step.settings.is_empty(), "{more}");
    }
}

#[test]
fn what_a_view_cannot_be_of() {
    let scalar = |format: &str| {
        format!(
            "view: json shows documents, and topics of this pipeline have format: {format}, which has none; remove view, or give \
             these topics a pipeline of their own"
        )
    };
    let cases = [
        (
            "steps: [{ plugin: x, view: json }]",
            "10:32: view: json is how a plugin sees the value; write sees: [value], or remove view".to_owned(),
        ),
        (
            "steps: [{ plugin: x, sees: [value], view: avro }]",
            "10:47: pipelines[0].steps[0].view: \"avro\" is not one of bytes, json".to_owned(),
        ),
        ("format: text\n    steps: [{ plugin: x, sees: [value], view: json }]", format!("11:47: {}", scalar("text"))),
        (
            "topic_rules: [{ topics: [a], format: { value: bytes } }]\n    steps: [{ plugin: x }, { plugin: x, sees: [value], view: json }]",
            format!("11:62: {}", scalar("bytes")),
        ),
    ];
    for (keys, expected) in cases {
        let error = plan(&pipeline(&format!("    {keys}\n"))).expect_err(keys).to_string();
        assert_eq!(error.lines().collect::<Vec<_>>(), [format!("s.yaml:{expected}")], "{keys}");
    }
}
