//! How long lanes stand still for another component: the longest time between two commits of one lane around a swap,
//! beside the longest without one in the same run. It must not judge the figures.
//!
//! A lane is seen through its partition of the positions topic, where each of its commits shows. A gap counts as one
//! around a swap from the moment the component is put into the directory (compiling and trying it takes the processor
//! from the lanes) to the commit after the lane took it up.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;

use crate::{Failed, clients, say, topics};

/// What the log line of a lane that took up another component contains, and of one that was not taken.
const SWITCHED: &str = "audit.lane_switched";
const REFUSED: &str = "audit.plugin_refused";

/// How long the first commits may take, and a swap.
const WITHIN: Duration = Duration::from_secs(90);

/// One look at the target; a commit is seen that much later at most.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Args)]
pub struct Swap {
    /// Bootstrap servers of the target.
    #[arg(long)]
    to: String,
    /// The positions topic of the pipeline.
    #[arg(long)]
    positions: String,
    /// The component to swap for itself with another digest, again and again; it is in the plugin directory.
    #[arg(long)]
    component: PathBuf,
    /// How many swaps.
    #[arg(long, default_value_t = 5)]
    swaps: u32,
    /// Seconds without a swap before each of them, and after the last.
    #[arg(long, default_value_t = 5)]
    every: u64,
    /// The command, which logs JSON to stderr and must have work beyond the last swap.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// The commits of one lane, and when it took up another component.
#[derive(Default)]
struct Lane {
    commits: Vec<Instant>,
    switched: Vec<Instant>,
}

/// What is seen while the command runs.
struct Seen {
    reader: BaseConsumer,
    log: Receiver<(Instant, String)>,
    lanes: Vec<Lane>,
    /// Milliseconds that lanes say a switch took them.
    took: Vec<f64>,
}

impl Swap {
    pub fn run(&self) -> Result<(), Failed> {
        let original = fs::read(&self.component).map_err(Failed::to("read the component"))?;
        let Some((program, args)) = self.command.split_first() else { return Err(Failed::new("run the command", "it is empty")) };
        let mut child = Command::new(program).args(args).stderr(Stdio::piped()).spawn().map_err(Failed::to("run the command"))?;
        let result = self.measure(&mut child, &original);
        // Whatever came of it, the command ends and the component is what it was.
        let ended = end(&mut child);
        fs::write(&self.component, &original).map_err(Failed::to("put the component back"))?;
        let (seen, swaps) = result?;
        ended?;
        for line in table(&seen, &swaps) {
            say(&line)?;
        }
        Ok(())
    }

    fn measure(&self, child: &mut Child, original: &[u8]) -> Result<(Seen, Vec<Instant>), Failed> {
        let log = child.stderr.take().ok_or_else(|| Failed::new("read the command's log", "it has none"))?;
        let log = watch(BufReader::new(log));
        let reader = clients::prompt_consumer(&self.to)?;
        let lanes = assign(&reader, &self.positions)?;
        let mut seen = Seen { reader, log, lanes: (0..lanes).map(|_| Lane::default()).collect(), took: Vec::new() };
        seen.until(WITHIN, child, |seen| seen.lanes.iter().any(|lane| lane.commits.len() > 3))?;
        let mut swaps = Vec::new();
        for swap in 1..=self.swaps {
            seen.pass(Duration::from_secs(self.every), child)?;
            swaps.push(Instant::now());
            place(&self.component, &variant(original, swap))?;
            let busy = seen.busy();
            seen.until(WITHIN, child, |seen| seen.took.len() >= busy * swap as usize)?;
        }
        seen.pass(Duration::from_secs(self.every), child)?;
        Ok((seen, swaps))
    }
}

impl Seen {
    /// Lanes that have partitions: the others stand by and commit nothing.
    fn busy(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.commits.len() > 3).count()
    }

    fn pass(&mut self, time: Duration, child: &mut Child) -> Result<(), Failed> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.look(child)?;
        }
        Ok(())
    }

    fn until(&mut self, within: Duration, child: &mut Child, done: impl Fn(&Self) -> bool) -> Result<(), Failed> {
        let deadline = Instant::now() + within;
        while !done(self) {
            if Instant::now() > deadline {
                return Err(Failed::new("see the lanes at work", "time ran out"));
            }
            self.look(child)?;
        }
        Ok(())
    }

    fn look(&mut self, child: &mut Child) -> Result<(), Failed> {
        match self.reader.poll(LOOK) {
            Some(Ok(message)) => {
                let now = Instant::now();
                if let Some(lane) = usize::try_from(message.partition()).ok().and_then(|lane| self.lanes.get_mut(lane)) {
                    lane.commits.push(now);
                }
            }
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => return Err(Failed::new("read the positions", error)),
        }
        while let Ok((moment, line)) = self.log.try_recv() {
            if line.contains(REFUSED) {
                return Err(Failed::new("swap the component", line));
            }
            let lane = number(&line, "lane").and_then(|lane| self.lanes.get_mut(lane as usize));
            if let (Some(lane), Some(took)) = (lane, number(&line, "took_ms")) {
                lane.switched.push(moment);
                self.took.push(took);
            }
        }
        match child.try_wait().map_err(Failed::to("look at the command"))? {
            Some(status) => Err(Failed::new("keep the lanes at work", format!("the command ended with {status}: it needs more records"))),
            None => Ok(()),
        }
    }
}

/// The number of that name in a JSON line.
fn number(line: &str, name: &str) -> Option<f64> {
    let (_, rest) = line.split_once(&format!("\"{name}\":"))?;
    rest.split([',', '}']).next()?.trim().parse().ok()
}

/// Copies the log to stderr and hands over the lines that matter, with the moment each was read.
fn watch(log: impl BufRead + Send + 'static) -> Receiver<(Instant, String)> {
    let (found, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            // The log must be read on, whether or not anybody listens.
            let told = writeln!(std::io::stderr(), "{line}").is_ok();
            if line.contains(SWITCHED) || line.contains(REFUSED) {
                drop((told, found.send((Instant::now(), line))));
            }
        }
    });
    lines
}

/// Reads the topic from its beginning, once it is there; says how many partitions it has.
fn assign(reader: &BaseConsumer, topic: &str) -> Result<i32, Failed> {
    let deadline = Instant::now() + WITHIN;
    let count = loop {
        match topics::partitions(reader, topic)? {
            Some(count) => break count,
            None if Instant::now() > deadline => return Err(Failed::new(format!("find topic {topic}"), "time ran out")),
            None => thread::park_timeout(Duration::from_millis(100)),
        }
    };
    let mut list = TopicPartitionList::new();
    for partition in 0..count {
        list.add_partition_offset(topic, partition, Offset::Beginning).map_err(Failed::to("assign partitions"))?;
    }
    reader.assign(&list).map_err(Failed::to("assign partitions"))?;
    Ok(count)
}

/// The same component with another digest: a custom section more, which says nothing.
fn variant(original: &[u8], number: u32) -> Vec<u8> {
    let mut bytes = original.to_vec();
    let name = b"swap";
    bytes.extend([0, 5 + name.len() as u8, name.len() as u8]);
    bytes.extend(name);
    bytes.extend(number.to_le_bytes());
    bytes
}

/// Writes a file of a plugin directory under a hidden name and renames it into place.
fn place(file: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let draft = file.with_extension("draft");
    fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, file)).map_err(Failed::to("put the component into the directory"))
}

/// Ends the command as an operator would, and waits for it.
fn end(child: &mut Child) -> Result<(), Failed> {
    let sent = Command::new("kill").arg(child.id().to_string()).status();
    if !sent.is_ok_and(|status| status.success()) {
        child.kill().map_err(Failed::to("end the command"))?;
    }
    child.wait().map(drop).map_err(Failed::to("wait for the command"))
}

/// Gaps in milliseconds: those around a swap, and all others.
fn gaps(lane: &Lane, swaps: &[Instant]) -> (Vec<f64>, Vec<f64>) {
    let (mut around, mut others) = (Vec::new(), Vec::new());
    // From the placing of each component to the switch that followed in this lane.
    let busy: Vec<(Instant, Instant)> = swaps.iter().copied().zip(lane.switched.iter().copied()).collect();
    for pair in lane.commits.windows(2) {
        let &[from, to] = pair else { continue };
        let gap = to.duration_since(from).as_secs_f64() * 1e3;
        let swapping = busy.iter().any(|(placed, switched)| to >= *placed && from <= *switched);
        if swapping { around.push(gap) } else { others.push(gap) }
    }
    (around, others)
}

fn table(seen: &Seen, swaps: &[Instant]) -> Vec<String> {
    let (mut around, mut others) = (Vec::new(), Vec::new());
    for lane in seen.lanes.iter().filter(|lane| !lane.switched.is_empty()) {
        let (near, far) = gaps(lane, swaps);
        around.extend(near);
        others.extend(far);
    }
    let mut lines = vec![
        "| ms between two commits of a lane | gaps | half below | 99 of 100 below | longest |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    for (name, mut gaps) in [("without a swap", others), ("around a swap", around)] {
        // Records of one commit arrive together: they are no gap.
        gaps.retain(|gap| *gap > 1.0);
        gaps.sort_by(f64::total_cmp);
        let at = |share: f64| gaps.get(((gaps.len() as f64 * share) as usize).min(gaps.len().saturating_sub(1))).copied().unwrap_or(0.0);
        lines.push(format!("| {name} | {} | {:.0} | {:.0} | {:.0} |", gaps.len(), at(0.5), at(0.99), at(1.0)));
    }
    let slowest = seen.took.iter().copied().fold(0.0, f64::max);
    lines.push(String::new());
    lines.push(format!("{} swaps in {} lanes; the slowest switch of a lane itself took {slowest:.1} ms", swaps.len(), seen.busy()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_belongs_to_the_swap_that_it_overlaps() {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let lane = Lane { commits: [0, 100, 200, 450, 550, 650].map(at).to_vec(), switched: vec![at(300)] };
        let (around, others) = gaps(&lane, &[at(150)]);
        assert_eq!((around, others), (vec![100.0, 250.0], vec![100.0, 100.0, 100.0]));
    }

    #[test]
    fn a_variant_is_another_component_of_the_same_code() {
        let original = b"\0asm\x0d\0\x01\0";
        let (one, two) = (variant(original, 1), variant(original, 2));
        assert!(one.starts_with(original) && one != two);
        // A custom section: id 0, its length, and that many bytes.
        assert_eq!((one[8], usize::from(one[9])), (0, one.len() - 10));
    }

    #[test]
    fn numbers_are_read_from_a_line() {
        let line = r#"{"event":"audit.lane_switched","lane":3,"took_ms":1.25}"#;
        assert_eq!((number(line, "lane"), number(line, "took_ms"), number(line, "none")), (Some(3.0), Some(1.25), None));
    }
}
