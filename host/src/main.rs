//! The `sluice` program. It starts the command line and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == sluice::plugin::COMPILE_ARGUMENT) {
        return sluice::plugin::compile_child_main();
    }
    sluice::cli::main()
}
