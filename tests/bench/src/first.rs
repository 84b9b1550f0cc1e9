//! How long the first record takes: from the log line of the first assignment to the moment a reader of the target sees
//! a committed record. It must not be run together with a measurement of CPU time: the reader costs some.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;

use crate::{Failed, clients, say, topics};

/// What the log line of an assignment contains.
const ASSIGNED: &str = "lanes assigned";

/// How long the first record may take before this gives up.
const WITHIN: Duration = Duration::from_secs(60);

#[derive(Args)]
pub struct First {
    /// Bootstrap servers of the target.
    #[arg(long)]
    to: String,
    /// The topic that is written; it exists and is empty.
    #[arg(long)]
    topic: String,
    /// The command, which logs to stderr.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl First {
    pub fn run(&self) -> Result<(), Failed> {
        let reader = self.reader()?;
        let Some((program, args)) = self.command.split_first() else { return Err(Failed::new("run the command", "it is empty")) };
        let mut child = Command::new(program).args(args).stderr(Stdio::piped()).spawn().map_err(Failed::to("run the command"))?;
        let log = child.stderr.take().ok_or_else(|| Failed::new("read the command's log", "it has none"))?;
        let assigned = watch(BufReader::new(log));
        let seen = first_record(&reader);
        let status = child.wait().map_err(Failed::to("wait for the command"))?;
        if !status.success() {
            return Err(Failed::new("run the command", format!("it ended with {status}")));
        }
        let assigned = assigned
            .recv_timeout(WITHIN)
            .map_err(|_| Failed::new("find the assignment", format!("the log does not say \"{ASSIGNED}\"")))?;
        say(&seen?.saturating_duration_since(assigned).as_millis().to_string())
    }

    fn reader(&self) -> Result<BaseConsumer, Failed> {
        let reader = clients::prompt_consumer(&self.to)?;
        let mut list = TopicPartitionList::new();
        for partition in topics::ends(&reader, &self.topic)?.into_keys() {
            list.add_partition_offset(&self.topic, partition, Offset::Beginning).map_err(Failed::to("assign partitions"))?;
        }
        reader.assign(&list).map_err(Failed::to("assign partitions"))?;
        Ok(reader)
    }
}

/// Reads the log to its end and says when the first assignment was told.
fn watch(log: impl BufRead + Send + 'static) -> Receiver<Instant> {
    let (found, moment) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut told = false;
        for line in log.lines().map_while(Result::ok) {
            if !told && line.contains(ASSIGNED) {
                // Nobody waits any more when this fails, and the log must be read on.
                told = found.send(Instant::now()).is_ok();
            }
        }
    });
    moment
}

fn first_record(reader: &BaseConsumer) -> Result<Instant, Failed> {
    let deadline = Instant::now() + WITHIN;
    while Instant::now() < deadline {
        match reader.poll(Duration::from_millis(50)) {
            Some(Ok(_)) => return Ok(Instant::now()),
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => return Err(Failed::new("read the target", error)),
        }
    }
    Err(Failed::new("see a record on the target", "time ran out"))
}
