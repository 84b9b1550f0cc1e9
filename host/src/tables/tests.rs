//! Tables of a whole configuration, and files that change under a running process.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;

use super::*;

fn plan(dir: &Path) -> Plan {
    let file = dir.join("s.yaml");
    let text = "clusters:
  a: { bootstrap_servers: \"127.0.0.1:1\" }
  b: { bootstrap_servers: \"127.0.0.1:2\" }
tables:
  rates: { file: rates.csv, key: id }
  unused: { file: none.csv, key: id }
  customers: { topic: customers, cluster: b }
pipelines:
  - name: p
    source: a
    target: b
    topics: { include: [\"*\"] }
    steps: [{ plugin: enrich, look: [{ table: rates }, { table: customers }] }]
";
    std::fs::write(&file, text).unwrap();
    crate::config::validate(&[file], &|selector| Ok(selector.to_owned())).unwrap()
}

fn row(table: &Table, key: &[u8]) -> Option<Vec<u8>> {
    table.now().rows.get(key).map(<[u8]>::to_vec)
}

#[test]
fn only_tables_that_steps_name_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path());
    let problems = load(&plan).unwrap_err();
    assert_eq!(problems.len(), 1);
    let said = problems[0].to_string();
    assert!(said.contains("s.yaml:5:3: cannot read table rates from") && said.contains("rates.csv: "), "{said}");
    std::fs::write(dir.path().join("rates.csv"), "id,rate\neur,1.1\n").unwrap();
    let tables = load(&plan).unwrap();
    assert_eq!(tables.keys().collect::<Vec<_>>(), ["customers", "rates"]);
    assert_eq!(row(&tables["rates"], b"eur").unwrap(), br#"{"id":"eur","rate":"1.1"}"#);
    assert!(tables["customers"].now().revision.is_none());
    assert_eq!(clusters(&plan).map(|cluster| cluster.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_file_that_changes_is_read_again_and_one_that_breaks_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rates.csv");
    std::fs::write(&path, "id,rate\neur,1.1\n").unwrap();
    let plan = plan(dir.path());
    let tables = load(&plan).unwrap();
    let rates = tables["rates"].clone();
    let stop = Arc::new(AtomicBool::new(false));
    let watched = vec![(plan.tables["rates"].clone(), rates.clone(), TableMetrics::default())];
    let thread = std::thread::spawn({
        let stop = stop.clone();
        move || watch(watched, &stop)
    });
    let wait = |enough: &dyn Fn() -> bool| {
        let until = Instant::now() + Duration::from_secs(20);
        while !enough() {
            assert!(Instant::now() < until, "not in time");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    };
    let replace = |text: &str| {
        let new = dir.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &path).unwrap();
    };
    let first = rates.now().revision;
    replace("id,rate\neur,1.2\n");
    wait(&|| row(&rates, b"eur").unwrap() == br#"{"id":"eur","rate":"1.2"}"#);
    assert_ne!(rates.now().revision, first);
    replace("id,rate\neur\n");
    replace("id,rate\nusd,1\n");
    wait(&|| row(&rates, b"usd").is_some());
    assert!(row(&rates, b"eur").is_none());
    std::fs::remove_file(&path).unwrap();
    std::thread::park_timeout(LOOK + LOOK);
    assert!(row(&rates, b"usd").is_some());
    stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
}
