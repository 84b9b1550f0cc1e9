//! How long records take in the chain of a fixture: what selects, calls and patches, all of it. It must not judge.

use std::time::{Duration, Instant};

use super::fixture::Fixture;
use super::trial::{Outcome, Run, Trial, TrialError};
use crate::chain::Sample;

/// Records in one measured call.
const BATCH: usize = 100;
/// Measured calls: enough for a ninety-ninth percentile.
const CALLS: usize = 200;
/// How long measuring may take.
const WITHIN: Duration = Duration::from_secs(1);

/// Time per record over many calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Half of all calls took less, per record.
    pub p50: Duration,
    /// Ninety-nine in a hundred took less.
    pub p99: Duration,
    /// Records in a call.
    pub batch: usize,
    /// Calls that were measured.
    pub calls: usize,
}

/// Feeds the records of a fixture that do not fail, over and over. None where all of them fail, or there is none.
pub fn measure(trial: &Trial, fixture: &Fixture, seen: &Run) -> Result<Option<Timing>, TrialError> {
    let good = fixture.samples().into_iter().zip(&seen.outcomes).filter(|(_, outcome)| !matches!(outcome, Outcome::Rejected(_)));
    let good: Vec<Sample> = good.map(|((_, sample), _)| sample).take(BATCH).collect();
    if good.is_empty() {
        return Ok(None);
    }
    let samples: Vec<Sample> = good.iter().cycle().take(BATCH * CALLS / 10).cloned().collect();
    let mut calls = Vec::new();
    let began = Instant::now();
    while calls.len() < CALLS && began.elapsed() < WITHIN {
        calls.extend(trial.run(&fixture.topic, fixture.partition, &samples, BATCH)?.calls);
    }
    Ok(Some(percentiles(&calls)))
}

fn percentiles(calls: &[(usize, Duration)]) -> Timing {
    let each = |(rows, took): &(usize, Duration)| *took / u32::try_from(*rows).unwrap_or(u32::MAX).max(1);
    let mut times: Vec<Duration> = calls.iter().map(each).collect();
    times.sort();
    let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default();
    Timing { p50: at(50), p99: at(99), batch: BATCH, calls: calls.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_per_record() {
        let calls: Vec<(usize, Duration)> = (1..=100).map(|n| (10, Duration::from_micros(n * 10))).collect();
        let timing = percentiles(&calls);
        assert_eq!((timing.p50, timing.p99), (Duration::from_micros(50), Duration::from_micros(99)));
        assert_eq!(percentiles(&[]).p99, Duration::ZERO);
    }
}
