//! The command line: arguments in, one library call, an exit code out. Results go to stdout, everything else to stderr;
//! it must not decide anything that a library user would miss.

mod explain;
mod lanes;
mod mask;
mod offsets;
mod output;
mod plugin;
mod rekey;
mod run;
mod unmask;
mod validate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config;
use crate::config::plan::{Pipeline, Plan};
use crate::demo;
use crate::fields::Path;
use crate::gateway::RunError;
use crate::plugin::KeyRing;
use crate::plugins;
use crate::say::{say, tell};
use output::Format;

/// How a command ended; the numbers are what scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    /// Failed at run time, or something is halted.
    Failed = 1,
    /// The command line contradicts itself; what clap can tell ends with 2, too.
    Usage = 2,
    /// The configuration is invalid.
    Config = 3,
    /// A cluster cannot be reached.
    Unreachable = 4,
    /// Refused as unsafe.
    Unsafe = 5,
    /// A plan has changes.
    Changes = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Streams records from one Kafka cluster to another through sandboxed plugins that mask, filter and enrich them.
#[derive(Parser)]
#[command(name = "sluice", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the pipelines of a configuration until stopped, or until they have caught up.
    Run(run::RunArgs),
    /// Check a configuration, its plugins and their settings, without a cluster.
    Validate(validate::ValidateArgs),
    /// Show what each step makes of each topic's latest schema: operators, what stays clear, what does not fit.
    Explain(explain::ExplainArgs),
    /// Print the JSON Schema of the configuration.
    Schema(SchemaArgs),
    /// Show where the pipelines stand, from committed state on the targets.
    Status(StatusArgs),
    /// Ask the offset map.
    #[command(subcommand)]
    Offsets(OffsetsCommand),
    /// Change the number of a pipeline's lanes.
    #[command(subcommand)]
    Lanes(LanesCommand),
    /// Make what is on the target anew, after a change of rules or keys.
    #[command(subcommand)]
    Rekey(rekey::RekeyCommand),
    /// Make, check and deploy plugins.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Try masking operators.
    #[command(subcommand)]
    Mask(MaskCommand),
    /// Open what the operators tokenize, encrypt and fpe made; leaves an audit event.
    Unmask(unmask::UnmaskArgs),
    /// See masked records flow: two clusters inside this process, or two of yours.
    Demo(demo::DemoArgs),
}

#[derive(Subcommand)]
enum LanesCommand {
    /// Give a pipeline that is stopped the number of lanes that its file says.
    Resize(lanes::ResizeArgs),
}

#[derive(Subcommand)]
enum OffsetsCommand {
    /// Where a source offset landed on the target, or with --reverse where a target offset came from.
    Map(offsets::MapArgs),
}

#[derive(Subcommand)]
enum MaskCommand {
    /// Mask one value, by the plugin that pipelines run, and print the result alone.
    Try(mask::TryArgs),
}

/// The configuration.
#[derive(Args)]
pub struct Files {
    /// Configuration file; may be repeated, files are merged by name.
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// Arguments of `sluice schema`.
#[derive(Args)]
struct SchemaArgs {
    /// json or yaml; table is json.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Json)]
    output: Format,
}

#[derive(Args)]
struct StatusArgs {
    #[command(flatten)]
    files: Files,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// A command that failed: what to say on stderr, and the exit code.
#[derive(Debug)]
pub struct Failure {
    pub message: String,
    pub exit: Exit,
}

impl Failure {
    /// A failure at run time, exit code 1.
    pub fn new(message: impl ToString) -> Self {
        Self { message: message.to_string(), exit: Exit::Failed }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Steps(_) | RunError::Plugins(_) => Exit::Config,
            RunError::Unreachable(_) => Exit::Unreachable,
            RunError::Unsafe(_) | RunError::Conflict(_) => Exit::Unsafe,
            RunError::Stopped => Exit::Done,
            RunError::Start { .. } | RunError::Listen(_) | RunError::Client(_) => Exit::Failed,
        };
        Self { message: chain(&error), exit }
    }
}

/// An error with everything that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A failure at run time, with everything that caused it.
pub fn failed(error: impl std::error::Error) -> Failure {
    Failure { message: chain(&error), exit: Exit::Failed }
}

/// Runs the command line.
pub fn main() -> ExitCode {
    // Usage errors are clap's, with exit code 2.
    let cli = Cli::parse();
    let ended = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Validate(args) => validate::validate(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Schema(args) => schema(&args),
        Command::Status(args) => status(&args),
        Command::Offsets(OffsetsCommand::Map(args)) => offsets::map(&args),
        Command::Lanes(LanesCommand::Resize(args)) => lanes::resize(&args),
        Command::Rekey(command) => rekey::rekey(&command),
        Command::Plugin(command) => plugin::plugin(&command),
        Command::Mask(MaskCommand::Try(args)) => mask::try_one(&args),
        Command::Unmask(args) => unmask::unmask(&args),
        Command::Demo(args) => demo::demo(&args),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            tell!("{}", failure.message);
            failure.exit.into()
        }
    }
}

/// The plan of these files, or what is wrong with them.
pub fn load(files: &Files) -> Result<Plan, Failure> {
    config::validate(&files.files, &check_selector).map_err(|errors| refused(&errors))
}

/// The pipeline of that name.
pub fn pipeline_of<'p>(plan: &'p Plan, name: &str) -> Result<&'p Pipeline, Failure> {
    plan.pipelines.iter().find(|pipeline| pipeline.name == name).ok_or_else(|| {
        let known: Vec<&str> = plan.pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
        Failure { message: format!("no pipeline is named {name:?}; there are: {}", known.join(", ")), exit: Exit::Config }
    })
}

/// The keys of these files alone; none where there is no file.
fn key_ring(files: &[PathBuf]) -> Result<KeyRing, Failure> {
    if files.is_empty() {
        return Ok(KeyRing::new());
    }
    let keys = config::load_keys(files).map_err(|errors| refused(&errors))?;
    plugins::key_ring(&keys).map_err(|error| Failure { message: error.to_string(), exit: Exit::Config })
}

/// What the configuration asks of a selector; a fault's place counts characters.
pub fn check_selector(text: &str) -> Result<String, (usize, String)> {
    Path::parse(text).map(|path| path.canonical()).map_err(|error| {
        let before = text.get(..error.at).unwrap_or(text);
        (before.chars().count(), error.message.clone())
    })
}

/// A refused configuration as a failure.
pub fn refused(errors: &config::ConfigErrors) -> Failure {
    let exit = match errors.class() {
        config::Class::Unsafe => Exit::Unsafe,
        _ => Exit::Config,
    };
    Failure { message: errors.to_string().trim_end().to_owned(), exit }
}

fn schema(args: &SchemaArgs) -> Result<Exit, Failure> {
    let schema = config::schema();
    let text = match args.output {
        Format::Yaml => output::plain(&schema, Format::Yaml).map_err(failed)?,
        Format::Json | Format::Table => serde_json::to_string_pretty(&schema).map_err(Failure::new)?,
    };
    say!("{text}");
    Ok(Exit::Done)
}

fn status(args: &StatusArgs) -> Result<Exit, Failure> {
    let plan = load(&args.files)?;
    let status = crate::gateway::status_of(&plan, std::time::Duration::from_secs(15))?;
    say!("{}", output::status(&status, args.output).map_err(Failure::new)?);
    Ok(Exit::Done)
}
