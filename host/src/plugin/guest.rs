//! Guests for the tests of this module: a few lines of WebAssembly text become a whole plugin.
//! It must not be used outside tests; plugins written in a real language are under `plugins/` and `tests/guests/`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{Cache, Compile, Limits, LoadError, Plugin, Plugins};

const WIT: &str = include_str!("../../../wit/v0.1.0/plugin.wit");

/// Where the guest keeps what it answers, in its memory.
const INIT: u32 = 16;
const DESCRIPTION: u32 = 64;
const STRINGS: u32 = 256;
/// `result<changes, u32>`: all zeros is "no change".
pub const ANSWER: u32 = 4096;
/// Free for the test's own data.
pub const DATA: u32 = 8192;
/// From here on the host puts what it hands over.
const HEAP: u32 = 65536;

/// A plugin in the making.
pub struct Guest {
    /// The version of the contract that it says it implements.
    pub contract: &'static str,
    /// Its name.
    pub name: String,
    /// Bits of the contract's flags `sees` and `effects`.
    pub sees: u8,
    pub effects: u16,
    /// Names of rejection codes and of counters.
    pub rejections: Vec<&'static str>,
    pub counters: Vec<&'static str>,
    /// Lines of the world beside the contract's, and packages that they name.
    pub world: &'static str,
    pub packages: &'static [&'static str],
    /// Core imports, globals and functions.
    pub items: String,
    /// Code of `describe`, `init` and `transform`, before they answer; `$batch` is the last one's argument.
    pub describe: &'static str,
    pub init: &'static str,
    pub transform: String,
    /// Bytes by address.
    pub data: Vec<(u32, Vec<u8>)>,
    /// Pages of memory at the start.
    pub pages: u32,
}

impl Default for Guest {
    fn default() -> Self {
        Guest {
            contract: "0.1.0",
            name: "guest".into(),
            sees: 0,
            effects: 0,
            rejections: vec![],
            counters: vec![],
            world: "",
            packages: &[],
            items: String::new(),
            describe: "",
            init: "",
            transform: String::new(),
            data: vec![],
            pages: 4,
        }
    }
}

/// Little-endian words.
pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

impl Guest {
    /// The component.
    pub fn bytes(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        for (i, package) in self.packages.iter().enumerate() {
            resolve.push_str(format!("{i}.wit"), package).unwrap();
        }
        let contract = WIT.replace("sluice:plugin@0.1.0", &format!("sluice:plugin@{}", self.contract));
        resolve.push_str("plugin.wit", &contract).unwrap();
        let world = format!("package test:guest; world guest {{ include sluice:plugin/transform@{}; {} }}", self.contract, self.world);
        let package = resolve.push_str("guest.wit", &world).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        let mut core = wat::parse_str(self.text()).unwrap();
        embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().validate(true).module(&core).unwrap().encode().unwrap()
    }

    fn text(&self) -> String {
        let mut data = self.description();
        data.extend(self.data.iter().cloned());
        let mut segments = String::new();
        for (at, bytes) in data {
            let bytes = bytes.iter().fold(String::new(), |mut text, byte| {
                write!(text, "\\{byte:02x}").unwrap();
                text
            });
            writeln!(segments, "(data (i32.const {at}) \"{bytes}\")").unwrap();
        }
        let Guest { contract, items, describe, init, transform, pages, .. } = self;
        let export = format!("sluice:plugin/plugin@{contract}");
        format!(
            r#"(module
              {items}
              (memory (export "memory") {pages})
              (global $heap (mut i32) (i32.const {HEAP}))
              (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                (global.get $heap)
                (global.set $heap (i32.add (global.get $heap) (local.get 3))))
              (func (export "{export}#describe") (result i32) {describe} (i32.const {DESCRIPTION}))
              (func (export "{export}#init") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                {init} (global.set $heap (i32.const {HEAP})) (i32.const {INIT}))
              (func (export "{export}#transform") (param $batch i32) (result i32) (local $i i32)
                (global.set $heap (i32.const {HEAP})) {transform} (i32.const {ANSWER}))
              {segments})"#
        )
    }

    /// The record `description`, and the strings it points to.
    fn description(&self) -> Vec<(u32, Vec<u8>)> {
        let mut strings = vec![];
        let mut put = |text: &str| -> [u32; 2] {
            let at = STRINGS + strings.len() as u32;
            strings.extend_from_slice(text.as_bytes());
            [at, text.len() as u32]
        };
        let mut record = vec![];
        for text in [&*self.name, "1.0.0", "A guest.", "{}", "{}"] {
            record.extend(words(&put(text)));
        }
        record.extend([self.sees, 0]);
        record.extend(self.effects.to_le_bytes());
        let counters: Vec<u32> = self.counters.iter().flat_map(|name| put(name)).collect();
        let rejections: Vec<u32> = self.rejections.iter().flat_map(|name| put(name)).collect();
        let lists = STRINGS + 2048;
        let next = lists + 4 * counters.len() as u32;
        record.extend(words(&[lists, self.counters.len() as u32, next, self.rejections.len() as u32]));
        vec![(DESCRIPTION, record), (STRINGS, strings), (lists, words(&counters)), (next, words(&rejections))]
    }

    /// Loads it under these limits.
    pub fn load(&self, limits: &Limits) -> Result<Arc<Plugin>, LoadError> {
        load(self.bytes(), limits)
    }
}

/// Loads any bytes under these limits, compiling here: the program of a test is not a compiler.
pub fn load(bytes: Vec<u8>, limits: &Limits) -> Result<Arc<Plugin>, LoadError> {
    static ROOT: OnceLock<tempfile::TempDir> = OnceLock::new();
    let root = ROOT.get_or_init(|| tempfile::tempdir().unwrap());
    let cache = Cache::open(root.path().join("cache")).unwrap();
    Plugins::new(limits.clone(), Compile::InProcess, cache).unwrap().load(bytes, "test.wasm")
}
