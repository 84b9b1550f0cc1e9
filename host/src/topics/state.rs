//! Names of a pipeline's own topics on the target, and which generation of them counts. A pipeline that was resized or
//! rekeyed has its positions and its offset map in topics of a later generation, `.2`, `.3`, …; the earlier ones stay
//! behind. It must not make or change a topic.

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::{ASK_WITHIN, TopicError};
use crate::config::plan::Cluster;
use crate::kafka::Context;
use crate::lane;

/// A pipeline's own topics on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateTopics {
    /// From 1; each resize and each rekey adds one.
    pub generation: u32,
    pub positions: String,
    pub offset_map: String,
    pub quarantine: Option<String>,
    pipeline: String,
}

impl StateTopics {
    /// Those of one generation.
    pub fn of(pipeline: &str, quarantine: Option<&str>, generation: u32) -> Self {
        let positions = base(pipeline, "positions");
        let offset_map = base(pipeline, "offset-map");
        let numbered = |name: String| if generation > 1 { format!("{name}.{generation}") } else { name };
        Self {
            generation,
            positions: numbered(positions),
            offset_map: numbered(offset_map),
            quarantine: quarantine.map(str::to_owned),
            pipeline: pipeline.to_owned(),
        }
    }

    /// Those that count now: of the latest generation that a resize completed, else of the first. `observer` is a client
    /// of `target`.
    pub fn current(
        target: &Cluster,
        observer: &BaseConsumer<Context>,
        pipeline: &str,
        quarantine: Option<&str>,
    ) -> Result<Self, TopicError> {
        let mut found = generations(target, observer, pipeline)?;
        found.sort_unstable_by(|a, b| b.cmp(a));
        for generation in found.into_iter().filter(|generation| *generation > 1) {
            let topics = Self::of(pipeline, quarantine, generation);
            // A resize commits all lanes at once: lane 0 speaks for them.
            let moved = lane::read(target, pipeline, &topics.positions, 0, &|| false).map_err(|error| TopicError::Failed {
                doing: "read",
                topic: topics.positions.clone(),
                cluster: target.name.clone(),
                reason: error.to_string(),
            })?;
            if moved.control.is_some() {
                return Ok(topics);
            }
        }
        Ok(Self::of(pipeline, quarantine, 1))
    }

    /// The offset map's topics of all generations, the first one first: the map is read in this order.
    pub fn offset_maps(&self) -> impl Iterator<Item = String> {
        (1..=self.generation).map(|generation| Self::of(&self.pipeline, None, generation).offset_map)
    }
}

/// Generations of the positions topic that exist, completed or not.
pub fn generations(target: &Cluster, observer: &BaseConsumer<Context>, pipeline: &str) -> Result<Vec<u32>, TopicError> {
    let first = base(pipeline, "positions");
    let metadata = observer.fetch_metadata(None, ASK_WITHIN).map_err(|error| TopicError::Failed {
        doing: "look for",
        topic: first.clone(),
        cluster: target.name.clone(),
        reason: error.to_string(),
    })?;
    Ok(metadata.topics().iter().filter_map(|topic| generation_of(topic.name(), &first)).collect())
}

fn base(pipeline: &str, what: &str) -> String {
    format!("__sluice.{pipeline}.{what}")
}

fn generation_of(topic: &str, first: &str) -> Option<u32> {
    match topic.strip_prefix(first)? {
        "" => Some(1),
        rest => rest.strip_prefix('.')?.parse().ok().filter(|number| *number > 1 && rest == format!(".{number}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_stands_in_the_name() {
        let first = StateTopics::of("p", Some("q"), 1);
        assert_eq!((first.positions.as_str(), first.offset_map.as_str()), ("__sluice.p.positions", "__sluice.p.offset-map"));
        let third = StateTopics::of("p", Some("q"), 3);
        assert_eq!((third.positions.as_str(), third.quarantine.as_deref()), ("__sluice.p.positions.3", Some("q")));
        let maps: Vec<String> = third.offset_maps().collect();
        assert_eq!(maps, ["__sluice.p.offset-map", "__sluice.p.offset-map.2", "__sluice.p.offset-map.3"]);
    }

    #[test]
    fn other_topics_are_no_generation() {
        for (topic, generation) in [
            ("__sluice.p.positions", Some(1)),
            ("__sluice.p.positions.2", Some(2)),
            ("__sluice.p.positions.12", Some(12)),
            ("__sluice.p.positions.1", None),
            ("__sluice.p.positions.02", None),
            ("__sluice.p.positions.+2", None),
            ("__sluice.p.positions.x.positions", None),
            ("__sluice.p.positions2", None),
            ("__sluice.p.offset-map", None),
        ] {
            assert_eq!(generation_of(topic, "__sluice.p.positions"), generation, "{topic}");
        }
    }
}
