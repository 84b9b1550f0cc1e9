//! Clusters, keys and the sections of the process: from file to plan. It resolves secrets and connects to nothing.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use super::super::error::Report;
use super::super::file::{ClusterFile, HttpFile, LimitsFile, PluginsFile, PropertyFile, TrustFile, loopback};
use super::super::place::{At, Spot};
use super::super::properties;
use super::super::secret::{KeyReference, Reference, Secret, plain, resolve};
use super::super::units::{Size, Span};
use super::{Cluster, Context, Http, Key, Keyring, PluginLimits, Plugins, Property, PropertyValue, Trust, registry};
use crate::plugins::signature::PublicKey;

/// The fewest bytes of a key: what HMAC-SHA-256 takes full strength from.
const MIN_KEY_BYTES: usize = 32;

const DEFAULT_MEMORY: u64 = 256 << 20;
const MIN_MEMORY: u64 = 32 << 20;

impl Context<'_> {
    /// The folder of the file that the spot is in: what relative paths there are relative to.
    pub(super) fn base(&self, spot: Spot) -> &Path {
        self.bases.get(spot.file as usize).map_or(Path::new(""), |base| base)
    }
}

/// Reports a value out of its range; a default never is.
pub(super) fn in_range<T: Copy + PartialOrd + Display>(name: &str, value: &At<T>, low: T, high: T, report: &mut Report) -> T {
    if value.value < low || value.value > high {
        let message = format!("{name} is {}, and has to be from {low} to {high}", value.value);
        report.invalid(value.spot, message);
    }
    value.value
}

/// [`in_range`] for a span of time.
pub(super) fn span_in_range(name: &str, value: &At<Span>, low: Span, high: Span, report: &mut Report) -> Span {
    if value.value.0 < low.0 || value.value.0 > high.0 {
        let message = format!("{name} is {}, and has to be from {low} to {high}", value.value);
        report.invalid(value.spot, message);
    }
    value.value
}

/// [`in_range`] for a size; bounds and answer in bytes.
pub(super) fn size_in_range(name: &str, value: &At<Size>, low: u64, high: u64, report: &mut Report) -> u64 {
    if value.value.0 < low || value.value.0 > high {
        let (low, high) = (Size(low), Size(high));
        let message = format!("{name} is {}, and has to be from {low} to {high}", value.value);
        report.invalid(value.spot, message);
    }
    value.value.0
}

/// All clusters, by name. One with something wrong is there too, so that what names it is checked; the report has it.
pub(super) fn clusters(
    files: &[(At<String>, At<ClusterFile>)],
    context: &Context<'_>,
    report: &mut Report,
) -> BTreeMap<String, Arc<Cluster>> {
    let built = files.iter().map(|(name, file)| {
        let cluster = cluster(name, &file.value, context, report);
        (name.value.clone(), Arc::new(cluster))
    });
    built.collect()
}

fn cluster(name: &At<String>, file: &ClusterFile, context: &Context<'_>, report: &mut Report) -> Cluster {
    if name.value.is_empty() {
        report.invalid(name.spot, "a cluster needs a name");
    }
    let servers = &file.bootstrap_servers;
    for server in servers.value.split(',') {
        if !is_server(server.trim()) {
            let message = format!("bootstrap_servers: \"{}\" is not host:port", server.trim());
            report.invalid(servers.spot, message);
        }
    }
    let properties = file.properties.0.iter();
    let properties = properties.filter_map(|(name, value)| property(name, value, context, report));
    Cluster {
        name: name.value.clone(),
        bootstrap_servers: servers.value.clone(),
        properties: properties.collect(),
        registry: file.schema_registry.as_ref().and_then(|file| registry::registry(file, context, report)),
        at: report.locate(name.spot),
    }
}

/// Whether it is `host:port` or `[address]:port`, with a port from 1 to 65535. Names are not looked up.
pub(super) fn is_server(server: &str) -> bool {
    let (host, port) = match server.strip_prefix('[').and_then(|s| s.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match server.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (server, None),
        },
    };
    let port_fits = port.is_some_and(|port| port.parse::<u16>().is_ok_and(|n| n > 0));
    !host.is_empty() && !host.contains([' ', '/', '@']) && port_fits
}

fn property(name: &At<String>, value: &At<PropertyFile>, context: &Context<'_>, report: &mut Report) -> Option<Property> {
    if let Some(reason) = properties::refused(&name.value) {
        let message = format!("the property {} belongs to Sluice: {reason}; remove it", name.value);
        report.invalid(name.spot, message);
        return None;
    }
    if let Some(instead) = properties::of_java(&name.value) {
        report.invalid(name.spot, format!("the property {} is one of Java's clients, not of librdkafka: {instead}", name.value));
        return None;
    }
    let checked = match &value.value {
        PropertyFile::Clear(_) if properties::is_secret(&name.value) => {
            Err("is a secret and must not be written in clear; write { env: NAME } or { file: PATH }".to_owned())
        }
        PropertyFile::Clear(text) if text.0.contains('\0') => Err("must not contain a NUL".to_owned()),
        PropertyFile::Clear(text) => Ok(PropertyValue::Clear(text.0.clone())),
        PropertyFile::Secret(reference) => match resolve(reference, context.base(value.spot), &context.outside) {
            Ok(secret) if is_text(&secret) => Ok(PropertyValue::Secret(secret)),
            Ok(_) => Err("must be UTF-8 text without NUL".to_owned()),
            Err(why) => Err(format!("cannot be had: {why}")),
        },
    };
    match checked {
        Ok(checked) => Some(Property { name: name.value.clone(), value: checked, at: report.locate(name.spot) }),
        Err(why) => {
            report.invalid(value.spot, format!("the property {} {why}", name.value));
            None
        }
    }
}

/// Whether the secret is UTF-8 without NUL, as properties and passwords have to be.
pub(super) fn is_text(secret: &Secret) -> bool {
    std::str::from_utf8(secret.expose()).is_ok_and(|text| !text.contains('\0'))
}

/// All keys, by name; one that cannot be had, or is too short, is reported and left out.
pub(super) fn keys(files: &[(At<String>, At<KeyReference>)], context: &Context<'_>, report: &mut Report) -> Keyring {
    let mut keyring = Keyring::default();
    for (name, at) in files {
        let KeyReference { env, file, current, previous } = &at.value;
        let alone = At { spot: at.spot, value: Reference { env: env.clone(), file: file.clone() } };
        if current.is_some() && (env.is_some() || file.is_some()) {
            report.invalid(at.spot, format!("the key \"{}\" has current beside env or file; give it once", name.value));
            continue;
        }
        if let (None, Some(previous)) = (current, previous) {
            let message = format!("the key \"{}\" has previous without current: {{ current: …, previous: [ … ] }}", name.value);
            report.invalid(previous.spot, message);
            continue;
        }
        let current = secret(&name.value, current.as_ref().unwrap_or(&alone), context, report);
        let previous = previous.iter().flat_map(|previous| &previous.value);
        let previous: Vec<_> = previous.map(|reference| secret(&name.value, reference, context, report)).collect();
        // One that cannot be had was reported.
        if let (Some(current), Some(previous)) = (current, previous.into_iter().collect()) {
            keyring.0.insert(name.value.clone(), Key { current, previous });
        }
    }
    keyring
}

fn secret(name: &str, reference: &At<Reference>, context: &Context<'_>, report: &mut Report) -> Option<Secret> {
    match resolve(&reference.value, context.base(reference.spot), &context.outside) {
        Ok(secret) if secret.expose().len() < MIN_KEY_BYTES => {
            let message = format!("the key \"{name}\" has {} bytes, and needs at least {MIN_KEY_BYTES}", secret.expose().len());
            report.invalid(reference.spot, message);
            None
        }
        Ok(secret) => Some(secret),
        Err(why) => {
            report.invalid(reference.spot, format!("the key \"{name}\" cannot be had: {why}"));
            None
        }
    }
}

/// The section `plugins`, or its defaults: no directory, the default limits, trust that is open. None where the trust
/// cannot be had; that was reported.
pub(super) fn plugins(file: Option<&At<PluginsFile>>, context: &Context<'_>, report: &mut Report) -> Option<Plugins> {
    let Some(file) = file else {
        return Some(Plugins { dir: None, lock: None, trust: Trust::Open, limits: limits(&LimitsFile::default(), report) });
    };
    let dir = file.value.dir.as_ref().map(|dir| {
        let path = context.base(dir.spot).join(&dir.value);
        let why = match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => None,
            Ok(_) => Some("it is not a directory".to_owned()),
            Err(error) => Some(plain(&error)),
        };
        if let Some(why) = why {
            let message = format!("cannot use the plugin directory {}: {why}", path.display());
            report.invalid(dir.spot, message);
        }
        path
    });
    let lock = file.value.lock.as_ref().map(|lock| {
        if dir.is_none() {
            report.invalid(lock.spot, "plugins.lock: there is nothing to lock without plugins.dir");
        }
        context.base(lock.spot).join(&lock.value)
    });
    let trust = trust(&file.value, report);
    let limits = limits(&file.value.limits, report);
    Some(Plugins { dir, lock, trust: trust?, limits })
}

fn trust(file: &PluginsFile, report: &mut Report) -> Option<Trust> {
    let mut signers = Vec::new();
    for signer in &file.signers {
        match PublicKey::parse(&signer.value) {
            Ok(key) => signers.push(key),
            Err(why) => report.invalid(signer.spot, format!("plugins.signers: {why}")),
        }
    }
    match (file.trust.value, file.signers.first()) {
        (TrustFile::Signed, None) => {
            report.invalid(file.trust.spot, "plugins.trust: signed needs plugins.signers: at least one public key");
            None
        }
        (TrustFile::Signed, Some(_)) => Some(Trust::Signed { signers }),
        (_, Some(first)) => {
            report.invalid(first.spot, "plugins.signers: nobody looks at signatures unless plugins.trust is signed");
            None
        }
        (TrustFile::Open, None) => Some(Trust::Open),
        (TrustFile::Locked, None) => Some(Trust::Locked),
    }
}

fn limits(file: &LimitsFile, report: &mut Report) -> PluginLimits {
    let seconds = |n| Span(std::time::Duration::from_secs(n));
    let shortest = Span(std::time::Duration::from_millis(10));
    PluginLimits {
        memory: size_in_range("plugins.limits.memory", &file.memory, 1 << 20, 1 << 30, report),
        batch_time: span_in_range("plugins.limits.time", &file.time, shortest, seconds(60), report).0,
        batch_records: in_range("plugins.limits.batch_records", &file.batch_records, 1, 1000, report),
        output_records: in_range("plugins.limits.output_records", &file.output_records, 1, 1000, report),
        output_bytes: size_in_range("plugins.limits.output_bytes", &file.output_bytes, 64 << 10, 1 << 30, report),
        compile_time: span_in_range("plugins.limits.compile_time", &file.compile_time, seconds(1), seconds(600), report).0,
        log_lines: in_range("plugins.limits.log_lines", &file.log_lines, 0, 10_000, report),
        stack: size_in_range("plugins.limits.stack", &file.stack, 64 << 10, 2 << 20, report),
    }
}

/// The section `http`, or its default. None where that is no address, or one that other machines reach; that was
/// reported.
pub(super) fn http(file: Option<&At<HttpFile>>, report: &mut Report) -> Option<Http> {
    let default = loopback();
    let listen = file.map_or(&default, |file| &file.value.listen);
    let text = match listen.value.strip_prefix("localhost:") {
        Some(port) => format!("{}:{port}", IpAddr::from(Ipv4Addr::LOCALHOST)),
        None => listen.value.clone(),
    };
    match text.parse::<SocketAddr>() {
        Ok(listen) if listen.ip().is_loopback() => Some(Http { listen }),
        Ok(address) => {
            let message = format!(
                "http.listen: {address} can be reached from other machines, which needs a token; that is not \
                 supported yet; use 127.0.0.1"
            );
            report.invalid(listen.spot, message);
            None
        }
        Err(_) => {
            let message = format!("http.listen: \"{}\" is not an address and a port such as 127.0.0.1:8088", listen.value);
            report.invalid(listen.spot, message);
            None
        }
    }
}

/// What all queues together may hold, bytes: at least 32 MiB, 256 MiB by default.
pub(super) fn memory(file: Option<&At<Size>>, report: &mut Report) -> u64 {
    let Some(memory) = file else {
        return DEFAULT_MEMORY;
    };
    if memory.value.0 < MIN_MEMORY {
        let message = format!("memory is {}, and has to be at least {}", memory.value, Size(MIN_MEMORY));
        report.invalid(memory.spot, message);
    }
    memory.value.0
}
