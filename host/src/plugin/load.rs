//! From the bytes of a file to a plugin that may be used: size, form, imports, exports, compilation, `describe`.
//! It must not read files or know directories; whoever watches those hands over bytes, read once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use super::bindings::{Transform, TransformPre};
use super::cache::Cache;
use super::compile::{Compile, compile};
use super::describe::Description;
use super::digest::{self, hex};
use super::engine::{engine, fingerprint};
use super::failure;
use super::instance::StepPlace;
use super::limits::Limits;
use super::state::{self, HostServices, State};
use super::windows::Windows;
use super::{imports, wasi};

mod error;

pub use error::{LoadError, SetUpError};

/// The interface that makes a component a plugin, without its version.
const EXPORT: &str = "sluice:plugin/plugin";
/// Versions of the contract that are served, without their last part: 0.1.0 and whatever is compatible with it.
pub const SUPPORTED: &[&str] = &["0.1"];
/// Interfaces of the contract that a plugin may import, without their version; `types` has no functions.
const IMPORTS: &[&str] = &["types", "log", "metrics", "keys", "tables", "windows"];

/// Loads plugins: one engine, one set of limits, one cache of compiled code.
#[derive(Debug)]
pub struct Plugins {
    engine: Engine,
    fingerprint: [u8; 32],
    limits: Limits,
    compile: Compile,
    cache: Cache,
}

/// A plugin that passed every check; instances are made from it.
pub struct Plugin {
    pub(super) engine: Engine,
    pub(super) pre: TransformPre<State>,
    pub(super) limits: Limits,
    pub(super) name: Arc<str>,
    description: Description,
    digest: [u8; 32],
    origin: String,
}

impl Plugins {
    /// Sets up loading. Compiled code is kept in `cache`; [`Cache::default_dir`] is where.
    pub fn new(limits: Limits, compile: Compile, cache: Cache) -> Result<Plugins, SetUpError> {
        let engine = engine(limits.stack_bytes)?;
        let fingerprint = fingerprint(&engine);
        Ok(Plugins { engine, fingerprint, limits, compile, cache })
    }

    /// Loads a plugin from the bytes of its file; `origin` names it in errors.
    pub fn load(&self, bytes: Vec<u8>, origin: &str) -> Result<Arc<Plugin>, LoadError> {
        self.load_within(bytes, origin, None)
    }

    /// Time that the compiler has for one plugin.
    pub fn compile_time(&self) -> Duration {
        self.limits.compile_time
    }

    /// The same with at most so much time for the compiler, where that is less than it has.
    pub fn load_within(&self, bytes: Vec<u8>, origin: &str, within: Option<Duration>) -> Result<Arc<Plugin>, LoadError> {
        if bytes.len() > self.limits.binary_bytes {
            let (bytes, limit) = (bytes.len(), self.limits.binary_bytes);
            return Err(LoadError::TooLarge { origin: origin.to_owned(), bytes, limit });
        }
        form(&bytes, origin)?;
        let component = self.compiled(&bytes, origin, within)?;
        self.check_imports(&component, origin)?;
        self.check_exports(&component, origin)?;
        self.check_resources(&component, origin)?;
        let contract = |error: wasmtime::Error| LoadError::Contract { origin: origin.to_owned(), why: chain(&error) };
        let pre = self.link(&component).map_err(contract)?;
        let description = self.describe(&pre, origin)?;
        Ok(Arc::new(Plugin {
            engine: self.engine.clone(),
            pre,
            limits: self.limits.clone(),
            name: description.name.as_str().into(),
            description,
            digest: digest::of(&bytes),
            origin: origin.to_owned(),
        }))
    }

    /// The compiled component, from the cache or through it.
    fn compiled(&self, bytes: &[u8], origin: &str, within: Option<Duration>) -> Result<Component, LoadError> {
        let cached = |source| LoadError::Cache { origin: origin.to_owned(), source };
        // What the compiler was allowed belongs to it: what took an author's tool minutes is no short cut for a run.
        let allowed = [self.limits.compile_time.as_secs(), self.limits.compile_bytes].map(u64::to_le_bytes).concat();
        let sha256 = Sha256::new().chain_update(Sha256::digest(bytes)).chain_update(self.fingerprint).chain_update(allowed);
        let key = hex(&sha256.finalize());
        if let Some(component) = self.cache.load(&self.engine, &key).map_err(cached)? {
            return Ok(component);
        }
        let mut draft = self.cache.draft(&key).map_err(cached)?;
        let limits = Limits { compile_time: self.limits.compile_time.min(within.unwrap_or(Duration::MAX)), ..self.limits.clone() };
        compile(&self.compile, &self.engine, bytes, &limits, &mut draft)
            .map_err(|source| LoadError::Compile { origin: origin.to_owned(), source })?;
        self.cache.keep(draft, &key).map_err(cached)?;
        let component = self.cache.load(&self.engine, &key).map_err(cached)?;
        component.ok_or_else(|| LoadError::Contract { origin: origin.to_owned(), why: "its compiled form does not load".to_owned() })
    }

    /// Nothing but the contract's interfaces and the written list of stubs.
    fn check_imports(&self, component: &Component, origin: &str) -> Result<(), LoadError> {
        for (name, item) in component.component_type().imports(&self.engine) {
            let ours =
                versioned(name, "sluice:plugin/").is_some_and(|(interface, version)| IMPORTS.contains(&interface) && is_supported(version));
            let instance = matches!(item.ty, ComponentItem::ComponentInstance(_));
            if !instance || !(ours || wasi::stubbed(name).is_some()) {
                return Err(LoadError::Import { origin: origin.to_owned(), import: name.to_owned() });
            }
        }
        Ok(())
    }

    fn check_exports(&self, component: &Component, origin: &str) -> Result<(), LoadError> {
        let ty = component.component_type();
        let names: Vec<&str> = ty.exports(&self.engine).map(|(name, _)| name).collect();
        let plugin = names.iter().find_map(|name| Some((name, versioned(name, EXPORT)?.1)));
        match plugin {
            Some((_, version)) if is_supported(version) => Ok(()),
            Some((name, _)) => Err(LoadError::Export { origin: origin.to_owned(), found: (*name).to_owned() }),
            None if names.is_empty() => Err(LoadError::Export { origin: origin.to_owned(), found: "nothing".into() }),
            None => Err(LoadError::Export { origin: origin.to_owned(), found: some(&names) }),
        }
    }

    /// What instantiation would refuse, said in words before it is tried.
    fn check_resources(&self, component: &Component, origin: &str) -> Result<(), LoadError> {
        const PAGE: u64 = 64 << 10;
        let Some(needs) = component.resources_required() else {
            return Ok(());
        };
        let bytes = needs.max_initial_memory_size.unwrap_or(0).saturating_mul(PAGE);
        let what = if needs.num_memories as usize > self.limits.memories {
            format!("{} memories; the limit is {}", needs.num_memories, self.limits.memories)
        } else if needs.num_tables as usize > self.limits.tables {
            format!("{} tables; the limit is {}", needs.num_tables, self.limits.tables)
        } else if bytes > self.limits.memory_bytes as u64 {
            format!("{bytes} bytes of memory; the limit is {}", self.limits.memory_bytes)
        } else {
            return Ok(());
        };
        Err(LoadError::Resources { origin: origin.to_owned(), what })
    }

    /// Everything the component imports is defined, and the types of all functions are compared.
    fn link(&self, component: &Component) -> wasmtime::Result<TransformPre<State>> {
        let mut linker = Linker::new(&self.engine);
        imports::add_to_linker(&mut linker)?;
        let ty = component.component_type();
        let mut defined = HashSet::new();
        for (name, item) in ty.imports(&self.engine) {
            let (Some(entry), ComponentItem::ComponentInstance(imported)) = (wasi::stubbed(name), &item.ty) else {
                continue;
            };
            if defined.insert(name) {
                wasi::add_to_linker(&mut linker.instance(name)?, &self.engine, entry, imported)?;
            }
        }
        // Done here and not by whichever lane comes first.
        component.initialize_copy_on_write_image()?;
        TransformPre::new(linker.instantiate_pre(component)?)
    }

    /// Asks the plugin what it is, in an instance of its own that is thrown away.
    fn describe(&self, pre: &TransformPre<State>, origin: &str) -> Result<Description, LoadError> {
        let state = State::new(origin.into(), &self.limits, 0, HostServices::default(), StepPlace::default());
        let mut store = state::store(&self.engine, state);
        state::arm(&mut store, self.limits.describe_time);
        let answer = pre.instantiate(&mut store).and_then(|plugin: Transform| {
            let guest = plugin.sluice_plugin_plugin();
            guest.call_describe(&mut store)
        });
        let answer = answer.map_err(|error| LoadError::Describe {
            origin: origin.to_owned(),
            source: failure::of_engine(&error, &store.data().limiter),
        })?;
        Description::parse(answer).map_err(|what| LoadError::Description { origin: origin.to_owned(), what })
    }
}

impl Plugin {
    /// What it is and what it asks for.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// SHA-256 of its file.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// [`Plugin::digest`] in lower-case hex.
    pub fn digest_hex(&self) -> String {
        hex(&self.digest)
    }

    /// What a step with it remembers at the start: nothing, and at most as many bytes as an instance may take.
    pub fn windows(&self) -> Windows {
        Windows::of(self.limits.memory_bytes)
    }

    /// Where it came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plugin({} {} from {})", self.name, self.description.version, self.origin)
    }
}

/// Refuses what is not a component with a word on what it is. Only the first bytes are looked at; all others are
/// parsed by the compiler, in its own process.
fn form(bytes: &[u8], origin: &str) -> Result<(), LoadError> {
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    let (found, hint) = match bytes {
        _ if bytes.starts_with(COMPONENT) => return Ok(()),
        _ if bytes.starts_with(MODULE) => ("a core module", "make it one with `wasm-tools component new`"),
        [] => ("empty", "was it copied while it was being written? rename it into place instead"),
        _ if Engine::detect_precompiled(bytes).is_some() => ("compiled machine code", "hand over the component it was made from"),
        _ if bytes.starts_with(b"\0asm") => ("WebAssembly of another version", "build it with newer tools"),
        _ if text(bytes) => ("WebAssembly text", "turn it into a binary with `wasm-tools parse`"),
        _ => ("something else", "a component begins with the bytes 00 61 73 6d 0d 00 01 00"),
    };
    Err(LoadError::NotComponent { origin: origin.to_owned(), found, hint })
}

/// Text begins with a list or a comment, after any white space.
fn text(bytes: &[u8]) -> bool {
    let rest = bytes.trim_ascii_start();
    rest.starts_with(b"(") || rest.starts_with(b";;")
}

/// What follows `prefix` in a name with a version, and the version: `log` and `0.1.0` of `sluice:plugin/log@0.1.0`.
fn versioned<'a>(name: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    name.strip_prefix(prefix)?.split_once('@')
}

fn is_supported(version: &str) -> bool {
    let patch = |v: &&str| version.strip_prefix(*v).and_then(|rest| rest.strip_prefix('.'));
    let number = |patch: &str| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit());
    SUPPORTED.iter().any(|v| patch(v).is_some_and(number))
}

/// The first of the names that a component's author chose, and how many more there are.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    const BYTES: usize = 80;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(|name| &name[..name.floor_char_boundary(BYTES)]).collect();
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// An error of the engine with its causes, on one line. Only for errors about types, which hold no data.
fn chain(error: &wasmtime::Error) -> String {
    let causes: Vec<String> = error.chain().map(|cause| cause.to_string()).collect();
    causes.join(": ").replace('\n', " ")
}

#[cfg(test)]
mod tests;
