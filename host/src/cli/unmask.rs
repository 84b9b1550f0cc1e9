//! `sluice unmask`: opens masked values for those who have the key, and says so in the log. It must not print a value
//! before that is said.

use std::io::{BufRead, stdin};

use clap::Args;
use serde_json::json;

use super::output::{Format, plain};
use super::{Exit, Failure, Files};
use crate::log;
use crate::masking::{Form, NotOpened, Opening, audit};
use crate::say::{self, tell};

/// Values that are opened before they are written: memory, and how much may be opened of which the log does not know.
const CHUNK: usize = 1_000;
/// The longest line that is read: no token is that long.
const LINE_BYTES: u64 = 64 << 20;

const DIGITS: &str = "0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALPHANUMERIC: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Arguments of `sluice unmask`.
#[derive(Args)]
pub struct UnmaskArgs {
    #[command(flatten)]
    files: Files,
    /// The key's name in `keys`; those that it replaced open too.
    #[arg(long, value_name = "NAME")]
    key: String,
    /// The domain that the operator had.
    #[arg(long, default_value = "default")]
    domain: String,
    /// The values were made by fpe over this alphabet: digits, lower, upper, alphanumeric, or the characters themselves.
    #[arg(long, conflicts_with = "integer")]
    alphabet: Option<String>,
    /// What fpe kept in place.
    #[arg(long, requires = "alphabet", default_value = "", allow_hyphen_values = true)]
    keep: String,
    /// The values were made by fpe of integers.
    #[arg(long)]
    integer: bool,
    /// The id of the key that fpe worked under, where it was replaced since. Default: the current one.
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
    /// The values; without any, one a line on stdin.
    tokens: Vec<String>,
}

/// Opens the values given, or those on stdin, in chunks: each is in the audit log before any of it is printed. Exit
/// code 1 where any value did not open.
pub fn unmask(args: &UnmaskArgs) -> Result<Exit, Failure> {
    log::init().map_err(Failure::new)?;
    let ring = super::key_ring(&args.files.files)?;
    let wrong = |message: String| Failure { message, exit: Exit::Config };
    let mut opening = Opening::new(&ring, &args.key, &args.domain, form(args))
        .ok_or_else(|| wrong(format!("there is no key \"{}\"; give it under \"keys\"", args.key)))?;
    if let Some(id) = &args.key_id
        && !opening.take_for(id)
    {
        return Err(wrong(format!("neither the key \"{}\" nor one that it replaced has the id {id}", args.key)));
    }
    let mut refused = 0;
    if args.tokens.is_empty() {
        let mut lines = stdin().lock();
        let mut first = 1;
        loop {
            let chunk = read(&mut lines)?;
            refused += open(args, &mut opening, first, &chunk)?;
            first += chunk.len();
            if chunk.len() < CHUNK {
                break;
            }
        }
    } else {
        refused = open(args, &mut opening, 1, &args.tokens)?;
    }
    Ok(if refused == 0 { Exit::Done } else { Exit::Failed })
}

fn form(args: &UnmaskArgs) -> Form {
    let alphabet = args.alphabet.as_deref().map(|alphabet| match alphabet {
        "digits" => DIGITS,
        "lower" => LOWER,
        "upper" => UPPER,
        "alphanumeric" => ALPHANUMERIC,
        own => own,
    });
    match alphabet {
        _ if args.integer => Form::Integer,
        Some(alphabet) => Form::Text { alphabet: alphabet.to_owned(), keep: args.keep.clone() },
        None => Form::Token,
    }
}

/// Up to [`CHUNK`] lines.
fn read(lines: &mut impl BufRead) -> Result<Vec<String>, Failure> {
    let mut chunk = Vec::new();
    while chunk.len() < CHUNK {
        let mut line = String::new();
        let mut bounded = std::io::Read::take(&mut *lines, LINE_BYTES);
        let read = bounded.read_line(&mut line).map_err(|error| Failure::new(format!("cannot read stdin: {error}")))?;
        if read == 0 {
            break;
        }
        if !line.ends_with('\n') && read as u64 == LINE_BYTES {
            return Err(Failure::new(format!("a line of stdin is longer than {} MiB", LINE_BYTES >> 20)));
        }
        chunk.push(line.trim_end_matches(['\n', '\r']).to_owned());
    }
    Ok(chunk)
}

/// Opens values, says so in the log, and only then prints them; how many did not open.
fn open(args: &UnmaskArgs, opening: &mut Opening<'_>, first: usize, masked: &[String]) -> Result<usize, Failure> {
    if masked.is_empty() {
        return Ok(0);
    }
    let opened: Vec<Result<Vec<u8>, NotOpened>> = masked.iter().map(|masked| opening.open(masked)).collect();
    let refused = opened.iter().filter(|opened| opened.is_err()).count();
    audit(&args.key, opening.ids(), &args.domain, opened.len() - refused, refused);
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("cannot write the values: {error}"));
    for (number, value) in (first..).zip(opened) {
        let line = match (value, args.output) {
            (Ok(value), Format::Table) => value,
            (Ok(value), format) => {
                plain(&json!({ "value": String::from_utf8_lossy(&value) }), format).map_err(|error| failed(&error))?.into_bytes()
            }
            (Err(why), format) => {
                tell!("value {number}: {why}");
                let shown = plain(&json!({ "error": why.to_string() }), format).map_err(|error| failed(&error))?;
                if format == Format::Table { Vec::new() } else { shown.into_bytes() }
            }
        };
        say::bytes(&line);
    }
    Ok(refused)
}
