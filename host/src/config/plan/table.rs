//! Tables: from file to plan. It reads no table and asks no cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::error::Report;
use super::super::file::TableFile;
use super::super::place::At;
use super::super::suggest::hint;
use super::super::topics::is_topic_name;
use super::{Cluster, Context, Table, TableFormat, TableSource};

/// The tables, by name; one whose source is not clear is reported and left out.
pub(super) fn tables(
    files: &[(At<String>, At<TableFile>)],
    clusters: &BTreeMap<String, Arc<Cluster>>,
    context: &Context<'_>,
    report: &mut Report,
) -> BTreeMap<String, Arc<Table>> {
    let mut tables = BTreeMap::new();
    for (name, file) in files {
        if let Some(source) = source(name, file, clusters, context, report) {
            let at = report.locate(name.spot);
            tables.insert(name.value.clone(), Arc::new(Table { name: name.value.clone(), source, at }));
        }
    }
    tables
}

fn source(
    name: &At<String>,
    at: &At<TableFile>,
    clusters: &BTreeMap<String, Arc<Cluster>>,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<TableSource> {
    let name = &name.value;
    let TableFile { file, key, topic, cluster } = &at.value;
    match (file, topic, cluster) {
        (Some(file), None, None) => {
            let format = format(file.value.extension().and_then(|extension| extension.to_str()), key.as_ref(), name);
            match format {
                Ok(format) => Some(TableSource::File { path: context.base(file.spot).join(&file.value), format }),
                Err(message) => {
                    report.invalid(file.spot, message);
                    None
                }
            }
        }
        (None, Some(topic), Some(cluster)) => {
            if let Some(key) = key {
                let message = format!("the table \"{name}\" has key beside topic: the key of a row is the key of its record; remove it");
                report.invalid(key.spot, message);
            }
            if !is_topic_name(&topic.value) {
                report.invalid(topic.spot, format!("\"{}\" is not a topic name: [a-zA-Z0-9._-], at most 249 bytes", topic.value));
                return None;
            }
            let found = clusters.get(&cluster.value).cloned();
            if found.is_none() {
                let near = hint(&cluster.value, clusters.keys().map(String::as_str));
                report.invalid(cluster.spot, format!("there is no cluster \"{}\"{near}", cluster.value));
            }
            Some(TableSource::Topic { topic: topic.value.clone(), cluster: found? })
        }
        _ => {
            let message = format!("the table \"{name}\" is either {{ file: PATH, key: COLUMN }} or {{ topic: NAME, cluster: NAME }}");
            report.invalid(at.spot, message);
            None
        }
    }
}

fn format(extension: Option<&str>, key: Option<&At<String>>, name: &str) -> Result<TableFormat, String> {
    let column = || key.map(|key| key.value.clone()).ok_or_else(|| format!("the table \"{name}\" needs key: the column of a row's key"));
    match extension {
        Some("csv") => Ok(TableFormat::Csv { key: column()? }),
        Some("json") => Ok(TableFormat::Json { key: key.map(|key| key.value.clone()) }),
        Some("jsonl" | "ndjson") => Ok(TableFormat::JsonLines { key: column()? }),
        _ => Err(format!("the table \"{name}\": a file is .csv, .json or .jsonl, by the end of its name")),
    }
}
