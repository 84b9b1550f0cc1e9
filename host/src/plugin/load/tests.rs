//! What is loaded, and every reason not to load.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::plugin::compile::CompileError;
use crate::plugin::failure::CallError;
use crate::plugin::guest::{Guest, load};
use crate::plugin::limits::STACK_BYTES;

fn refusal(bytes: Vec<u8>) -> String {
    load(bytes, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn a_plugin_says_what_it_is() {
    let guest = Guest {
        name: "mask-2".into(),
        sees: 0b10,
        effects: 0b1_0000_0001,
        counters: vec!["masked:redact", "seen"],
        rejections: vec!["not_text"],
        ..Guest::default()
    };
    let plugin = guest.load(&Limits::default()).unwrap();
    let said = plugin.description();
    assert_eq!((said.name.as_str(), said.version.as_str()), ("mask-2", "1.0.0"));
    assert!(said.sees.value && !said.sees.key && said.effects.edit_fields && said.effects.emit && !said.effects.drop);
    assert_eq!(said.counters, ["masked:redact", "seen"]);
    assert_eq!(said.rejections, ["not_text"]);
    assert_eq!(plugin.digest_hex(), hex(&Sha256::digest(guest.bytes())));
}

#[test]
fn what_is_not_a_component_is_named() {
    let compiled = engine(STACK_BYTES).unwrap().precompile_component(&Guest::default().bytes()).unwrap();
    let cases: [(&[u8], &str); 6] = [
        (b"", "it is empty"),
        (b"\0asm\x01\0\0\0", "it is a core module"),
        (b"  (component)", "it is WebAssembly text"),
        (b"\0asm\x02\0\0\0", "it is WebAssembly of another version"),
        (&compiled, "it is compiled machine code"),
        (b"#!/bin/sh\n", "it is something else"),
    ];
    for (bytes, want) in cases {
        let got = refusal(bytes.to_vec());
        assert!(got.starts_with("cannot load plugin test.wasm: ") && got.contains(want), "{got}");
    }
}

#[test]
fn a_broken_component_does_not_compile() {
    let mut bytes = Guest::default().bytes();
    bytes.truncate(bytes.len() / 2);
    assert!(refusal(bytes).starts_with("cannot compile plugin test.wasm: "));
}

#[test]
fn a_large_file_is_not_looked_at() {
    let limits = Limits { binary_bytes: 100, ..Limits::default() };
    let got = load(vec![0; 101], &limits).unwrap_err();
    assert!(matches!(got, LoadError::TooLarge { bytes: 101, limit: 100, .. }), "{got}");
}

#[test]
fn what_no_plugin_may_import_is_named() {
    let cases = [
        ("wasi:sockets/network@0.2.6", "package wasi:sockets@0.2.6; interface network { open: func(); }"),
        ("wasi:http/types@0.2.6", "package wasi:http@0.2.6; interface types { open: func(); }"),
        ("wasi:cli/stdout@0.3.0", "package wasi:cli@0.3.0; interface stdout { open: func(); }"),
        ("sluice:other/secrets@0.1.0", "package sluice:other@0.1.0; interface secrets { open: func(); }"),
    ];
    for (import, package) in cases {
        let guest = Guest {
            packages: Box::leak(Box::new([package])),
            world: Box::leak(format!("import {import};").into_boxed_str()),
            items: format!(r#"(import "{import}" "open" (func))"#),
            ..Guest::default()
        };
        let want = format!("cannot load plugin test.wasm: it imports {import}, which no plugin may");
        assert_eq!(refusal(guest.bytes()), want);
    }
    let guest = Guest { world: "import open: func();", items: r#"(import "$root" "open" (func))"#.into(), ..Guest::default() };
    assert!(refusal(guest.bytes()).contains("it imports open, which no plugin may"));
}

#[test]
fn versions_are_compared() {
    for served in ["0.1.0", "0.1.7"] {
        let guest = Guest { contract: served, ..Guest::default() };
        assert!(guest.load(&Limits::default()).is_ok(), "{served}");
    }
    for other in ["0.2.0", "1.0.0", "0.1.0-rc.1"] {
        let got = refusal(Guest { contract: other, ..Guest::default() }.bytes());
        // A guest that also imports is refused by its first import, this one by its export.
        assert!(got.contains(&format!("@{other}")), "{got}");
    }
    let got = refusal(b"\0asm\x0d\0\x01\0".to_vec());
    assert!(got.contains("it exports nothing, and this version of Sluice takes sluice:plugin/plugin 0.1.x"), "{got}");
}

#[test]
fn more_memory_than_allowed_at_the_start_is_refused() {
    let limits = Limits { memory_bytes: 8 << 16, ..Limits::default() };
    let guest = |pages| Guest { pages, ..Guest::default() };
    assert!(guest(8).load(&limits).is_ok());
    let got = guest(9).load(&limits).unwrap_err().to_string();
    assert!(got.contains("it starts with 589824 bytes of memory; the limit is 524288"), "{got}");
}

#[test]
fn describing_is_bounded_and_checked() {
    let loops = Guest { describe: "(loop $l (br $l))", ..Guest::default() };
    let limits = Limits { describe_time: std::time::Duration::from_millis(20), ..Limits::default() };
    let got = loops.load(&limits).unwrap_err();
    assert!(matches!(got, LoadError::Describe { source: CallError::Timeout, .. }), "{got}");

    let traps = Guest { describe: "unreachable", ..Guest::default() };
    let got = traps.load(&Limits::default()).unwrap_err();
    assert!(matches!(got, LoadError::Describe { source: CallError::Trap { .. }, .. }), "{got}");

    let nameless = Guest { name: "No Name".into(), ..Guest::default() };
    assert!(refusal(nameless.bytes()).contains("its name is not"));
}

#[test]
fn compiled_code_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::open(root.path().join("c")).unwrap();
    let bytes = Guest { name: "kept".into(), ..Guest::default() }.bytes();
    let plugins = Plugins::new(Limits::default(), Compile::InProcess, cache.clone()).unwrap();
    plugins.load(bytes.clone(), "a").unwrap();
    // A compiler that cannot be run is not needed any more.
    let nothing = Compile::Child { program: "/nowhere/compiler".into(), arguments: vec![] };
    let plugins = Plugins::new(Limits::default(), nothing, cache).unwrap();
    plugins.load(bytes, "b").unwrap();
    let got = plugins.load(Guest::default().bytes(), "c").unwrap_err();
    assert!(matches!(got, LoadError::Compile { source: CompileError::Run { .. }, .. }), "{got}");
}
