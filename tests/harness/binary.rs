//! Where the program under test is. Must not guess: a stale program would be judged instead of the present one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// The program: `SLUICE_TEST_BIN` where `tests/run` says which (built with feature `failpoints`), else the one
/// beside this test executable, brought up to date by cargo with the selection that `cargo test` itself used, so
/// that only the program is linked anew.
pub fn sluice() -> &'static Path {
    BINARY.get_or_init(|| match std::env::var_os("SLUICE_TEST_BIN") {
        Some(path) => {
            let path = PathBuf::from(path);
            assert!(path.is_file(), "SLUICE_TEST_BIN names {}, which is not there", path.display());
            path
        }
        None => built_beside(),
    })
}

fn built_beside() -> PathBuf {
    let this = std::env::current_exe().expect("a running test has an executable");
    let profile = this.ancestors().nth(2).expect("target/PROFILE/deps/cases-…");
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.args(["build", "--quiet", "--workspace", "--bins", "--tests"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.status().expect("cargo runs");
    let path = profile.join("sluice");
    assert!(
        built.success() && path.is_file(),
        "no program under test at {}: build it with `cargo build --release`, or use tests/run",
        path.display()
    );
    path
}
