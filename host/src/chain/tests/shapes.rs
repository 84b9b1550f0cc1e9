//! Records of another shape through the real `enrich` and `route`: what fits a schema and what does not, whose schema a
//! key names, and arrays of many elements.

use super::*;

/// An order with id 1, a note and these items, behind the framing of its schema.
fn order(note: &str, items: &[i8]) -> Vec<u8> {
    let long = |number: i8| (number * 2) as u8;
    let items: Vec<u8> = items.iter().flat_map(|item| [long(1), long(*item)]).collect();
    framed(6, &[&[long(1), long(1)][..], &avro_text(note), &items, &[0]].concat())
}

fn value(value: Vec<u8>) -> Sample {
    Sample { timestamp: 1, key: Some(b"k".to_vec()), value: Some(value), ..Sample::default() }
}

/// The values that came of one record, or the code that it failed with.
fn values(chain: &mut Chain, record: Sample) -> Result<Vec<Vec<u8>>, String> {
    let mut missed = vec![0; chain.selectors()];
    let records = [record];
    let done = chain.process("t", 0, &records, &mut missed).unwrap_or_else(|error| panic!("{error}"));
    match &done.verdicts[0] {
        Verdict::Failed(failed) => Err(failed.code.clone()),
        Verdict::Taken => Ok(done.rows.iter().map(|row| row.value.as_deref().unwrap().to_vec()).collect()),
    }
}

#[test]
fn what_enrich_makes_fits_the_schema_or_fails() {
    let whole = |note: &str| vec![order(note, &[2])];
    for (step, expected) in [
        (r#"set: [{ to: $.note, value: "b" }]"#, Ok(whole("b"))),
        (r#"set: [{ to: $.note, from: topic }]"#, Ok(whole("t"))),
        ("cast: { $.id: integer }", Ok(whole("a"))),
        ("cast: { $.id: text }", Err("view_does_not_fit")),
        ("drop: [$.id]", Err("view_missing_field")),
        (r#"set: [{ to: $.more, value: 1 }]"#, Err("view_unknown_name")),
        ("rename: { $.id: number }", Err("view_unknown_name")),
    ] {
        let mut chain = chain("{ value: avro }", &format!("{{ plugin: enrich, sees: [value], view: json, {step} }}"));
        assert_eq!(values(&mut chain, value(order("a", &[2]))), expected.map_err(str::to_owned), "{step}");
    }
    let mut dropped = chain("{ value: avro }", "{ plugin: enrich, sees: [value], view: json, drop: [$.note] }");
    let without = framed(6, &[2, 0, 2, 4, 0]);
    assert_eq!(values(&mut dropped, value(order("a", &[2]))), Ok(vec![without]), "what may be null is");
    let mut bytes = chain("{ value: avro }", "{ plugin: enrich, sees: [value], drop: [$.note] }");
    assert_eq!(values(&mut bytes, value(order("a", &[2]))), Err("not_json".to_owned()));
}

/// An item under the schema of its order would be read as an order.
#[test]
fn a_part_is_a_value_of_the_schema_or_refused() {
    let split = |how: &str| format!("{{ plugin: route, sees: [key, value, headers], view: json, split: {{ $.items: {{ as: {how} }} }} }}");
    for (how, expected) in [
        ("value", Err("part_has_no_schema".to_owned())),
        ("in_place", Err("part_has_no_schema".to_owned())),
        ("single", Ok(vec![order("a", &[5]), order("a", &[6])])),
    ] {
        assert_eq!(values(&mut chain("{ value: avro }", &split(how)), value(order("a", &[5, 6]))), expected, "{how}");
    }
    let json = br#"{"id":1,"items":[{"id":5},{"id":6}]}"#;
    let items = vec![br#"{"id":5}"#.to_vec(), br#"{"id":6}"#.to_vec()];
    assert_eq!(values(&mut chain("json", &split("value")), value(json.to_vec())), Ok(items));
    let bytes = split("value").replace("view: json, ", "");
    assert_eq!(values(&mut chain("{ value: avro }", &bytes), value(order("a", &[5]))), Err("not_json".to_owned()));
}

#[test]
fn a_new_key_has_not_the_schema_of_the_old_one() {
    let headers = || [("a", "1"), ("__key_schema_id", "x"), ("b", "2")].map(|(name, value)| (name.into(), Some(value.into()))).to_vec();
    let named = |headers: &row::RowHeaders<'_>| match headers {
        row::RowHeaders::Source(_) => 3,
        row::RowHeaders::Owned(list) => list.iter().filter(|(name, _)| !name.starts_with(b"__")).count(),
    };
    let split = "{ plugin: route, sees: [key, value, headers], split: { $.items: {} }";
    for (step, keys, kept) in [
        ("{ plugin: route, fields: { $.id: {} }, rekey: $.id }", vec!["7"], 2),
        ("{ plugin: route, to: all }", vec!["k"], 3),
        (&*format!("{split} }}"), vec!["k", "k"], 2),
        (&*format!("{split}, fields: {{ $.id: {{}} }}, rekey: $.id }}"), vec!["7", "7"], 2),
    ] {
        let mut chain = chain("json", step);
        let records = [Sample { headers: headers(), ..value(br#"{"id":7,"items":[1,2]}"#.to_vec()) }];
        let done = chain.process("t", 0, &records, &mut [0]).unwrap();
        let found: Vec<_> = done.rows.iter().map(|row| row.key.as_deref().unwrap()).collect();
        assert_eq!(found, keys.iter().map(|key| key.as_bytes()).collect::<Vec<_>>(), "{step}");
        let rekeyed = keys != ["k"] && keys != ["k", "k"];
        for row in &done.rows {
            assert_eq!(named(&row.header_set), kept, "{step}");
            let mut schema = false;
            row.each_header(|name, _| schema |= name == b"__key_schema_id").unwrap();
            assert_eq!(schema, !rekeyed, "{step}");
        }
    }
}

/// A batch that emits too much, though each of its records does not, is worked through in smaller ones from then on.
#[test]
fn arrays_of_many_elements_make_batches_smaller() {
    let mut chain = chain("json", "{ plugin: route, sees: [key, value, headers], split: { $.items: {} } }");
    let many = format!("{{\"items\":[{}]}}", ["1"; 150].join(","));
    let records: Vec<Sample> = (0..500).map(|offset| Sample { offset, ..value(many.clone().into_bytes()) }).collect();
    assert_eq!(chain.batch(), 500);
    let Err(Stopped::Call(failed)) = chain.process("t", 0, &records, &mut []) else { panic!("500 records may make 50,000") };
    assert_eq!(failed.code, "plugin_output");
    let done = chain.bisect("t", 0, &records, &mut [], &|| false).unwrap();
    assert_eq!(done.rows.len(), 75_000);
    assert!(done.verdicts.iter().all(|verdict| *verdict == Verdict::Taken));
    assert_eq!(chain.batch(), 250);
    let records = &records[..chain.batch()];
    assert_eq!(chain.process("t", 0, records, &mut []).map(|done| done.rows.len()).unwrap(), 37_500);
}
