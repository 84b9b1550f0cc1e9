//! Which topics and partitions of the source belong to a pipeline, kept current. It must not decide where they start or
//! who reads them; a partition that it announces has its place on the target, or the reason why it has none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode;

use crate::config::topics::TopicFilter;
use crate::failpoint;
use crate::kafka::Observer;
use crate::kafka::ffi;
use crate::metrics::Reason;
use crate::topics::{TargetTopics, TopicError};

/// How often the source is asked for new topics and partitions.
pub const REFRESH: Duration = Duration::from_secs(2);

/// How long one question to the source may take.
const ASK_WITHIN: Duration = Duration::from_secs(10);

/// One topic of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its id (KIP-516); empty where the source has none.
    pub id: String,
    pub partitions: i32,
    /// The source does not list it any more: it was deleted, or may not be described.
    pub gone: bool,
    /// Its counterpart on the target.
    pub target: Counterpart,
    /// How many of its partitions have their place on the target.
    pub placed: i32,
    /// Why the others have none; tried again with every look.
    pub unplaced: Option<String>,
    /// Why it must not be copied with these steps; found out when it was first met.
    pub refused: Option<String>,
}

impl Topic {
    /// One that the source lists.
    fn listed(partitions: i32) -> Self {
        let target = Counterpart::default();
        Self { id: String::new(), partitions, gone: false, target, placed: 0, unplaced: None, refused: None }
    }

    /// What is known of one that the source does not list now; `unsure`: it cannot tell.
    fn unlisted(&self, unsure: bool) -> Self {
        Self { gone: !unsure, ..self.clone() }
    }

    /// Takes over what was known of the topic before.
    fn follow(&mut self, before: &Self) {
        // Partitions never shrink; a re-created topic keeps its old lanes, which halt by its new id.
        self.partitions = self.partitions.max(before.partitions);
        // An id that is not to be had this time is the one of before: without one nobody would look.
        if self.id.is_empty() {
            self.id.clone_from(&before.id);
        }
        self.target = before.target.clone();
        self.placed = before.placed;
        self.unplaced.clone_from(&before.unplaced);
        self.refused.clone_from(&before.refused);
    }

    /// All partitions have their place.
    pub fn settle(&mut self) {
        self.placed = self.partitions;
        self.unplaced = None;
    }

    /// Only the first `placed` partitions have theirs.
    pub fn leave_out(&mut self, placed: i32, why: &TopicError) {
        self.placed = placed;
        self.unplaced = Some(why.to_string());
    }
}

/// What the pipeline is asked about topics.
pub struct Questions<'a> {
    /// Which topics have positions already: one of those that is gone from the target is not made again.
    pub copied: &'a dyn Fn() -> Result<BTreeSet<String>, TopicError>,
    /// How many partitions of each topic have positions, as far as those can be read: one of those that the source does not
    /// list is not forgotten.
    pub met: &'a dyn Fn() -> BTreeMap<String, i32>,
    /// Why a topic must not be copied; none where it may.
    pub refused: &'a dyn Fn(&str) -> Result<Option<String>, TopicError>,
    /// Whether the pipeline is to end: nothing more is asked of its clusters then, and nothing announced.
    pub stopped: &'a dyn Fn() -> bool,
}

/// A source topic's counterpart on the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counterpart {
    /// Its id; empty where the target has none, or was not asked.
    pub id: String,
    /// It is not there, though records were copied to it: it is not made again.
    pub missing: bool,
}

/// What the source has for this pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Rises with every change; 0 before the source was asked.
    pub version: u64,
    pub topics: BTreeMap<String, Topic>,
}

impl Sources {
    /// All partitions, topic by topic.
    pub fn partitions(&self) -> impl Iterator<Item = (&str, i32)> {
        self.topics.iter().flat_map(|(name, topic)| (0..topic.partitions).map(move |partition| (name.as_str(), partition)))
    }

    /// Those of topics that the source lists.
    pub fn listed(&self) -> impl Iterator<Item = (&str, i32)> {
        self.partitions().filter(|(topic, _)| self.topics.get(*topic).is_some_and(|topic| !topic.gone))
    }

    /// Why a partition has no place on the target; none where it has one.
    pub fn unplaced(&self, topic: &str, partition: i32) -> Option<&str> {
        self.topics.get(topic).filter(|topic| partition >= topic.placed)?.unplaced.as_deref()
    }

    /// A topic's id; empty where unknown.
    pub fn id(&self, topic: &str) -> &str {
        self.topics.get(topic).map_or("", |topic| &topic.id)
    }

    /// The id of its counterpart on the target; empty where unknown.
    pub fn target_id(&self, topic: &str) -> &str {
        self.topics.get(topic).map_or("", |topic| &topic.target.id)
    }
}

/// The source could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    #[error("cannot list the topics of the source: {0}")]
    List(String),
    #[error(transparent)]
    Target(#[from] TopicError),
}

/// The current [`Sources`], for lanes to follow.
#[derive(Default)]
pub struct Discovery {
    current: Mutex<Arc<Sources>>,
    changed: Condvar,
    version: AtomicU64,
}

impl Discovery {
    /// Rises with every change, 0 before the first answer of the source; cheap.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What is known now; empty before the first answer of the source.
    pub fn now(&self) -> Arc<Sources> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits up to `wait` for a version other than `seen`.
    pub fn wait_past(&self, seen: u64, wait: Duration) -> Arc<Sources> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (current, _) =
            self.changed.wait_timeout_while(current, wait, |now| now.version == seen).unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// Asks the source once and announces what changed. Topics that went stay announced, marked as gone; one that comes
    /// back has another id. One that cannot have its place on the target is marked and holds up no other.
    pub fn refresh(
        &self,
        source: &Observer,
        filter: &TopicFilter,
        target: &TargetTopics,
        questions: &Questions<'_>,
    ) -> Result<(), DiscoveryError> {
        failpoint::hit("in_discovery");
        let (mut topics, unsure) = list(source, filter)?;
        identify(source, &mut topics, target);
        let now = self.now();
        if now.version == 0 {
            for (name, partitions) in (questions.met)() {
                if !filter.matches(&name) || topics.contains_key(&name) {
                    continue;
                }
                let topic = Topic::listed(partitions).unlisted(unsure.contains(&name));
                if topic.gone {
                    tracing::error!(topic = name, code = %Reason::SourceTopic, "topic is not on the source any more, or may not be described; copying goes on where it comes back");
                }
                topics.insert(name, topic);
            }
        }
        for (name, topic) in &now.topics {
            topics.entry(name.clone()).and_modify(|found| found.follow(topic)).or_insert_with(|| topic.unlisted(unsure.contains(name)));
        }
        // What may be mended is asked again.
        let failed_before = |name: &str| now.topics.get(name).is_some_and(|before| before.unplaced.is_some() || before.refused.is_some());
        if topics != now.topics || now.version == 0 || topics.keys().any(|name| failed_before(name)) {
            target.ensure(&mut topics, questions)?;
            let is_new = |name: &str, topic: &Topic| now.topics.get(name).is_none_or(|before| before.id != topic.id || before.gone);
            let due = |name: &str, topic: &Topic| !topic.gone && (is_new(name, topic) || failed_before(name));
            for (name, topic) in topics.iter_mut().filter(|(name, topic)| due(name, topic)) {
                if (questions.stopped)() {
                    break;
                }
                match (questions.refused)(name) {
                    Ok(refused) => topic.refused = refused,
                    Err(error) if error.is_of_topic() => topic.leave_out(0, &error),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        if (questions.stopped)() {
            return Ok(());
        }
        tell_unplaced(&now, &topics);
        target.identify(&mut topics);
        if topics == now.topics && now.version > 0 {
            return Ok(());
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let version = current.version + 1;
        *current = Arc::new(Sources { version, topics });
        self.version.store(version, Ordering::Release);
        self.changed.notify_all();
        Ok(())
    }
}

/// Says once of each topic that it has no place on the target.
fn tell_unplaced(before: &Sources, topics: &BTreeMap<String, Topic>) {
    for (name, topic) in topics {
        let known = before.topics.get(name).and_then(|before| before.unplaced.as_ref());
        match &topic.unplaced {
            Some(reason) if known != Some(reason) => {
                tracing::warn!(topic = name, placed = topic.placed, reason, "no place on the target; its partitions halt; will retry");
            }
            _ => {}
        }
    }
}

/// The topics that match, and the names of those about which the source cannot tell at present.
fn list(source: &Observer, filter: &TopicFilter) -> Result<(BTreeMap<String, Topic>, BTreeSet<String>), DiscoveryError> {
    let metadata = source.ask(|client| client.fetch_metadata(None, ASK_WITHIN)).map_err(|error| DiscoveryError::List(error.to_string()))?;
    let (mut topics, mut unsure) = (BTreeMap::new(), BTreeSet::new());
    for topic in metadata.topics().iter().filter(|topic| filter.matches(topic.name())) {
        match topic.error().map(RDKafkaErrorCode::from) {
            None => {
                let partitions = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
                topics.insert(topic.name().to_owned(), Topic::listed(partitions));
            }
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {}
            Some(_) => {
                unsure.insert(topic.name().to_owned());
            }
        }
    }
    Ok((topics, unsure))
}

/// Adds topic ids. A source that cannot name them (an old one, or one without the right to describe) costs the check
/// for re-created topics, not the pipeline.
fn identify(source: &Observer, topics: &mut BTreeMap<String, Topic>, target: &TargetTopics) {
    if topics.is_empty() || target.is_premade() {
        return;
    }
    let names: Vec<&str> = topics.keys().map(String::as_str).collect();
    match source.ask(|client| ffi::topic_ids(client.client(), &names, ASK_WITHIN)) {
        Ok(ids) => {
            for (name, id) in ids {
                if let (Some(topic), Ok(id)) = (topics.get_mut(&name), id) {
                    topic.id = id;
                }
            }
        }
        Err(error) => tracing::warn!(%error, "topic ids unknown; a re-created topic would not be noticed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Topic {
        let mut topic = Topic::listed(4);
        topic.id = "id".into();
        topic.target = Counterpart { id: "there".into(), missing: false };
        topic.settle();
        topic
    }

    #[test]
    fn what_is_known_of_a_topic_outlives_a_look_that_fails() {
        let mut found = Topic::listed(2);
        found.follow(&known());
        assert_eq!(found, known(), "no id, fewer partitions");
        let mut anew = Topic { id: "other".into(), ..Topic::listed(4) };
        anew.follow(&known());
        assert_eq!(anew.id, "other");
        assert!(known().unlisted(false).gone && !known().unlisted(true).gone);
    }

    #[test]
    fn a_topic_that_is_gone_stays_known_and_is_not_listed() {
        let topics = [("a", known()), ("b", known().unlisted(false)), ("c", known().unlisted(true))];
        let topics = topics.into_iter().map(|(name, topic)| (name.to_owned(), Topic { partitions: 1, ..topic })).collect();
        let sources = Sources { version: 1, topics };
        assert_eq!(sources.partitions().collect::<Vec<_>>(), [("a", 0), ("b", 0), ("c", 0)]);
        assert_eq!(sources.listed().collect::<Vec<_>>(), [("a", 0), ("c", 0)]);
    }

    #[test]
    fn partitions_without_a_place_say_why() {
        let mut topic = known();
        topic.partitions = 6;
        topic.leave_out(4, &TopicError::Client { cluster: "main".into(), reason: "denied".into() });
        let mut sources = Sources { version: 1, topics: BTreeMap::from([("t".to_owned(), topic)]) };
        assert_eq!(sources.unplaced("t", 3), None);
        assert!(sources.unplaced("t", 4).is_some_and(|why| why.contains("denied")));
        sources.topics.values_mut().for_each(Topic::settle);
        assert_eq!((sources.unplaced("t", 4), sources.topics["t"].placed), (None, 6));
    }
}
