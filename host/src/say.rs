//! Results on stdout, and words to people on stderr. Whoever reads them may go away at any time (`| head`, a pipe's end, a
//! full disk): that ends a command that shows results, and never a process that copies. It formats nothing.

use std::fmt;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::process;

/// Prints a line of results on stdout, as `println!` does; see [`line`].
macro_rules! say {
    () => { $crate::say::line(format_args!("")) };
    ($($arg:tt)*) => { $crate::say::line(format_args!($($arg)*)) };
}

/// Prints a line for people on stderr, as `eprintln!` does; see [`note`].
macro_rules! tell {
    ($($arg:tt)*) => { $crate::say::note(format_args!($($arg)*)) };
}

pub(crate) use {say, tell};

/// One line of text on stdout; see [`bytes`].
pub fn line(text: fmt::Arguments<'_>) {
    bytes(text.to_string().as_bytes());
}

/// One line on stdout. A result that cannot be written is none: the process ends with exit code 1, and says why unless
/// its reader left on purpose.
pub fn bytes(text: &[u8]) {
    let mut out = stdout().lock();
    let Err(error) = out.write_all(text).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) else { return };
    drop(out);
    if error.kind() != ErrorKind::BrokenPipe {
        note(format_args!("cannot write the result: {error}"));
    }
    process::exit(1);
}

/// One line on stderr. Where nobody reads it, it is lost: there is nobody left to tell.
pub fn note(text: fmt::Arguments<'_>) {
    let mut err = stderr().lock();
    drop(err.write_fmt(text).and_then(|()| err.write_all(b"\n")));
}
