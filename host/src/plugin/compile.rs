//! Compiles a plugin in a process of its own, which may take only so much time and memory.
//! It must not compile in this process, except where a test asks for that by name.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal};
use thiserror::Error;
use wasmtime::Engine;

use super::cache::Draft;
use super::engine;
use super::limits::{BINARY_BYTES, Limits, STACK_BYTES};

/// The first argument that turns the program into a compiler; see [`compile_child_main`].
pub const CHILD_ARGUMENT: &str = "__compile-plugin";

/// Largest compiled plugin, in bytes. Stops a compiler from filling the disk.
const COMPILED_BYTES: u64 = 1 << 30;
/// Threads of the compiler, so that a machine with many of them is not taken whole.
const THREADS: &str = "2";
/// Largest message taken over from the compiler, in bytes.
const MESSAGE_BYTES: u64 = 2_000;
/// Time between two looks at the compiler.
const LOOK: Duration = Duration::from_millis(5);

/// Where plugins are compiled.
#[derive(Debug, Clone)]
pub enum Compile {
    /// In a process of its own, which is this program with [`CHILD_ARGUMENT`]: the only choice for plugins from
    /// outside.
    Child {
        /// The program, whose `main` calls [`compile_child_main`].
        program: PathBuf,
        /// What comes before the limits among its arguments.
        arguments: Vec<OsString>,
    },
    /// In this process, unbounded. For tests, whose program is not this one.
    InProcess,
}

impl Compile {
    /// In a child that runs this very program, even when its file has been replaced since.
    pub fn in_child() -> Compile {
        Compile::Child { program: PathBuf::from("/proc/self/exe"), arguments: vec![CHILD_ARGUMENT.into()] }
    }
}

/// Why a plugin could not be compiled.
#[derive(Debug, Error)]
pub enum CompileError {
    /// The compiler could not be run; nothing was compiled.
    #[error("cannot run the compiler in a process of its own: {doing}")]
    Run {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// It did not finish in time.
    #[error("compiling took longer than {} s", limit.as_secs())]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// It ended by itself or by a signal: out of memory or of CPU time.
    #[error("the compiler gave up, most likely at its memory or time limit ({status}): {said}")]
    GaveUp {
        /// How it ended.
        status: ExitStatus,
        /// Its last words.
        said: String,
    },
    /// The plugin is not valid.
    #[error("{0}")]
    Plugin(String),
}

/// One compilation at a time: two would share what one was promised.
static ONE: Mutex<()> = Mutex::new(());

/// Compiles `wasm` into `draft`.
pub(super) fn compile(how: &Compile, engine: &Engine, wasm: &[u8], limits: &Limits, draft: &mut Draft) -> Result<(), CompileError> {
    let run = |doing| move |source| CompileError::Run { doing, source };
    let (program, arguments) = match how {
        Compile::Child { program, arguments } => (program, arguments),
        Compile::InProcess => {
            let compiled = engine.precompile_component(wasm);
            let compiled = compiled.map_err(|error| CompileError::Plugin(message(&error)))?;
            return draft.file.write_all(&compiled).map_err(run("writing what it made"));
        }
    };
    if limits.compile_time.is_zero() {
        return Err(CompileError::Timeout { limit: limits.compile_time });
    }
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = draft.file.as_file().try_clone().map_err(run("opening its output"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg(limits.compile_bytes.to_string())
        .arg(limits.compile_time.as_secs().max(1).to_string())
        // Secrets may be in the environment, and a plugin's bytes are about to be parsed there.
        .env_clear()
        .env("RAYON_NUM_THREADS", THREADS)
        .env("MALLOC_ARENA_MAX", THREADS)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(run("starting it"))?;
    let fed = feed(&mut child, wasm);
    let status = wait(&mut child, limits.compile_time)?;
    // A compiler that gave up early closes its end; how it ended says more than the broken pipe.
    if status.success() {
        return fed.map_err(run("handing it the plugin"));
    }
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(MESSAGE_BYTES).read_to_string(&mut said).map_err(run("reading its message"))?;
    }
    let said = said.trim().replace('\n', " ");
    Err(match status.code() {
        Some(REFUSED) => CompileError::Plugin(said),
        _ => CompileError::GaveUp { status, said },
    })
}

/// The compiler reads everything before it does anything, so this does not wait for hostile code.
fn feed(child: &mut Child, wasm: &[u8]) -> io::Result<()> {
    match child.stdin.take() {
        Some(mut stdin) => stdin.write_all(wasm),
        None => Ok(()),
    }
}

/// Waits for the compiler, or ends it.
fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus, CompileError> {
    let run = |doing| move |source| CompileError::Run { doing, source };
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(run("waiting for it"))? {
            return Ok(status);
        }
        if begin.elapsed() >= limit {
            child.kill().map_err(run("ending it"))?;
            child.wait().map_err(run("waiting for it"))?;
            return Err(CompileError::Timeout { limit });
        }
        thread::sleep(LOOK);
    }
}

/// Exit code of the compiler for a plugin that is not valid.
const REFUSED: i32 = 3;

/// The whole of the program when its first argument is [`CHILD_ARGUMENT`]; `arguments` are those after it. Bounds
/// itself, reads the plugin from stdin, writes machine code to stdout.
pub fn compile_child_main(arguments: &[OsString]) -> ExitCode {
    let failed = match child(arguments) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failed) => failed,
    };
    let (code, text) = match failed {
        CompileError::Plugin(text) => (u8::try_from(REFUSED).unwrap_or(1), text),
        other => (1, other.to_string()),
    };
    match writeln!(io::stderr(), "{text}") {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::FAILURE,
    }
}

fn child(arguments: &[OsString]) -> Result<(), CompileError> {
    let run = |doing| move |source| CompileError::Run { doing, source };
    let number = |i: usize| arguments.get(i)?.to_str()?.parse::<u64>().ok();
    let (Some(bytes), Some(seconds)) = (number(0), number(1)) else {
        return Err(run("reading its limits")(io::ErrorKind::InvalidInput.into()));
    };
    let caps = [
        (Resource::As, bytes),
        // Both threads count, and the parent's clock ends it anyway.
        (Resource::Cpu, seconds.saturating_mul(2)),
        (Resource::Fsize, COMPILED_BYTES),
        (Resource::Core, 0),
    ];
    for (resource, cap) in caps {
        let limit = Rlimit { current: Some(cap), maximum: Some(cap) };
        let set = rustix::process::setrlimit(resource, limit);
        set.map_err(|error| run("limiting it")(error.into()))?;
    }
    // It does not outlive whoever asked: a process that ends does not wait for a plugin.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| run("limiting it")(error.into()))?;
    // Lanes come first.
    rustix::process::nice(10).map_err(|error| run("limiting it")(error.into()))?;
    let mut wasm = Vec::new();
    let read = io::stdin().lock().take(BINARY_BYTES as u64 * 2).read_to_end(&mut wasm);
    read.map_err(run("reading the plugin"))?;
    let engine = engine::build(STACK_BYTES).map_err(|error| run("setting up the engine")(io::Error::other(error)))?;
    let compiled = engine.precompile_component(&wasm);
    let compiled = compiled.map_err(|error| CompileError::Plugin(message(&error)))?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&compiled).and_then(|()| stdout.flush()).map_err(run("writing what it made"))
}

/// An error of the compiler with its causes, on one line.
fn message(error: &wasmtime::Error) -> String {
    let chain: Vec<String> = error.chain().map(|cause| cause.to_string()).collect();
    chain.join(": ").replace('\n', " ")
}

#[cfg(test)]
mod tests;
