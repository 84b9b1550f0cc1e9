//! What an allow list and a map of names close, and what they leave open.

use super::*;

/// The record of schema 4 with one contact.
fn contact() -> Vec<u8> {
    framed(4, &[&[2][..], &avro_text("ana@example.org"), &avro_text("ana@example.org"), &[0]].concat())
}

/// One record through the chain.
fn through(chain: &mut Chain, record: Sample) -> (Option<Drift>, Vec<u8>) {
    let mut missed = vec![0; chain.selectors()];
    let records = [record];
    let mut done = chain.process("t", 0, &records, &mut missed).unwrap_or_else(|error| panic!("{error}"));
    let value = done.rows.pop().and_then(|row| row.value.map(|value| value.into_owned())).unwrap_or_default();
    (done.drift, value)
}

#[test]
fn names_of_a_masked_map_do_not_pass_unless_that_is_meant() {
    let steps = [
        (format!("{{ plugin: mask, fields: {{ $.contacts: {HMAC} }} }}"), true),
        (format!("{{ plugin: mask, fields: {{ \"$.contacts[*]\": {HMAC} }} }}"), true),
        (format!("{{ plugin: mask, fields: {{ $: {HMAC} }} }}"), true),
        (format!("{{ plugin: mask, mode: allow_list, key: clear, fields: {{ $.contacts: {HMAC} }} }}"), true),
        (format!("{{ plugin: mask, map_names: clear, fields: {{ $.contacts: {HMAC} }} }}"), false),
        // Who writes a name knows it.
        (format!("{{ plugin: mask, fields: {{ $.contacts.home: {HMAC} }} }}"), false),
        ("{ plugin: mask, mode: allow_list, key: clear, keep: [$.contacts] }".to_owned(), false),
    ];
    for (step, drifts) in steps {
        let (drift, value) = through(&mut chain("auto", &step), Sample { value: Some(contact()), ..record(None, None) });
        assert_eq!(drift.as_ref().map(|drift| drift.misfit.kind), drifts.then_some(DriftKind::MapNames), "{step}");
        assert_eq!(value.is_empty(), drifts, "{step}");
        if let Some(drift) = drift {
            assert_eq!((drift.misfit.schema, drift.offset), (Some(SchemaRef::Id(4)), 0));
            assert!(drift.to_string().contains("$.contacts of the schema with id 4 is a map"), "{drift}");
        }
    }
}

#[test]
fn names_above_what_is_masked_do_not_pass_either() {
    let list = |rest: &str| format!("{{ plugin: mask, mode: allow_list, unlisted: drop, key: clear, {rest} }}");
    let person = [&[0, 2][..], &avro_text("ana@example.org"), &avro_text("ana@example.org"), &avro_text("n"), &[0]].concat();
    for (step, drifts) in [
        (list(&format!("fields: {{ \"$.people[*].email\": {HMAC} }}")), true),
        (format!("{{ plugin: mask, fields: {{ $..email: {HMAC} }} }}"), true),
        (format!("{{ plugin: mask, fields: {{ \"$.people[*].email\": {HMAC} }}, map_names: clear }}"), false),
        (format!("{{ plugin: mask, fields: {{ $.people.ana.email: {HMAC} }} }}"), false),
        (list("keep: [\"$.people[*].email\"]"), false),
        // A text that is opened for what is kept of it alone does not hide the map behind it.
        (list(&format!("keep: [\"$.texts[*] >> $.x\"], fields: {{ \"$.people[*].email\": {HMAC} }}")), true),
        (list("keep: [\"$.texts[*] >> $.x\"]"), false),
    ] {
        let sample = Sample { value: Some(framed(9, &person)), ..record(None, None) };
        let (drift, value) = through(&mut chain("auto", &step), sample);
        assert_eq!(drift.as_ref().map(|drift| drift.misfit.kind), drifts.then_some(DriftKind::MapNames), "{step}");
        assert_eq!(value.is_empty(), drifts, "{step}");
        if let Some(drift) = drift {
            assert!(drift.to_string().contains("$.people of the schema with id 9 is a map"), "{drift}");
        }
    }
}

#[test]
fn a_schema_header_stays_with_what_it_names() {
    let id = |id: u8| Some(vec![0, 0, 0, 0, id]);
    let headers =
        vec![(b"__value_schema_id".to_vec(), id(3)), (b"__key_schema_id".to_vec(), id(1)), (b"who".to_vec(), Some(b"ana".to_vec()))];
    let value = [avro_text("ana@example.org"), avro_text("eu")].concat();
    let source = Sample { value: Some(value), headers, ..record(Some(&avro_text("ana@example.org")), None) };
    for (format, key, kept) in [
        ("auto", "clear", &["__value_schema_id", "__key_schema_id"][..]),
        ("auto", HMAC, &["__value_schema_id", "__key_schema_id"]),
        ("auto", "null", &["__value_schema_id"]),
        ("{ key: text, value: avro }", "clear", &["__value_schema_id"]),
    ] {
        let step = format!("{{ plugin: mask, mode: allow_list, key: {key}, keep: [$.region], fields: {{ $.id: {HMAC} }} }}");
        let mut chain = chain(format, &step);
        let mut missed = vec![0; chain.selectors()];
        let records = [source.clone()];
        let done = chain.process("t", 0, &records, &mut missed).unwrap();
        let row = done.rows.first().unwrap_or_else(|| panic!("{format} {key}: {:?}", done.verdicts));
        let mut names = Vec::new();
        row.each_header(|name, _| names.push(String::from_utf8_lossy(name).into_owned())).unwrap();
        assert_eq!(names, kept, "{format} {key}");
        assert_eq!(row.value.as_deref(), Some(&[avro_text(ANA), avro_text("eu")].concat()[..]), "{format} {key}");
    }
    // What is no reference, and what is there twice, does not go on.
    let bad = |header: Option<Vec<u8>>| Sample { headers: vec![(b"__key_schema_id".to_vec(), header)], value: None, ..source.clone() };
    let twice = Sample { headers: [bad(id(1)).headers, bad(id(2)).headers].concat(), ..bad(None) };
    let step = "{ plugin: mask, mode: allow_list, key: clear, keep: [$.region] }";
    for (record, code) in [(bad(Some(b"ana@example.org".to_vec())), "schema_header_form"), (twice, "schema_headers_several")] {
        assert_eq!(masked(&mut chain("auto", step), record), Err(code.to_owned()));
    }
}

#[test]
fn keys_of_several_kinds_are_not_kept_apart_by_text() {
    let whole = format!("{{ plugin: mask, key: {HMAC} }}");
    let placed = format!("{{ plugin: mask, key: {{ fields: {{ $.id: {HMAC} }} }} }}");
    let same = "{ plugin: mask, key: { use: fpe, key: pii, alphabet: digits } }".to_owned();
    for (format, step, lossy) in [
        ("{ key: text }", &whole, false),
        ("{ key: bytes }", &whole, false),
        ("{ key: protobuf }", &placed, false),
        ("{ key: json }", &whole, true),
        ("{ key: json }", &placed, true),
        ("{ key: json }", &same, false),
    ] {
        let plan = build(format, step).unwrap();
        let found = plan.lossy_keys("t");
        assert_eq!(found.len(), usize::from(lossy), "{format} {step}");
        assert!(found.iter().all(|lossy| lossy.why.contains("hmac in step 1 makes one key of a number and the text")), "{format} {step}");
    }
}

#[test]
fn a_type_that_cannot_take_a_token_is_drift_before_a_record_passes() {
    let order = || Some(framed(6, &[14, 0, 0]));
    let json = || Some(framed(5, br#"{"id":"ana","n":null}"#));
    for (format, step, key, value, wanted) in [
        (
            "auto",
            format!("{{ plugin: mask, fields: {{ $.id: {HMAC} }} }}"),
            None,
            order(),
            Some("hmac at $.id does not fit: it is long in the schema with id 6"),
        ),
        ("auto", "{ plugin: mask, fields: { $.id: { use: hmac, key: pii, output: integer } } }".to_owned(), None, order(), None),
        ("auto", format!("{{ plugin: mask, fields: {{ $.note: {HMAC} }} }}"), None, order(), None),
        // Also where no record has a value that would not fit.
        (
            "auto",
            "{ plugin: mask, fields: { \"$.items[*].id\": { use: email } } }".to_owned(),
            None,
            order(),
            Some("email at $.items[*].id"),
        ),
        ("auto", format!("{{ plugin: mask, key: {HMAC} }}"), Some(framed(2, &[2])), None, Some("in the key's schema with id 2")),
        ("auto", format!("{{ plugin: mask, fields: {{ $.n: {HMAC} }} }}"), None, json(), Some("hmac at $.n does not fit: it is integer")),
        ("auto", "{ plugin: mask, fields: { $.n: { use: redact } } }".to_owned(), None, json(), None),
        // What only looks makes nothing.
        ("auto", "{ plugin: filter, where: { field: $.id, gt: 1 } }".to_owned(), None, order(), None),
    ] {
        let (drift, _) = through(&mut chain(format, &step), Sample { value, ..record(key.as_deref(), None) });
        assert_eq!(drift.as_ref().map(|drift| drift.misfit.kind), wanted.map(|_| DriftKind::Type), "{step}");
        assert!(wanted.is_none_or(|wanted| drift.is_some_and(|drift| drift.to_string().contains(wanted))), "{step}");
    }
}

#[test]
fn what_the_type_may_take_after_all_is_no_drift() {
    // An order with an enum, a uuid, a boolean, a fixed one and a null: what may have their form, and what can not.
    let whole = || Some(framed(7, &[&[0, 72][..], b"01234567-89ab-cdef-0123-456789abcdef", &[1], &[7; 4], &[2], b"a"].concat()));
    for (field, drifts) in [
        ("$.state: { use: dictionary, key: pii, values: [OPEN, SHUT] }", false),
        ("$.state: { use: dictionary, key: pii, list: cities }", true),
        ("$.state: { use: hmac, key: pii }", true),
        ("$.ref: { use: fpe, key: pii, alphabet: custom, characters: 0123456789abcdef, keep: \"-\" }", false),
        ("$.ok: { use: keep_last }", false),
        ("$.ok: { use: hmac, key: pii }", true),
        ("$.tag: { use: hmac, key: pii }", true),
        ("$.gone: { use: hmac, key: pii }", false),
        ("$: { use: detect, then: { use: redact } }", false),
    ] {
        let step = format!("{{ plugin: mask, fields: {{ {field} }} }}");
        let (drift, _) = through(&mut chain("auto", &step), Sample { value: whole(), ..record(None, None) });
        assert_eq!(drift.map(|drift| drift.misfit.kind), drifts.then_some(DriftKind::Type), "{field}");
    }
    // An object of which the schema says nothing more is not a value.
    let (drift, _) = through(
        &mut chain("auto", &format!("{{ plugin: mask, fields: {{ $.meta: {HMAC} }} }}")),
        Sample { value: Some(framed(8, br#"{"meta":{"a":"ana@example.org"}}"#)), ..record(None, None) },
    );
    assert!(drift.is_none(), "{drift:?}");
}

#[test]
fn a_step_that_is_given_nothing_masks_nothing() {
    for (step, refused) in [
        ("{ plugin: mask }", true),
        ("{ plugin: mask, fields: {} }", true),
        ("{ plugin: mask, key: \"null\" }", false),
        ("{ plugin: mask, mode: allow_list, key: clear, keep: [$.n] }", false),
        ("{ plugin: enrich, set: [{ to: $.n, value: 1 }] }", false),
    ] {
        let told = build("json", step).map(|_| ()).err().map(|problems| problems[0].to_string()).unwrap_or_default();
        assert_eq!(told.contains("everything would pass as it is"), refused, "{step}: {told}");
    }
}

#[test]
fn slips_in_the_keys_of_a_step_are_told() {
    for (step, hint) in [
        ("{ plugin: mask, feilds: { $.a: { use: redact } }, key: \"null\" }", "did you mean the step's own \"fields\"?"),
        ("{ plugin: mask, absent: keep, fields: { $.a: { use: redact } } }", "with this plugin, absent is pass or reject"),
        ("{ plugin: filter, unmatchd: halt, where: { field: $.a, eq: 1 } }", "did you mean the step's own \"unmatched\"?"),
    ] {
        let told = build("json", step).map(|_| ()).unwrap_err()[0].to_string();
        assert!(told.contains(hint), "{step}: {told}");
    }
    let told = build("json", "{ plugin: route, rekey: $.a }").map(|_| ()).unwrap_err()[0].to_string();
    assert!(told.contains("`$.a` is not among the fields") && !told.contains("did you mean"), "what is no slip has no hint: {told}");
}

#[test]
fn without_a_schema_the_named_fields_are_explained() {
    for (step, others) in [
        (format!("{{ plugin: mask, fields: {{ $.a: {HMAC} }} }}"), "clear"),
        (format!("{{ plugin: mask, mode: allow_list, key: clear, fields: {{ $.a: {HMAC} }} }}"), "dropped, unless kept"),
    ] {
        let explained = build("json", &step).unwrap().explain(TopicSchemas::default());
        let places = &explained.steps[0].places;
        assert_eq!(
            (places[0].path.as_str(), places[0].operator.as_deref(), places[0].nature),
            ("$.a", Some("hmac"), Some("pseudonymised"))
        );
        assert_eq!((places[1].path.as_str(), places[1].otherwise), ("all others", Some(others)));
        assert_eq!((places[2].path.as_str(), places[2].otherwise), ("key", Some("clear")));
    }
}

#[test]
fn what_the_step_allows_is_told_once() {
    // A selector that matches nothing for three windows: drift where it halts, no word of it otherwise.
    for (unmatched, plugin, drifts) in [
        ("halt", "mask, fields: { $.ids: { use: redact } }", true),
        ("allow", "mask, fields: { $.ids: { use: redact } }", false),
        ("halt", "filter, where: { field: $.ids, exists: false }", true),
    ] {
        let mut chain = chain("json", &format!("{{ plugin: {plugin}, unmatched: {unmatched} }}"));
        let records: Vec<Sample> = (0..3_000).map(|offset| Sample { offset, ..record(None, Some("{}")) }).collect();
        let mut missed = vec![0; chain.selectors()];
        assert_eq!(missed.len(), 1, "{plugin}");
        let done = chain.process("t", 0, &records, &mut missed).unwrap();
        assert_eq!(done.drift.map(|drift| (drift.misfit.kind, drift.offset)), drifts.then_some((DriftKind::Unmatched, 999)), "{plugin}");
        assert_eq!(missed[0] == u32::MAX, !drifts, "{plugin}: who told it once counts no more");
    }
    assert_eq!(chain("json", "{ plugin: filter, where: { field: $.ids, exists: false } }").selectors(), 0, "a rare field is none's typo");
}

#[test]
fn a_json_schema_is_held_against_the_step() {
    let value = || Some(framed(5, br#"{"id":"ana@example.org","n":1}"#));
    for (format, step, drift) in [
        ("auto", format!("{{ plugin: mask, mode: allow_list, key: clear, keep: [$.n], fields: {{ $.id: {HMAC} }} }}"), None),
        ("json_schema", format!("{{ plugin: mask, mode: allow_list, key: clear, fields: {{ $.id: {HMAC} }} }}"), Some(DriftKind::Unlisted)),
        ("json_schema", format!("{{ plugin: mask, mode: allow_list, unlisted: drop, key: clear, fields: {{ $.id: {HMAC} }} }}"), None),
        ("auto", format!("{{ plugin: mask, fields: {{ $.mail: {HMAC} }} }}"), Some(DriftKind::Unmatched)),
        ("auto", format!("{{ plugin: mask, unmatched: allow, fields: {{ $.mail: {HMAC} }} }}"), None),
    ] {
        let (found, value) = through(&mut chain(format, &step), Sample { value: value(), ..record(None, None) });
        assert_eq!(found.map(|found| found.misfit.kind), drift, "{step}");
        assert_eq!(value.starts_with(&[0, 0, 0, 0, 5]), drift.is_none(), "{step}");
    }
}
