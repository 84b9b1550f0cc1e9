//! What the host lends to instances: keys, windows, tables, and where records stand.

use super::*;
use crate::plugin::Table;

const HMAC: &str = r#"(import "sluice:plugin/keys@0.1.0" "hmac-sha256"
    (func $hmac (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;

#[test]
fn keys_are_used_by_name_and_only_where_the_step_names_them() {
    // Keys at DATA: "pii" and "pix"; domain "default"; the column of the batch; what came back is counted.
    let call = |key: u32, ends: &str| {
        format!(
            "(call $hmac (i32.const {key}) (i32.const 3) (i32.const {domain}) (i32.const 7)
               (i32.load offset=16 (i32.load offset=16 (local.get $batch))) {ends}
               (i32.load offset=24 (i32.load offset=16 (local.get $batch)))
               (i32.load offset=28 (i32.load offset=16 (local.get $batch))) (i32.const {result}))
             (call $count (i32.const 0) (i64.load32_u (i32.const {result})))
             (call $count (i32.const 1) (i64.load32_u offset=8 (i32.const {result})))",
            domain = DATA + 16,
            result = DATA + 32
        )
    };
    let ends = "(i32.load offset=20 (i32.load offset=16 (local.get $batch)))";
    let mut ring = KeyRing::new();
    for name in ["pii", "pix"] {
        ring.add(name, vec![7; 32]).unwrap();
    }
    let ring = Arc::new(ring);
    let data = vec![(DATA, b"piipix".to_vec()), (DATA + 16, b"default".to_vec())];
    let run = |key: u32, ends: &str, allowed: &[&str], keys: &Arc<KeyRing>| {
        let guest = Guest { data: data.clone(), ..guest(&format!("{HMAC}{COUNT}"), &call(key, ends)) };
        let allowed_keys = allowed.iter().map(|&name| name.to_owned()).collect();
        let host = HostServices { keys: keys.clone(), allowed_keys, ..HostServices::default() };
        let mut instance = start_with(&guest, &step(NONE), host);
        let result = instance.transform(&batch(&["abc", "de"])).map(drop);
        result.map(|()| instance.take_counters().to_vec())
    };
    // Two tags of 32 bytes.
    assert_eq!(run(DATA, ends, &["pii"], &ring), Ok(vec![(1, 64)]));
    // An error is 1; which one is in the word after it, and a 0 in the length that is not there.
    for (key, ends, allowed, keys) in
        [(DATA + 3, ends, &["pii"], &ring), (DATA, ends, &["pii"], &Arc::new(KeyRing::new())), (DATA, "(i32.const 1)", &["pii"], &ring)]
    {
        let got = run(key, ends, allowed, keys).unwrap();
        assert_eq!(got.first(), Some(&(0, 1)), "{got:?}");
    }
}

/// The host knows where a record stands, whatever the plugin is shown of it.
#[test]
fn encryption_takes_its_nonces_from_where_records_stand() {
    const ENCRYPT: &str = r#"(import "sluice:plugin/keys@0.1.0" "encrypt"
        (func $encrypt (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let column = |offset: u32| format!("(i32.load offset={offset} (i32.load offset=16 (local.get $batch)))");
    let lists: String = [0, 4, 16, 20, 24, 28].into_iter().map(column).collect();
    // Adds the first eight bytes of the answer, its nonce, shifted so that it does not overflow the counter.
    let transform = format!(
        "(call $encrypt (i32.const {DATA}) (i32.const 3) (i32.const {DATA}) (i32.const 3) (i32.const 0) {lists} (i32.const {out}))
         (call $count (i32.const 0) (i64.load32_u (i32.const {out})))
         (call $count (i32.const 1) (i64.shr_u (i64.load (i32.load offset=12 (i32.const {out}))) (i64.const 8)))",
        out = DATA + 64
    );
    let guest = Guest { data: vec![(DATA, b"pii".to_vec())], ..guest(&format!("{ENCRYPT}{COUNT}"), &transform) };
    let mut ring = KeyRing::new();
    ring.add("pii", vec![7; 32]).unwrap();
    let host = HostServices { keys: Arc::new(ring), allowed_keys: vec!["pii".into()], ..HostServices::default() };
    let step = StepSpec { place: StepPlace { source: "landing".into(), number: 1, ..StepPlace::default() }, ..step(NONE) };
    let mut instance = start_with(&guest, &step, host.clone());
    let mut nonce = |topic: &str, partition: i32, origin: i64| {
        let batch = Batch { topic: topic.into(), partition, origins: vec![origin], ..batch(&["a"]) };
        instance.transform(&batch).unwrap();
        let [(1, nonce)] = instance.take_counters() else { panic!("an error") };
        *nonce
    };
    let first = nonce("orders", 3, 40);
    assert_eq!(nonce("orders", 3, 40), first);
    for (topic, partition, origin) in [("order", 3, 40), ("orders", 4, 40), ("orders", 3, 41)] {
        assert_ne!(nonce(topic, partition, origin), first);
    }
    for place in [StepPlace { number: 2, ..step.place.clone() }, StepPlace { source: "main".into(), ..step.place.clone() }] {
        let mut other = start_with(&guest, &StepSpec { place, ..step.clone() }, host.clone());
        other.transform(&Batch { topic: "orders".into(), partition: 3, origins: vec![40], ..batch(&["a"]) }).unwrap();
        assert_ne!(other.take_counters(), [(1, first)]);
    }
}

#[test]
fn a_plugin_is_told_where_its_step_stands() {
    // Adds up the letters of the three names.
    let init = "(call $count (i32.const 0) (i64.extend_i32_u (i32.add (local.get 7) (i32.add (local.get 9) (local.get 11)))))";
    let guest = Guest { init, ..guest(COUNT, "") };
    let place = StepPlace { pipeline: "p".into(), source: "abc".into(), target: "defghij".into(), number: 40 };
    let mut instance = start(&guest, &StepSpec { place, ..step(NONE) });
    assert_eq!(instance.take_counters(), [(0, 11)]);
}

/// A guest that hands its first column to `seen` in window "ids" and answers with what came back, as counts: how many
/// values there were, and whether the first and the last were seen.
fn remembers() -> Guest {
    const SEEN: &str = r#"(import "sluice:plugin/windows@0.1.0" "seen" (func $seen (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let column = |offset: u32| format!("(i32.load offset={offset} (i32.load offset=16 (local.get $batch)))");
    let lists: String = [0, 4, 16, 20, 24, 28].into_iter().map(column).collect();
    let out = DATA + 64;
    let transform = format!(
        "(call $seen (i32.const {DATA}) (i32.const 3) (i32.const 100) {lists} (i32.const {out}))
         (if (i32.load8_u (i32.const {out})) (then unreachable))
         (call $count (i32.const 0) (i64.load32_u offset=8 (i32.const {out})))
         (call $count (i32.const 1) (i64.load8_u (i32.load offset=4 (i32.const {out}))))"
    );
    Guest { data: vec![(DATA, b"ids".to_vec())], ..guest(&format!("{SEEN}{COUNT}"), &transform) }
}

#[test]
fn windows_outlive_their_instances() {
    let lent =
        || HostServices { windows: Some(Arc::new(std::sync::Mutex::new(crate::plugin::Windows::of(1 << 20)))), ..HostServices::default() };
    let (guest, host) = (remembers(), lent());
    let see = |instance: &mut Instance, texts: &[&str]| {
        let batch = Batch { origins: vec![7; texts.len()], ..batch(texts) };
        instance.transform(&batch).map(|_| instance.take_counters().to_vec())
    };
    let mut instance = start_with(&guest, &step(NONE), host.clone());
    assert_eq!(see(&mut instance, &["a", "b"]), Ok(vec![(0, 2)]));
    let mut other = start_with(&guest, &step(NONE), host.clone());
    assert_eq!(see(&mut other, &["b"]), Ok(vec![(0, 1), (1, 1)]));
    // What is not committed is taken back; another lane or step knows nothing of it.
    host.windows.as_ref().unwrap().lock().unwrap().rollback_to(0);
    assert_eq!(see(&mut other, &["b"]), Ok(vec![(0, 1)]));
    let mut apart = start_with(&guest, &step(NONE), lent());
    assert_eq!(see(&mut apart, &["b"]), Ok(vec![(0, 1)]));
    // A step whose settings ask for no window has none: this guest stops itself where it is told so.
    let mut without = start_with(&guest, &step(NONE), HostServices::default());
    assert!(matches!(see(&mut without, &["b"]), Err(CallError::Trap { .. })));
    // A row that is not in the batch.
    let got = apart.transform(&batch(&["b"]));
    assert!(matches!(got, Err(CallError::Trap { .. })), "{got:?}");
}

#[test]
fn tables_answer_what_the_step_names() {
    const GET: &str = r#"(import "sluice:plugin/tables@0.1.0" "get" (func $get (param i32 i32 i32 i32 i32 i32 i32)))"#;
    let column = |offset: u32| format!("(i32.load offset={offset} (i32.load offset=16 (local.get $batch)))");
    let lists: String = [16, 20, 24, 28].into_iter().map(column).collect();
    // Counts the bytes of the rows and the revision; an error as 1000 and which one.
    let transform = |table: u32| {
        format!(
            "(call $get (i32.const {table}) (i32.const 5) {lists} (i32.const {out}))
             (if (i32.load8_u (i32.const {out}))
               (then (call $count (i32.const 0) (i64.add (i64.const 1000) (i64.load8_u offset=8 (i32.const {out})))))
               (else (call $count (i32.const 0) (i64.load32_u offset=28 (i32.const {out})))
                     (call $count (i32.const 1) (i64.load offset=32 (i32.const {out})))))",
            out = DATA + 64
        )
    };
    let table = Table::default();
    {
        let mut state = table.change();
        state.rows.put(b"abc", br#"{"n":1}"#).unwrap();
        state.revision = Some(9);
    }
    let tables = [("names".to_owned(), Arc::new(table)), ("other".to_owned(), Arc::default())];
    let host = HostServices { tables: Arc::new(tables.into()), ..HostServices::default() };
    let run = |name: u32, allowed: &[&str], texts: &[&str]| {
        let data = vec![(DATA, b"namesothernone!".to_vec())];
        let guest = Guest { data, ..guest(&format!("{GET}{COUNT}"), &transform(DATA + name)) };
        let allowed_tables = allowed.iter().map(|&name| name.to_owned()).collect();
        let mut instance = start_with(&guest, &step(NONE), HostServices { allowed_tables, ..host.clone() });
        instance.transform(&batch(texts)).map(|_| instance.take_counters().to_vec())
    };
    assert_eq!(run(0, &["names"], &["abc", "x", "abc"]), Ok(vec![(0, 14), (1, 9)]));
    let failures: [(u32, &[&str], u64); 4] = [(10, &["none!"], 0), (0, &["other"], 1), (5, &[], 1), (5, &["other"], 3)];
    for (name, allowed, failure) in failures {
        assert_eq!(run(name, allowed, &["a"]), Ok(vec![(0, 1000 + failure)]), "{name} {allowed:?}");
    }
    // Not read yet, and asked for nothing.
    assert_eq!(run(5, &["other"], &[]), Ok(vec![]));
}
