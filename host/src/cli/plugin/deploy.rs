//! `sluice plugin deploy` and `rollback`: another component into the plugin directory, checked as a run would check it.
//! They talk to no process: whoever watches the directory takes it up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::cli::output::{Format, plain};
use crate::cli::{self, Exit, Failure, Files};
use crate::config::plan::{Plan, Trust};
use crate::gateway;
use crate::plugin::digest::{self, Digest};
use crate::plugin::{self, LogMode, Plugin, Plugins, limits};
use crate::plugins::directory::{self, Component};
use crate::plugins::store::{Before, Incoming, Store};
use crate::plugins::trust::{self, Gate, Untrusted};
use crate::plugins::{self, Registry, is_embedded};
use crate::say::say;

/// Arguments of `sluice plugin deploy`.
#[derive(Args)]
pub struct DeployArgs {
    /// The component. With `trust: signed`, FILE.sig has to be beside it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    files: Files,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Arguments of `sluice plugin rollback`.
#[derive(Args)]
pub struct RollbackArgs {
    /// The plugin's name.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    files: Files,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// What the directory holds now.
#[derive(Serialize)]
struct Placed<'a> {
    plugin: &'a str,
    version: &'a str,
    file: String,
    digest: String,
    /// The component that `rollback` would return to.
    previous: Option<String>,
}

/// A plan with its plugin directory, and the plugins that are in it.
struct Here {
    plan: Plan,
    host: Plugins,
    registry: Registry,
}

impl Here {
    fn of(files: &Files) -> Result<Self, Failure> {
        let plan = cli::load(files)?;
        let host = plugins::host(&plan.plugins).map_err(gateway::RunError::from)?;
        let registry = gateway::registry(&host, &plan)?;
        Ok(Self { plan, host, registry })
    }

    /// The plugin directory, and its lock.
    fn places(&self) -> Result<(PathBuf, PathBuf), Failure> {
        trust::places(&self.plan.plugins).ok_or_else(|| {
            let message = "the configuration has no plugin directory: set plugins.dir".to_owned();
            Failure { message, exit: Exit::Config }
        })
    }

    /// Loads a component that is not in the directory.
    fn load(&self, file: &Path, component: &Component) -> Result<Arc<Plugin>, Failure> {
        self.host
            .load(component.bytes.clone(), &file.display().to_string())
            .map_err(|error| Failure { message: error.to_string(), exit: Exit::Config })
    }

    /// Whether a run with this plugin would begin, and one that runs would take it up: every step that names it accepts it.
    fn check(&self, plugin: &Arc<Plugin>) -> Result<(), Failure> {
        let name = &plugin.description().name;
        if let Some(before) = self.registry.get(name) {
            let mut steps = self.plan.pipelines.iter().flat_map(|pipeline| &pipeline.steps).filter(|step| step.plugin == *name);
            let wider = steps.try_for_each(|step| plugins::not_wider(step, plugin, before));
            wider.map_err(|message| Failure { message, exit: Exit::Unsafe })?;
        }
        let registry = self.registry.with(plugin.clone()).map_err(|error| Failure { message: error.to_string(), exit: Exit::Unsafe })?;
        gateway::prepare_with(&self.plan, registry, LogMode::Count)?;
        Ok(())
    }

    /// What a rollback is to return to once another component is the plugin of that name.
    fn before(&self, name: &str) -> Before<'static> {
        match (self.registry.get(name), plugin::embedded::component(name)) {
            (Some(present), _) if !is_embedded(present) => Before::File,
            (_, Some(embedded)) => Before::Embedded(embedded),
            (_, None) => Before::Kept,
        }
    }

    /// The file in the directory that is the plugin of that name, or what it will be called.
    fn file_of(&self, name: &str, otherwise: &str) -> String {
        let present = self.registry.get(name).filter(|plugin| !is_embedded(plugin));
        let file = present.and_then(|plugin| Path::new(plugin.origin()).file_name()?.to_str());
        file.unwrap_or(otherwise).to_owned()
    }
}

/// Puts a component into the plugin directory under its own name, if it is signed as the configuration asks and every
/// step that names it takes it; keeps the one before.
pub fn deploy(args: &DeployArgs) -> Result<Exit, Failure> {
    let here = Here::of(&args.files)?;
    let (dir, lock) = here.places()?;
    let component = read(&args.file)?;
    let signatures = trust::read_signatures(&args.file).map_err(untrusted)?;
    signed(&here.plan.plugins.trust, &lock, &args.file, &component.digest)?;
    let plugin = here.load(&args.file, &component)?;
    here.check(&plugin)?;
    let name = &plugin.description().name;
    let file = here.file_of(name, &format!("{name}.wasm"));
    let store = Store::open(&dir, &lock).map_err(cli::failed)?;
    let incoming = Incoming { file: file.clone(), name: name.clone(), bytes: &component.bytes, digest: component.digest, signatures };
    store.deploy(&incoming, here.before(name)).map_err(cli::failed)?;
    let previous = store.previous(&file).map_err(cli::failed)?.map(|(previous, _)| digest::hex(&previous.digest));
    show(&plugin, &dir.join(file), previous, args.output)
}

/// Exchanges a plugin's component with the one that is kept; refused where none is, where the configuration's trust
/// does not readmit it, or where a step does not take it.
pub fn rollback(args: &RollbackArgs) -> Result<Exit, Failure> {
    let here = Here::of(&args.files)?;
    let (dir, lock) = here.places()?;
    let file = here.file_of(&args.name, &format!("{}.wasm", args.name));
    let store = Store::open(&dir, &lock).map_err(cli::failed)?;
    let (component, signatures) = store.previous(&file).map_err(cli::failed)?.ok_or_else(|| {
        Failure::new(format!("no earlier component of {} is kept: deploy has not replaced one in {}", args.name, dir.display()))
    })?;
    let readmitted = Gate::open(&here.plan.plugins.trust, &lock).and_then(|gate| gate.readmits(&store.kept(&file), &component.digest));
    readmitted.map_err(untrusted)?;
    let plugin = here.load(&dir.join(&file), &component)?;
    if plugin.description().name != args.name {
        return Err(Failure::new(format!("the earlier component calls itself {}, not {}", plugin.description().name, args.name)));
    }
    here.check(&plugin)?;
    let incoming = Incoming { file: file.clone(), name: args.name.clone(), bytes: &component.bytes, digest: component.digest, signatures };
    store.restore(&incoming).map_err(cli::failed)?;
    let previous = store.previous(&file).map_err(cli::failed)?.map(|(previous, _)| digest::hex(&previous.digest));
    show(&plugin, &dir.join(file), previous, args.output)
}

/// Reads a component; used by all commands that are handed one.
pub fn read(file: &Path) -> Result<Component, Failure> {
    directory::read(file, limits::BINARY_BYTES).map_err(|error| Failure::new(format!("cannot use {}: {error}", file.display())))
}

/// What the trust rule refuses: exit code 5.
pub fn untrusted(error: Untrusted) -> Failure {
    Failure { message: error.to_string(), exit: Exit::Unsafe }
}

/// What a signature has to say before the bytes are compiled. A lock says nothing here: it is this command that writes it.
fn signed(rule: &Trust, lock: &Path, file: &Path, digest: &Digest) -> Result<(), Failure> {
    if *rule == Trust::Locked {
        return Ok(());
    }
    Gate::open(rule, lock).and_then(|gate| gate.admits(file, digest)).map(drop).map_err(untrusted)
}

fn show(plugin: &Plugin, file: &Path, previous: Option<String>, format: Format) -> Result<Exit, Failure> {
    let description = plugin.description();
    let placed = Placed {
        plugin: &description.name,
        version: &description.version,
        file: file.display().to_string(),
        digest: plugin.digest_hex(),
        previous,
    };
    let text = if format == Format::Table {
        let previous = placed.previous.as_ref().map_or(String::new(), |previous| format!("\n  before: {previous}"));
        format!("{} {} is in {}\n  sha-256: {}{previous}", placed.plugin, placed.version, placed.file, placed.digest)
    } else {
        plain(&placed, format).map_err(Failure::new)?
    };
    say!("{text}");
    Ok(Exit::Done)
}
