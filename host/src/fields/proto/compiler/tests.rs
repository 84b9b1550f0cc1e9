//! What compiles and what is refused: imports, serialized descriptors, options, limits.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::Schema;
use super::*;

fn refs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn refusal(text: &str, references: &[(&str, &str)]) -> String {
    Schema::parse(text, &refs(references)).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn imports_are_found_among_references_and_what_registries_know() {
    let text = "syntax = 'proto3'; import 'b.proto'; import 'google/protobuf/timestamp.proto'; import 'google/type/money.proto';
        import 'confluent/meta.proto'; message A { x.B b = 1; google.protobuf.Timestamp at = 2; google.type.Money m = 3; y.C c = 4; }";
    let b = "syntax = 'proto3'; package x; import public 'dir/c.proto'; message B { y.C c = 1; }";
    let c = "package y; message C { optional int32 i = 1; }";
    let schema = Schema::parse(text, &refs(&[("b.proto", b), ("dir/c.proto", c)])).unwrap();
    assert_eq!(schema.name(schema.message(&[0]).unwrap()), "A");
    assert!(refusal(text, &[("b.proto", b)]).contains("'dir/c.proto' not found"));
    assert!(refusal(text, &[("b.proto", b), ("dir/c.proto", c), ("b.proto", c)]).contains("two different texts"));
    assert!(refusal("import 'b.proto';", &[("b.proto", "import 'c.proto';"), ("c.proto", "import 'b.proto';")]).contains("cycle"));
    let missing = refusal("message A { optional B b = 1; }", &[]);
    assert!(missing.contains("'B'"), "{missing}");
    assert!(refusal("message A { optional int32 a = 1; optional int32 b = 1; }", &[]).contains("1"));
}

#[test]
fn serialized_descriptors_are_schemas_too() {
    let text = "syntax = 'proto3'; import 'b.proto'; message A { B b = 1; repeated int32 n = 2 [packed = false]; map<string, B> m = 3; }";
    let b = "syntax = 'proto3'; message B { string s = 1; }";
    let serialize = |name: &str, text: &str| {
        let descriptor: FileDescriptorProto = File::from_source(name, text).unwrap().into();
        STANDARD.encode(bare(descriptor, "default").encode_to_vec())
    };
    // The compiler has resolved what its own source leaves open, so what is sent is taken from there.
    let pool = compile(text, &refs(&[("b.proto", b)])).unwrap();
    let main = STANDARD.encode(pool.get_file_by_name(MAIN).unwrap().encode_to_vec());
    for b in [serialize("b.proto", b), b.to_owned()] {
        let schema = Schema::parse(&main, &refs(&[("b.proto", &b)])).unwrap();
        let message = schema.tables.message(schema.message(&[0]).unwrap().0);
        assert_eq!(
            message.fields.iter().map(|field| (&*field.name, field.packed)).collect::<Vec<_>>(),
            [("b", false), ("n", false), ("m", false)]
        );
    }
    assert!(refusal("AAAA", &[]).contains("neither source nor"));
    assert!(refusal("QQ=", &[]).contains("neither source nor"));
}

#[test]
fn options_that_change_nothing_need_no_import() {
    let text = r#"syntax = "proto3"; option java_package = "x"; option (a.b).c = { d: [1, 2] e { f: "}" } };
        message A { option (x.y) = true; repeated int32 n = 1 [packed = false, (buf.validate.field).int32 = { gt: 5 }];
        string s = 2 [json_name = "other", deprecated = true]; repeated int32 p = 3; oneof o { option (q) = 1; int32 i = 4; } }
        enum E { option allow_alias = true; NIL = 0 [(z) = "{"]; ZERO = 0; }
        service S { option (w) = 1; rpc R (A) returns (Missing) { option (google.api.http) = { get: "/" }; } }"#;
    let schema = Schema::parse(text, &[]).unwrap();
    let fields = &schema.tables.message(schema.message(&[0]).unwrap().0).fields;
    let found: Vec<_> = fields.iter().map(|field| (&*field.name, &*field.json_name, field.packed)).collect();
    assert_eq!(found, [("n", "n", false), ("s", "other", false), ("p", "p", true), ("i", "i", false)]);
}

#[test]
fn messages_by_index() {
    let text = "message A { message B { message C {} } message D {} } message E {}
        message F { map<string, int32> m = 1; message G {} } message H { map<string, int32> m = 1; message I {} message J {} }
        message K { message L {} map<string, int32> m = 1; message M {} }";
    let schema = Schema::parse(text, &[]).unwrap();
    let cases: [(&[i32], &str); 16] = [
        (&[0], "A"),
        (&[0, 0], "A.B"),
        (&[0, 0, 0], "A.B.C"),
        (&[0, 1], "A.D"),
        (&[1], "E"),
        (&[2, 0], "F.G"),
        (&[2, 1], "F.G"),
        (&[3, 0], "H.I"),
        (&[3, 1], "clients differ"),
        (&[3, 2], "H.J"),
        (&[4, 0], "K.L"),
        (&[4, 1], "K.M"),
        (&[5], "no message"),
        (&[-1], "no message"),
        (&[0, 0, 0, 0], "no message"),
        (&[], "no message"),
    ];
    for (indexes, wanted) in cases {
        let found = schema.message(indexes).map_or_else(|error| error.to_string(), |message| schema.name(message).to_owned());
        assert!(found.contains(wanted), "{indexes:?}: {found}");
    }
}

#[test]
fn editions_are_refused_by_name() {
    for text in ["edition = \"2023\"; message A {}", " // edition\n/* { */ edition='2024';"] {
        assert!(matches!(Schema::parse(text, &[]), Err(SchemaError::Editions)), "{text}");
    }
    Schema::parse("message edition {} // edition", &[]).unwrap();
    Schema::parse("/* c */ message A { optional int32 edition = 1; }", &[]).unwrap();
    let file = FileDescriptorProto { syntax: Some("editions".to_owned()), ..FileDescriptorProto::default() };
    assert!(refusal(&STANDARD.encode(file.encode_to_vec()), &[]).contains("editions"));
}

#[test]
fn hostile_schemas_end_in_an_error() {
    let nested = |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    assert!(refusal(&nested("message A {", "}", 100_000), &[]).contains("nested"));
    assert!(refusal(&nested("message A {", "}", 60), &[]).contains("cannot compile"));
    assert!(refusal(&format!("option (a) = {};", nested("{ a ", "}", 100_000)), &[]).contains("nested"));
    assert!(refusal(&format!("option (a) = {};", nested("{ a < ", ">}", 100_000)), &[]).contains("nested"));
    // Brackets in strings and comments do not count.
    Schema::parse(&format!("// {0}\n/* {0} */ option java_package = '{0}\\'{0}';", "{".repeat(1000)), &[]).unwrap();
    assert!(refusal(&"/".repeat(MAX_TEXT + 1), &[]).contains("4 MiB"));
    let many: Vec<(String, String)> = (0..=MAX_IMPORTS).map(|at| (format!("{at}.proto"), String::new())).collect();
    assert!(matches!(Schema::parse("", &many), Err(SchemaError::TooManyImports)));
    // A chain of imports as long as it may be.
    let chain: Vec<(String, String)> = (0..MAX_IMPORTS).map(|at| (format!("{at}.proto"), format!("import '{}.proto';", at + 1))).collect();
    assert!(Schema::parse("import '0.proto';", &chain).unwrap_err().to_string().contains("not found"));
    for text in ["message", "{", "'", "\"\\", "/*", "\u{0}", "syntax = 'proto4';", "message A { optional int32 a = 0; }"] {
        assert!(refusal(text, &[]).contains("cannot compile"), "{text}");
    }
}
