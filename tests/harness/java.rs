//! The Java tool as a child process: one JSON command a line, answers matched by id. Starts once a test run.
//! Must not interpret answers beyond errors.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// No command takes longer: the longest reads 300,000 records on both clusters.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);

type Waiting = Arc<Mutex<HashMap<u64, Sender<Value>>>>;

struct Tool {
    stdin: Mutex<(ChildStdin, u64)>,
    waiting: Waiting,
    /// Ends by itself when its stdin closes with this process.
    _child: Child,
}

static TOOL: OnceLock<Tool> = OnceLock::new();

/// Runs `command` with `args` (an object) and answers with its answer; panics on an error.
pub fn call(command: &str, args: Value) -> Value {
    match try_call(command, args) {
        Ok(answer) => answer,
        Err(error) => panic!("{error}"),
    }
}

/// The same, for where an error is expected.
pub fn try_call(command: &str, mut args: Value) -> Result<Value, String> {
    let tool = TOOL.get_or_init(start);
    let (sender, receiver) = channel();
    {
        let mut stdin = tool.stdin.lock().expect("no writer panics");
        stdin.1 += 1;
        args["id"] = json!(stdin.1);
        args["cmd"] = json!(command);
        tool.waiting.lock().expect("no holder panics").insert(stdin.1, sender);
        writeln!(stdin.0, "{args}").expect("the Java tool reads");
    }
    let answer = receiver.recv_timeout(ANSWER_WITHIN).map_err(|e| format!("{command}: the Java tool gave no answer: {e}"))?;
    match answer.get("error") {
        Some(error) => Err(error.to_string()),
        None => Ok(answer),
    }
}

fn start() -> Tool {
    let home = super::lab::home();
    let tools = home.join("conf/log4j2-tools.yaml");
    let classes = home.join("classes");
    assert!(classes.join("Tool.class").is_file(), "no Java tool in {}: tests/run compiles it", classes.display());
    let mut child = Command::new("java")
        .args(["-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
        .arg(format!("-Dlog4j2.configurationFile={}", tools.display()))
        .arg("-cp")
        .arg(format!("{}/libs/*:{}", home.display(), classes.display()))
        .arg("Tool")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("java runs; tests/run installs it or says how");
    let stdin = child.stdin.take().expect("stdin is piped");
    let stdout = child.stdout.take().expect("stdout is piped");
    let waiting = Waiting::default();
    let answers = Arc::clone(&waiting);
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { return };
            let answer: Value = serde_json::from_str(&line).expect("the Java tool answers in JSON");
            let id = answer["id"].as_u64().expect("an answer has an id");
            let sender = answers.lock().expect("no holder panics").remove(&id);
            // the asker may have given up waiting
            drop(sender.map(|s| s.send(answer)));
        }
        answers.lock().expect("no holder panics").clear();
    });
    Tool { stdin: Mutex::new((stdin, 0)), waiting, _child: child }
}
