//! From a core module to a component, and what a component says about itself. It must not judge what it finds: whether a
//! component may be loaded is the host's to say.

use thiserror::Error;
use wasm_metadata::Producers;
use wasmparser::{Parser, Payload as Part};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The stub of the system calls, as text.
const PREVIEW1: &str = include_str!("preview1.wat");
/// The name under which modules import it.
const PREVIEW1_NAME: &str = "wasi_snapshot_preview1";
/// What the stub itself imports.
const PREVIEW1_WORLD: &str = "package sluice:preview1; world stub { import sluice:plugin/log@0.1.0; }";
/// The world of the contract.
const WORLD: &str = "transform";

/// Something is not what it has to be; in the words of the encoder or parser.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ComponentError(String);

fn failed(error: impl std::fmt::Display) -> ComponentError {
    // With its causes, on one line.
    ComponentError(format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A module that carries the description of its world, as bindings of Rust put it there, becomes a component.
pub fn componentize(core: &[u8]) -> Result<Vec<u8>, ComponentError> {
    ComponentEncoder::default().validate(true).module(core).and_then(|encoder| encoder.encode()).map_err(failed)
}

/// A module that carries no description becomes a component of the contract's world, `wit` being the contract's text. Its
/// system calls are answered by stubs.
pub fn componentize_bare(core: &[u8], wit: &str) -> Result<Vec<u8>, ComponentError> {
    let mut core = core.to_vec();
    describe(&mut core, &[wit], WORLD)?;
    let mut stub = wat::parse_str(PREVIEW1).map_err(failed)?;
    describe(&mut stub, &[wit, PREVIEW1_WORLD], "stub")?;
    ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .and_then(|encoder| encoder.adapter(PREVIEW1_NAME, &stub))
        .and_then(|encoder| encoder.encode())
        .map_err(failed)
}

/// Puts the description of `world`, one of the last package, into a module.
fn describe(module: &mut Vec<u8>, packages: &[&str], world: &str) -> Result<(), ComponentError> {
    let mut resolve = Resolve::default();
    let mut last = None;
    for (i, text) in packages.iter().enumerate() {
        last = Some(resolve.push_str(format!("{i}.wit"), text).map_err(failed)?);
    }
    let package: Vec<_> = last.into_iter().collect();
    let world = resolve.select_world(&package, Some(world)).map_err(failed)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false).map_err(failed)
}

/// The component with the language of its source in its `producers` section.
pub fn with_language(component: &[u8], language: &str) -> Result<Vec<u8>, ComponentError> {
    let mut producers = Producers::empty();
    producers.add("language", language, "");
    producers.add("processed-by", "sluice", env!("CARGO_PKG_VERSION"));
    producers.add_to_wasm(component).map_err(failed)
}

/// What a component says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// Names of what it imports, in order.
    pub imports: Vec<String>,
    /// Names of what it exports, in order.
    pub exports: Vec<String>,
    /// Languages that the `producers` sections name, its own first, each once.
    pub languages: Vec<String>,
    /// Tools that they name with their versions, its own first, each once.
    pub tools: Vec<(String, String)>,
}

/// Reads a component from outside to inside.
pub fn contents(component: &[u8]) -> Result<Contents, ComponentError> {
    let mut contents = Contents::default();
    let mut depth = 0;
    let mut producers = Vec::new();
    for part in Parser::new(0).parse_all(component) {
        match part.map_err(failed)? {
            Part::ModuleSection { .. } | Part::ComponentSection { .. } => depth += 1,
            Part::End(_) => depth -= 1,
            Part::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    contents.imports.push(import.map_err(failed)?.name.name.to_owned());
                }
            }
            Part::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    contents.exports.push(export.map_err(failed)?.name.name.to_owned());
                }
            }
            Part::CustomSection(section) if section.name() == "producers" => {
                producers.push((depth, Producers::from_bytes(section.data(), section.data_offset()).map_err(failed)?));
            }
            _ => {}
        }
    }
    // A component's own section comes after those of what is inside it.
    producers.sort_by_key(|(depth, _)| *depth);
    producers.iter().for_each(|(_, producers)| contents.named_by(producers));
    Ok(contents)
}

impl Contents {
    fn named_by(&mut self, producers: &Producers) {
        for (name, _) in producers.get("language").iter().flat_map(|field| field.iter()) {
            if !self.languages.contains(name) {
                self.languages.push(name.clone());
            }
        }
        for (name, version) in producers.get("processed-by").iter().flat_map(|field| field.iter()) {
            let tool = (name.clone(), version.clone());
            if !self.tools.contains(&tool) {
                self.tools.push(tool);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    const WIT: &str = "package sluice:plugin@0.1.0;
        interface log { enum level { debug, info, warn, error } write: func(level: level, message: string); }
        interface plugin { ready: func() -> bool; }
        world transform { import log; export plugin; }";

    fn module(body: &str) -> Vec<u8> {
        let text = format!(
            r#"(module {body} (memory (export "memory") 1)
                (func (export "sluice:plugin/plugin@0.1.0#ready") (result i32) (i32.const 1)))"#
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn a_bare_module_becomes_a_component_without_system_calls() {
        let calls = r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
                       (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))"#;
        for (body, imports) in [("", vec![]), (calls, vec!["sluice:plugin/log@0.1.0"])] {
            let component = componentize_bare(&module(body), WIT).unwrap();
            let contents = contents(&component).unwrap();
            assert_eq!(contents.imports, imports);
            assert_eq!(contents.exports, ["sluice:plugin/plugin@0.1.0"]);
        }
    }

    #[test]
    fn what_is_not_there_is_refused() {
        assert!(componentize(b"no module").is_err());
        let unknown = r#"(import "wasi_snapshot_preview1" "sock_send" (func (param i32) (result i32)))"#;
        for body in [unknown, r#"(import "env" "system" (func))"#] {
            assert!(componentize_bare(&module(body), WIT).is_err(), "{body}");
        }
        assert!(contents(b"\0asm\x0d\0\x01\0garbage").is_err());
    }

    #[test]
    fn the_language_is_found_again() {
        let component = with_language(&componentize_bare(&module(""), WIT).unwrap(), "C").unwrap();
        let contents = contents(&component).unwrap();
        assert_eq!(contents.languages, ["C"]);
        assert!(contents.tools.contains(&("sluice".to_owned(), env!("CARGO_PKG_VERSION").to_owned())));
    }
}
