//! What is refused: the exact words and places, all of them at once.

use super::*;

#[test]
fn text_that_is_not_yaml() {
    check("empty", "", &["s.yaml: there is no pipeline; write one under \"pipelines\""]);
    check(
        "a list",
        "[]",
        &["s.yaml:1:1: expected a map with the keys clusters, keys, tables, plugins, http, memory, pipelines, found a list"],
    );
    check("twice", "memory: 64MiB\nhttp: {}\nmemory: 1\n", &["s.yaml:3:1: the key \"memory\" is given twice in this map"]);
    check(
        "brackets in a flow map",
        &pipeline("    steps:\n      - plugin: mask\n        fields: { $.items[*].note: { use: redact } }\n"),
        &["s.yaml:12:27: cannot read as YAML: while scanning an anchor or alias, did not find expected alphabetic or \
           numeric character; quote a key that has brackets, such as \"$.items[*].note\""],
    );
    let deep = "[".repeat(100_000);
    let bomb = (0..30).fold("l0: &l0 [x, x]\n".to_owned(), |text, i| format!("{text}l{}: &l{} [*l{i}, *l{i}]\n", i + 1, i + 1));
    for text in [deep, bomb] {
        let error = plan(&text).unwrap_err().to_string();
        assert!(error.contains(": cannot read as YAML: ") && !error.contains('\n') && !error.contains("budget"), "{error}");
    }
    check(
        "two documents",
        "memory: 1MiB\n---\nmemory: 2MiB\n",
        &["s.yaml:3:1: a second document begins here; write one a file, and give -f for each"],
    );
    check(
        "a quote that stays open beside a quoted selector",
        "keys: { a: \"$.a[0]\", b: \"x\n",
        &["s.yaml:1:25: cannot read as YAML: unclosed quote"],
    );
    check("infinity", "memory: .inf\n", &["s.yaml:1:9: infinity and not-a-number have no place here"]);
}

#[test]
fn keys_that_do_not_exist_or_are_missing() {
    check(
        "slips",
        "clustrs: {}\nhttp: { lisen: x }\nclusters:\n  a:\n    bootstrap_server: x\n  b:\n    properties: {}\n",
        &[
            "s.yaml:1:1: unknown key \"clustrs\" at the top; did you mean \"clusters\"?",
            "s.yaml:2:9: unknown key \"lisen\" in http; did you mean \"listen\"?",
            "s.yaml:5:5: unknown key \"bootstrap_server\" in clusters.a; did you mean \"bootstrap_servers\"?",
            "s.yaml:6:3: clusters.b: the required key \"bootstrap_servers\" is missing",
        ],
    );
    check("nothing near", "http:\n  token: x\n", &["s.yaml:2:3: unknown key \"token\" in http; valid keys are listen"]);
    check(
        "a pipeline's",
        &pipeline("").replace("target: b", "traget: b"),
        &["s.yaml:8:5: unknown key \"traget\" in pipelines[0]; did you mean \"target\"?"],
    );
    check(
        "a choice's",
        &pipeline("    on_error: { quarantine: { payload: raw } }\n    start: { timestmp: x }\n"),
        &[
            "s.yaml:10:40: pipelines[0].on_error.quarantine.payload: \"raw\" is not one of none, source",
            "s.yaml:11:14: unknown key \"timestmp\" in pipelines[0].start; did you mean \"timestamp\"?",
        ],
    );
}

#[test]
fn wrong_types() {
    check(
        "of pipelines",
        &pipeline(
            "    lanes: '8'
    delivery: exactly-once
    start: timestamp
    transaction: { max_age: 5, timeout: 5x, max_bytes: 1XB, max_records: 1.5 }
    steps: [mask, { plugin: 5 }, { fields: {} }, { plugin: x, sees: [keys], key: hashed }]
",
        ),
        &[
            "s.yaml:10:12: pipelines[0].lanes: expected an integer from 0 to 4294967295, found a text",
            "s.yaml:11:15: pipelines[0].delivery: \"exactly-once\" is not one of exactly_once, at_least_once; did you mean \
             \"exactly_once\"?",
            "s.yaml:12:12: pipelines[0].start: \"timestamp\" needs a value: write { timestamp: … }",
            "s.yaml:13:29: pipelines[0].transaction.max_age: 5 is not a duration such as 30s; the units are ms, s, m, h and d",
            "s.yaml:13:41: pipelines[0].transaction.timeout: \"5x\" is not a duration such as 30s; the units are ms, s, m, h \
             and d",
            "s.yaml:13:56: pipelines[0].transaction.max_bytes: \"1XB\" is not a size such as 4MiB; the units are B, KiB, MiB, \
             GiB, kB, MB and GB",
            "s.yaml:13:74: pipelines[0].transaction.max_records: expected an integer from 0 to 4294967295, found a number",
            "s.yaml:14:13: pipelines[0].steps[0]: expected a map such as { plugin: mask, fields: { … } }, found a text",
            "s.yaml:14:29: pipelines[0].steps[1].plugin: expected a text, found a number; put it in quotes",
            "s.yaml:14:34: pipelines[0].steps[2]: the required key \"plugin\" is missing",
            "s.yaml:14:70: pipelines[0].steps[3].sees[0]: \"keys\" is not one of key, value, headers, timestamp, offset, \
             sizes; did you mean \"key\"?",
            "s.yaml:14:82: pipelines[0].steps[3].key: \"hashed\" is not one of clear, null",
        ],
    );
    check(
        "a secret where none belongs is not repeated",
        "keys: { pii: swordfish }\nclusters: { a: swordfish }\n",
        &[
            "s.yaml:1:14: keys.pii: expected { env: NAME }, { file: PATH } or { current: …, previous: [ … ] }, found a text",
            "s.yaml:2:16: clusters.a: expected a map such as { bootstrap_servers: \"host:9092\" }, found a text",
        ],
    );
}

#[test]
fn signers_that_sign_nothing() {
    let key = "ed25519:ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
    check(
        "nobody looks",
        &format!("plugins: {{ trust: locked, signers: [\"{key}\"] }}\n{}", pipeline("")),
        &["s.yaml:1:37: plugins.signers: nobody looks at signatures unless plugins.trust is signed"],
    );
    check(
        "no key",
        &format!("plugins: {{ trust: signed, signers: [\"{key}\", \"{}\"] }}\n{}", &key[8..], pipeline("")),
        &["s.yaml:1:113: plugins.signers: it is not a public key: ed25519: and 64 hex digits, as sluice plugin keygen prints it"],
    );
}

#[test]
fn clusters_keys_and_sections() {
    check(
        "all at once",
        &format!(
            "{}plugins: {{ dir: none, trust: signed, limits: {{ memory: 1, time: 2m, batch_records: 5000 }} }}\n\
             http: {{ listen: \"0.0.0.0:80\" }}\nmemory: 4MB\n",
            pipeline("").replace("{ env: KEY }", "{ env: SHORT }, x: { env: NONE }, y: { file: none }, z: { env: A, file: b }").replace(
                "{ bootstrap_servers: \"two:9092\" }",
                "
    bootstrap_servers: \"two, two:0,[::1]:9\"
    schema_registry: { url: x }
    properties:
      acks: 1
      sasl.password: swordfish
      ssl.key.pem: { env: NONE }
      linger.ms: 5"
            )
        ),
        &[
            "s.yaml:4:24: bootstrap_servers: \"two\" is not host:port",
            "s.yaml:4:24: bootstrap_servers: \"two:0\" is not host:port",
            "s.yaml:5:29: schema_registry.url has to begin with http:// or https://",
            "s.yaml:7:7: the property acks belongs to Sluice: nothing lost, nothing doubled and the order of records depend on \
             it; see delivery of the pipeline; remove it",
            "s.yaml:8:22: the property sasl.password is a secret and must not be written in clear; write { env: NAME } or \
             { file: PATH }",
            "s.yaml:9:7: the property ssl.key.pem cannot be had: the environment variable NONE is not set",
            "s.yaml:10:7: the property linger.ms belongs to Sluice: full batches go at once, the rest when the transaction ends; \
             see transaction.max_age of the pipeline; remove it",
            "s.yaml:11:9: the key \"pii\" has 9 bytes, and needs at least 32",
            "s.yaml:11:30: the key \"x\" cannot be had: the environment variable NONE is not set",
            "s.yaml:11:48: the key \"y\" cannot be had: cannot read the file none: it does not exist",
            "s.yaml:11:67: the key \"z\" cannot be had: expected exactly one of { env: NAME } and { file: PATH }",
            "s.yaml:17:17: cannot use the plugin directory none: it does not exist",
            "s.yaml:17:30: plugins.trust: signed needs plugins.signers: at least one public key",
            "s.yaml:17:56: plugins.limits.memory is 1, and has to be from 1MiB to 1GiB",
            "s.yaml:17:65: plugins.limits.time is 2m, and has to be from 10ms to 1m",
            "s.yaml:17:84: plugins.limits.batch_records is 5000, and has to be from 1 to 1000",
            "s.yaml:18:17: http.listen: 0.0.0.0:80 can be reached from other machines, which needs a token; that is not \
             supported yet; use 127.0.0.1",
            "s.yaml:19:9: memory is 4000000, and has to be at least 32MiB",
        ],
    );
}

#[test]
fn rotated_keys() {
    let cases = [
        ("{ current: { env: KEY }, env: KEY }", "s.yaml:4:9: the key \"pii\" has current beside env or file; give it once"),
        (
            "{ env: KEY, previous: [{ env: KEY }] }",
            "s.yaml:4:26: the key \"pii\" has previous without current: { current: …, previous: [ … ] }",
        ),
        ("{ previous: [] }", "s.yaml:4:16: the key \"pii\" has previous without current: { current: …, previous: [ … ] }"),
        ("{ current: { env: KEY }, previous: [{ env: SHORT }] }", "s.yaml:4:50: the key \"pii\" has 9 bytes, and needs at least 32"),
        ("{ current: {} }", "s.yaml:4:16: the key \"pii\" cannot be had: expected exactly one of { env: NAME } and { file: PATH }"),
        ("{}", "s.yaml:4:9: the key \"pii\" cannot be had: expected exactly one of { env: NAME } and { file: PATH }"),
    ];
    for (text, expected) in cases {
        check(text, &pipeline("").replace("{ env: KEY }", text), &[expected]);
    }
}

#[test]
fn tables() {
    check(
        "all at once",
        &format!(
            "{}tables:
  a: {{ file: a.xml, key: id }}
  b: {{ file: b.csv }}
  c: {{ topic: c }}
  d: {{ topic: d, cluster: bb, key: id }}
  e: {{ topic: \"*\", cluster: a }}
  f: {{ file: f.jsonl, topic: f, cluster: a }}
",
            pipeline("    steps:\n      - plugin: enrich\n        from: [{ table: aa }]\n        fields: { $.x: { table: zzz } }\n")
        ),
        &[
            "s.yaml:12:25: there is no table \"aa\"; did you mean \"a\"?",
            "s.yaml:13:33: there is no table \"zzz\"; give it under \"tables\"",
            "s.yaml:15:14: the table \"a\": a file is .csv, .json or .jsonl, by the end of its name",
            "s.yaml:16:14: the table \"b\" needs key: the column of a row's key",
            "s.yaml:17:3: the table \"c\" is either { file: PATH, key: COLUMN } or { topic: NAME, cluster: NAME }",
            "s.yaml:18:27: there is no cluster \"bb\"; did you mean \"b\"?",
            "s.yaml:18:36: the table \"d\" has key beside topic: the key of a row is the key of its record; remove it",
            "s.yaml:19:15: \"*\" is not a topic name: [a-zA-Z0-9._-], at most 249 bytes",
            "s.yaml:20:3: the table \"f\" is either { file: PATH, key: COLUMN } or { topic: NAME, cluster: NAME }",
        ],
    );
}

#[test]
fn pipelines() {
    check(
        "all at once",
        &format!(
            "{CLUSTERS}pipelines:
  - name: P!
    source: aa
    target: zzzzz
    topics: {{ include: [\"a[\", __x, {{ regex: \"a(\" }}] }}
    lanes: 999
    schemas:
    groups:
      sync: true
    format: text
    on_error: {{ quarantine: {{ topic: \"*\" }} }}
    transaction: {{ timeout: 2s }}
    start: {{ offsets: {{ t: {{ x: 1, 0: -1 }} }} }}
"
        ),
        &[
            "s.yaml:6:11: the pipeline name \"P!\" has to be [a-z0-9][a-z0-9._-]*, at most 100 bytes",
            "s.yaml:7:13: there is no cluster \"aa\"; did you mean \"a\"?",
            "s.yaml:8:13: there is no cluster \"zzzzz\"; there are a, b",
            "s.yaml:9:25: topics: the glob \"a[\" is not valid: unclosed character class; missing ']'",
            "s.yaml:9:31: topics: \"__x\" is an internal topic of a broker or tool, and never copied",
            "s.yaml:9:36: topics: the regular expression \"a(\" is not valid: unclosed group",
            "s.yaml:10:12: lanes is 999, and has to be from 1 to 256",
            "s.yaml:11:5: schemas is not supported yet; remove it",
            "s.yaml:12:5: groups is not supported yet; remove it",
            "s.yaml:15:38: \"*\" is not a topic name: [a-zA-Z0-9._-], at most 249 bytes",
            "s.yaml:16:29: transaction.max_age (1s) has to be at most a third of timeout (2s)",
            "s.yaml:17:30: start.offsets: \"x\" is not a partition number",
            "s.yaml:17:39: start.offsets: an offset is 0 or more",
        ],
    );
    check(
        "a state topic as quarantine",
        &pipeline("    on_error: { quarantine: { topic: __sluice.p.positions } }\n"),
        &["s.yaml:10:38: the topic \"__sluice.p.positions\" is reserved for Sluice's own state; choose another"],
    );
    let topics = [
        ("{}", "s.yaml:9:5: topics needs include or regex; write { include: [\"*\"] } for all topics"),
        ("{ include: [] }", "s.yaml:9:15: topics.include is empty; write [\"*\"] for all topics"),
        ("{ include: [a], regex: b }", "s.yaml:9:36: topics has both include and regex; write { regex: … } as an entry of include"),
    ];
    for (text, expected) in topics {
        check(text, &pipeline("").replace("{ include: [\"*\"] }", text), &[expected]);
    }
}

#[test]
fn steps() {
    check(
        "a mask's",
        &pipeline(
            "    steps:
      - plugin: mask
        mode: allow_list
        keep: [$.k, $.k, \"$['a']\"]
        absent: pas
        fields:
          $.a: { use: hmac, key: pi }
          $['a']: { use: redact }
          x: {}
          $.b: redact
          \"$.q[\": {}
          $.d: { use: detect, then: { use: hmac, key: pj } }
",
        ),
        &[
            "s.yaml:12:15: mode: allow_list needs a word about the record's key: write \"key: clear\" (it goes on as the \
             step leaves it), \"key: null\" (it becomes null) or what masks it, such as \"key: { use: hmac, key: pii }\"",
            "s.yaml:13:21: the path \"$.k\" is given twice in this step; the first is at s.yaml:13:16",
            "s.yaml:13:26: \"$['a']\" is the same path as \"$.a\" at s.yaml:16:11; give it once",
            "s.yaml:14:17: absent: \"pas\" is not one of pass, reject, keep, drop; did you mean \"pass\"?",
            "s.yaml:16:34: there is no key \"pi\"; did you mean \"pii\"?",
            "s.yaml:17:11: \"$['a']\" is the same path as \"$.a\" at s.yaml:16:11; give it once",
            "s.yaml:18:11: cannot read the selector \"x\": a path begins with $ (at character 1)",
            "s.yaml:19:16: the settings of a field are a map such as { use: redact }, not a text",
            "s.yaml:20:11: cannot read the selector \"$.q[\": the bracket is not closed (at character 4)",
            "s.yaml:21:55: there is no key \"pj\"; give it under \"keys\"",
        ],
    );
    check(
        "a filter's",
        &pipeline("    steps:\n      - { plugin: filter, absent: pass, where: { field: $.a, eq: 1 } }\n"),
        &["s.yaml:11:35: absent: \"pass\" says nothing of what a filter does with such a record; write keep or drop (drop is the \
             default)"],
    );
    check(
        "others",
        &pipeline(
            "    steps:
      - plugin: Mask
        keep: [$.a]
        headers: [h]
      - plugin: filter
        fields: { $.a: { eq: 1 } }
        where: {}
      - plugin: filter
        fields:
          $.a: ok
          $.b: { field: x }
      - plugin: filter
        where: { any: [{ field: b }] }
",
        ),
        &[
            "s.yaml:11:17: the plugin name \"Mask\" has to be [a-z][a-z0-9-]*, at most 64 bytes",
            "s.yaml:12:9: keep has a meaning in mode: allow_list only; write that mode, or remove keep",
            "s.yaml:13:9: headers has a meaning in mode: allow_list only; write that mode, or remove headers",
            "s.yaml:16:9: a filter has either fields or where; write all conditions under where",
            "s.yaml:19:16: a condition is a map such as { eq: ok }, not a text",
            "s.yaml:20:18: the field of this condition is named by the key before it",
            "s.yaml:22:33: cannot read the selector \"b\": a path begins with $ (at character 1)",
        ],
    );
}

#[test]
fn loops_are_unsafe_and_not_invalid() {
    let same = pipeline("").replace("target: b", "target: a");
    check("itself", &same, &["s.yaml:8:13: source and target are both \"a\": the pipeline would feed itself"]);
    let shared = pipeline("").replace("two:9092", "x:1, ONE:9092");
    check("one broker", &shared, &["s.yaml:8:13: the clusters \"a\" and \"b\" share the broker one:9092: the pipeline would feed itself"]);
    let quarantine = pipeline("    on_error: { quarantine: { topic: dlq, payload: source } }\n");
    check(
        "quarantine",
        &quarantine,
        &["s.yaml:10:38: the quarantine topic \"dlq\" is among the pipeline's topics: the pipeline would feed itself"],
    );
    for text in [&same, &shared, &quarantine] {
        assert_eq!(plan(text).unwrap_err().class(), Class::Unsafe);
        let invalid_too = format!("{text}memory: 1\n");
        assert_eq!(plan(&invalid_too).unwrap_err().class(), Class::Invalid);
    }
}

#[test]
fn names_given_in_two_files() {
    let one = source("one.yaml", &format!("{}memory: 64MiB\n", pipeline("")));
    let two = source("two.yaml", &format!("memory: 64MiB\n{}", pipeline("")));
    let errors = plan_of(&[one, two], &selector, &env).unwrap_err();
    assert_eq!(
        errors.to_string().lines().collect::<Vec<_>>(),
        [
            "two.yaml:1:9: the section memory is given twice; the first is at one.yaml:10:9",
            "two.yaml:3:3: the cluster \"a\" is given twice; the first is at one.yaml:2:3",
            "two.yaml:4:3: the cluster \"b\" is given twice; the first is at one.yaml:3:3",
            "two.yaml:5:9: the key \"pii\" is given twice; the first is at one.yaml:4:9",
            "two.yaml:7:11: the pipeline \"p\" is given twice; the first is at one.yaml:6:11",
        ]
    );
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let (missing, binary) = (dir.path().join("missing.yaml"), dir.path().join("binary.yaml"));
    std::fs::write(&binary, b"a: \xff").unwrap();
    let errors = validate(&[missing.clone(), binary.clone()], &selector).unwrap_err();
    let expected = [
        format!("{}: cannot read the configuration: it does not exist", missing.display()),
        format!("{}: cannot read the configuration: it is not UTF-8 from byte 3 on", binary.display()),
    ];
    assert_eq!(errors.to_string().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn schema_registries() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let pem = path("ca.pem", "-----BEGIN CERTIFICATE-----\n");
    let (rsa, empty) = (path("rsa.key", "-----BEGIN RSA PRIVATE KEY-----\nswordfish"), path("empty", ""));
    let cases = [
        ("{}", &["2:39: clusters.a.schema_registry: the required key \"url\" is missing"][..]),
        (
            "{ url: 1 }",
            &["3:8: clusters.a.schema_registry.url: expected an address such as \"https://host:8081\", or a list of them, found a number"],
        ),
        ("{ url: [] }", &["3:3: schema_registry.url is an empty list; write at least one address"]),
        (
            "{ url: [http://h, \"http://u:swordfish@h\", http://h/] }",
            &[
                "3:19: schema_registry.url must not hold credentials; write them under basic",
                "3:43: schema_registry.url: http://h is given twice",
            ],
        ),
        (
            &format!("{{ url: http://h, ca: {pem}, certificate: {{ certificate: {empty}, key: {{ file: {rsa} }} }} }}"),
            &[
                "3:22: schema_registry.ca has a meaning with https:// only; write that, or remove ca",
                &format!(
                    "3:{}: schema_registry.certificate has a meaning with https:// only; write that, or remove certificate",
                    24 + pem.len()
                ),
                &format!("3:{}: schema_registry.certificate cannot be used: there is no certificate in PEM in it", 52 + pem.len()),
                &format!(
                    "3:{}: schema_registry.certificate.key is not PKCS#8 in PEM without a password; \
                     openssl pkcs8 -topk8 -nocrypt -in KEY makes it that",
                    54 + pem.len() + empty.len()
                ),
            ],
        ),
        (
            "{ url: https://h, ca: none.pem, bearer: { env: SPACED }, timeout: 0s, wait: 1h }",
            &[
                "3:23: schema_registry.ca cannot be used: cannot read the file none.pem: it does not exist",
                "3:33: schema_registry.bearer has to be visible ASCII without spaces",
                "3:67: schema_registry.timeout is 0ms, and has to be from 100ms to 1m",
                "3:77: schema_registry.wait is 1h, and has to be from 0ms to 10m",
            ],
        ),
        (
            "{ url: http://h, bearer: { env: KEY }, basic: { username: a:b, password: { env: NONE } } }",
            &["3:18: schema_registry has both basic and bearer; write one"],
        ),
        (
            "{ url: http://h, basic: { username: a:b, password: { env: NONE } } }",
            &[
                "3:37: schema_registry.basic.username is empty or has a colon in it",
                "3:42: schema_registry.basic.password cannot be had: the environment variable NONE is not set",
            ],
        ),
        (
            "{ url: http://h, basic: { username: a, password: swordfish } }",
            &["3:50: clusters.a.schema_registry.basic.password: expected { env: NAME } or { file: PATH }, found a text"],
        ),
    ];
    for (registry, expected) in cases {
        let text = pipeline("").replacen("one:9092\" }", &format!("one:9092\", schema_registry:\n{registry} }}"), 1);
        let expected: Vec<_> = expected.iter().map(|line| format!("s.yaml:{line}")).collect();
        let error = plan(&text).expect_err(registry).to_string();
        assert_eq!(error.lines().collect::<Vec<_>>(), expected, "{registry}");
        assert!(!error.contains("swordfish"), "{registry}");
    }
}

#[test]
fn formats() {
    let bare = "needs a schema registry; write schema_registry of the cluster \"a\"";
    let cases = [
        ("format: avro", vec![format!("10:13: format: avro {bare}")]),
        ("format: { key: protobuf, value: json_schema }", vec![format!("10:20: format: protobuf {bare}"), format!("10:37: format: json_schema {bare}")]),
        (
            "format: avrro",
            vec!["10:13: pipelines[0].format: \"avrro\" is not one of auto, json, avro, protobuf, json_schema, text, bytes; did you mean \"avro\"?".into()],
        ),
        ("format: 1", vec!["10:13: pipelines[0].format: expected a format such as avro, or { key: text, value: avro }, found a number".into()]),
        ("format: { val: json }", vec!["10:15: unknown key \"val\" in pipelines[0].format; valid keys are key, value".into()]),
        (
            "topic_rules: [{ topics: [], format: text }, { topics: [\"a[\", __x], format: avro }]",
            vec![
                "10:21: topic_rules: topics is empty; write the topics that the rule is for, or remove it".into(),
                "10:60: topic_rules: the glob \"a[\" is not valid: unclosed character class; missing ']'".into(),
                "10:66: topic_rules: \"__x\" is an internal topic of a broker or tool, and never copied".into(),
                format!("10:80: format: avro {bare}"),
            ],
        ),
        ("topic_rules: [{ topics: [a] }]", vec!["10:19: pipelines[0].topic_rules[0]: the required key \"format\" is missing".into()]),
    ];
    for (line, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|line| format!("s.yaml:{line}")).collect();
        let error = plan(&pipeline(&format!("    {line}\n"))).expect_err(line).to_string();
        assert_eq!(error.lines().collect::<Vec<_>>(), expected, "{line}");
    }
    // A registry that is wrong is told once, not again by what needs it.
    let text = pipeline("    format: avro\n").replacen("\"one:9092\" }", "\"one:9092\", schema_registry: { url: x } }", 1);
    check("both", &text, &["s.yaml:2:63: schema_registry.url has to begin with http:// or https://"]);
}

#[test]
fn what_a_step_may_do_is_one_of_the_contracts() {
    let said = plan(&pipeline("    steps:\n      - { plugin: x, effects: [edit-fields] }\n")).unwrap_err().to_string();
    assert!(said.contains("\"edit-fields\" is not one of edit_fields, edit_key, "), "{said}");
    let said = plan(&(pipeline("") + "plugins: { lock: x }\n")).unwrap_err().to_string();
    assert!(said.ends_with("plugins.lock: there is nothing to lock without plugins.dir"), "{said}");
}
