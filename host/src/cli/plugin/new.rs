//! `sluice plugin new`: a folder to begin with.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{Exit, Failure, chain};
use crate::say::say;
use crate::toolkit::language::Language;
use crate::toolkit::template;

/// Arguments of `sluice plugin new`.
#[derive(Args)]
pub struct NewArgs {
    /// Name of the plugin: lower-case letters, digits and dashes; steps name it by that.
    #[arg(value_name = "NAME")]
    name: String,
    /// Its language.
    #[arg(long, value_enum)]
    lang: Language,
    /// The folder; it must be empty or not there. Default: ./NAME
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Writes the template of a language into the folder and prints what to do next.
pub fn new(args: &NewArgs) -> Result<Exit, Failure> {
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    let files = template::write(&dir, &args.name, args.lang).map_err(|error| Failure::new(chain(&error)))?;
    say!("{}: a plugin in {}, {} files; next:", dir.display(), args.lang.name(), files.len());
    say!("  cd {}", dir.display());
    for command in ["sluice plugin build", "sluice plugin test", "sluice plugin dev --sample sample.jsonl"] {
        say!("  {command}");
    }
    Ok(Exit::Done)
}
