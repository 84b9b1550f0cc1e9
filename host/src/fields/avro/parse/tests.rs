//! Schemas that are read, and why others are not. What their types mean is tested where it is used.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::*;

fn parse(text: &str, references: &[(&str, &str)]) -> Result<Schema, SchemaError> {
    let references: Vec<(String, String)> = references.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    Schema::parse(text, &references)
}

/// The fullnames of what the root's fields are.
fn field_types(schema: &Schema) -> Vec<String> {
    let tables = &schema.tables;
    let Type::Record { fields, .. } = tables.get(tables.root) else { panic!("no record") };
    tables.children(fields).iter().map(|&child| tables.branch_name(child).to_owned()).collect()
}

#[test]
fn every_form_of_a_type() {
    let cases = [
        (r#""string""#, "string"),
        (r#"{"type":"string"}"#, "string"),
        (r#"{"type":{"type":"string"}}"#, "string"),
        (r#"{"type":"string","avro.java.string":"String"}"#, "string"),
        (r#"{"type":"int","logicalType":"who-knows"}"#, "int"),
        (r#"["null","string"]"#, "union"),
        (r#"{"type":["null","string"]}"#, "union"),
        (r#"[]"#, "union"),
        (r#"{"type":"array","items":"long"}"#, "array"),
        (r#"{"type":"map","values":["null","long"]}"#, "map"),
        (r#"{"type":"fixed","name":"a.F","size":0}"#, "a.F"),
        (r#"{"type":"enum","name":"E","namespace":"a.b","symbols":["X","Y"],"default":"Y"}"#, "a.b.E"),
        (r#"{"type":"error","name":"R","fields":[]}"#, "R"),
    ];
    for (text, name) in cases {
        let tables = parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}")).tables;
        assert_eq!(tables.branch_name(tables.root), name, "{text}");
    }
}

#[test]
fn names_take_the_namespace_around_them() {
    let schema = r#"{"type":"record","name":"R","namespace":"a","fields":[
        {"name":"inner","type":{"type":"record","name":"b.S","namespace":"ignored","fields":[
            {"name":"f","type":{"type":"fixed","name":"F","size":1}},
            {"name":"again","type":["null","S"]},
            {"name":"up","type":["null","a.R"]}]}},
        {"name":"e","type":{"type":"enum","name":"E","symbols":["X"]}},
        {"name":"n","type":{"type":"fixed","name":"N","namespace":"","size":1}},
        {"name":"by_name","type":"E"},
        {"name":"by_fullname","type":"b.F"},
        {"name":"without","type":"N"},
        {"name":"object","type":{"type":"b.F"}},
        {"name":"later","type":"Later"},
        {"name":"defined","type":{"type":"fixed","name":"Later","size":1}}]}"#;
    let wanted = ["b.S", "a.E", "N", "a.E", "b.F", "N", "b.F", "a.Later", "a.Later"];
    assert_eq!(field_types(&parse(schema, &[]).unwrap()), wanted);
}

#[test]
fn references_define_types_in_any_order() {
    let address = r#"{"type":"record","name":"com.acme.Address","fields":[{"name":"country","type":"Country"}]}"#;
    let country = r#"{"type":"enum","name":"com.acme.Country","symbols":["DE"]}"#;
    let root = r#"{"type":"record","name":"com.acme.Person","fields":[{"name":"home","type":"Address"},{"name":"work","type":"com.acme.Address"}]}"#;
    for references in [[("Address", address), ("Country", country)], [("Country", country), ("Address", address)]] {
        assert_eq!(field_types(&parse(root, &references).unwrap()), ["com.acme.Address", "com.acme.Address"]);
    }
    // One schema that two others refer to comes twice.
    parse(root, &[("Address", address), ("Country", country), ("country", country)]).unwrap();
    // The root may be a mere name.
    let schema = parse(r#""com.acme.Country""#, &[("Country", country)]).unwrap();
    assert_eq!(schema.tables.branch_name(schema.tables.root), "com.acme.Country");
    let error = parse(root, &[("Address", address)]).unwrap_err().to_string();
    let wanted = "cannot read the Avro schema at the reference Address, record com.acme.Address, field country: \
                  no type com.acme.Country is defined here or in a reference";
    assert_eq!(error, wanted);
}

#[test]
fn an_ambiguous_alias_names_nothing() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"a","type":"int","aliases":["one","both","b","a"]},{"name":"b","type":"int","aliases":["both","two","two"]}]}"#;
    let schema = parse(schema, &[]).unwrap();
    let aliases: Vec<Vec<&str>> =
        schema.tables.records[0].fields.iter().map(|field| field.aliases.iter().map(|alias| &**alias).collect()).collect();
    assert_eq!(aliases, [["one"], ["two"]]);
}

#[test]
fn refusals_say_where_and_what() {
    let record = |fields: &str| format!(r#"{{"type":"record","name":"R","fields":{fields}}}"#);
    let long_name = format!(r#"{{"type":"fixed","name":"{}","size":1}}"#, "n".repeat(1_025));
    let cases = [
        ("string".to_owned(), "schema: not JSON"),
        ("7".to_owned(), "schema: neither a name"),
        ("{}".to_owned(), "an object without a type"),
        (r#"{"type":7}"#.to_owned(), "an object without a type"),
        (r#""Unknown""#.to_owned(), "no type Unknown is defined"),
        (r#"{"type":"record","fields":[]}"#.to_owned(), "without a name"),
        (r#"{"type":"record","name":"","fields":[]}"#.to_owned(), "an empty name"),
        (r#"{"type":"fixed","name":"string","size":1}"#.to_owned(), "named like the primitive"),
        (r#"{"type":"record","name":"R"}"#.to_owned(), "at record R: no list of fields"),
        (record(r#"[7]"#), "at record R: field 0 is no object"),
        (record(r#"[{"type":"int"}]"#), "at record R: field 0 has no name"),
        (record(r#"[{"name":"f"}]"#), "at record R, field f: no type"),
        (record(r#"[{"name":"f","type":"int"},{"name":"f","type":"int"}]"#), "at record R: two fields f"),
        (record(r#"[{"name":"f","type":{"type":"record","name":"R","fields":[]}}]"#), "at record R, field f: R is defined twice"),
        (record(r#"[{"name":"f","type":{"type":"array"}}]"#), "at record R, field f: no items"),
        (record(r#"[{"name":"f","type":{"type":"map","values":{"type":"X"}}}]"#), "at record R, field f, values: no type X"),
        (r#"["null",["int"]]"#.to_owned(), "a union inside a union"),
        (r#"["int",{"type":"int","logicalType":"date"}]"#.to_owned(), "two branches int"),
        (record(r#"[{"name":"f","type":["R","R"]}]"#), "at record R, field f: two branches R"),
        (r#"{"type":"enum","name":"E"}"#.to_owned(), "at enum E: no list of symbols"),
        (r#"{"type":"enum","name":"E","symbols":[1]}"#.to_owned(), "a symbol that is no string"),
        (r#"{"type":"enum","name":"E","symbols":["A","A"]}"#.to_owned(), "two symbols A"),
        (r#"{"type":"fixed","name":"F"}"#.to_owned(), "at fixed F: no size"),
        (r#"{"type":"fixed","name":"F","size":-1}"#.to_owned(), "no size"),
        (r#"{"type":"fixed","name":"F","size":2147483648}"#.to_owned(), "no size"),
        (r#"{"type":"fixed","name":"F\n","size":1.5}"#.to_owned(), r"at fixed F\n: no size"),
        (long_name, "a name of more than 1024 bytes"),
        ("[".repeat(200), "recursion limit"),
        (format!("[{}]", vec!["\"int\""; 70_000].join(",")), "more than 65536 fields and branches"),
        (format!("[{}]", vec!["{\"type\":\"map\",\"values\":\"int\"}"; 70_000].join(",")), "more than 65536 types"),
        (" ".repeat(5 << 20), "more than 4194304 bytes"),
    ];
    for (text, says) in cases {
        let error = parse(&text, &[]).unwrap_err().to_string();
        let short: String = text.chars().take(100).collect();
        assert!(error.contains(says), "{short}: {error}");
    }
}

#[test]
fn a_long_chain_of_names_is_read_without_recursion() {
    let links = 10_000;
    let text = |at: usize| format!(r#"{{"type":"record","name":"R{at}","fields":[{{"name":"f","type":"R{}"}}]}}"#, at + 1);
    let chain: Vec<String> = (0..links).map(text).collect();
    let last = format!(r#"{{"type":"fixed","name":"R{links}","size":1}}"#);
    let union = format!("[{},{last}]", chain.join(","));
    let schema = parse(&union, &[]).unwrap();
    let tables = &schema.tables;
    let first = tables.branches(tables.root)[0] as usize;
    assert!(!tables.empty[first] && tables.zero_rank[first].is_some());
}
