//! What selecting two fields, taking them into a plugin and patching them back costs, in each format, on one core: the
//! host's own chain with the plugin `mask`, and beside it in the same run what bounds it from below. It must not judge.

mod lab;
mod payment;
mod row;

use std::hint::black_box;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use sluice::chain::Sample;
use sluice::fields::{self, Containers, Edit, Hits, Selection, Selector, avro, proto};
use sluice::plugin::{Batch, Column, Effects, HostServices, Kind, StepSpec};

use crate::record::{self, Shape};
use crate::{Failed, say};
use lab::{AVRO_FRAMING, Bench, Lab, PROTOBUF_FRAMING, SECRET};
use payment::Payment;
use row::Row;

/// Records of one batch, as in a run.
const BATCH: usize = 500;

/// The two fields.
const FIELDS: [&str; 2] = ["$.customer.email", "$.card.pan"];

/// Instances made in one go.
const INSTANCES: usize = 20;

#[derive(clap::Args)]
pub struct Fields {
    /// Measurements of each row, in turns.
    #[arg(long, default_value_t = 200)]
    rounds: usize,
    /// Only rows whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// A row's records.
struct Data {
    samples: Vec<Sample>,
    bytes: usize,
}

impl Data {
    fn new(framing: &[u8], body: impl Fn(u64) -> Vec<u8>) -> Self {
        let sample = |number| {
            let value = [framing, &body(number)].concat();
            Sample { offset: number as i64, timestamp: 1, value: Some(value), ..Sample::default() }
        };
        let samples: Vec<Sample> = (0..BATCH as u64).map(sample).collect();
        let bytes = samples.iter().filter_map(|sample| sample.value.as_ref()).map(Vec::len).sum();
        Self { samples, bytes }
    }

    fn bodies(&self, framing: usize) -> impl Iterator<Item = &[u8]> {
        self.samples.iter().filter_map(|sample| sample.value.as_deref()).map(move |value| &value[framing..])
    }
}

impl Fields {
    pub fn run(&self) -> Result<(), Failed> {
        // As in the program; the floor of the other tables keeps the allocator as it is.
        sluice::kafka::ffi::bound_allocator();
        let dir = std::env::temp_dir().join(format!("sluice-bench-{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(Failed::to("make a directory"))?;
        let done = Lab::open(&dir).and_then(|lab| self.table(&lab));
        std::fs::remove_dir_all(&dir).map_err(Failed::to("remove a directory"))?;
        done
    }

    fn table(&self, lab: &Lab) -> Result<(), Failed> {
        let padded = |number| {
            let mut value = Vec::new();
            record::write(Shape::Json, number, 1024, &mut value);
            value
        };
        let json = Data::new(&[], |number| Payment::new(number).json());
        let note = Data::new(&[], padded);
        let avro = Data::new(AVRO_FRAMING, |number| Payment::new(number).avro());
        let protobuf = Data::new(PROTOBUF_FRAMING, |number| Payment::new(number).protobuf());
        let mask = json!({ "plugin": "mask", "fields": { FIELDS[0]: { "use": "redact" }, FIELDS[1]: { "use": "keep_last", "n": 4 } } });
        let hmac = json!({ "plugin": "mask", "fields": { FIELDS[0]: { "use": "hmac", "key": "pii" }, FIELDS[1]: { "use": "hmac", "key": "pii" } } });
        let mut fresh = mask.clone();
        fresh["isolation"] = json!("batch");

        let mut rows = vec![copy(&json)];
        for (name, data, format, base) in [
            ("json, mask", &json, "json", "copy"),
            ("json with one long text, mask", &note, "json", "copy"),
            ("avro, mask", &avro, "avro", "copy"),
            ("protobuf, mask", &protobuf, "protobuf", "copy"),
        ] {
            rows.push(chain(name, data, lab.bench(format, &mask)?)?.against(base));
        }
        rows.push(chain("json, isolation: batch", &json, lab.bench("json", &fresh)?)?.against("json, mask"));
        rows.push(chain("json, hmac", &json, lab.bench("json", &hmac)?)?.against("json, mask"));
        rows.push(hashes());
        rows.push(walk_json("json, no crossing", &json)?.against("copy"));
        rows.push(walk_json("json with one long text, no crossing", &note)?.against("copy"));
        rows.push(walk_avro(&avro)?.against("copy"));
        rows.push(walk_protobuf(&protobuf)?.against("copy"));
        let plugins = lab.bench("json", &json!({ "plugin": "guest-stamp", "fields": { "$.a": {} } }))?;
        rows.push(crossing(&plugins)?);
        rows.push(instance("fresh instance, does nothing", &plugins, "guest-stamp", &json!({ "$.a": {} }))?);
        rows.push(instance("fresh instance, mask", &lab.bench("json", &mask)?, "mask", &mask["fields"])?);
        rows.retain(|row| row.name.contains(&self.only));

        for _ in 0..self.rounds {
            rows.iter_mut().try_for_each(Row::measure)?;
        }
        say(&format!("{BATCH} records a batch, {} measurements of each row, processor time of one thread", self.rounds))?;
        say("\n| | ns, median | least..nine of ten | MB/s | × |\n|---|---|---|---|---|")?;
        rows.iter().try_for_each(|row| say(&row.line(&rows)))?;
        let of = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.nanoseconds().0);
        if let (Some(hmac), Some(mask), Some(native)) = (of("json, hmac"), of("json, mask"), of("hashing alone")) {
            let more = hmac - mask;
            say(&format!(
                "\nhmac at two fields takes {more:.0} ns a record more than the two cheap operators; the hashing alone {native:.0}"
            ))?;
        }
        Ok(())
    }
}

/// The floor: nothing but a copy of each value.
fn copy(data: &Data) -> Row<'_> {
    let work = move || {
        let copies: Vec<Vec<u8>> = data.bodies(0).map(<[u8]>::to_vec).collect();
        drop(black_box(copies));
        Ok(())
    };
    Row::new("copy", BATCH, work).over(data.bytes)
}

fn chain<'a>(name: &'static str, data: &'a Data, mut bench: Bench) -> Result<Row<'a>, Failed> {
    let first = bench.process(&data.samples)?;
    for (number, row) in (0..).zip(&first.rows) {
        let payment = Payment::new(number);
        let value = row.value.as_deref().unwrap_or_default();
        let shows = |text: String| value.windows(text.len()).any(|part| part == text.as_bytes());
        if value.len() < 100 || shows(payment.email()) || shows(payment.pan()) {
            return Err(Failed::new(format!("measure {name}"), "a field came through as it was"));
        }
    }
    drop(first);
    let work = move || bench.process(&data.samples).map(|processed| drop(black_box(processed)));
    Ok(Row::new(name, BATCH, work).over(data.bytes))
}

fn selection() -> Result<Selection, Failed> {
    let fields: Result<Vec<Selector>, _> = FIELDS.iter().map(|text| Selector::parse(text)).collect();
    let fields = fields.map_err(Failed::to("read the selectors"))?;
    Selection::compile(&fields, None, Containers::Expand).map_err(Failed::to("compile the selectors"))
}

/// Both fields become this.
const EDIT: Edit<'static> = Edit::Set { kind: Kind::Text as u8, data: b"[redacted]" };

/// Selects, copies the values out, and patches, with nobody in between.
fn walk<'a>(
    name: &'static str,
    data: &'a Data,
    framing: usize,
    select: impl Fn(&[u8], &mut Hits, &mut Vec<u8>, &mut Vec<u8>) -> Option<()> + 'a,
) -> Row<'a> {
    let (mut hits, mut values) = (Hits::new(), Vec::new());
    let work = move || {
        values.clear();
        for body in data.bodies(framing) {
            let mut out = Vec::with_capacity(body.len() + 64);
            select(body, &mut hits, &mut values, &mut out).ok_or_else(|| Failed::new("walk", "a record failed"))?;
            drop(black_box(out));
        }
        Ok(())
    };
    Row::new(name, BATCH, work).over(data.bytes)
}

fn walk_json<'a>(name: &'static str, data: &'a Data) -> Result<Row<'a>, Failed> {
    let selection = selection()?;
    Ok(walk(name, data, 0, move |body, hits, values, out| {
        selection.select(body, hits).ok()?;
        hits.hits().iter().try_for_each(|hit| fields::append_value(body, hit, values).ok())?;
        fields::patch(body, hits, |_, _| EDIT, out).ok().map(drop)
    }))
}

fn walk_avro(data: &Data) -> Result<Row<'_>, Failed> {
    let schema = avro::Schema::parse(payment::AVRO, &[]).map_err(Failed::to("read the schema"))?;
    let plan = avro::Plan::compile(&selection()?, &schema).map_err(Failed::to("compile the selectors"))?;
    Ok(walk("avro, no crossing", data, AVRO_FRAMING.len(), move |body, hits, values, out| {
        plan.select(body, hits).ok()?;
        hits.hits().iter().try_for_each(|hit| plan.append_value(body, hit, values).ok())?;
        plan.patch(body, hits, |_, _| EDIT, out).ok().map(drop)
    }))
}

fn walk_protobuf(data: &Data) -> Result<Row<'_>, Failed> {
    let schema = proto::Schema::parse(payment::PROTOBUF, &[]).map_err(Failed::to("read the schema"))?;
    let message = schema.message(&[0]).map_err(Failed::to("find the message"))?;
    let plan = proto::Plan::compile(&selection()?, &schema, message).map_err(Failed::to("compile the selectors"))?;
    Ok(walk("protobuf, no crossing", data, PROTOBUF_FRAMING.len(), move |body, hits, values, out| {
        plan.select(body, hits).ok()?;
        hits.hits().iter().try_for_each(|hit| plan.append_value(body, hit, values).ok())?;
        plan.patch(body, hits, |_, _| EDIT, out).ok().map(drop)
    }))
}

/// The floor of `hmac`: HMAC-SHA-256 of the two values of each record, its key's part done before.
fn hashes() -> Row<'static> {
    let keyed = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes keys of any length");
    let values: Vec<String> = (0..BATCH as u64).map(Payment::new).flat_map(|payment| [payment.email(), payment.pan()]).collect();
    Row::new("hashing alone", BATCH, move || {
        for value in &values {
            let mut hash = keyed.clone();
            hash.update(value.as_bytes());
            black_box(hash.finalize());
        }
        Ok(())
    })
}

/// A batch into a plugin that answers every value with the same text, and the answers back, checked.
fn crossing(bench: &Bench) -> Result<Row<'static>, Failed> {
    let spec = spec(&json!({ "$.a": {} }));
    let mut instance = bench.plugin("guest-stamp")?.instantiate(&spec, HostServices::default()).map_err(Failed::to("make an instance"))?;
    let mut column = Column::default();
    for row in 0..BATCH as u32 {
        let value = format!("value {row:010}");
        column.push(row, Kind::Text, value.as_bytes()).map_err(Failed::to("fill a column"))?;
    }
    let batch = Batch { topic: "payments".to_owned(), count: BATCH as u32, fields: vec![column], ..Batch::default() };
    let work = move || instance.transform(&batch).map(|changes| drop(black_box(changes))).map_err(Failed::to("call the plugin"));
    Ok(Row::new("crossing alone", BATCH, work))
}

/// An instance made, its settings taken, and thrown away.
fn instance(name: &'static str, bench: &Bench, plugin: &str, fields: &Value) -> Result<Row<'static>, Failed> {
    let (plugin, spec) = (bench.plugin(plugin)?, spec(fields));
    let work = move || {
        for _ in 0..INSTANCES {
            drop(black_box(plugin.instantiate(&spec, HostServices::default()).map_err(Failed::to("make an instance"))?));
        }
        Ok(())
    };
    Ok(Row::new(name, INSTANCES, work).each("instance"))
}

fn spec(fields: &Value) -> StepSpec {
    let fields = fields.as_object().into_iter().flatten();
    StepSpec {
        settings_json: "{}".to_owned(),
        fields: fields.map(|(selector, settings)| (selector.clone(), settings.to_string())).collect(),
        effects: Effects { edit_fields: true, ..Effects::default() },
        ..StepSpec::default()
    }
}
