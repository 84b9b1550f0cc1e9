//! Files that are tables, and files that are none.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;

fn load(format: &TableFormat, text: &[u8]) -> Result<Vec<(String, String)>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table");
    fs::write(&path, text).unwrap();
    let read = read(&path, format)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let keys = ["a", "b", "1", "1.50", "true", "", "é\n"];
    let rows: Vec<_> = keys.iter().filter_map(|key| Some(((*key).to_owned(), text(read.rows.get(key.as_bytes())?)))).collect();
    assert_eq!(rows.len(), read.rows.len(), "a key that the test does not know");
    Ok(rows)
}

fn csv() -> TableFormat {
    TableFormat::Csv { key: "id".into() }
}

fn json() -> TableFormat {
    TableFormat::Json { key: Some("id".into()) }
}

fn object() -> TableFormat {
    TableFormat::Json { key: None }
}

fn lines() -> TableFormat {
    TableFormat::JsonLines { key: "id".into() }
}

#[test]
fn every_format_gives_rows_by_key() {
    type Case = (TableFormat, &'static str, &'static [(&'static str, &'static str)]);
    let cases: [Case; 8] = [
        (csv(), "id,n\na,1\nb,\"x \"\"y\"\"\"\n", &[("a", r#"{"id":"a","n":"1"}"#), ("b", r#"{"id":"b","n":"x \"y\""}"#)]),
        (csv(), "n,id\r\n1,\"é\n\"\r\n2,\r\n", &[("", r#"{"n":"2","id":""}"#), ("é\n", r#"{"n":"1","id":"é\n"}"#)]),
        (csv(), "id", &[]),
        (json(), r#" [ {"id":"a","n":1.50}, { "id" : 1 } ]"#, &[("a", r#"{"id":"a","n":1.50}"#), ("1", r#"{ "id" : 1 }"#)]),
        (
            json(),
            r#"[{"id":1.50},{"id":true},{"id":"\u00e9\n"}]"#,
            &[("1.50", r#"{"id":1.50}"#), ("true", r#"{"id":true}"#), ("é\n", r#"{"id":"\u00e9\n"}"#)],
        ),
        (json(), "[]", &[]),
        (object(), r#"{"a":{"n":12345678901234567890},"":{}}"#, &[("a", r#"{"n":12345678901234567890}"#), ("", "{}")]),
        (lines(), "{\"id\":\"a\"}\r\n\n {\"id\":\"b\"} \n", &[("a", r#"{"id":"a"}"#), ("b", r#"{"id":"b"}"#)]),
    ];
    for (format, text, want) in cases {
        let want: Vec<_> = want.iter().map(|(key, row)| ((*key).to_owned(), (*row).to_owned())).collect();
        assert_eq!(load(&format, text.as_bytes()), Ok(want), "{text}");
    }
}

#[test]
fn what_is_no_table_is_refused_without_a_word_of_it() {
    let cases: [(TableFormat, &[u8], &str); 17] = [
        (csv(), b"", "it is empty; the first line names the columns"),
        (csv(), b"key,n\nsecret,1\n", "it has no column id"),
        (csv(), b"id,id\n", "two columns have the same name"),
        (csv(), b"id,n\nsecret\n", "line 2: it has 1 fields, and the first line 2"),
        (csv(), b"id\nsecret\nb\nsecret\n", "line 4: its key was there before"),
        (csv(), b"id\nsec\"ret\n", "line 2: not CSV; a field with a quote is written in quotes, its own doubled"),
        (csv(), b"id\n\xff\n", "it is not UTF-8 from byte 3 on"),
        (json(), b"[{\"id\":\"secret\"},{\"id\":\"secret\"}]", "row 2: its key was there before"),
        (json(), b"[{\"id\":\"secret\",\"id\":1}]", "row 1: it does not have one id"),
        (json(), b"[{\"n\":\"secret\"}]", "row 1: it does not have one id"),
        (json(), b"[{\"id\":null}]", "row 1: id is neither a text nor a number nor a boolean"),
        (json(), b"[{},\n secret]", "not JSON, at line 2, column 2"),
        (json(), b"{\"secret\":{}}", "it is one object, whose members are the rows by key; remove key: id"),
        (object(), b"[]", "it is an array, which needs key: the member that holds a row's key"),
        (object(), b"{\"secret\":1}", "row 1: not an object"),
        (object(), b"{\"secret\":{},\"secret\":{}}", "row 2: its key was there before"),
        (lines(), b"{\"id\":\"a\"}\n[\"secret\"]\n", "line 2: not an object"),
    ];
    for (format, text, want) in cases {
        assert_eq!(load(&format, text).unwrap_err(), want);
    }
}

#[test]
fn the_revision_is_the_contents() {
    let dir = tempfile::tempdir().unwrap();
    let revision = |text: &str| {
        let path = dir.path().join("t");
        fs::write(&path, text).unwrap();
        let stamp = Stamp::of(&path);
        (read(&path, &csv()).ok().unwrap().revision, stamp)
    };
    let (first, stamp) = revision("id\na\n");
    assert_eq!(revision("id\na\n").0, first);
    let (second, other) = revision("id\na\nb\n");
    assert!(second != first && other != stamp);
    assert!(read(&dir.path().join("none"), &csv()).is_err() && Stamp::of(&dir.path().join("none")) == Stamp(None));
}
