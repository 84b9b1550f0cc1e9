//! `sluice plugin lock`: writes down what is in the plugin directory, for `trust: locked`. It admits only what loads.

use clap::Args;
use serde::Serialize;

use crate::cli::output::{Format, show};
use crate::cli::{self, Exit, Failure, Files};
use crate::config::plan::Trust;
use crate::plugins::lock::{Entry, Lock};
use crate::plugins::store::Store;
use crate::plugins::trust::{self, Gate};
use crate::plugins::{self, Knows, directory, load_file};
use crate::say::say;

/// Arguments of `sluice plugin lock`.
#[derive(Args)]
pub struct LockArgs {
    #[command(flatten)]
    files: Files,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// What was written, for programs.
#[derive(Serialize)]
struct Locked {
    components: usize,
    file: String,
}

/// Writes the lock of the plugin directory anew, whatever the one before admitted. One file that does not load, or two
/// of one name, and nothing is written.
pub fn lock(args: &LockArgs) -> Result<Exit, Failure> {
    let plan = cli::load(&args.files)?;
    let Some((dir, file)) = trust::places(&plan.plugins) else {
        return Err(Failure { message: "the configuration has no plugin directory: set plugins.dir".to_owned(), exit: Exit::Config });
    };
    let host = plugins::host(&plan.plugins).map_err(crate::gateway::RunError::from)?;
    let store = Store::open(&dir, &file).map_err(cli::failed)?;
    // A lock is written by whoever trusts what is there; the one before does not count.
    let gate = Gate::open(&Trust::Open, &file);
    let mut lock = Lock::default();
    let listed = directory::list(&dir).map_err(|error| Failure::new(format!("cannot read {}: {error}", dir.display())))?;
    for (file, _) in &listed {
        let plugin =
            load_file(&host, &gate, file, &Knows::default()).map_err(|unusable| Failure::new(format!("cannot lock {unusable}")))?;
        let name = plugin.description().name.clone();
        if lock.names(&name) {
            return Err(Failure::new(format!("two files of {} call themselves {name}; remove one", dir.display())));
        }
        let file = file.file_name().and_then(|file| file.to_str());
        let file = file.ok_or_else(|| Failure::new("a file's name is not UTF-8; rename it"))?.to_owned();
        lock.add(Entry { name, file, digest: *plugin.digest() });
    }
    store.write_lock(&lock).map_err(cli::failed)?;
    let locked = Locked { components: listed.len(), file: file.display().to_string() };
    show(&locked, args.output, || say!("{} component(s) in {}", locked.components, locked.file))?;
    Ok(Exit::Done)
}
