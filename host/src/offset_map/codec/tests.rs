//! The bytes of map records: frozen, whole again after decoding, split where they are large, refused where they lie.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
use super::*;
use crate::offset_map::naive::{history, play};
use crate::offset_map::{Landing, Output, SegmentBuilder};
use proptest::prelude::*;

fn decoded(value: &[u8]) -> Segment {
    match decode(value).unwrap() {
        MapRecord::Segment(segment) => segment,
        MapRecord::Admission(_) => panic!("an admission"),
    }
}

fn builder(topic: &str) -> SegmentBuilder {
    SegmentBuilder::new(SourcePartition { topic: topic.into(), partition: 0 }, 0, 3, true).unwrap()
}

#[test]
fn the_format_is_frozen() {
    let mut builder = SegmentBuilder::new(SourcePartition { topic: "in".into(), partition: 2 }, 300, 5, true).unwrap();
    let topic = builder.topic("out");
    let at = |partition, offset| Output { topic, partition, offset };
    builder.copied(300, at(2, 1000)).unwrap();
    builder.copied(301, at(2, 1001)).unwrap();
    builder.dropped(302).unwrap();
    builder.record(305, &[at(2, 1002), at(2, 1003)], Some(0)).unwrap();
    let segment = builder.finish(310).unwrap();
    #[rustfmt::skip]
    let bytes = [
        1, 0, 1, 5, 2, b'i', b'n', 2, 172, 2, 10, 1, 3, b'o', b'u', b't', 3,
        0, 3, 0, 2, 208, 15, // copied, 2 long, moved to topic 0, partition 2, 1000 from 0
        1, 0, // dropped, 1 long
        2 << 2 | 2, 1, 0, 2, 0, // 2 offsets missing, expanded, output 0 survives, 1 run, 2 long, right behind
    ];
    assert_eq!(encode(&MapRecord::Segment(segment.clone())).unwrap(), [bytes.to_vec()]);
    assert_eq!(decoded(&bytes), segment);
}

#[test]
fn keys_are_json_and_come_back() {
    let cases = [
        (
            Key::Segment { source: "c-1".into(), topic: "ord\"ers".into(), partition: 3 },
            r#"{"source":"c-1","topic":"ord\"ers","partition":3}"#,
        ),
        (Key::Admission { source: "c-1".into(), generation: 9 }, r#"{"source":"c-1","generation":9}"#),
    ];
    for (key, text) in cases {
        assert_eq!(key.to_bytes(), text.as_bytes());
        assert_eq!(Key::parse(text.as_bytes()), Ok(key));
    }
    assert!(Key::parse(br#"{"source":"c-1"}"#).is_err());
    assert!(Key::parse(b"\xff").is_err());
}

#[test]
fn admissions_come_back() {
    let admission = Admission {
        generation: 4,
        config_hash: "ab12".into(),
        digests: [("mask".to_owned(), [7; 32]), ("filter".to_owned(), [9; 32])].into(),
        key_ids: vec!["pii".into()],
    };
    let values = encode(&MapRecord::Admission(admission.clone())).unwrap();
    assert_eq!(decode(&values[0]), Ok(MapRecord::Admission(admission.clone())));
    let unnamed = Admission { config_hash: String::new(), ..admission };
    assert_eq!(encode(&MapRecord::Admission(unnamed)), Err(EncodeError::AdmissionText(4)));
}

#[test]
fn large_segments_split_below_the_limit() {
    let mut builder = builder("t");
    let topic = builder.topic("t");
    for source in 0..400_000 {
        // Every record a run of its own: the worst case.
        builder.copied(source, Output { topic, partition: 0, offset: source * 1000 }).unwrap();
    }
    let segment = builder.finish(400_000).unwrap();
    let values = encode(&MapRecord::Segment(segment.clone())).unwrap();
    assert!(values.len() > 1);
    assert!(values.iter().all(|value| value.len() < SPLIT_BYTES + 1024));
    let parts: Vec<Segment> = values.iter().map(|value| decoded(value)).collect();
    assert!(parts.windows(2).all(|pair| pair[0].to() == pair[1].from()));
    assert!(parts.iter().flat_map(|part| part.pieces()).eq(segment.pieces()));
    assert_eq!((parts[0].from(), parts[parts.len() - 1].to()), (0, 400_000));
}

#[test]
fn one_record_in_too_many_runs_is_named() {
    let mut builder = builder("t");
    let topic = builder.topic("t");
    let outputs: Vec<Output> = (0..50).map(|index| Output { topic, partition: 0, offset: index * 2 }).collect();
    builder.dropped(6).unwrap();
    builder.record(7, &outputs, None).unwrap();
    let segment = builder.finish(8).unwrap();
    assert_eq!(encode_segment(&segment, 60), Err(EncodeError::PieceTooLarge { source_offset: 7, runs: 50 }));
    let long = "x".repeat(250);
    let name = SegmentBuilder::new(SourcePartition { topic: long, partition: 0 }, 0, 0, true).unwrap().finish(0).unwrap();
    assert_eq!(encode_segment(&name, 60), Err(EncodeError::TopicName(250)));
}

#[test]
fn lies_are_refused() {
    let header = |tail: &[u8]| [&[1, 0, 1, 5, 1, b't', 0, 0, 10, 1, 1, b'o'][..], tail].concat();
    let cases: [(&str, Vec<u8>); 10] = [
        ("nothing", vec![]),
        ("unknown kind", vec![1, 9]),
        ("unknown flag", vec![1, 0, 2]),
        ("a count without its pieces", header(&[100])),
        ("a piece beyond its segment", header(&[1, 1, 10])),
        ("a run of a topic that is not there", header(&[1, 0, 1, 1, 0, 0])),
        ("a negative target offset", header(&[1, 0, 0, 1])),
        ("an unknown piece", header(&[1, 3, 0])),
        ("a survivor that is not there", header(&[1, 2, 2, 0, 0, 0])),
        ("more than its end", header(&[0, 0])),
    ];
    for (name, bytes) in cases {
        assert!(matches!(decode(&bytes), Err(DecodeError::Malformed(_))), "{name}: {:?}", decode(&bytes));
    }
    assert_eq!(decode(&[2, 0]), Err(DecodeError::Version(2)));
    assert!(decode(&header(&[1, 0, 0, 0])).is_ok(), "the header itself is sound");
}

proptest! {
    #[test]
    fn segments_come_back_whole_or_split((history, _) in history(), split in 24usize..200) {
        for segment in play(&history).0 {
            let whole = encode(&MapRecord::Segment(segment.clone())).unwrap();
            prop_assert_eq!(&decoded(&whole[0]), &segment);
            let Ok(values) = encode_segment(&segment, split) else { continue };
            let parts: Vec<Segment> = values.iter().map(|value| decoded(value)).collect();
            prop_assert!(parts.windows(2).all(|pair| pair[0].to() == pair[1].from()));
            prop_assert_eq!((parts[0].from(), parts[parts.len() - 1].to()), (segment.from(), segment.to()));
            let landings: Vec<Landing> = parts.iter().flat_map(Segment::landings).collect();
            prop_assert!(landings.into_iter().eq(segment.landings()));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    #[test]
    fn damaged_records_never_panic((history, _) in history(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        for segment in play(&history).0 {
            let mut value = encode(&MapRecord::Segment(segment)).unwrap().remove(0);
            prop_assert!(decode(&value[..cut.index(value.len())]).is_err());
            *at.get_mut(&mut value) = byte;
            check(&value);
        }
    }
}

/// What decodes keeps its promises and comes back the same.
fn check(bytes: &[u8]) {
    let Ok(record) = decode(bytes) else { return };
    if let MapRecord::Segment(segment) = &record {
        assert!(segment.pieces().len() + segment.runs.len() <= bytes.len());
        assert!(segment.pieces().windows(2).all(|pair| pair[0].source_end() <= pair[1].source()));
        assert!(segment.pieces().iter().all(|piece| piece.source() >= segment.from() && piece.source_end() <= segment.to()));
        assert!(segment.landings().all(|landing| landing.target.start >= 0 && landing.target.end() > landing.target.start));
    }
    if let Ok(values) = encode(&record) {
        assert_eq!(decode(&values[0]), Ok(record));
    }
}
