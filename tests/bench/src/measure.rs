//! Runs a command and notes what it cost: CPU time, time and peak memory. It must not judge the figures.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use clap::Args;

use crate::Failed;

/// How often the process is looked at; what its memory reaches in its last moments may be missed.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Args)]
pub struct Measure {
    /// What is measured; the report groups by it.
    #[arg(long)]
    variant: String,
    /// The variant that this one adds something to.
    #[arg(long, default_value = "-")]
    base: String,
    /// How many records the command copies; 0: this is what starting and ending cost.
    #[arg(long)]
    records: u64,
    /// The file to append to.
    #[arg(long)]
    out: PathBuf,
    /// The command.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// What a process cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Seconds, user and system.
    pub cpu: f64,
    /// Seconds.
    pub time: f64,
    /// MiB.
    pub peak: f64,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub variant: String,
    pub base: String,
    pub records: u64,
    pub cost: Cost,
}

impl Row {
    fn line(&self) -> String {
        let Cost { cpu, time, peak } = self.cost;
        format!("{}\t{}\t{}\t{cpu}\t{time}\t{peak}", self.variant, self.base, self.records)
    }

    pub fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split('\t');
        let (variant, base, records) = (parts.next()?.to_owned(), parts.next()?.to_owned(), parts.next()?.parse().ok()?);
        let mut number = || parts.next()?.parse().ok();
        let cost = Cost { cpu: number()?, time: number()?, peak: number()? };
        Some(Self { variant, base, records, cost })
    }
}

impl Measure {
    pub fn run(&self) -> Result<(), Failed> {
        let began = Instant::now();
        let mut child = spawn(&self.command)?;
        let cost = watch(&child, began)?;
        let status = child.wait().map_err(Failed::to("wait for the command"))?;
        if !status.success() {
            return Err(Failed::new(format!("measure {}", self.variant), format!("it ended with {status}")));
        }
        let row = Row { variant: self.variant.clone(), base: self.base.clone(), records: self.records, cost };
        let mut file = OpenOptions::new().create(true).append(true).open(&self.out).map_err(Failed::to("open the file of results"))?;
        writeln!(file, "{}", row.line()).map_err(Failed::to("write the result"))
    }
}

fn spawn(command: &[String]) -> Result<Child, Failed> {
    let Some((program, args)) = command.split_first() else { return Err(Failed::new("run the command", "it is empty")) };
    Command::new(program).args(args).spawn().map_err(|error| Failed::new(format!("run {program}"), error))
}

/// Looks at the process until it has ended but not been waited for: then its times still stand in /proc.
fn watch(child: &Child, began: Instant) -> Result<Cost, Failed> {
    let proc = PathBuf::from(format!("/proc/{}", child.id()));
    let mut peak = 0.0;
    loop {
        let stat = fs::read_to_string(proc.join("stat")).map_err(Failed::to("read the times of the command"))?;
        let (state, ticks) = times(&stat).ok_or_else(|| Failed::new("read the times of the command", "they look different here"))?;
        if state == 'Z' {
            // Linux reports times in hundredths of a second to programs, whatever it counts in.
            return Ok(Cost { cpu: ticks as f64 / 100.0, time: began.elapsed().as_secs_f64(), peak });
        }
        let status = fs::read_to_string(proc.join("status")).map_err(Failed::to("read the memory of the command"))?;
        peak = high_water(&status).map_or(peak, |kib| kib as f64 / 1024.0);
        std::thread::sleep(LOOK);
    }
}

/// State, and user and system ticks, of a line of `/proc/PID/stat` (proc_pid_stat(5)).
fn times(stat: &str) -> Option<(char, u64)> {
    // The name stands in brackets and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let parts: Vec<&str> = rest.split(' ').collect();
    let ticks = parts.get(11)?.parse::<u64>().ok()? + parts.get(12)?.parse::<u64>().ok()?;
    Some((parts.first()?.chars().next()?, ticks))
}

/// Peak resident memory, KiB; none once the process has ended.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a ) b) Z 1 7 7 0 -1 4228 0 0 0 0 150 25 9 9 20 0 1 0 5 0 0";
        assert_eq!(times(stat), Some(('Z', 175)));
        assert_eq!(times("7 (a) R 1"), None);
    }

    #[test]
    fn memory_is_gone_with_the_process() {
        for (status, kib) in [("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n", Some(2048)), ("Name:\tx\nState:\tZ\n", None)] {
            assert_eq!(high_water(status), kib);
        }
    }

    #[test]
    fn a_row_comes_back_as_it_was() {
        let row = Row { variant: "mask, 8 lanes".into(), base: "-".into(), records: 5, cost: Cost { cpu: 1.25, time: 0.5, peak: 100.125 } };
        assert_eq!(Row::parse(&row.line()), Some(row));
        assert_eq!(Row::parse("a\tb\t1\t2"), None);
    }
}
