//! The first-party plugins inside this binary, as components. It must not offer a way round a component: what they do
//! is done in the sandbox or not at all, with no privilege that a plugin from outside lacks.

/// Each by the name of its directory under `plugins/`, which is also the name it gives itself; sorted.
static COMPONENTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The names of the embedded plugins.
pub fn names() -> impl Iterator<Item = &'static str> {
    carried().iter().map(|(name, _)| *name)
}

/// The component of that name.
pub fn component(name: &str) -> Option<&'static [u8]> {
    carried().iter().find(|(own, _)| *own == name).map(|(_, bytes)| *bytes)
}

#[cfg(not(test))]
fn carried() -> &'static [(&'static str, &'static [u8])] {
    COMPONENTS
}

#[cfg(test)]
fn carried() -> &'static [(&'static str, &'static [u8])] {
    if DELETED.get() { &[] } else { COMPONENTS }
}

#[cfg(test)]
thread_local! {
    static DELETED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `act`, on this thread, as a program would from which every component was deleted.
#[cfg(test)]
pub fn without<T>(act: impl FnOnce() -> T) -> T {
    DELETED.set(true);
    let done = act();
    DELETED.set(false);
    done
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed unwrap is a failed test; what is measured is for people")]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::plugin::{HostServices, Limits, StepSpec, guest};

    #[test]
    fn each_loads_under_its_own_name() {
        for name in names() {
            let plugin = guest::load(component(name).unwrap().to_vec(), &Limits::default()).unwrap();
            assert_eq!(plugin.description().name, name);
        }
    }

    /// `cargo test --release -p sluice --lib -- --ignored --nocapture masking_costs`
    #[test]
    #[ignore = "a measurement, to be run alone on a quiet machine"]
    #[allow(clippy::print_stdout, reason = "its result is a figure")]
    fn masking_costs() {
        use crate::plugin::{Batch, Column, KeyRing, Kind};
        use std::sync::Arc;

        const VALUES: u32 = 500;
        let plugin = guest::load(component("mask").unwrap().to_vec(), &Limits::default()).unwrap();
        let mut ring = KeyRing::new();
        ring.add("pii", vec![7; 32]).unwrap();
        let keys = Arc::new(ring);
        for settings in [
            r#"{"use":"keep_last"}"#,
            r#"{"use":"redact"}"#,
            r#"{"use":"mask","keep_last":4,"skip":"- "}"#,
            r#"{"use":"card"}"#,
            r#"{"use":"hmac","key":"pii"}"#,
            r#"{"use":"tokenize","key":"pii"}"#,
            r#"{"use":"fpe","key":"pii","alphabet":"digits"}"#,
            r#"{"use":"round","to":100}"#,
            r#"{"use":"detect","then":{"use":"redact"}}"#,
        ] {
            let step = StepSpec {
                settings_json: "{}".into(),
                fields: vec![("$.a".into(), settings.into())],
                effects: plugin.description().effects,
                ..StepSpec::default()
            };
            let services = HostServices { keys: keys.clone(), allowed_keys: vec!["pii".into()], ..HostServices::default() };
            let mut instance = plugin.instantiate(&step, services).unwrap();
            let mut column = Column::default();
            for row in 0..VALUES {
                column.push(row, Kind::Text, format!("{:016}", 4_111_111_111_111_111_u64 + u64::from(row)).as_bytes()).unwrap();
            }
            let batch = Batch { count: VALUES, fields: vec![column], origins: (0..i64::from(VALUES)).collect(), ..Batch::default() };
            let mut best = f64::MAX;
            for _ in 0..20 {
                let began = Instant::now();
                for _ in 0..100 {
                    instance.transform(&batch).unwrap();
                }
                best = best.min(began.elapsed().as_nanos() as f64 / f64::from(100 * VALUES));
            }
            println!("{best:8.1} ns a value of 16 bytes, the crossing included: {settings}");
        }
    }

    /// What `isolation: batch` pays a batch, and a lane once for a switch.
    #[test]
    #[ignore = "measures: cargo test --release -p sluice --lib fresh_instance -- --ignored --nocapture"]
    fn a_fresh_instance_is_cheap() {
        for (name, field) in [("mask", r#"{"use":"redact"}"#), ("filter", "{}")] {
            let plugin = guest::load(component(name).unwrap().to_vec(), &Limits::default()).unwrap();
            let effects = plugin.description().effects;
            let settings = if name == "filter" { r#"{"where":{"field":"$.a","eq":"x"}}"# } else { "{}" };
            let step =
                StepSpec { settings_json: settings.into(), fields: vec![("$.a".into(), field.into())], effects, ..StepSpec::default() };
            let fresh = || {
                let began = Instant::now();
                drop(plugin.instantiate(&step, HostServices::default()).unwrap());
                began.elapsed()
            };
            let mut took: Vec<Duration> = (0..2_000).map(|_| fresh()).collect();
            took.sort();
            eprintln!("{name}: a fresh instance takes {:?}, at worst {:?}", took[took.len() / 2], took[took.len() - 1]);
        }
    }
}
