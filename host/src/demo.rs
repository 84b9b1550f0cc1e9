//! The demonstration: the real lane between two clusters inside this process (librdkafka's mock: the real protocol on
//! loopback), or between two of the user's. It proves nothing about delivery: the mock writes no transaction markers.

mod data;
mod show;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use rdkafka::producer::{BaseProducer, Producer};

use crate::cli::{Exit, Failure, check_selector, refused};
use crate::config::plan::{Cluster, OnError, Plan};
use crate::config::{self, Source};
use crate::gateway::{Gateway, Options, Outcome};
use crate::kafka::{self, Context, ProducerSettings, ffi};
use crate::lane::Stop;
use crate::say::tell;
use crate::topics::{StateTopics, TargetTopics};
use crate::{log, signals};
use data::Payment;

/// The demo's configuration, the same file that `sluice run` takes.
const CONFIGURATION: &str = include_str!("../../examples/quickstart/sluice.yaml");

/// The demo's key. It is public: it protects nothing.
const KEY: &str = include_str!("../../examples/quickstart/demo.key");

/// Where the configuration's clusters are, replaced by the ones of this run.
const ADDRESSES: [&str; 2] = ["localhost:19092", "localhost:29092"];

/// Records per second of `--keep-running`.
const PACE: u64 = 200;

/// How long the data set may take to arrive.
const ARRIVE_WITHIN: Duration = Duration::from_secs(120);

/// Arguments of `sluice demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// Two real clusters instead of the ones in this process: source and target bootstrap servers.
    #[arg(long, value_name = "A,B", value_parser = two_clusters)]
    clusters: Option<[String; 2]>,
    /// Go on streaming at a walking pace until stopped.
    #[arg(long)]
    keep_running: bool,
}

fn two_clusters(text: &str) -> Result<[String; 2], String> {
    match *text.split(',').collect::<Vec<_>>() {
        [source, target] if !source.is_empty() && !target.is_empty() => Ok([source.to_owned(), target.to_owned()]),
        _ => Err("two addresses are wanted, source and target, as in localhost:19092,localhost:29092".into()),
    }
}

/// Runs the demonstration.
pub fn demo(args: &DemoArgs) -> Result<Exit, Failure> {
    if std::env::var_os("SLUICE_LOG").is_some() {
        log::init().map_err(Failure::new)?;
    }
    let stop = Arc::new(Stop::default());
    signals::on_terminate(stop.clone()).map_err(Failure::new)?;
    match &args.clusters {
        None => {
            let mocks = [Mock::start()?, Mock::start()?];
            let plan = plan([&mocks[0].address, &mocks[1].address])?;
            make_topics(&plan, &mocks)?;
            tell!("two clusters in this process: landing {}, main {}", mocks[0].address, mocks[1].address);
            stream(args, plan, true, &stop)
        }
        Some([landing, main]) => {
            let plan = plan([landing, main])?;
            let source = TargetTopics::new(&plan.pipelines[0].source, false).map_err(Failure::new)?;
            kafka::reach(&plan.pipelines[0].source, &source.observer())
                .map_err(|error| Failure { message: error.to_string(), exit: Exit::Unreachable })?;
            source.create(data::TOPIC, data::PARTITIONS, &[]).map_err(Failure::new)?;
            stream(args, plan, false, &stop)
        }
    }
}

/// The configuration with this run's addresses and a free port for the pages.
fn plan(addresses: [&str; 2]) -> Result<Plan, Failure> {
    let mut text = CONFIGURATION.replace("file: ./demo.key", "env: SLUICE_DEMO_KEY");
    for (written, real) in ADDRESSES.iter().zip(addresses) {
        text = text.replace(written, real);
    }
    let source = Source { name: "examples/quickstart/sluice.yaml".into(), base: ".".into(), text };
    let env = |name: &str| (name == "SLUICE_DEMO_KEY").then(|| KEY.to_owned());
    let mut plan = config::plan_of(&[source], &check_selector, &env).map_err(|errors| refused(&errors))?;
    plan.http.listen.set_port(0);
    Ok(plan)
}

/// A cluster in this process.
struct Mock {
    /// Owns the cluster; everything else talks to it over its port.
    client: BaseProducer<Context>,
    address: String,
}

impl Mock {
    fn start() -> Result<Self, Failure> {
        let failed = |what: &str| Failure::new(format!("cannot start a cluster in this process: {what}"));
        let client = kafka::mock().map_err(|error| failed(&error.to_string()))?;
        // Nobody else joins: waiting for more members would only be slow.
        if !ffi::settle_mock_groups_at_once(client.client()) {
            return Err(failed("the client has no mock cluster"));
        }
        let address = client.client().mock_cluster().ok_or_else(|| failed("the client has no mock cluster"))?.bootstrap_servers();
        Ok(Self { client, address })
    }

    fn create(&self, topic: &str, partitions: i32) -> Result<(), Failure> {
        let cluster = self.client.client().mock_cluster().ok_or_else(|| Failure::new("the cluster in this process is gone"))?;
        cluster
            .create_topic(topic, partitions, 1)
            .map_err(|error| Failure::new(format!("cannot create topic {topic} on the cluster in this process: {error}")))
    }
}

/// The mock answers no admin request: every topic is made beforehand through its own call.
fn make_topics(plan: &Plan, [landing, main]: &[Mock; 2]) -> Result<(), Failure> {
    let pipeline = &plan.pipelines[0];
    let quarantine = match &pipeline.on_error {
        OnError::Quarantine { topic, .. } => Some(topic.as_str()),
        OnError::Halt => None,
    };
    let state = StateTopics::of(&pipeline.name, quarantine, 1);
    landing.create(data::TOPIC, data::PARTITIONS)?;
    main.create(data::TOPIC, data::PARTITIONS)?;
    for topic in [Some(&state.positions), Some(&state.offset_map), state.quarantine.as_ref()].into_iter().flatten() {
        main.create(topic, pipeline.lanes as i32)?;
    }
    Ok(())
}

fn stream(args: &DemoArgs, plan: Plan, premade: bool, stop: &Arc<Stop>) -> Result<Exit, Failure> {
    let payments = data::payments()?;
    let (landing, main) = (plan.pipelines[0].source.clone(), plan.pipelines[0].target.clone());
    tell!("sending {} payment events to {}", payments.len(), landing.name);
    let mut sender = data::Sender::open(&landing)?;
    sender.send(&payments, stop)?;
    let began = Instant::now();
    let gateway = Gateway::start(plan, Options { until_caught_up: true, premade, ..Options::default() }, stop)?;
    if let Some(address) = gateway.address() {
        tell!("pages on http://{address}: /status /metrics /readyz");
    }
    let arrived = show::follow(&gateway, stop, began + ARRIVE_WITHIN);
    let took = began.elapsed();
    let shown = if arrived.is_some() { show::samples(&main, &payments) } else { Ok(()) };
    let balanced = show::account(&gateway, payments.len(), took)?;
    shown?;
    if args.keep_running && arrived.is_some() {
        tell!("streaming {PACE} events a second; stop with Ctrl-C");
        keep_running(&mut sender, &payments, &gateway, stop)?;
    }
    let drained = gateway.drain();
    if arrived.is_none() && !stop.requested() {
        return Err(Failure::new(format!(
            "the events did not arrive within {} s; run again with SLUICE_LOG=info to see why",
            ARRIVE_WITHIN.as_secs()
        )));
    }
    Ok(if balanced && drained && arrived != Some(Outcome::Halted) { Exit::Done } else { Exit::Failed })
}

/// Sends the events again and again, a tenth of a second's worth at a time.
fn keep_running(sender: &mut data::Sender, payments: &[Payment], gateway: &Gateway, stop: &Arc<Stop>) -> Result<(), Failure> {
    let portion = (PACE / 10).max(1) as usize;
    let (mut next, mut told) = (Instant::now(), Instant::now());
    for chunk in payments.chunks(portion).cycle() {
        if stop.requested() {
            break;
        }
        sender.send(chunk, stop)?;
        next += Duration::from_millis(100);
        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
        if told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            show::progress(gateway);
        }
    }
    Ok(())
}

/// A producer for the demo's own data.
fn data_producer(cluster: &Cluster) -> Result<BaseProducer<Context>, Failure> {
    let settings =
        ProducerSettings { transactional_id: None, transaction_timeout: Duration::from_secs(30), memory: 16 << 20, batch_bytes: 256 << 10 };
    kafka::producer(cluster, &settings).map_err(|error| Failure::new(format!("cannot make a producer for {}: {error}", cluster.name)))
}
