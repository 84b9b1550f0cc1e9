//! Several files into one set of sections. What is given twice is an error that names both places; nothing overrides.

use std::collections::HashMap;

use super::super::error::Report;
use super::super::file::{ClusterFile, File, HttpFile, PipelineFile, PluginsFile, TableFile};
use super::super::place::{At, Entries, Spot};
use super::super::secret::KeyReference;
use super::super::units::Size;

/// The sections of all files, in the order of the files; no name occurs twice in one.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) clusters: Vec<(At<String>, At<ClusterFile>)>,
    pub(super) keys: Vec<(At<String>, At<KeyReference>)>,
    pub(super) tables: Vec<(At<String>, At<TableFile>)>,
    pub(super) plugins: Option<At<PluginsFile>>,
    pub(super) http: Option<At<HttpFile>>,
    pub(super) memory: Option<At<Size>>,
    pub(super) pipelines: Vec<At<PipelineFile>>,
}

/// Puts files together. What is given twice is reported, and the first one stays.
pub(super) fn merge(files: Vec<File>, report: &mut Report) -> Merged {
    let mut merged = Merged::default();
    let mut clusters = Names::new("cluster");
    let mut keys = Names::new("key");
    let mut tables = Names::new("table");
    let mut pipelines = Names::new("pipeline");
    for file in files {
        named(file.clusters, &mut merged.clusters, &mut clusters, report);
        named(file.keys, &mut merged.keys, &mut keys, report);
        named(file.tables, &mut merged.tables, &mut tables, report);
        section("plugins", &mut merged.plugins, file.plugins, report);
        section("http", &mut merged.http, file.http, report);
        section("memory", &mut merged.memory, file.memory, report);
        for pipeline in file.pipelines {
            if pipelines.is_new(&pipeline.value.name, report) {
                merged.pipelines.push(pipeline);
            }
        }
    }
    merged
}

/// The names of one kind, and where each was first given.
struct Names {
    kind: &'static str,
    first: HashMap<String, Spot>,
}

impl Names {
    fn new(kind: &'static str) -> Self {
        let first = HashMap::new();
        Self { kind, first }
    }

    fn is_new(&mut self, name: &At<String>, report: &mut Report) -> bool {
        if let Some(first) = self.first.get(&name.value) {
            let first = report.locate(*first);
            let message = format!("the {} \"{}\" is given twice; the first is at {first}", self.kind, name.value);
            report.invalid(name.spot, message);
            return false;
        }
        self.first.insert(name.value.clone(), name.spot);
        true
    }
}

fn named<T>(from: Entries<T>, to: &mut Vec<(At<String>, T)>, names: &mut Names, report: &mut Report) {
    for (name, value) in from.0 {
        if names.is_new(&name, report) {
            to.push((name, value));
        }
    }
}

fn section<T>(name: &str, kept: &mut Option<At<T>>, given: Option<At<T>>, report: &mut Report) {
    let Some(given) = given else {
        return;
    };
    if let Some(kept) = kept {
        let first = report.locate(kept.spot);
        report.invalid(given.spot, format!("the section {name} is given twice; the first is at {first}"));
        return;
    }
    *kept = Some(given);
}
