//! `sluice plugin`: everything around one plugin. Each command is a file; this one only names them.

mod build;
mod dev;
mod inspect;
mod new;
mod test;

use clap::Subcommand;

use super::{Exit, Failure};

#[derive(Subcommand)]
pub enum PluginCommand {
    #[command(flatten)]
    Author(AuthorCommand),
}

/// What the author of a plugin does.
#[derive(Subcommand)]
pub enum AuthorCommand {
    /// Make a folder with a plugin that builds as it is.
    New(new::NewArgs),
    /// Build the plugin in a folder, and check that Sluice takes it.
    Build(build::BuildArgs),
    /// Run the fixtures of a plugin under the limits of production.
    Test(test::TestArgs),
    /// Build at every save, and show records before and after.
    Dev(dev::DevArgs),
    /// Show what a component is and what it asks for.
    Inspect(inspect::InspectArgs),
}

pub fn plugin(command: &PluginCommand) -> Result<Exit, Failure> {
    match command {
        PluginCommand::Author(command) => author(command),
    }
}

fn author(command: &AuthorCommand) -> Result<Exit, Failure> {
    match command {
        AuthorCommand::New(args) => new::new(args),
        AuthorCommand::Build(args) => build::build(args),
        AuthorCommand::Test(args) => test::test(args),
        AuthorCommand::Dev(args) => dev::dev(args),
        AuthorCommand::Inspect(args) => inspect::inspect(args),
    }
}
