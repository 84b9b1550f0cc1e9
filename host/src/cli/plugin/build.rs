//! `sluice plugin build`: from source to a component that Sluice takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::output::{Format, plain};
use crate::cli::{Exit, Failure, chain};
use crate::say::say;
use crate::toolkit;
use crate::toolkit::build::Built;

/// Arguments of `sluice plugin build`.
#[derive(Args)]
pub struct BuildArgs {
    /// The plugin's folder.
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The file to write. Default: DIR/build/NAME.wasm
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// What was built.
#[derive(Serialize)]
struct Report<'a> {
    plugin: &'a str,
    version: &'a str,
    language: &'a str,
    file: String,
    digest: String,
    size: usize,
    build_seconds: f64,
    compile_seconds: f64,
}

/// Builds a folder's plugin and prints what came of it; a component that does not load is exit code 1.
pub fn build(args: &BuildArgs) -> Result<Exit, Failure> {
    let host = toolkit::host().map_err(|error| Failure::new(chain(&error)))?;
    let built = toolkit::build::build(&host, &args.dir, args.out.as_deref()).map_err(|error| Failure::new(chain(&error)))?;
    say!("{}", shown(&built, args.output)?);
    Ok(Exit::Done)
}

/// The result in the form asked for.
pub fn shown(built: &Built, format: Format) -> Result<String, Failure> {
    let description = built.plugin.description();
    let file = built.path.display().to_string();
    let digest = built.plugin.digest_hex();
    if format == Format::Table {
        return Ok(format!(
            "{} {} in {}: {file}\n  {} bytes, sha256 {digest}\n  built in {}, compiled in {}",
            description.name,
            description.version,
            built.language.name(),
            built.size,
            seconds(built.took),
            seconds(built.compiled_in)
        ));
    }
    let report = Report {
        plugin: &description.name,
        version: &description.version,
        language: built.language.name(),
        file,
        digest,
        size: built.size,
        build_seconds: built.took.as_secs_f64(),
        compile_seconds: built.compiled_in.as_secs_f64(),
    };
    plain(&report, format).map_err(Failure::new)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
