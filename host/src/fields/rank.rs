//! Which of two selectors wins where both cover a value, and whether that is always decided. Pure comparisons of
//! selectors; no documents.
//!
//! The rank of a selector over a value, first difference decides:
//! 1. **class**: exact (names and indexes only) over wildcard over descendant. `$` names nothing and is below all.
//! 2. **nearness**: the selector that names a deeper value. `$.a.b` over `$.a` inside `$.a.b`; `$..b` over `$..a` where a
//!    `b` stands in an `a`.
//! 3. where both name the very same value: fewer descendants, then fewer wildcards, then fewer indexes from the end,
//!    then more segments.
//!
//! Two selectors that are equal in 3 and can name the same value (`$.*.b` and `$.a.*`) are a tie, which is refused. So
//! is one whose every value lies inside those of another of a higher class (`$.a..b` beside `$.a`): it would never win.

use std::cmp::Reverse;

use super::selector::{Segment, Selector, Step};

/// What decides first between two selectors; the later one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Document,
    Descendant,
    Wildcard,
    Exact,
}

/// Order among selectors that name the same value (class is part of it: it follows from the first two).
pub(super) type Order = (Reverse<usize>, Reverse<usize>, Reverse<usize>, usize);

/// The class of a selector, by its loosest segment.
pub(super) fn class(selector: &Selector) -> Class {
    let segments = selector.segments();
    if segments.is_empty() {
        Class::Document
    } else if segments.iter().any(|segment| segment.descendant) {
        Class::Descendant
    } else if segments.iter().any(|segment| segment.step == Step::Wildcard) {
        Class::Wildcard
    } else {
        Class::Exact
    }
}

/// The order of a selector; the greater one wins.
pub(super) fn order(selector: &Selector) -> Order {
    let count = |wanted: fn(&Segment) -> bool| selector.segments().iter().filter(|segment| wanted(segment)).count();
    (
        Reverse(count(|segment| segment.descendant)),
        Reverse(count(|segment| segment.step == Step::Wildcard)),
        Reverse(count(|segment| matches!(segment.step, Step::Index(..0)))),
        selector.segments().len(),
    )
}

/// Whether there is a document in which both name the same value.
pub(super) fn overlap(one: &Selector, other: &Selector) -> bool {
    meet(one.segments(), other.segments())
}

/// Whether there is a document in which `outer` names a value that `inner` names, or a container around one.
pub(super) fn reaches(outer: &Selector, inner: &Selector) -> bool {
    let (outer, inner) = (outer.segments(), inner.segments());
    (0..=inner.len()).any(|passed| {
        let above = inner.get(..passed).unwrap_or_default();
        // What a descendant segment names may stand any number of levels below what is named before it.
        let between = || [above, &[Segment { descendant: true, step: Step::Wildcard }]].concat();
        meet(outer, above) || (inner.get(passed).is_some_and(|segment| segment.descendant) && meet(outer, &between()))
    })
}

fn meet(one: &[Segment], other: &[Segment]) -> bool {
    // reachable[i][j]: some value is named by the first i segments of one and the first j of the other. A descendant
    // segment may let a level pass without being used up.
    let width = other.len() + 1;
    let mut reachable = vec![false; (one.len() + 1) * width];
    reachable[0] = true;
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            if !reachable[i * width + j] {
                continue;
            }
            let (a, b) = (one.get(i), other.get(j));
            if let (Some(a), Some(b)) = (a, b)
                && compatible(&a.step, &b.step)
            {
                reachable[(i + 1) * width + j + 1] = true;
            }
            if a.is_some() && b.is_some_and(|b| b.descendant) {
                reachable[(i + 1) * width + j] = true;
            }
            if b.is_some() && a.is_some_and(|a| a.descendant) {
                reachable[i * width + j + 1] = true;
            }
        }
    }
    reachable[one.len() * width + other.len()]
}

fn compatible(one: &Step, other: &Step) -> bool {
    match (one, other) {
        (Step::Wildcard, _) | (_, Step::Wildcard) => true,
        (Step::Name(one), Step::Name(other)) => one == other,
        // Element 0 of an array of one is its last.
        (Step::Index(one), Step::Index(other)) => one == other || (*one < 0) != (*other < 0),
        _ => false,
    }
}

/// Whether every value that `inner` names lies inside one that `outer` names, and `outer` is of a higher class.
pub(super) fn shadows(outer: &Selector, inner: &Selector) -> bool {
    let covers = |outer: &Segment, inner: &Segment| {
        !outer.descendant && !inner.descendant && (outer.step == Step::Wildcard || outer.step == inner.step)
    };
    let (above, below) = (outer.segments(), inner.segments());
    class(outer) > class(inner)
        && !above.is_empty()
        && above.len() <= below.len()
        && above.iter().zip(below).all(|(outer, inner)| covers(outer, inner))
}

#[cfg(test)]
mod tests {
    // A test that cannot go on may panic.
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(text: &str) -> Selector {
        Selector::parse(text).unwrap()
    }

    #[test]
    fn the_more_specific_one_first() {
        let falling = ["$.a[0].b", "$.a[0]", "$.a[-1]", "$.*.a", "$.*.*", "$.*.*.*", "$..a.b", "$..a", "$..*", "$..*..*"];
        for pair in falling.windows(2) {
            assert!(order(&parse(pair[0])) > order(&parse(pair[1])), "{pair:?}");
            assert!(class(&parse(pair[0])) >= class(&parse(pair[1])), "{pair:?}");
        }
        assert!(class(&parse("$")) < class(&parse("$..*")));
    }

    #[test]
    fn overlaps() {
        let cases = [
            ("$.a", "$.a", true),
            ("$.a", "$.b", false),
            ("$.a", "$.a.b", false),
            ("$.*.b", "$.a.*", true),
            ("$.*.b", "$.a.c", false),
            ("$..a", "$..b", false),
            ("$..a", "$.b.c.a", true),
            ("$..a.b", "$..b", true),
            ("$..a..b", "$..b..b", true),
            ("$..a.*", "$..*.b", true),
            ("$[0]", "$[-1]", true),
            ("$[0]", "$[1]", false),
            ("$[0]", "$.a", false),
            ("$[-1]", "$[-2]", false),
            ("$", "$..*", false),
            ("$", "$", true),
        ];
        for (one, other, wanted) in cases {
            assert_eq!(overlap(&parse(one), &parse(other)), wanted, "{one} {other}");
            assert_eq!(overlap(&parse(other), &parse(one)), wanted, "{other} {one}");
        }
    }

    #[test]
    fn what_a_selector_reaches() {
        let cases = [
            ("$", "$.a", true),
            ("$.a", "$.a", true),
            ("$.a", "$.a.b", true),
            ("$.a.b", "$.a", false),
            ("$.b", "$.a", false),
            ("$.*", "$.a", true),
            ("$..a", "$.b", false),
            ("$..a", "$.a.b", true),
            ("$..a", "$..b", true),
            ("$.a", "$..b", true),
            ("$[0]", "$[-1]", true),
            ("$.*.b", "$.a", false),
        ];
        for (outer, inner, wanted) in cases {
            assert_eq!(reaches(&parse(outer), &parse(inner)), wanted, "{outer} {inner}");
        }
    }

    #[test]
    fn shadowed_selectors() {
        let cases = [
            ("$.a", "$.a[*].b", true),
            ("$.a", "$.a..b", true),
            ("$.*", "$.a..b", true),
            ("$.a", "$.a.b", false),
            ("$.a", "$..b", false),
            ("$.a", "$..a.b", false),
            ("$.a", "$.*", false),
            ("$", "$..a", false),
            ("$.a.*", "$.a", false),
        ];
        for (outer, inner, wanted) in cases {
            assert_eq!(shadows(&parse(outer), &parse(inner)), wanted, "{outer} {inner}");
        }
    }
}
