//! The first-party plugins inside this binary, as components. It must not offer a way round a component: what they do
//! is done in the sandbox or not at all, with no privilege that a plugin from outside lacks.

/// Each by the name of its directory under `plugins/`, which is also the name it gives itself; sorted.
static COMPONENTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The names of the embedded plugins.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMPONENTS.iter().map(|(name, _)| *name)
}

/// The component of that name.
pub fn component(name: &str) -> Option<&'static [u8]> {
    COMPONENTS.iter().find(|(own, _)| *own == name).map(|(_, bytes)| *bytes)
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
