//! The engine: LLVM's libFuzzer, which keeps inputs that reach new code and changes them. `SLUICE_FUZZ` names the target;
//! all else are libFuzzer's own options. `run` builds it with the counters in that it needs.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("SLUICE_FUZZ").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("SLUICE_FUZZ names no target: {wanted:?}")).1
});

fuzz_target!(init: spare_the_compiler(), |input: &[u8]| TARGET(input));

/// The host compiles Protobuf schemas on a thread of their own, whose panics are refusals.
fn spare_the_compiler() {
    let end = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some("schema") {
            end(panic);
        }
    }));
}
