//! `sluice plugin`: everything around one plugin. Each command is a file; this one only names them.

mod build;
mod deploy;
mod dev;
mod inspect;
mod lock;
mod new;
mod sign;
mod test;

use clap::Subcommand;

use super::{Exit, Failure};

/// The commands of `sluice plugin`, all on one level.
#[derive(Subcommand)]
pub enum PluginCommand {
    #[command(flatten)]
    Author(AuthorCommand),
    #[command(flatten)]
    Directory(DirectoryCommand),
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

/// What changes the plugin directory, and who vouches for what is in it.
#[derive(Subcommand)]
pub enum DirectoryCommand {
    /// Put a component into the plugin directory, once every step that names it accepts it; a running process takes it
    /// up.
    Deploy(deploy::DeployArgs),
    /// Go back to the component before the last deploy; a second time returns to it.
    Rollback(deploy::RollbackArgs),
    /// Write plugins.lock: admit, by SHA-256, what is in the plugin directory now.
    Lock(lock::LockArgs),
    /// Make a key to sign components with, and print its public half for `plugins.signers`.
    Keygen(sign::KeygenArgs),
    /// Sign a component; the signature goes beside it as FILE.sig.
    Sign(sign::SignArgs),
    /// Check the signature beside a component.
    Verify(sign::VerifyArgs),
}

/// Runs a command of `sluice plugin`.
pub fn plugin(command: &PluginCommand) -> Result<Exit, Failure> {
    match command {
        PluginCommand::Author(command) => author(command),
        PluginCommand::Directory(command) => directory(command),
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

fn directory(command: &DirectoryCommand) -> Result<Exit, Failure> {
    match command {
        DirectoryCommand::Deploy(args) => deploy::deploy(args),
        DirectoryCommand::Rollback(args) => deploy::rollback(args),
        DirectoryCommand::Lock(args) => lock::lock(args),
        DirectoryCommand::Keygen(args) => sign::keygen(args),
        DirectoryCommand::Sign(args) => sign::sign(args),
        DirectoryCommand::Verify(args) => sign::verify(args),
    }
}
