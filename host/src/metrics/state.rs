//! The closed lists of lane states and reasons, as metrics, `/status` and `/readyz` name them.
//! It names; what leads from one state to another is the lane's.

/// Declares an enum whose variants have one written name, the same in metrics and JSON.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// All of them, in the order of this list.
            pub const ALL: &[$name] = &[$($name::$variant,)+];

            /// The written name.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use names;

names! {
    /// What a lane is doing.
    ///
    /// ```text
    /// waiting ──assigned──▶ taking_over ──▶ running ⇄ idle
    ///    ▲                       │  │          │
    ///    │                       │  └▶ declined│
    ///    │                       └────────┬────┤
    ///    └──revoked── stopping ◀──────────┴────┴──▶ halted
    /// ```
    LaneState {
        /// This process does not own the lane.
        Waiting = "waiting",
        /// Owned: fencing the predecessor and reading the position.
        TakingOver = "taking_over",
        /// Copies.
        Running = "running",
        /// Owned, without source partitions; no client is open.
        Idle = "idle",
        /// Owned, and the lane or a partition of it stopped until somebody acts; its other partitions go on.
        Halted = "halted",
        /// Owned, but left alone: a newer generation has run it.
        Declined = "declined",
        /// Finishing or aborting the open transaction before letting go.
        Stopping = "stopping",
    }
}

names! {
    /// Why a lane or a partition is in its state.
    Reason {
        /// Nothing to explain.
        None = "none",
        /// The group has not assigned the lane to this process.
        NotAssigned = "not_assigned",
        /// Another process fenced this one's producer.
        Fenced = "fenced",
        /// Retention at the source deleted records before they were copied.
        Gap = "gap",
        /// The source topic was deleted and made anew.
        TopicRecreated = "topic_recreated",
        /// The source topic is gone, or may not be described.
        SourceTopic = "source_topic",
        /// The source serves data that cannot be read.
        SourceCorrupt = "source_corrupt",
        /// The source log ends below the position.
        LogTruncated = "log_truncated",
        /// A partition that was copied before has no position, or a lane's positions were lost or cannot be read.
        PositionMissing = "position_missing",
        /// The positions topic has another partition count than the recorded number of lanes.
        LanesMismatch = "lanes_mismatch",
        /// The target refuses the lane's own records, or the positions or map topic is not set up as it must be.
        StateInvalid = "state_invalid",
        /// This process's configuration, digests or keys are older than what the lane has run.
        OlderGeneration = "older_generation",
        /// A record cannot be transformed, and `on_error` is `halt`.
        RecordFailed = "record_failed",
        /// A plugin traps, breaks its limits or answers wrongly time and again.
        PluginFailed = "plugin_failed",
        /// A masking selector matches nothing, or cannot match.
        Drift = "drift",
        /// The schema registry did not answer about a schema that nobody knows yet.
        RegistryUnavailable = "registry_unavailable",
        /// The target refuses even the coordinates of a record that was set aside.
        TargetRefused = "target_refused",
        /// The target topic is missing or has fewer partitions than the source's, and cannot be made or grown.
        TargetTopic = "target_topic",
        /// The topic is compacted, and a step may make one key of two.
        Compacted = "compacted",
        /// A cluster denies what the lane needs.
        Authorization = "authorization",
        /// A cluster does not answer, or the outcome of a commit is unknown: the lane is given up until a later
        /// heartbeat confirms it.
        ClusterUnreachable = "cluster_unreachable",
        /// A bug of Sluice itself.
        Internal = "internal",
    }
}

impl Reason {
    /// That of a halt's code; codes that are none are a bug of Sluice itself.
    pub fn of(code: &str) -> Self {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == code).unwrap_or(Self::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALTS: &str = include_str!("../../HALTS.md");

    /// The names of an error's codes: the arms of the function that begins like this.
    fn arms<'a>(text: &'a str, function: &str) -> Vec<&'a str> {
        let bodies = text.split(function).skip(1).filter_map(|rest| rest.split("\n    }\n").next());
        bodies.flat_map(str::lines).filter_map(|line| line.split_once("=> \"")?.1.split('"').next()).collect()
    }

    /// The codes that stand where they are used.
    fn used(text: &str) -> Vec<&str> {
        let begins = ["code(\"", "failed(\"", "host(\"", "&str = \"route_"];
        let after = |begin: &str| {
            let at = if begin.ends_with("route_") { "route_".len() } else { 0 };
            text.match_indices(begin).map(|(found, _)| found + begin.len() - at).collect::<Vec<_>>()
        };
        begins.iter().flat_map(|begin| after(begin)).filter_map(|at| text.get(at..)?.split('"').next()).collect()
    }

    fn explained(name: &str) -> bool {
        HALTS.contains(&format!("`{name}`"))
    }

    #[test]
    fn every_reason_is_explained() {
        for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::None) {
            assert!(explained(reason.as_str()), "HALTS.md does not say what to do about {reason}");
        }
    }

    /// Codes are no one list: each error has its own.
    #[test]
    fn every_code_of_a_record_is_explained() {
        let errors = [
            include_str!("../fields/hit.rs"),
            include_str!("../fields/patch.rs"),
            include_str!("../schemas/error.rs"),
            include_str!("../schemas/wire.rs"),
            include_str!("../chain/format/view.rs"),
        ];
        let views = [include_str!("../fields/avro/json.rs"), include_str!("../fields/proto/json.rs")];
        let places = [
            include_str!("../chain.rs"),
            include_str!("../chain/columns.rs"),
            include_str!("../chain/format.rs"),
            include_str!("../chain/format/view.rs"),
            include_str!("../chain/format/written.rs"),
            include_str!("../chain/part.rs"),
            include_str!("../chain/step.rs"),
            include_str!("../chain/step/answer.rs"),
            include_str!("../chain/step/show.rs"),
            include_str!("../lane/route.rs"),
        ];
        let named = |codes: Vec<&str>, prefix: &str| codes.into_iter().map(|code| format!("{prefix}{code}")).collect::<Vec<_>>();
        let mut codes: Vec<String> = errors.iter().flat_map(|text| named(arms(text, "fn code("), "")).collect();
        codes.extend(views.iter().flat_map(|text| named(arms(text, "fn code("), "view_")));
        codes.extend(named(arms(include_str!("../lane/commit.rs"), "fn refusal_code("), ""));
        // What a plugin rejects has the plugin's own code.
        let kinds = arms(include_str!("../plugin/failure.rs"), "fn kind(").into_iter().filter(|kind| *kind != "rejected");
        codes.extend(named(kinds.collect(), "plugin_"));
        codes.extend(places.iter().flat_map(|text| named(used(text), "")));
        assert!(codes.len() > 70, "the source is written in another way: {codes:?}");
        for code in codes {
            // Some are a key's alone.
            assert!(explained(&code) || explained(&format!("key_{code}")), "HALTS.md does not say what to do about {code}");
        }
    }
}
