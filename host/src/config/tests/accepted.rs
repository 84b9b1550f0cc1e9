//! What is accepted, and what it becomes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::super::plan::{
    Absent, Delivery, Effects, Format, Formats, Isolation, KeyRule, Mode, OnError, Payload, PropertyValue, RegistryAuth, Start, Step,
    TableFormat, TableSource, Unmatched,
};
use super::*;

fn only_step(more: &str) -> Step {
    let mut plan = plan(&pipeline(more)).unwrap();
    plan.pipelines.remove(0).steps.remove(0)
}

fn granted(step: &Step) -> Vec<(&str, String)> {
    let pairs = step.fields.iter();
    pairs.map(|f| (f.selector.as_str(), f.settings.to_string())).collect()
}

#[test]
fn the_whole_sample() {
    let plan = plan(SAMPLE).unwrap();
    assert_eq!(plan.memory, 256 << 20);
    assert_eq!(plan.http.listen.to_string(), "127.0.0.1:8088");
    assert_eq!(plan.keys.get("pii").unwrap().expose().len(), 32);
    let main = &plan.clusters["main"];
    let properties: Vec<_> = main.properties.iter().map(|p| (p.name.as_str(), p.value.expose())).collect();
    let key = env("KEY").unwrap();
    assert_eq!(properties, [("security.protocol", "sasl_ssl"), ("sasl.password", &key), ("socket.keepalive.enable", "true")]);
    assert!(matches!(main.properties[1].value, PropertyValue::Secret(_)));
    assert!(!format!("{plan:?}").contains(&key), "a secret is printed");

    let pipeline = &plan.pipelines[0];
    assert_eq!((pipeline.name.as_str(), pipeline.lanes), ("landing-to-main", 8));
    assert_eq!((pipeline.source.name.as_str(), pipeline.target.name.as_str()), ("landing", "main"));
    assert!(pipeline.topics.matches("payments.eu") && !pipeline.topics.matches("orders"));
    assert_eq!((&pipeline.start, pipeline.delivery), (&Start::Earliest, Delivery::ExactlyOnce));
    assert_eq!(pipeline.transaction.max_age, Duration::from_secs(1));
    assert_eq!(pipeline.on_error, OnError::Halt);

    let [mask, filter] = &pipeline.steps[..] else { panic!("two steps") };
    assert!(mask.mode == Mode::AllowList && matches!(mask.key, KeyRule::Clear));
    assert_eq!(mask.keep, ["$.id", "$.amount", "$.currency", "$.status"]);
    assert_eq!((mask.absent, mask.unmatched), (Absent::Pass, Some(Unmatched::Halt)));
    assert_eq!(
        granted(mask),
        [
            ("$.customer.email", r#"{"use":"hmac","key":"pii"}"#.to_owned()),
            ("$.card.pan", r#"{"use":"keep_last","n":4}"#.to_owned()),
            ("$.items[*].note", r#"{"use":"redact"}"#.to_owned()),
        ]
    );
    assert!(mask.names_key("pii") && !mask.names_key("other"));
    assert!(mask.settings.is_empty());
    assert_eq!(granted(filter), [("$.status", "{}".to_owned()), ("$.amount", "{}".to_owned())]);
    assert_eq!(
        json!(filter.settings),
        json!({ "where": { "all": [
            { "field": "$.status", "not_in": ["test", "void"] },
            { "not": { "field": "$.amount", "lt": 0 } },
        ] } })
    );
}

#[test]
fn the_sample_as_json_is_the_same_plan() {
    let tree = tree::read(0, SAMPLE).unwrap();
    let (yaml, json) = (plan(SAMPLE).unwrap(), plan(&tree.to_json().to_string()).unwrap());
    assert_eq!(yaml.pipelines[0].config_hash(), json.pipelines[0].config_hash());
    let places = |plan: &Plan| {
        let text = format!("{plan:?}");
        regex::Regex::new("line: [0-9]+, column: [0-9]+").unwrap().replace_all(&text, "").into_owned()
    };
    assert_eq!(places(&yaml), places(&json));
}

#[test]
fn defaults() {
    let plan = plan(&pipeline("")).unwrap();
    let p = &plan.pipelines[0];
    assert_eq!((p.lanes, &p.on_error, &p.start), (8, &OnError::Halt, &Start::Earliest));
    assert_eq!((p.transaction.max_records, p.transaction.max_bytes), (50_000, 64 << 20));
    assert_eq!((plan.memory, plan.plugins.dir), (256 << 20, None));
    let limits = plan.plugins.limits;
    assert_eq!((limits.memory, limits.batch_time), (64 << 20, Duration::from_millis(200)));
    assert_eq!((limits.batch_records, limits.output_records, limits.log_lines), (500, 100, 100));
    assert_eq!(limits.compile_time, Duration::from_secs(60));
    let step = only_step("    steps: [{ plugin: x }]\n");
    assert_eq!((step.mode, step.absent), (Mode::Fields, Absent::Pass));
    assert!(matches!(step.key, KeyRule::Clear));
}

#[test]
fn starts() {
    let start = |text: &str| plan(&pipeline(&format!("    start: {text}\n"))).unwrap().pipelines.remove(0).start;
    assert_eq!(start("latest"), Start::Latest);
    assert_eq!(start("{ timestamp: 2026-01-01T00:00:00Z }"), Start::Timestamp(1_767_225_600_000));
    let offsets = BTreeMap::from([("t".to_owned(), BTreeMap::from([(0, 5), (12, 9_007_199_254_740_993)]))]);
    assert_eq!(start("{ offsets: { t: { 0: 5, \"12\": 9007199254740993 } } }"), Start::Offsets(offsets));
}

#[test]
fn quarantines() {
    let on_error = |text: &str| plan(&pipeline(&format!("    on_error: {text}\n"))).unwrap().pipelines.remove(0).on_error;
    let quarantine = |topic: &str, payload| OnError::Quarantine { topic: topic.into(), payload };
    let default = "__sluice.p.quarantine";
    assert_eq!(on_error("quarantine"), quarantine(default, Payload::None));
    assert_eq!(on_error("{ quarantine: }"), quarantine(default, Payload::None));
    assert_eq!(on_error("{ quarantine: { payload: source } }"), quarantine(default, Payload::Source));
    assert_eq!(on_error("{ quarantine: { topic: __dlq } }"), quarantine("__dlq", Payload::None));
}

#[test]
fn schema_registries() {
    let registry = |text: &str| {
        let text = pipeline("").replacen("\"one:9092\" }", &format!("\"one:9092\", schema_registry: {text} }}"), 1);
        let mut plan = plan(&text).unwrap();
        assert!(!format!("{plan:?}").contains(&env("KEY").unwrap()), "a secret is printed");
        let source = Arc::clone(&plan.pipelines.remove(0).source);
        drop(plan);
        Arc::into_inner(source).unwrap().registry.unwrap()
    };
    let plain = registry("{ url: \"http://localhost:18081/\" }");
    assert_eq!(plain.urls, ["http://localhost:18081"]);
    assert_eq!((plain.timeout, plain.wait), (Duration::from_secs(5), Duration::from_secs(30)));
    assert!(plain.ca.is_none() && plain.certificate.is_none() && matches!(plain.auth, RegistryAuth::None));

    let dir = tempfile::tempdir().unwrap();
    let (ca, key) = (dir.path().join("ca.pem"), dir.path().join("key.pem"));
    std::fs::write(&ca, "-----BEGIN CERTIFICATE-----\n").unwrap();
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\n").unwrap();
    let full = registry(&format!(
        "{{ url: [https://one, https://two:8081/x], ca: {0}, certificate: {{ certificate: {0}, key: {{ file: {1} }} }}, \
         basic: {{ username: sluice, password: {{ env: KEY }} }}, timeout: 100ms, wait: 0s }}",
        ca.display(),
        key.display()
    ));
    assert_eq!(full.urls, ["https://one", "https://two:8081/x"]);
    assert_eq!((full.timeout, full.wait), (Duration::from_millis(100), Duration::ZERO));
    assert_eq!(full.ca.as_deref(), Some(&b"-----BEGIN CERTIFICATE-----\n"[..]));
    assert!(full.certificate.is_some_and(|c| c.key.expose().ends_with(b"KEY-----")));
    let RegistryAuth::Basic { username, password } = full.auth else { panic!("basic") };
    assert_eq!((username.as_str(), password.expose()), ("sluice", env("KEY").unwrap().as_bytes()));
    assert!(matches!(registry("{ url: http://h, bearer: { env: KEY } }").auth, RegistryAuth::Bearer(_)));
}

#[test]
fn formats() {
    let formats = |more: &str, topic: &str| {
        let text = pipeline(more).replacen("\"one:9092\" }", "\"one:9092\", schema_registry: { url: \"http://h\" } }", 1);
        let Formats { key, value } = plan(&text).unwrap().pipelines[0].format_for(topic);
        (key, value)
    };
    let cases = [
        ("", "t", (Format::Auto, Format::Auto)),
        ("    format: json_schema\n", "t", (Format::Auto, Format::JsonSchema)),
        ("    format: { key: text }\n", "t", (Format::Text, Format::Auto)),
        ("    format: { key: avro, value: protobuf }\n", "t", (Format::Avro, Format::Protobuf)),
        ("    format: bytes\n    topic_rules: [{ topics: [\"t*\"], format: { key: json } }]\n", "t", (Format::Json, Format::Bytes)),
        ("    format: bytes\n    topic_rules: [{ topics: [\"t*\"], format: { key: json } }]\n", "u", (Format::Auto, Format::Bytes)),
        (
            "    topic_rules: [{ topics: [{ regex: t }], format: avro }, { topics: [\"*\"], format: json }]\n",
            "t",
            (Format::Auto, Format::Avro),
        ),
        (
            "    topic_rules: [{ topics: [{ regex: t }], format: avro }, { topics: [\"*\"], format: json }]\n",
            "tt",
            (Format::Auto, Format::Json),
        ),
    ];
    for (more, topic, expected) in cases {
        assert_eq!(formats(more, topic), expected, "{more}");
    }
}

#[test]
fn formats_decide_the_hash_and_a_registrys_place_does_not() {
    let registry = "\"one:9092\", schema_registry: { url: \"http://h\" } }";
    let hash = |more: &str, cluster: &str| plan(&pipeline(more).replacen("\"one:9092\" }", cluster, 1)).unwrap().pipelines[0].config_hash();
    let plain = hash("", registry);
    assert_eq!(hash("", "\"one:9092\" }"), plain);
    assert_eq!(hash("    format: { key: auto, value: auto }\n", registry), plain);
    assert_ne!(hash("    format: avro\n", registry), plain);
    assert_ne!(hash("    topic_rules: [{ topics: [x], format: json }]\n", registry), plain);
}

#[test]
fn topics_by_regex() {
    let topics = |text: &str| {
        let text = pipeline("").replace("{ include: [\"*\"] }", text);
        plan(&text).unwrap().pipelines.remove(0).topics
    };
    for text in ["{ regex: \"a|bc\" }", "{ include: [{ regex: \"a|bc\" }] }"] {
        let topics = topics(text);
        assert!(topics.matches("a") && topics.matches("bc"), "{text}");
        assert!(!topics.matches("ac") && !topics.matches("abc"), "{text}");
    }
}

#[test]
fn a_filters_fields_are_short_for_where() {
    let step = only_step(
        "    steps:
      - plugin: filter
        absent: keep
        fields:
          $.status: { eq: ok }
          $.n: { ge: 1.50, lt: 1e400 }
",
    );
    assert_eq!(
        json!(step.settings).to_string(),
        r#"{"where":{"all":[{"field":"$.status","eq":"ok"},{"field":"$.n","ge":1.50,"lt":1e+400}]},"absent":"keep"}"#
    );
    assert_eq!(granted(&step), [("$.status", "{}".to_owned()), ("$.n", "{}".to_owned())]);
    let places = [
        ("/settings/where", "s.yaml:13:9"),
        ("/settings/where/all/1", "s.yaml:15:11"),
        ("/settings/where/all/1/lt", "s.yaml:15:32"),
        ("/settings/where/all/1/field", "s.yaml:15:11"),
        ("/settings/absent", "s.yaml:12:17"),
        ("/fields/1/whatever", "s.yaml:15:11"),
        ("/settings/none", "s.yaml:11:17"),
        ("", "s.yaml:11:17"),
    ];
    for (pointer, expected) in places {
        assert_eq!(step.locate(pointer).to_string(), expected, "{pointer}");
    }
}

#[test]
fn numbers_are_never_rounded() {
    for (written, read) in [
        ("9007199254740993", "9007199254740993"),
        ("09007199254740993", "9007199254740993"),
        ("+9007199254740992.5", "9007199254740992.5"),
        ("9007199254740993.", "9007199254740993"),
        ("-007", "-7"),
        ("-00", "-0"),
        (".5", "0.5"),
        ("+1.50", "1.50"),
        ("00", "0"),
        ("1.e3", "1e+3"),
        ("0x1F", "31"),
        ("0o17", "15"),
    ] {
        let step = only_step(&format!("    steps:\n      - {{ plugin: filter, where: {{ field: $.n, eq: {written} }} }}\n"));
        assert_eq!(json!(step.settings["where"]["eq"]).to_string(), read, "{written}");
    }
}

#[test]
fn a_where_tree_grants_the_fields_it_names_once() {
    let step = only_step(
        "    steps:
      - plugin: other
        mode: allow_list
        key: null
        headers: [trace, trace, b]
        sees: [headers, offset]
        keep: [$.a]
        fields: { $.c: { a/b: { n: 1 } } }
        where: { any: [{ field: $.a, eq: 1 }, { all: [{ field: \"$['a']\" }, { field: $.c }, { field: $.d }] },
          { cel: \"a > b\", with: { a: { field: \"$['d']\" }, field: { field: $.e } } }] }
        more: [1, 2]
",
    );
    let selectors: Vec<_> = step.fields.iter().map(|f| f.selector.as_str()).collect();
    assert_eq!(selectors, ["$.c", "$.a", "$.d", "$.e"]);
    // The plugin finds fields by their spelling.
    assert_eq!(step.settings["where"]["any"][1]["all"][0]["field"], "$.a");
    assert_eq!(step.settings["where"]["any"][2]["with"]["a"]["field"], "$.d");
    assert!(matches!(step.key, KeyRule::Null));
    assert_eq!((step.keep, step.headers), (vec!["$.a".into()], vec!["b".into(), "trace".into()]));
    assert!(step.sees.headers && step.sees.offset && !step.sees.key && !step.sees.value && !step.sees.timestamp);
    let at = |pointer: &str| step.places.nearest(pointer).unwrap().to_string();
    assert_eq!(at("/fields/0/a~1b/n"), "s.yaml:17:36");
    assert_eq!(at("/fields/1"), "s.yaml:18:33");
    assert_eq!((at("/keep/0"), at("/sees/1")), ("s.yaml:16:16".into(), "s.yaml:15:25".into()));
    assert_eq!(at("/settings/more"), "s.yaml:20:9");
    assert_eq!(at("/settings/more/1"), "s.yaml:20:19");
}

#[test]
fn files_come_together() {
    let one = source("one.yaml", CLUSTERS);
    let two = source("two.yaml", &pipeline("")[CLUSTERS.len()..]);
    let plan = plan_of(&[one, two], &selector, &env).unwrap();
    assert_eq!((plan.clusters.len(), plan.pipelines.len()), (2, 1));
    assert_eq!(plan.pipelines[0].at.to_string(), "two.yaml:2:11");
}

#[test]
fn paths_are_relative_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("plugins")).unwrap();
    std::fs::write(dir.path().join("pii.key"), "0123456789abcdef0123456789abcdef\n").unwrap();
    let text = format!("{}plugins: {{ dir: ./plugins }}\n", pipeline("")).replace("{ env: KEY }", "{ file: pii.key }");
    let file = dir.path().join("sluice.yaml");
    std::fs::write(&file, &text).unwrap();
    let plan = validate(std::slice::from_ref(&file), &selector).unwrap();
    assert_eq!(plan.plugins.dir.unwrap(), dir.path().join("./plugins"));
    assert_eq!(plan.keys.get("pii").unwrap().expose().len(), 32);
    assert_eq!(load_keys(&[file]).unwrap().names().collect::<Vec<_>>(), ["pii"]);
}

#[test]
fn a_key_has_those_that_it_replaced() {
    let text = pipeline("").replace("{ env: KEY }", "{ current: { env: KEY }, previous: [{ env: OLD }, { env: KEY }] }");
    let old = |name: &str| if name == "OLD" { Some("o".repeat(32)) } else { env(name) };
    let plan = plan_of(&[source("s.yaml", &text)], &selector, &old).unwrap();
    let key = env("KEY").unwrap();
    assert_eq!(plan.keys.get("pii").unwrap().expose(), key.as_bytes());
    let previous: Vec<_> = plan.keys.previous("pii").iter().map(|secret| secret.expose().to_vec()).collect();
    assert_eq!(previous, ["o".repeat(32).into_bytes(), key.clone().into_bytes()]);
    assert!(plan.keys.previous("none").is_empty());
    assert!(!format!("{plan:?}").contains(&key), "a secret is printed");
}

#[test]
fn tables_are_granted_by_naming_them() {
    let text = pipeline(
        "    steps:
      - plugin: enrich
        isolation: batch
        sees: [sizes]
        from: [{ table: rates, as: r }, { x: { table: customers } }]
        fields: { $.x: { table: codes }, $.y: { use: table } }
      - plugin: other
",
    ) + "tables:
  rates: { file: sub/rates.csv, key: id }
  customers: { topic: customers, cluster: b }
  codes: { file: codes.json }
  unused: { file: u.jsonl, key: id }
";
    let plan = plan(&text).unwrap();
    let [enrich, other] = &plan.pipelines[0].steps[..] else { panic!("two steps") };
    assert_eq!(enrich.tables.iter().collect::<Vec<_>>(), ["codes", "customers", "rates"]);
    assert!(other.tables.is_empty());
    assert_eq!((enrich.isolation, other.isolation), (Isolation::Batch, Isolation::Lane));
    assert!(enrich.sees.sizes && !other.sees.sizes);
    assert!(!enrich.settings.contains_key("isolation"));
    let TableSource::File { path, format } = &plan.tables["rates"].source else { panic!("a file") };
    assert_eq!((path.to_str().unwrap(), format), ("sub/rates.csv", &TableFormat::Csv { key: "id".into() }));
    let TableSource::File { format, .. } = &plan.tables["codes"].source else { panic!("a file") };
    assert_eq!(format, &TableFormat::Json { key: None });
    let TableSource::Topic { topic, cluster } = &plan.tables["customers"].source else { panic!("a topic") };
    assert_eq!((topic.as_str(), cluster.name.as_str()), ("customers", "b"));
    assert_eq!(plan.tables["unused"].at.to_string(), "s.yaml:21:3");
}

#[test]
fn effects_and_the_lock_are_where_they_are_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let steps =
        "    steps:\n      - { plugin: x, effects: [edit_fields, drop] }\n      - { plugin: x, effects: [] }\n      - { plugin: x }\n";
    let text = pipeline(steps) + &format!("plugins: {{ dir: {}, lock: sub/x.lock, trust: locked }}\n", dir.path().display());
    let plan = plan(&text).unwrap();
    assert_eq!(plan.plugins.lock.as_deref(), Some(std::path::Path::new("sub/x.lock")));
    let effects: Vec<_> = plan.pipelines[0].steps.iter().map(|step| step.effects).collect();
    let listed = Effects { edit_fields: true, drop: true, ..Effects::default() };
    assert_eq!(effects, [Some(listed), Some(Effects::default()), None]);
}

#[test]
fn the_hash_follows_what_decides_the_output() {
    let hash = |text: &str| plan(text).unwrap().pipelines[0].config_hash();
    let base = hash(SAMPLE);
    let same = [
        ("lanes: 8", "lanes: 16"),
        ("start: earliest", "start: latest"),
        ("max_age: 1s", "max_age: 2s"),
        ("{ use: hmac, key: pii }", "{ key: pii, use: hmac }"),
        ("memory: 256MiB", "memory: 512MiB"),
    ];
    for (from, to) in same {
        assert_eq!(hash(&SAMPLE.replace(from, to)), base, "{to}");
    }
    let other = [
        ("name: landing-to-main", "name: other"),
        ("[\"payments.*\"]", "[\"payments*\"]"),
        ("exclude: []", "exclude: [x]"),
        ("n: 4", "n: 5"),
        ("mode: allow_list", "mode: allow_list\n        headers: [a]"),
        ("key: clear", "key: null"),
        ("on_error: halt", "on_error: quarantine"),
        ("lt: 0", "lt: 0.0"),
        ("absent: pass", "absent: reject"),
        ("unmatched: halt", "unmatched: halt\n        sees: [key]"),
        ("unmatched: halt", "unmatched: halt\n        sees: [sizes]"),
        ("unmatched: halt", "unmatched: halt\n        isolation: batch"),
        ("unmatched: halt", "unmatched: halt\n        effects: [edit_fields]"),
        ("unmatched: halt", "unmatched: halt\n        compacted: allow"),
        ("unmatched: halt", "unmatched: halt\n        sees: [value]\n        view: json"),
        ("unmatched: halt", "unmatched: halt\n        map_names: clear"),
        ("\"$.amount\", \"$.currency\"", "\"$.currency\", \"$.amount\""),
    ];
    for (from, to) in other {
        assert!(SAMPLE.contains(from), "{from}");
        assert_ne!(hash(&SAMPLE.replacen(from, to, 1)), base, "{to}");
    }
}

#[test]
fn the_schema_has_every_key_with_its_manual() {
    let schema = schema();
    let mut keys = std::collections::BTreeSet::new();
    let mut bare = Vec::new();
    let mut walk = vec![&schema];
    while let Some(value) = walk.pop() {
        if let Some(properties) = value.get("properties").and_then(|p| p.as_object()) {
            for (name, property) in properties {
                keys.insert(name.as_str());
                // A choice that is a key has its manual one level up.
                let alone = properties.len() == 1;
                if property.get("description").or(value.get("description").filter(|_| alone)).is_none() {
                    bare.push(name);
                }
            }
        }
        for (name, below) in value.as_object().into_iter().flatten() {
            match name.as_str() {
                // Names of the user's, each with a schema.
                "properties" | "$defs" => walk.extend(below.as_object().unwrap().values()),
                _ => walk.push(below),
            }
        }
        walk.extend(value.as_array().into_iter().flatten());
    }
    // Of the example that shows them all; what is not supported yet has no value to show.
    let example = include_str!("../../../../examples/every-key/sluice.yaml");
    let shown: Vec<&str> =
        example.split(|c: char| !(c.is_alphanumeric() || "_:".contains(c))).filter_map(|word| word.strip_suffix(':')).collect();
    let later = ["acls", "groups", "rename", "schemas", "topic_config"];
    let hidden: Vec<&&str> = keys.iter().filter(|key| !shown.contains(key) && !later.contains(key)).collect();
    assert!(hidden.is_empty(), "not in examples/every-key: {hidden:?}");
    let expected = "absent acls basic batch_records bearer bootstrap_servers ca certificate cluster clusters compacted compile_time current delivery dir \
        effects env exclude fields file format groups headers http include isolation keep key keys lanes limits listen lock log_lines map_names max_age \
        max_bytes max_records memory mode name offsets on_error on_gap on_topic_recreated output_bytes output_records password payload \
        pipelines plugin plugins previous properties quarantine regex rename schema_registry schemas sees signers source stack start steps \
        tables target time timeout timestamp topic topic_config topic_rules topics transaction trust unlisted unmatched url username \
        value view wait";
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), expected.split_whitespace().collect::<Vec<_>>());
    assert!(bare.is_empty(), "without a manual: {bare:?}");
    let lanes = &schema["$defs"]["PipelineFile"]["properties"]["lanes"];
    assert_eq!(lanes["default"], json!(8));
}
