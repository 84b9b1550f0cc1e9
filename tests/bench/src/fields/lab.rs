//! The host's own chain without a cluster: a configuration as a user writes it, and a registry in this process that knows
//! the two schemas. It must not measure.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use sluice::chain::{Chain, ChainPlan, Processed, Sample, Stopped, Verdict};
use sluice::cli::check_selector;
use sluice::config::{Source, plan_of};
use sluice::gateway::{self, Prepared};
use sluice::plugin::{LogMode, Plugin};

use super::payment;
use crate::Failed;

/// The topic of all records; where a step reads is for `format` to say.
const TOPIC: &str = "payments";

/// The key of `hmac`.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Framing of the schema with id 1 (Avro) and 2 (Protobuf, its first message).
pub const AVRO_FRAMING: &[u8] = &[0, 0, 0, 0, 1];
pub const PROTOBUF_FRAMING: &[u8] = &[0, 0, 0, 0, 2, 0];

/// A registry on loopback that lives as long as the process.
pub struct Lab {
    registry: String,
    plugins: PathBuf,
}

impl Lab {
    /// Starts the registry. `dir` is where the plugin that does nothing is put.
    pub fn open(dir: &Path) -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(Failed::to("listen on loopback"))?;
        let address = listener.local_addr().map_err(Failed::to("listen on loopback"))?;
        std::thread::spawn(move || {
            // Every chain keeps a connection of its own.
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || while serve(&stream).is_some() {});
            }
        });
        fs::copy(env!("SLUICE_STAMP"), dir.join("stamp.wasm")).map_err(Failed::to("copy the plugin that does nothing"))?;
        Ok(Self { registry: format!("http://{address}"), plugins: dir.to_owned() })
    }

    /// Loads the plugins of a step and builds its chain.
    pub fn bench(&self, format: &str, step: &Value) -> Result<Bench, Failed> {
        let source = json!({ "bootstrap_servers": "127.0.0.1:1", "schema_registry": { "url": self.registry } });
        let text = json!({
            "clusters": { "source": source, "target": { "bootstrap_servers": "127.0.0.1:2" } },
            "keys": { "pii": { "env": "BENCH_KEY" } },
            "plugins": { "dir": self.plugins },
            "pipelines": [{ "name": "bench", "source": "source", "target": "target", "topics": { "include": [TOPIC] },
                "format": format, "steps": [step] }],
        });
        let source = Source { name: "bench".to_owned(), base: ".".into(), text: text.to_string() };
        let env = |name: &str| (name == "BENCH_KEY").then(|| SECRET.to_owned());
        let plan = plan_of(&[source], &check_selector, &env).map_err(|errors| {
            let all: Vec<&str> = errors.errors().iter().map(|error| error.message.as_str()).collect();
            Failed::new("read the configuration", all.join("; "))
        })?;
        let prepared = gateway::prepare(&plan, LogMode::Count).map_err(Failed::to("prepare the chain"))?;
        let plan = prepared.chains.first().cloned().ok_or_else(|| Failed::new("prepare the chain", "there is none"))?;
        let chain = Chain::open(&plan).map_err(Failed::to("open the chain"))?;
        Ok(Bench { missed: vec![0; chain.selectors()], chain, _plan: plan, prepared })
    }
}

/// A chain that is ready for records.
pub struct Bench {
    chain: Chain,
    missed: Vec<u32>,
    _plan: Arc<ChainPlan>,
    prepared: Prepared,
}

impl Bench {
    /// Takes the records through; all of them must pass.
    pub fn process<'r>(&mut self, records: &'r [Sample]) -> Result<Processed<'r>, Failed> {
        loop {
            match self.chain.process(TOPIC, 0, records, &mut self.missed) {
                Ok(processed) if processed.verdicts.iter().all(|verdict| *verdict == Verdict::Taken) => {
                    self.chain.publish_counts();
                    return Ok(processed);
                }
                Ok(_) => return Err(Failed::new("take records through the chain", "one failed")),
                Err(Stopped::Schema(reference)) => {
                    self.chain.fetch_schema(reference, &|| false).map_err(Failed::to("fetch a schema"))?;
                }
                Err(Stopped::Call(failed)) => return Err(Failed::new("take records through the chain", failed)),
            }
        }
    }

    /// A plugin that the chain was built with.
    pub fn plugin(&self, name: &str) -> Result<Arc<Plugin>, Failed> {
        self.prepared.registry.named(name).cloned().map_err(Failed::to("find a plugin"))
    }
}

/// Answers one request for a schema by id; none when the connection ends.
fn serve(mut stream: &TcpStream) -> Option<()> {
    let head: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let id = head.first()?.split(' ').nth(1)?.strip_prefix("/schemas/ids/")?.split('?').next()?;
    let body = match id {
        "1" => json!({ "schema": payment::AVRO }),
        "2" => json!({ "schema": payment::PROTOBUF, "schemaType": "PROTOBUF" }),
        _ => return None,
    };
    let body = body.to_string();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()
}
