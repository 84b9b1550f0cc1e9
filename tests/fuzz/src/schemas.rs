//! Texts that are to be selectors or schemas: the first byte says which, `s` a selector, `a` Avro, `p` Protobuf, `d` the
//! bytes of a file descriptor. References follow behind a zero byte each, a line with the name before the text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::host::fields::{Containers, Hits, Selection, Selector, avro, proto};

/// What is read with a schema that came out: nothing, zeros, small numbers, and the bytes of the schema itself.
fn bodies(text: &[u8]) -> [&[u8]; 4] {
    [b"", &[0; 64], &[2, 2, 2, 4, 2, 8, 1, 10, 1, 97, 0, 0], text]
}

/// What is selected with a schema.
const SELECTORS: [&str; 4] = ["$", "$..a", "$.*[-1]", "$.a.b"];

pub fn run(input: &[u8]) {
    let Some((which, text)) = input.split_first() else { return };
    match which {
        b's' => with_text(text, selector),
        b'a' => with_text(text, avro),
        b'p' => with_text(text, proto),
        b'd' => proto(&STANDARD.encode(text)),
        _ => {}
    }
}

fn with_text(text: &[u8], run: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(text) {
        run(text);
    }
}

fn selector(text: &str) {
    let Ok(selector) = Selector::parse(text) else { return };
    assert_eq!(selector.to_string(), text);
    let again = Selector::parse(&selector.canonical()).unwrap_or_else(|error| panic!("{error}: its canonical form is none"));
    assert_eq!(again.canonical(), selector.canonical());
    assert!(again == selector, "its canonical form is another one");
    for containers in [Containers::Expand, Containers::Composite] {
        let Ok(selection) = Selection::compile(std::slice::from_ref(&selector), None, containers) else { continue };
        let taken = selection.select(br#"{"a":[1,{"b":"c"}],"b":{"a":null,"":[[]]}}"#, &mut Hits::new());
        assert_eq!(taken, Ok(()));
    }
}

fn selections() -> impl Iterator<Item = Selection> {
    SELECTORS.iter().flat_map(|text| {
        let field = [Selector::parse(text).expect("a selector")];
        let keep = [Selector::parse("$.c").expect("a selector")];
        let list = |keep, containers| Selection::compile(&field, keep, containers).expect("one selector");
        [list(None, Containers::Expand), list(Some(&keep[..]), Containers::Expand), list(None, Containers::Composite)]
    })
}

fn parts(text: &str) -> (&str, Vec<(String, String)>) {
    let mut parts = text.split('\0');
    let main = parts.next().unwrap_or_default();
    let named = parts.map(|part| part.split_once('\n').unwrap_or(("", part)));
    (main, named.map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
}

fn avro(text: &str) {
    let (main, references) = parts(text);
    let Ok(schema) = avro::Schema::parse(main, &references) else { return };
    let (mut hits, mut out) = (Hits::new(), Vec::new());
    for selection in selections() {
        let Ok(plan) = avro::Plan::compile(&selection, &schema) else { continue };
        std::hint::black_box((plan.leaves(), plan.unlisted(), plan.places(0).count()));
        for body in bodies(text.as_bytes()) {
            if plan.select(body, &mut hits).is_ok() {
                out.clear();
                hits.hits().iter().for_each(|hit| plan.append_value(body, hit, &mut out).expect("a hit is handed out"));
            }
        }
    }
    for body in bodies(text.as_bytes()) {
        out.clear();
        if avro::json::to_json(&schema, body, &mut out).is_ok() {
            let mut back = Vec::new();
            avro::json::from_json(&schema, &out, &mut back).unwrap_or_else(|error| panic!("{error}: its own JSON is refused"));
        }
    }
}

fn proto(text: &str) {
    let (main, references) = parts(text);
    let Ok(schema) = proto::Schema::parse(main, &references) else { return };
    let (mut hits, mut out) = (Hits::new(), Vec::new());
    for message in [&[0][..], &[1], &[0, 0]].into_iter().filter_map(|indexes| schema.message(indexes).ok()) {
        assert!(!schema.name(message).is_empty());
        for selection in selections() {
            let Ok(plan) = proto::Plan::compile(&selection, &schema, message) else { continue };
            std::hint::black_box((plan.leaves(), plan.unlisted(), plan.places(0).count()));
            for body in bodies(text.as_bytes()) {
                if plan.select(body, &mut hits).is_ok() {
                    out.clear();
                    hits.hits().iter().for_each(|hit| plan.append_value(body, hit, &mut out).expect("a hit is handed out"));
                }
            }
        }
    }
}
