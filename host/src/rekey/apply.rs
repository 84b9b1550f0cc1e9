//! The rekey itself, in the one order that is safe to break off: mark, delete, begin anew. It must not go over what
//! cannot be made again unless it is told to.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::consumer::Consumer;

use super::coverage::Partition;
use super::plan::{Facts, Plan, TargetPlan};
use super::purge::{purge, to_put_back};
use super::survey::{State, offsets};
use super::{Applied, Rekey, RekeyError};
use crate::clock::now_millis;
use crate::failpoint;
use crate::kafka::ffi::Spec;
use crate::lane::Found;
use crate::position::{Account, EndsByTopic, Position, Rekeyed, Rekeying};
use crate::standstill::{Moved, Standstill, gather};

impl Rekey<'_> {
    /// Makes what the chosen topics have on the target unreachable, and lets them begin anew under the admitted
    /// configuration. Again after it was broken off: ends it. `owner` stands in the control records.
    pub fn apply(&self, accept_loss: bool, owner: &str) -> Result<Applied, RekeyError> {
        let (old, lanes) = self.state_topics()?;
        let mut standstill = Standstill::take(self.pipeline, &self.target, &old, lanes)?;
        failpoint::hit("rekey_fenced");
        let facts = self.facts(&old, lanes, State::of(standstill.read()?))?;
        let plan = Plan::make(&facts);
        if plan.to_do().next().is_none() {
            return Ok(Applied::Already);
        }
        self.permit(&plan, accept_loss)?;
        let ends = self.ends(&plan)?;

        let why = self.journal(&facts, &plan)?;
        let next = standstill.next()?;
        let marked = standstill.mark(next.generation, owner, &|lane, control| {
            // Lane 0 alone says what to put back; the others say why they stand still.
            let settings = if lane == 0 { why.settings.clone() } else { BTreeMap::new() };
            control.rekeying = Some(Rekeying { topics: why.topics.clone(), settings });
        })?;
        if positions_of(&marked) != facts.positions {
            return Err(RekeyError::Moved);
        }
        let mut moved = gather(self.pipeline, &marked, &old, owner)?;
        // I7: every lane is under the admitted configuration from the first new record on; a process that still has the
        // one before declines.
        moved.controls.values_mut().try_for_each(|control| control.admit(&self.admission.config, self.admission.claim))?;
        self.tell("audit.rekey_begun", &why.topics, "records become unreachable on the target");
        failpoint::hit("rekey_marked");

        // I5: the pipeline writes no more, and has written nothing since the ends were asked for: only now may what is below
        // them go. What somebody else wrote meanwhile stays, and the verdict meets it.
        purge(self, &ends, &why.settings)?;
        failpoint::hit("rekey_purged");

        self.target.ensure_state(&next, lanes)?;
        self.begin_anew(&mut moved, &plan, &ends, next.generation);
        standstill.write(&next, &moved, "rekey_before_commit")?;
        failpoint::hit("rekey_committed");
        self.tell("audit.rekey_applied", &why.topics, "topics begin anew with the next run");
        Ok(Applied::Begun(why.topics))
    }

    fn permit(&self, plan: &Plan, accept_loss: bool) -> Result<(), RekeyError> {
        if !plan.refused.is_empty() {
            return Err(RekeyError::Refused(plan.refused.clone()));
        }
        if plan.losses.is_empty() {
            return Ok(());
        }
        if !accept_loss {
            return Err(RekeyError::Loss(plan.losses.iter().map(ToString::to_string).collect()));
        }
        for loss in &plan.losses {
            let (why, topic) = (loss.why, &loss.topic);
            let (partition, from, to, records) = (loss.partition, loss.from, loss.to, loss.records);
            tracing::warn!(
                event = "audit.rekey_loss_accepted",
                pipeline = self.pipeline.name,
                topic,
                partition,
                from,
                to,
                records,
                ?why,
                "{loss}; going on, as --accept-loss says"
            );
        }
        Ok(())
    }

    /// What lane 0 has to say, should this be broken off: the topics, and the settings as they were before the first try.
    fn journal(&self, facts: &Facts, plan: &Plan) -> Result<Rekeying, RekeyError> {
        let mut why = Rekeying { topics: plan.to_do().map(|topic| topic.topic.clone()).collect(), settings: BTreeMap::new() };
        if let Some(before) = facts.controls.get(&0).and_then(|control| control.rekeying.as_ref()) {
            why.settings.clone_from(&before.settings);
        }
        let targets: BTreeSet<&str> = plan.to_do().flat_map(|topic| &topic.targets).map(|target| target.topic.as_str()).collect();
        for topic in targets {
            if !why.settings.contains_key(topic)
                && let Some(settings) = to_put_back(self, topic)?
            {
                why.settings.insert(topic.to_owned(), settings);
            }
        }
        Ok(why)
    }

    /// The ends of all target partitions that are to be emptied. None may have an open transaction: what is committed later
    /// would be gone unnamed.
    fn ends(&self, plan: &Plan) -> Result<EndsByTopic, RekeyError> {
        let stable: BTreeMap<(&str, i32), i64> = plan
            .to_do()
            .flat_map(|topic| &topic.targets)
            .map(|target| ((target.topic.as_str(), target.partition), target.holds.1))
            .collect();
        let targets: Vec<(&str, i32)> = stable.keys().copied().collect();
        let (mut ends, mut open) = (EndsByTopic::new(), Vec::new());
        for ((topic, partition), end) in offsets(self.target.observer().client(), &self.pipeline.target, &targets, Spec::Latest)? {
            if stable[&(topic.as_str(), partition)] < end {
                open.push(format!("{topic}-{partition}"));
            }
            ends.entry(topic).or_default().insert(partition, end);
        }
        if open.is_empty() {
            return Ok(ends);
        }
        Err(RekeyError::Refused(vec![format!(
            "somebody else writes to {} on the target, or a transaction is open there: stop them, or wait; what is the pipeline's own is ended when it is started once",
            open.join(", ")
        )]))
    }

    /// Sets the positions of the chosen topics back, and notes what was done.
    fn begin_anew(&self, moved: &mut Moved, plan: &Plan, ends: &EndsByTopic, map_from: u32) {
        let admission = &self.admission;
        let Some(control) = moved.controls.get_mut(&0) else { return };
        for (topic, partition, position) in &mut moved.positions {
            let planned = plan.to_do().find(|planned| planned.topic == *topic);
            let Some(planned) = planned.and_then(|topic| topic.partitions.iter().find(|planned| planned.partition == *partition)) else {
                continue;
            };
            position.start = planned.begins;
            if !failpoint::mutant("rekey_keeps_positions") {
                position.next = planned.begins;
            }
            position.leader_epoch = -1;
            position.epoch_at = None;
            position.generation = control.generation;
            position.config.clone_from(&admission.config);
            position.digests = admission.digests();
            position.target_start = ends.get(topic).and_then(|ends| ends.get(partition)).copied().unwrap_or(-1);
            position.account = Account::default();
            position.landed = -1;
            position.lost = 0;
            position.halted = None;
        }
        for planned in plan.to_do() {
            let mut own = EndsByTopic::new();
            for TargetPlan { topic, partition, .. } in &planned.targets {
                if let Some(end) = ends.get(topic).and_then(|ends| ends.get(partition)) {
                    own.entry(topic.clone()).or_default().insert(*partition, *end);
                }
            }
            let (config, generation) = (admission.config.clone(), control.generation);
            let done = Rekeyed { config, generation, same_to: generation, map_from, since: now_millis(), ends: own };
            control.rekeyed.insert(planned.topic.clone(), done);
        }
    }

    fn tell(&self, event: &str, topics: &BTreeSet<String>, what: &str) {
        let config = &self.admission.config;
        for topic in topics {
            tracing::warn!(event, pipeline = self.pipeline.name, topic, config, "{what}");
        }
    }
}

impl State {
    /// What the lanes hold.
    fn of(found: Vec<Found>) -> Self {
        let positions = positions_of(&found);
        let controls = (0..).zip(found).filter_map(|(lane, found)| Some((lane, found.control?))).collect();
        Self { controls, positions }
    }
}

fn positions_of(found: &[Found]) -> BTreeMap<Partition, Position> {
    found.iter().flat_map(|lane| lane.positions.clone()).collect()
}
