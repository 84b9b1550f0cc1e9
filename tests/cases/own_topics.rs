//! The pipeline's own topics on the target: what was made otherwise is tightened or refused, what was lost is noticed.

use crate::harness::config;
use crate::harness::java;
use crate::harness::lab::{Lab, SOON};
use serde_json::json;

fn own(lab: &Lab, what: &str) -> String {
    format!("__sluice.{}.{what}", lab.pipeline())
}

/// A positions topic with the brokers' settings would make each take-over read a gigabyte; it is set right. A compacted
/// offset map forgets what it maps; it is refused.
#[test]
#[ignore = "needs brokers: tests/run"]
fn made_beforehand() {
    let lab = Lab::new("own-topics");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    lab.generate(json!({ "topic": topic, "count": 20 }));
    let compact = json!({ "cleanup.policy": "compact" });
    java::call("create_topic", json!({ "bootstrap": lab.b, "topic": own(&lab, "positions"), "partitions": 8, "config": compact }));
    let file = lab.config(&config::fields(), |_| ());

    lab.catch_up("tightened", &file, 0);

    let found = java::call("describe_topic", json!({ "bootstrap": lab.b, "topic": own(&lab, "positions") }));
    for (name, value) in
        [("segment.bytes", "4194304"), ("segment.ms", "600000"), ("max.compaction.lag.ms", "900000"), ("min.cleanable.dirty.ratio", "0.1")]
    {
        assert_eq!(found["config"][name], value, "{name}");
    }
    java::call("alter_config", json!({ "bootstrap": lab.b, "topic": own(&lab, "offset-map"), "config": compact }));
    let refused = lab.catch_up("refused", &file, 1);
    assert!(refused.stderr.contains("offset-map") && refused.stderr.contains("cleanup.policy"), "{}", refused.stderr);
    lab.finish();
}

/// The control record of a lane is gone while other lanes have theirs: it halts with the reason instead of waiting.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_lost_partition_of_positions_is_noticed() {
    let lab = Lab::new("own-lost");
    let topic = lab.topic("payments");
    lab.create(&topic, 2);
    lab.generate(json!({ "topic": topic, "partitions": 2, "count": 20 }));
    let file = lab.config(&config::fields(), |p| p["lanes"] = json!(2));
    lab.catch_up("before", &file, 0);
    let gone = json!([{ "partition": 1, "key": "{\"control\":1}", "value": null }]);
    java::call("produce", json!({ "bootstrap": lab.b, "topic": own(&lab, "positions"), "records": gone }));
    lab.generate(json!({ "topic": topic, "partitions": 2, "first": 20, "count": 20 }));

    let ended = lab.run("after", &file, &["--until-caught-up"], &[]).wait(SOON).expect_code(1);

    assert!(ended.stderr.contains("its positions were lost"), "{}", ended.stderr);
    lab.finish();
}
