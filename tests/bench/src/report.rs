//! Medians of the measured runs, as a table. It must not leave out a run.

use std::fs;
use std::path::Path;

use crate::measure::Row;
use crate::{Failed, say};

/// The variant that the ratios refer to.
const FLOOR: &str = "floor";

/// One variant's runs, boiled down.
struct Summary {
    variant: String,
    base: String,
    runs: usize,
    /// CPU µs per record, start and end subtracted: median, least, most.
    cpu: (f64, f64, f64),
    /// CPU of a run without records, ms.
    empty_ms: f64,
    /// Records per second, start and end subtracted.
    rate: f64,
    /// Highest peak, MiB.
    peak: f64,
}

pub fn print(file: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(file).map_err(Failed::to("read the results"))?;
    let rows: Option<Vec<Row>> = text.lines().map(Row::parse).collect();
    let rows = rows.ok_or_else(|| Failed::new("read the results", "a line is not one of measure's"))?;
    for line in table(&summaries(&rows)) {
        say(&line)?;
    }
    Ok(())
}

fn summaries(rows: &[Row]) -> Vec<Summary> {
    let mut order: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.records > 0) {
        if !order.contains(&row.variant.as_str()) {
            order.push(&row.variant);
        }
    }
    order.into_iter().filter_map(|variant| summary(variant, rows)).collect()
}

fn summary(variant: &str, rows: &[Row]) -> Option<Summary> {
    let (empty, full): (Vec<&Row>, Vec<&Row>) = rows.iter().filter(|row| row.variant == variant).partition(|row| row.records == 0);
    let empty_cpu = median(empty.iter().map(|row| row.cost.cpu).collect()).unwrap_or(0.0);
    let empty_time = median(empty.iter().map(|row| row.cost.time).collect()).unwrap_or(0.0);
    let cpu: Vec<f64> = full.iter().map(|row| (row.cost.cpu - empty_cpu).max(0.0) * 1e6 / row.records as f64).collect();
    let rate = full.iter().map(|row| row.records as f64 / (row.cost.time - empty_time).max(0.01)).collect();
    let least = cpu.iter().copied().fold(f64::INFINITY, f64::min);
    let most = cpu.iter().copied().fold(0.0, f64::max);
    Some(Summary {
        variant: variant.to_owned(),
        base: full.first()?.base.clone(),
        runs: full.len(),
        cpu: (median(cpu)?, least, most),
        empty_ms: empty_cpu * 1e3,
        rate: median(rate)?,
        peak: full.iter().map(|row| row.cost.peak).fold(0.0, f64::max),
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values.get(middle).copied()
    } else {
        Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0)
    }
}

fn table(summaries: &[Summary]) -> Vec<String> {
    let cpu_of = |name: &str| summaries.iter().find(|summary| summary.variant == name).map(|summary| summary.cpu.0);
    let mut lines = vec![
        "| variant | runs | CPU µs/record (least-most) | × floor | µs over floor | µs over its base | records/s | peak MiB | start+end CPU ms |".to_owned(),
        "|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for Summary { variant, base, runs, cpu: (cpu, least, most), empty_ms, rate, peak } in summaries {
        let ratio = cpu_of(FLOOR).map_or("-".to_owned(), |floor| format!("{:.2}", cpu / floor));
        let over = |other: Option<f64>| other.map_or("-".to_owned(), |other| format!("{:+.2}", cpu - other));
        let (over_floor, over_base) = (over(cpu_of(FLOOR)), over(cpu_of(base)));
        lines.push(format!(
            "| {variant} | {runs} | {cpu:.2} ({least:.2}-{most:.2}) | {ratio} | {over_floor} | {over_base} | {rate:.0} | {peak:.0} | {empty_ms:.0} |"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Cost;

    fn row(variant: &str, base: &str, records: u64, cpu: f64) -> Row {
        Row { variant: variant.into(), base: base.into(), records, cost: Cost { cpu, time: cpu, peak: cpu * 10.0 } }
    }

    #[test]
    fn start_and_end_are_subtracted_and_variants_compared() {
        let mut rows = vec![row("floor", "-", 0, 0.5), row("sluice", "floor", 0, 1.0), row("mask", "sluice", 0, 1.0)];
        for cpu in [3.0, 9.0, 2.5] {
            rows.extend([
                row("floor", "-", 1_000_000, cpu),
                row("sluice", "floor", 1_000_000, cpu + 1.5),
                row("mask", "sluice", 1_000_000, cpu + 2.0),
            ]);
        }
        let lines = table(&summaries(&rows));
        assert_eq!(lines[2], "| floor | 3 | 2.50 (2.00-8.50) | 1.00 | +0.00 | - | 400000 | 90 | 500 |");
        assert_eq!(lines[3], "| sluice | 3 | 3.50 (3.00-9.50) | 1.40 | +1.00 | +1.00 | 285714 | 105 | 1000 |");
        assert_eq!(lines[4], "| mask | 3 | 4.00 (3.50-10.00) | 1.60 | +1.50 | +0.50 | 250000 | 110 | 1000 |");
    }

    #[test]
    fn medians() {
        for (values, expected) in [(vec![], None), (vec![2.0], Some(2.0)), (vec![4.0, 1.0], Some(2.5)), (vec![9.0, 1.0, 2.0], Some(2.0))] {
            assert_eq!(median(values), expected);
        }
    }
}
