//! What windows answer, against the plainest one that could be written, and what is left after taking back.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const AT: Place<'_> = Place { name: "ids", topic: "orders", partition: 0 };

/// More than any test but one needs.
fn windows() -> Windows {
    Windows::of(256 << 20)
}

fn see(windows: &mut Windows, at: Place<'_>, limit: u32, values: &[(u32, &str)]) -> Vec<u8> {
    windows.seen(at, limit, values.iter().map(|(row, value)| (*row, value.as_bytes()))).unwrap()
}

#[test]
fn a_value_is_seen_where_an_earlier_record_had_it() {
    let mut windows = windows();
    let w = &mut windows;
    // Two of one record do not make each other seen; the next record is.
    assert_eq!(see(w, AT, 3, &[(0, "a"), (0, "a"), (1, "a"), (1, "b"), (1, "a")]), [0, 0, 1, 0, 1]);
    // A call is later than those before, whatever its rows.
    assert_eq!(see(w, AT, 3, &[(1, "b")]), [1]);
    // a, b, c, then d pushes a out, whose turn it was: b was seen after it.
    assert_eq!(see(w, AT, 3, &[(0, "c"), (1, "d"), (2, "b"), (3, "a"), (4, "c")]), [0, 0, 1, 0, 0]);
}

#[test]
fn places_are_apart() {
    let mut windows = windows();
    let others = [Place { name: "other", ..AT }, Place { topic: "other", ..AT }, Place { partition: 1, ..AT }];
    assert_eq!(see(&mut windows, AT, 9, &[(0, "a")]), [0]);
    for at in others {
        assert_eq!(see(&mut windows, at, 9, &[(0, "a")]), [0], "{at:?}");
    }
    assert_eq!(see(&mut windows, AT, 9, &[(0, "a")]), [1]);
}

#[test]
fn what_is_out_of_form_is_refused() {
    let mut windows = windows();
    let long = "n".repeat(NAME_BYTES + 1);
    for (name, limit) in [("", 1), (&*long, 1), ("n", 0), ("n", LIMIT + 1)] {
        assert_eq!(windows.seen(Place { name, ..AT }, limit, std::iter::empty()), Err(Refusal::Malformed), "{name} {limit}");
    }
    for i in 0..NAMES {
        assert_eq!(windows.seen(Place { name: &i.to_string(), ..AT }, 1, std::iter::empty()), Ok(vec![]));
    }
    assert_eq!(windows.seen(AT, 1, std::iter::empty()), Err(Refusal::TooManyNames));
    assert_eq!(windows.seen(Place { name: "0", ..AT }, 1, std::iter::empty()), Ok(vec![]));
    // What one partition used up is another's own.
    for at in [Place { partition: 7, ..AT }, Place { topic: "other", ..AT }] {
        assert_eq!(windows.seen(at, 1, std::iter::empty()), Ok(vec![]), "{at:?}");
    }
}

/// A window: its order, and its marks.
type Content = (Vec<(u64, Hash)>, Vec<(Hash, Mark)>);

/// Everything that a later answer depends on.
fn content(windows: &Windows) -> Vec<Content> {
    assert_eq!(windows.values, windows.windows.iter().map(|window| window.marks.len()).sum::<usize>());
    let sizes: BTreeSet<_> = windows.windows.iter().enumerate().map(|(number, window)| (window.marks.len(), Reverse(number))).collect();
    assert_eq!(windows.sizes, sizes);
    let window = |window: &Window| {
        let mut marks: Vec<_> = window.marks.iter().map(|(hash, mark)| (*hash, *mark)).collect();
        marks.sort_by_key(|(_, mark)| mark.stamp);
        assert!(marks.iter().map(|(hash, mark)| (&mark.stamp, hash)).eq(window.order.iter()));
        (window.order.iter().map(|(stamp, hash)| (*stamp, *hash)).collect(), marks)
    };
    windows.windows.iter().map(window).collect()
}

#[test]
fn all_windows_together_are_bounded() {
    const BYTES: usize = 4 << 20;
    let mut windows = Windows::of(BYTES);
    let value = |i: usize| i.to_le_bytes();
    let fill = |windows: &mut Windows, at: Place<'_>, from: usize, values: usize| {
        // A transaction takes no more at once.
        for from in (from..from + values).step_by(1000) {
            let values: Vec<_> = (from..from + 1000).map(value).collect();
            windows.seen(at, LIMIT, values.iter().map(|value| (0, &value[..]))).unwrap();
            windows.commit();
        }
    };
    let small = Place { partition: 1, ..AT };
    fill(&mut windows, AT, 0, 50_000);
    assert!(windows.bytes() <= BYTES && windows.bytes() > BYTES / 3, "{}", windows.bytes());
    let alone = windows.values;
    fill(&mut windows, small, 0, 1000);
    assert_eq!(windows.windows[1].marks.len(), 1000);
    assert!(windows.values <= alone && windows.windows[0].marks.len() < alone - 990, "{windows:?}");
    let oldest = value(0);
    assert_eq!(windows.seen(small, LIMIT, [(0, &oldest[..])].into_iter()), Ok(vec![1]));
    assert_eq!(windows.seen(AT, LIMIT, [(0, &oldest[..])].into_iter()), Ok(vec![0]));
}

/// Finding the largest of many windows costs next to nothing: an epoch does not interrupt the host.
#[test]
fn many_windows_are_no_slower_than_one() {
    let fill = |partitions: i32| {
        let mut windows = Windows::of(1 << 20);
        for n in 0..200_000_i32 {
            let at = Place { partition: n % partitions, ..AT };
            windows.seen(at, LIMIT, [(0, &n.to_le_bytes()[..])].into_iter()).unwrap();
            windows.commit();
        }
        windows
    };
    let began = std::time::Instant::now();
    fill(1);
    let one = began.elapsed();
    let began = std::time::Instant::now();
    assert_eq!(fill(900).windows.len(), 900);
    assert!(began.elapsed() < 8 * one + std::time::Duration::from_millis(200), "{one:?} for one, {:?} for 900", began.elapsed());
}

#[test]
fn the_journal_is_bounded_and_a_commit_empties_it() {
    let mut windows = Windows::of(1 << 20);
    // Each value pushes out the one before: two changes.
    let changes = windows.most_changes();
    let round = |windows: &mut Windows, from: usize| {
        let values: Vec<_> = (from..from + changes / 4).map(usize::to_le_bytes).collect();
        windows.seen(AT, 1, values.iter().map(|value| (0, &value[..]))).map(drop)
    };
    for (from, want) in [(0, Ok(())), (changes, Ok(())), (2 * changes, Err(Refusal::TooManyChanges))] {
        assert_eq!(round(&mut windows, from), want);
    }
    assert!(windows.bytes() <= (1 << 20));
    windows.rollback_to(0);
    assert_eq!((windows.values, windows.mark()), (0, 0));
    for from in [0, changes, 2 * changes] {
        assert_eq!(round(&mut windows, from), Ok(()));
        windows.commit();
    }
}

/// A call: the window's number, the limit, and values by row.
type Call = (i32, u32, Vec<(u32, u8)>);

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let values = proptest::collection::vec((0u32..4, 0u8..12), 0..12).prop_map(|mut values| {
        values.sort_by_key(|(row, _)| *row);
        values
    });
    proptest::collection::vec((0i32..2, 1u32..6, values), 0..12)
}

fn run(windows: &mut Windows, (partition, limit, values): &Call) -> Vec<u8> {
    let bytes: Vec<_> = values.iter().map(|(row, value)| (*row, [*value])).collect();
    windows.seen(Place { partition: *partition, ..AT }, *limit, bytes.iter().map(|(row, value)| (*row, &value[..]))).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn it_answers_as_a_plain_list_would(calls in calls()) {
        let mut windows = windows();
        let mut plain: HashMap<i32, VecDeque<u8>> = HashMap::new();
        for call in &calls {
            let list = plain.entry(call.0).or_default();
            let mut want = vec![];
            for (i, (row, value)) in call.2.iter().enumerate() {
                let same_record = call.2[..i].iter().rposition(|earlier| earlier == &(*row, *value));
                // Unless its own record pushed it out meanwhile.
                let known = list.iter().position(|known| known == value);
                let of_record = known.is_some() && same_record.is_some();
                want.push(if of_record { want[same_record.unwrap()] } else { u8::from(known.is_some()) });
                if !of_record {
                    if let Some(known) = known {
                        list.remove(known);
                    }
                    list.push_back(*value);
                }
                while list.len() > call.1 as usize {
                    list.pop_front();
                }
            }
            prop_assert_eq!(run(&mut windows, call), want);
            content(&windows);
        }
    }

    #[test]
    fn taking_back_leaves_nothing(before in calls(), lost in calls(), after in calls(), at in 0..12_usize, part: bool) {
        let (mut windows, mut never) = (windows(), windows());
        for call in &before {
            prop_assert_eq!(run(&mut windows, call), run(&mut never, call));
        }
        windows.commit();
        let then = content(&windows);
        let mut marks = vec![];
        for call in &lost {
            marks.push((windows.mark(), content(&windows)));
            run(&mut windows, call);
        }
        // What came before a mark is committed: only the rest is taken back.
        if let Some((mark, want)) = marks.get(at % marks.len().max(1)).filter(|_| part) {
            windows.commit_to(*mark);
            windows.rollback_to(0);
            let mut now = content(&windows);
            now.truncate(want.len());
            prop_assert_eq!(&now, want);
            return Ok(());
        }
        // Call by call, and then all that is left at once.
        for (mark, want) in marks.split_off(marks.len() / 2).into_iter().rev() {
            windows.rollback_to(mark);
            let mut now = content(&windows);
            now.truncate(want.len());
            prop_assert_eq!(now, want);
        }
        windows.rollback_to(0);
        let mut now = content(&windows);
        // Windows that were made meanwhile stay, empty.
        prop_assert!(now.drain(then.len()..).all(|(order, _)| order.is_empty()));
        prop_assert_eq!(now, then);
        for call in &after {
            prop_assert_eq!(run(&mut windows, call), run(&mut never, call));
        }
    }
}
