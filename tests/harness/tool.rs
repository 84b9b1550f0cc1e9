//! A helper program as a child process: one JSON command a line, answers matched by id. Must not interpret answers
//! beyond errors.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// No command takes longer: the longest reads 300,000 records on both clusters.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);

type Waiting = Arc<Mutex<HashMap<u64, Sender<Value>>>>;

/// The helper; it ends by itself when its stdin closes with this process.
pub struct Tool {
    stdin: Mutex<(ChildStdin, u64)>,
    waiting: Waiting,
    name: &'static str,
    _child: Child,
}

impl Tool {
    /// Starts the program.
    pub fn start(name: &'static str, program: &mut Command) -> Self {
        let started = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut child = started.unwrap_or_else(|e| panic!("{name} does not run ({e}); tests/run installs it or says how"));
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let waiting = Waiting::default();
        let answers = Arc::clone(&waiting);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { return };
                let answer: Value = serde_json::from_str(&line).expect("a helper answers in JSON");
                let id = answer["id"].as_u64().expect("an answer has an id");
                let sender = answers.lock().expect("no holder panics").remove(&id);
                // the asker may have given up waiting
                drop(sender.map(|s| s.send(answer)));
            }
            answers.lock().expect("no holder panics").clear();
        });
        Self { stdin: Mutex::new((stdin, 0)), waiting, name, _child: child }
    }

    /// Runs `command` with `args` (an object) and answers with its answer or its error.
    pub fn try_call(&self, command: &str, mut args: Value) -> Result<Value, String> {
        let (sender, receiver) = channel();
        {
            let mut stdin = self.stdin.lock().expect("no writer panics");
            stdin.1 += 1;
            args["id"] = json!(stdin.1);
            args["cmd"] = json!(command);
            self.waiting.lock().expect("no holder panics").insert(stdin.1, sender);
            writeln!(stdin.0, "{args}").expect("the helper reads");
        }
        let answer = receiver.recv_timeout(ANSWER_WITHIN).map_err(|e| format!("{command}: {} gave no answer: {e}", self.name))?;
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer),
        }
    }
}
