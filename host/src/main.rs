//! The `sluice` program. It starts the command line and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    sluice::kafka::ffi::bound_allocator();
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == sluice::plugin::CHILD_ARGUMENT) {
        return sluice::plugin::compile_child_main(&arguments[1..]);
    }
    sluice::cli::main()
}
