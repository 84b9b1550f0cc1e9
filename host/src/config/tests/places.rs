//! Selectors of places in values and keys that are one scalar by their format.

use super::*;

#[test]
fn a_scalar_has_no_places() {
    let refused = |what: &str, selector: &str, format: &str| {
        format!(
            "the selector \"{selector}\" names a place in a document, and topics of this pipeline have a {what} of format: {format}, \
             which is none; write \"$\", or give these topics a pipeline of their own"
        )
    };
    let rule = "topic_rules: [{ topics: [a], format: { value: bytes } }]";
    let cases = [
        ("format: text", "{ plugin: x, fields: { $.a: {}, $: {}, \"$ >> $.b\": {} } }", Some(("11:36", refused("value", "$.a", "text")))),
        ("format: text", "{ plugin: x, fields: { \"$ >> $.b\": {} } }", None),
        ("format: bytes", "{ plugin: x, fields: { \"$ >> $.b\": {} } }", Some(("11:36", refused("value", "$ >> $.b", "bytes")))),
        ("format: text", "{ plugin: filter, where: { field: $.a, eq: 1 } }", Some(("11:47", refused("value", "$.a", "text")))),
        (rule, "{ plugin: x, fields: { $.a: {} } }", Some(("11:36", refused("value", "$.a", "bytes")))),
        ("format: { key: text }", "{ plugin: x, fields: { $.a: {} }, key: { use: hmac } }", None),
        (
            "format: { key: text }",
            "{ plugin: x, key: { fields: { $.id: { use: hmac } } } }",
            Some(("11:43", refused("key", "$.id", "text"))),
        ),
    ];
    for (format, step, expected) in cases {
        let told = plan(&pipeline(&format!("    {format}\n    steps: [{step}]\n"))).map(|_| ()).map_err(|errors| errors.to_string());
        let expected = expected.map_or(Ok(()), |(at, message)| Err(format!("s.yaml:{at}: {message}")));
        assert_eq!(told, expected, "{format} {step}");
    }
}
