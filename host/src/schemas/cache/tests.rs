//! One question per unknown schema, whoever asks, and what becomes of the answer.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::super::error::{Fault, Unusable};
use super::super::{Schema, SchemaKind};
use super::*;

const LONG: Duration = Duration::from_secs(30);

fn schema(text: &str) -> Arc<Schema> {
    Arc::new(Schema { kind: SchemaKind::Avro, text: text.into(), references: Vec::new() })
}

fn unavailable() -> LookupError {
    let last = Fault::Status { url: "http://h".into(), status: 500 };
    LookupError::Unavailable { asked: "x".into(), waited: LONG, last }
}

/// Spins until so many threads wait behind the question.
fn wait_for(waiting: &AtomicUsize, count: usize) {
    while waiting.load(Ordering::SeqCst) < count {
        thread::yield_now();
    }
}

#[test]
fn many_lanes_ask_once() {
    let (cache, counters) = (Cache::default(), Counters::default());
    let (asked, started) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ask = |_| {
        asked.fetch_add(1, Ordering::SeqCst);
        wait_for(&started, 8);
        Ok(schema("one"))
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    started.fetch_add(1, Ordering::SeqCst);
                    cache.get(SchemaRef::Id(1), LONG, &counters, &|| false, &ask).unwrap()
                })
            })
            .collect();
        for lane in lanes {
            assert_eq!(lane.join().unwrap().text, "one");
        }
    });
    assert_eq!((asked.into_inner(), counters.misses()), (1, 1));
}

#[test]
fn a_failure_is_asked_again_and_a_no_stands_for_a_while() {
    let (cache, counters) = (Cache::default(), Counters::default());
    let get = |id, answer: Answer| {
        let asked = AtomicBool::new(false);
        let ask = |_| {
            asked.store(true, Ordering::SeqCst);
            answer.clone()
        };
        let found = cache.get(SchemaRef::Id(id), Duration::ZERO, &counters, &|| false, &ask);
        (found, asked.into_inner())
    };
    let no = Err(LookupError::Unknown(SchemaRef::Id(3)));
    assert_eq!(get(1, Err(unavailable())), (Err(unavailable()), true));
    assert_eq!(get(1, Err(Unusable::Circle.into())), (Err(Unusable::Circle.into()), true));
    assert_eq!(get(1, Ok(schema("x"))), (Ok(schema("x")), true));
    assert_eq!(get(1, Err(unavailable())), (Ok(schema("x")), false), "known: no registry is needed");
    assert_eq!(get(3, no.clone()), (no.clone(), true));
    assert_eq!(get(3, Ok(schema("late"))), (no, false));
    let long_ago = Instant::now().checked_sub(UNKNOWN_FOR).unwrap();
    cache.state().unknown.insert(SchemaRef::Id(3), long_ago);
    assert_eq!(get(3, Ok(schema("late"))), (Ok(schema("late")), true));
    assert_eq!((counters.hits(), counters.misses()), (2, 5));
}

#[test]
fn who_has_waited_less_than_its_patience_asks_itself() {
    let (cache, counters) = (Cache::default(), Counters::default());
    let asked = AtomicUsize::new(0);
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            let fails = |_| {
                asked.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(50));
                Err(unavailable())
            };
            cache.get(SchemaRef::Id(1), Duration::ZERO, &counters, &|| false, &fails)
        });
        wait_for(&asked, 1);
        let answers = |_| Ok(schema("second"));
        let second = cache.get(SchemaRef::Id(1), LONG, &counters, &|| false, &answers);
        assert_eq!(second.unwrap().text, "second");
        assert_eq!(first.join().unwrap(), Err(unavailable()));
    });
}

#[test]
fn whoever_waits_stops_when_told_and_a_panic_strands_nobody() {
    let (cache, counters) = (Cache::default(), Counters::default());
    let asked = AtomicUsize::new(0);
    let release = AtomicBool::new(false);
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            let panics = |_| {
                asked.fetch_add(1, Ordering::SeqCst);
                while !release.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                panic!("planted");
            };
            cache.get(SchemaRef::Id(1), LONG, &counters, &|| false, &panics)
        });
        wait_for(&asked, 1);
        let never = |_| panic!("somebody else asks");
        assert_eq!(cache.get(SchemaRef::Id(1), LONG, &counters, &|| true, &never), Err(LookupError::Stopped));
        release.store(true, Ordering::SeqCst);
        let answers = |_| Ok(schema("second"));
        assert_eq!(cache.get(SchemaRef::Id(1), LONG, &counters, &|| false, &answers).unwrap().text, "second");
        assert!(first.join().is_err());
    });
}

#[test]
fn makes_room_where_nobody_looks_any_more() {
    let (cache, counters) = (Cache::default(), Counters::default());
    let get = |id| {
        let asked = AtomicBool::new(false);
        let ask = |_| {
            asked.store(true, Ordering::SeqCst);
            Ok(schema("x"))
        };
        cache.get(SchemaRef::Id(id), LONG, &counters, &|| false, &ask).unwrap();
        asked.into_inner()
    };
    let full = u32::try_from(MAX_KNOWN).unwrap();
    assert!((0..full).all(&get));
    assert!(!get(0), "used again");
    assert!(get(full));
    assert!(!get(0) && get(1), "the one unused for longest went");
    assert_eq!(cache.state().known.len(), MAX_KNOWN);
}
