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
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::plugin::{Limits, guest};

    #[test]
    fn each_loads_under_its_own_name() {
        for name in names() {
            let plugin = guest::load(component(name).unwrap().to_vec(), &Limits::default()).unwrap();
            assert_eq!(plugin.description().name, name);
        }
    }
}
