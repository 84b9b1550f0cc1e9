//! The Java tool: the tests' hands and eyes on Kafka. Starts once a test run.

use super::tool::Tool;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

static TOOL: OnceLock<Tool> = OnceLock::new();

/// Runs `command` with `args` (an object) and answers with its answer; panics on an error.
pub fn call(command: &str, args: Value) -> Value {
    match try_call(command, args) {
        Ok(answer) => answer,
        Err(error) => panic!("{error}"),
    }
}

/// The same, for where an error is expected.
pub fn try_call(command: &str, args: Value) -> Result<Value, String> {
    TOOL.get_or_init(start).try_call(command, args)
}

fn start() -> Tool {
    let home = super::lab::home();
    let tools = home.join("conf/log4j2-tools.yaml");
    let classes = home.join("classes");
    let libs = std::env::var_os("SLUICE_TEST_LIBS").map_or_else(|| home.join("libs"), PathBuf::from);
    assert!(classes.join("Tool.class").is_file(), "no Java tool in {}: tests/run compiles it", classes.display());
    let mut java = Command::new("java");
    java.args(["-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
        .arg(format!("-Dlog4j2.configurationFile={}", tools.display()))
        .arg("-cp")
        .arg(format!("{}/*:{}", libs.display(), classes.display()))
        .arg("Tool");
    Tool::start("the Java tool", &mut java)
}
