//! `sluice plugin inspect`: what a component is and what it asks for. It shows what can be read of one that Sluice refuses
//! too, and says why it does.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sluice_plugin_build::contents;

use crate::cli::output::{Format, plain};
use crate::cli::{Exit, Failure, chain};
use crate::plugin::{Description, embedded};
use crate::say::say;
use crate::toolkit;

/// The interface that every plugin exports, before its version.
const CONTRACT: &str = "sluice:plugin/plugin@";

/// Arguments of `sluice plugin inspect`.
#[derive(Args)]
pub struct InspectArgs {
    /// A component, or the name of an embedded plugin.
    #[arg(value_name = "FILE.wasm | NAME")]
    component: PathBuf,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// All that there is to say.
#[derive(Serialize)]
struct Report {
    file: String,
    digest: String,
    size: usize,
    /// Version of the contract that it exports.
    contract: Option<String>,
    imports: Vec<String>,
    languages: Vec<String>,
    tools: Vec<String>,
    /// Why Sluice does not take it.
    refused: Option<String>,
    plugin: Option<About>,
}

/// What it says of itself.
#[derive(Serialize)]
struct About {
    name: String,
    version: String,
    summary: String,
    effects: Vec<String>,
    sees: Vec<String>,
    counters: Vec<String>,
    rejections: Vec<String>,
    settings_schema: Value,
    field_settings_schema: Value,
}

/// Prints what the component is and what it asks for; one that Sluice refuses is shown too, with exit code 1.
pub fn inspect(args: &InspectArgs) -> Result<Exit, Failure> {
    let (file, bytes) = read(args)?;
    let host = toolkit::host().map_err(|error| Failure::new(chain(&error)))?;
    let loaded = host.load(bytes.clone(), &file);
    let contents = contents(&bytes).unwrap_or_default();
    let version = |export: &String| export.strip_prefix(CONTRACT).map(str::to_owned);
    let report = Report {
        digest: Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        size: bytes.len(),
        contract: contents.exports.iter().find_map(version),
        imports: contents.imports,
        languages: contents.languages,
        tools: contents.tools.iter().map(|(name, version)| format!("{name} {version}").trim_end().to_owned()).collect(),
        refused: loaded.as_ref().err().map(|error| chain(error)),
        plugin: loaded.as_ref().ok().map(|plugin| About::of(plugin.description())),
        file,
    };
    let text = if args.output == Format::Table { table(&report) } else { plain(&report, args.output).map_err(Failure::new)? };
    say!("{text}");
    Ok(if report.refused.is_some() { Exit::Failed } else { Exit::Done })
}

fn read(args: &InspectArgs) -> Result<(String, Vec<u8>), Failure> {
    let file = args.component.display().to_string();
    if let Some(component) = embedded::component(&file) {
        return Ok((format!("embedded:{file}"), component.to_vec()));
    }
    let bytes = std::fs::read(&args.component).map_err(|error| {
        let names: Vec<&str> = embedded::names().collect();
        Failure::new(format!("cannot read {file}: {error}; give a file, or one of the embedded plugins: {}", names.join(", ")))
    })?;
    Ok((file, bytes))
}

impl About {
    fn of(description: &Description) -> About {
        // As a step of the configuration writes them.
        let set = |named: &[(&'static str, bool)]| named.iter().filter(|(_, is)| *is).map(|(name, _)| name.replace('-', "_")).collect();
        About {
            name: description.name.clone(),
            version: description.version.clone(),
            summary: description.summary.clone(),
            effects: set(&description.effects.named()),
            sees: set(&description.sees.named()),
            counters: description.counters.clone(),
            rejections: description.rejections.clone(),
            settings_schema: description.settings_schema.clone(),
            field_settings_schema: description.field_settings_schema.clone(),
        }
    }
}

fn table(report: &Report) -> String {
    let list = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let mut lines = vec![
        ("file", report.file.clone()),
        ("size", format!("{} bytes", report.size)),
        ("sha256", report.digest.clone()),
        ("contract", report.contract.clone().unwrap_or_else(|| "none that Sluice knows".into())),
        ("imports", list(&report.imports)),
        ("language", list(&report.languages)),
        ("made by", list(&report.tools)),
    ];
    if let Some(about) = &report.plugin {
        lines.insert(0, ("plugin", format!("{} {}", about.name, about.version)));
        lines.insert(1, ("", about.summary.clone()));
        lines.extend([
            ("effects", list(&about.effects)),
            ("sees", list(&about.sees)),
            ("counters", list(&about.counters)),
            ("rejections", list(&about.rejections)),
            ("settings", about.settings_schema.to_string()),
            ("of a field", about.field_settings_schema.to_string()),
        ]);
    }
    if let Some(refused) = &report.refused {
        lines.push(("refused", refused.clone()));
    }
    lines.iter().map(|(name, value)| format!("{name:<11}{value}")).collect::<Vec<_>>().join("\n")
}
