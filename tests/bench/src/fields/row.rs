//! One row of the table: a piece of work on a batch, how often it was measured, and what it took. It must not know what
//! the work is.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::Failed;

/// Times that the work is done in one measurement, after once that does not count: what ran before it took its place in
/// the processor's caches.
const TIMES: u32 = 4;

/// A piece of work.
pub struct Row<'a> {
    pub name: &'static str,
    each: &'static str,
    /// Pieces in one go.
    pieces: usize,
    /// Bytes of records in one go; 0 where it is not about bytes.
    bytes: usize,
    base: Option<&'static str>,
    work: Box<dyn FnMut() -> Result<(), Failed> + 'a>,
    taken: Vec<f64>,
}

impl<'a> Row<'a> {
    pub fn new(name: &'static str, pieces: usize, work: impl FnMut() -> Result<(), Failed> + 'a) -> Self {
        Self { name, each: "record", pieces, bytes: 0, base: None, work: Box::new(work), taken: Vec::new() }
    }

    /// What one piece is, where it is no record.
    pub fn each(self, each: &'static str) -> Self {
        Self { each, ..self }
    }

    /// How many bytes of records go through at once.
    pub fn over(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// Which row it is compared with.
    pub fn against(self, base: &'static str) -> Self {
        Self { base: Some(base), ..self }
    }

    /// Measures once.
    pub fn measure(&mut self) -> Result<(), Failed> {
        (self.work)()?;
        let began = used();
        for _ in 0..TIMES {
            (self.work)()?;
        }
        let taken = used().saturating_sub(began) / TIMES;
        self.taken.push(taken.as_secs_f64() * 1e9 / self.pieces as f64);
        Ok(())
    }

    /// Nanoseconds of processor time a piece: median, least, and the one that nine of ten do not pass.
    pub fn nanoseconds(&self) -> (f64, f64, f64) {
        let mut sorted = self.taken.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| sorted.get((sorted.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
        (at(0.5), at(0.0), at(0.9))
    }

    /// As a line of the table.
    pub fn line(&self, all: &[Row<'_>]) -> String {
        let (median, least, most) = self.nanoseconds();
        let rate = if self.bytes == 0 { "-".to_owned() } else { format!("{:.0}", self.bytes as f64 / (median * self.pieces as f64) * 1e3) };
        let base = self.base.and_then(|base| all.iter().find(|row| row.name == base));
        let ratio = base.map_or("-".to_owned(), |base| format!("{:.2} × {}", median / base.nanoseconds().0, base.name));
        format!("| {} | {median:.0} per {} | {least:.0}..{most:.0} | {rate} | {ratio} |", self.name, self.each)
    }
}

/// Processor time of this thread: what others do on a busy machine is no figure of ours.
fn used() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
