//! One right answer, and every way to break it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::plugin::changes::FieldAnswers;

/// Three records; a text field in the first and (twice) in the third, another field nowhere.
fn batch() -> Batch {
    let mut field = Column::default();
    for (row, text) in [(0, "Ada"), (2, "Bo"), (2, "")] {
        field.push(row, Kind::Text, text.as_bytes()).unwrap();
    }
    let mut keys = Column::default();
    for row in 0..3 {
        keys.push(row, Kind::Bytes, b"k").unwrap();
    }
    Batch { count: 3, fields: vec![field, Column::default()], keys: Some(keys), ..Batch::default() }
}

fn answers(of: &[(Action, Kind, &[u8])]) -> Answers {
    let mut answers = Answers::default();
    for (action, kind, bytes) in of {
        answers.actions.push(*action as u8);
        answers.kinds.push(*kind as u8);
        answers.data.extend_from_slice(bytes);
        answers.ends.push(answers.data.len() as u32);
    }
    answers
}

fn header(row: u32, name: &[u8]) -> Header {
    Header { row, name: name.to_vec(), value: None }
}

fn emit(row: u32, topic: Option<&str>) -> Emitted {
    Emitted { row, topic: topic.map(str::to_owned), key: None, value: Some(vec![1; 10]), headers: vec![header(0, b"h")] }
}

/// An answer that uses everything and is right.
fn right() -> Changes {
    use Action::*;
    Changes {
        fields: vec![FieldAnswers {
            field: 0,
            answers: answers(&[(Set, Kind::Text, "é***".as_bytes()), (Keep, Kind::Null, b""), (Set, Kind::Integer, b"-7")]),
        }],
        keys: Some(answers(&[(Set, Kind::Bytes, &[0xff]), (Remove, Kind::Null, b""), (Set, Kind::Null, b"")])),
        values: Some(answers(&[(Keep, Kind::Null, b""), (Keep, Kind::Null, b""), (Reject, Kind::Null, b"")])),
        header_rows: vec![0, 1, 2],
        headers: vec![header(0, b"a"), header(0, &[0xff]), header(2, b"")],
        timestamps: vec![(1, 1)],
        routes: vec![(0, "eu.orders-1_x".into())],
        dropped: vec![1],
        rejected: vec![(2, 1)],
        emitted: vec![emit(0, None), emit(0, Some("audit")), emit(2, None)],
    }
}

fn check(changed: &Changes, effects: Effects) -> Result<(), Fault> {
    let limits = Limits { output_records: 3, output_bytes: 1_000, record_headers: 2, ..Limits::default() };
    changes(&batch(), changed, &Rules { effects, rejections: 2, limits: &limits })
}

fn field(of: &mut Changes) -> &mut Answers {
    &mut of.fields[0].answers
}

#[test]
fn a_right_answer_passes() {
    assert_eq!(check(&right(), Effects::ALL), Ok(()));
    // A clear carries the text that a text becomes.
    let mut clears = right();
    field(&mut clears).actions[0] = Action::Clear as u8;
    assert_eq!(check(&clears, Effects::ALL), Ok(()));
    // Nothing granted, nothing done.
    assert_eq!(check(&Changes::default(), Effects::default()), Ok(()));
}

#[test]
fn an_emitted_key_is_that_of_its_row_or_an_edit() {
    let with = Effects { edit_fields: false, ..Effects::ALL };
    let without = Effects { edit_key: false, ..with };
    for (key, told) in [(None, Ok(())), (Some("k"), Ok(())), (Some("other"), Err(Fault::Invalid("keys without the effect edit-key")))] {
        let emitted = Emitted { key: key.map(|key| key.as_bytes().to_vec()), ..emit(2, None) };
        let changed = Changes { emitted: vec![emitted], ..Changes::default() };
        assert_eq!(check(&changed, without), told, "{key:?}");
        assert_eq!(check(&changed, with), Ok(()), "{key:?}");
    }
    // Who does not see keys knows none.
    let changed = Changes { emitted: vec![Emitted { key: Some(b"k".to_vec()), ..emit(0, None) }], ..Changes::default() };
    let blind = Batch { keys: None, ..batch() };
    let rules = Rules { effects: without, rejections: 0, limits: &Limits::default() };
    assert_eq!(changes(&blind, &changed, &rules), Err(Fault::Invalid("keys without the effect edit-key")));
}

#[test]
fn every_change_needs_its_effect() {
    type Take = fn(&mut Effects);
    let takes: [(&str, Take); 9] = [
        ("edit-fields", |e| e.edit_fields = false),
        ("edit-key", |e| e.edit_key = false),
        ("edit-value", |e| e.edit_value = false),
        ("edit-headers", |e| e.edit_headers = false),
        ("edit-timestamp", |e| e.edit_timestamp = false),
        ("drop", |e| e.drop = false),
        ("reject", |e| e.reject = false),
        ("route", |e| e.route = false),
        ("emit", |e| e.emit = false),
    ];
    for (name, take) in takes {
        let mut effects = Effects::ALL;
        take(&mut effects);
        let got = check(&right(), effects);
        let end = format!("without the effect {name}");
        assert!(matches!(got, Err(Invalid(what)) if what.ends_with(&end)), "{name}: {got:?}");
    }
    // Rejecting by the action of a value and routing what is emitted are no way round.
    let mut effects = Effects::ALL;
    effects.reject = false;
    let by_action = Changes { rejected: vec![], ..right() };
    assert_eq!(check(&by_action, effects), Err(Invalid("rejected records without the effect reject")));
    let mut effects = Effects::ALL;
    effects.route = false;
    let by_emitting = Changes { routes: vec![], ..right() };
    assert_eq!(check(&by_emitting, effects), Err(Invalid("routes without the effect route")));
}

#[test]
fn a_step_that_edits_answers_every_column_with_a_value() {
    let edits = Effects { edit_fields: true, ..Effects::default() };
    let got = check(&Changes::default(), edits);
    assert_eq!(got, Err(Invalid("a granted field without answers")));
    let mut batch = batch();
    batch.fields[0].clear();
    let limits = Limits::default();
    let rules = Rules { effects: edits, rejections: 0, limits: &limits };
    assert_eq!(changes(&batch, &Changes::default(), &rules), Ok(()));
}

type Break = fn(&mut Changes);

#[test]
fn every_broken_answer_is_named() {
    let cases: &[(&str, Break)] = &[
        ("answers to a field that was not granted", |c| c.fields[0].field = 2),
        ("a field answered twice", |c| c.fields.push(c.fields[0].clone())),
        ("another number of answers than values", |c| field(c).actions.push(0)),
        ("another number of answers than values", |c| field(c).kinds.truncate(2)),
        ("another number of answers than values", |c| *field(c) = Answers::default()),
        ("an action that does not exist", |c| field(c).actions[0] = 5),
        ("a clear with anything but text", |c| (field(c).actions[2], field(c).kinds[2]) = (4, Kind::Integer as u8)),
        ("text that is not UTF-8", |c| (field(c).actions[0], field(c).data[0]) = (4, 0xff)),
        ("a key or value that is cleared; only fields are", |c| c.keys.as_mut().unwrap().actions[0] = 4),
        ("a kind that does not exist", |c| field(c).kinds[0] = 7),
        ("an object or array as a new value", |c| field(c).kinds[0] = Kind::Composite as u8),
        ("a null with bytes", |c| field(c).kinds[0] = Kind::Null as u8),
        ("a boolean that is neither true nor false", |c| field(c).kinds[0] = Kind::Boolean as u8),
        ("an integer whose text is not one", |c| field(c).kinds[0] = Kind::Integer as u8),
        ("a decimal whose text is not one", |c| field(c).kinds[2] = Kind::Decimal as u8),
        ("text that is not UTF-8", |c| field(c).data[0] = 0xff),
        // An end within a character.
        ("text that is not UTF-8", |c| {
            *field(c) = answers(&[(Action::Set, Kind::Text, b"\xc3"), (Action::Set, Kind::Text, b"\xa9"), (Action::Keep, Kind::Null, b"")]);
        }),
        ("ends that do not ascend", |c| field(c).ends[1] = 1),
        ("ends that do not fit the data", |c| field(c).ends[2] = 6),
        ("ends that do not fit the data", |c| field(c).ends[2] = u32::MAX),
        ("ends that do not fit the data", |c| field(c).data.push(1)),
        ("bytes for a value that is not set", |c| field(c).actions[0] = Action::Keep as u8),
        ("a key or value that is neither bytes nor null", |c| c.keys.as_mut().unwrap().kinds[0] = Kind::Text as u8),
        ("another number of answers than values", |c| c.values.as_mut().unwrap().actions.clear()),
        ("a row that does not exist", |c| c.header_rows[2] = 3),
        ("rows that do not ascend", |c| c.header_rows[1] = 0),
        ("a header of a row whose headers are not replaced", |c| c.header_rows = vec![0]),
        ("a header of a row whose headers are not replaced", |c| c.headers.swap(0, 2)),
        ("a header name with a NUL", |c| c.headers[0].name = vec![b'a', 0]),
        ("a header name with a NUL", |c| c.emitted[0].headers[0].name = vec![0]),
        ("a timestamp that is not above 0", |c| c.timestamps[0].1 = 0),
        ("rows that do not ascend", |c| c.timestamps.push((1, 2))),
        ("a row that does not exist", |c| c.routes[0].0 = 3),
        ("a topic name that is not allowed", |c| c.routes[0].1 = "a/b".into()),
        ("a topic name that is not allowed", |c| c.routes[0].1 = String::new()),
        ("a topic name that is not allowed", |c| c.routes[0].1 = "..".into()),
        ("a topic name that is not allowed", |c| c.routes[0].1 = "a".repeat(250)),
        ("a topic name that is not allowed", |c| c.emitted[1].topic = Some("__sluice.p.positions".into())),
        ("a row that does not exist", |c| c.dropped = vec![1_000_000]),
        ("rows that do not ascend", |c| c.dropped = vec![1, 1]),
        ("a row that does not exist", |c| c.rejected[0].0 = 3),
        ("a rejection code that was not declared", |c| c.rejected[0].1 = 2),
        ("a row that does not exist", |c| c.emitted[2].row = 3),
        ("rows that do not ascend", |c| c.emitted.swap(1, 2)),
    ];
    for (i, (what, damage)) in cases.iter().enumerate() {
        let mut broken = right();
        damage(&mut broken);
        assert_eq!(check(&broken, Effects::ALL), Err(Invalid(what)), "case {i}");
    }
}

#[test]
fn every_oversized_answer_is_named() {
    let cases: &[(&str, Break)] = &[
        ("more emitted records than one call may answer", |c| c.emitted.push(emit(2, None))),
        ("more bytes than one call may answer", |c| c.emitted[0].value = Some(vec![0; 1_001])),
        ("more bytes than one call may answer", |c| c.headers[0].value = Some(vec![0; 1_001])),
        ("more headers than one record may have", |c| c.headers.insert(0, header(0, b"a"))),
    ];
    for (what, damage) in cases {
        let mut broken = right();
        damage(&mut broken);
        assert_eq!(check(&broken, Effects::ALL), Err(Output(what)));
    }
}
