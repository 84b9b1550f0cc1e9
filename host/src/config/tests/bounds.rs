//! Bounds of a transaction beside what steps may take.

use super::*;

#[test]
fn a_batch_fits_into_an_open_transaction() {
    let refused = |at: &str, timeout: &str, longest: &str, steps: usize, a_step: &str| {
        format!(
            "s.yaml:{at}: transaction.timeout ({timeout}) has to be above {longest}: the transaction may be max_age (1s) old when a \
             batch begins, for which each of {steps} steps may take {a_step}; raise it, or lower plugins.limits.time"
        )
    };
    let at_least_once = "    delivery: at_least_once\n";
    for (more, time, steps, expected) in [
        ("", "200ms", 20, None),
        ("", "60s", 0, None),
        ("", "30s", 1, None),
        ("", "30s", 2, Some(refused("6:11", "1m", "62s", 2, "30500ms"))),
        ("    transaction: { timeout: 2m }\n", "30s", 2, None),
        ("    transaction: { timeout: 8s }\n", "3s", 2, Some(refused("10:29", "8s", "8s", 2, "3500ms"))),
        ("    transaction: { timeout: 9s }\n", "3s", 2, None),
        (at_least_once, "30s", 2, None),
    ] {
        let steps = vec!["{ plugin: x }"; steps].join(", ");
        let text = pipeline(&format!("{more}    steps: [{steps}]\n")) + &format!("plugins: {{ limits: {{ time: {time} }} }}\n");
        assert_eq!(plan(&text).err().map(|errors| errors.to_string()), expected, "{more:?}, {time}, {steps}");
    }
}
