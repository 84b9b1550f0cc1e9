//! Expressions and what they come to. Where the language's definition has an example, it is here.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use proptest::prelude::*;

use super::*;
use crate::{Expression, MOST_HEIGHT, Problem};

const NAMES: [&str; 7] = ["amount", "country", "note", "gone", "prices", "odd", "price"];

fn variables() -> Vec<Option<Value<'static>>> {
    vec![
        Some(Value::number("150")),
        Some(Value::text("DE")),
        Some(Value::Null),
        None,
        Some(Value::List([1.5, 2.0, 4.0].map(Value::Double).into())),
        Some(Value::Opaque),
        Some(Value::number("12.50")),
    ]
}

fn show(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => format!("{number:?}"),
        Value::Text(text) => format!("'{text}'"),
        Value::Bytes(bytes) => format!("b{bytes:?}"),
        Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            format!("{{{}}}", entries.iter().map(|(key, value)| format!("{}: {}", show(key), show(value))).collect::<Vec<_>>().join(", "))
        }
        Value::Time(time) => time.to_string(),
        Value::Duration(length) => length.to_string(),
        Value::Kind(kind) => format!("{kind:?}"),
        Value::Opaque => "opaque".to_owned(),
    }
}

fn come(source: &str) -> String {
    let expression = match Expression::compile(source, &NAMES) {
        Ok(expression) => expression,
        Err(problem) => return problem.to_string(),
    };
    let variables = variables();
    match expression.evaluate(&variables) {
        Ok(value) => show(&value),
        Err(failure) => format!("{failure:?}"),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(come(source), *expected, "{source}");
    }
}

#[test]
fn operators_work_on_their_types() {
    check(&[
        ("amount > 100 && country in ['DE','FR']", "true"),
        ("amount > 200 || !(country == 'DE')", "false"),
        ("1 + 2 * 3 - 4 / 3 % 2", "6"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("10 - 3 - 2", "5"),
        ("1.5 + 1.5", "3.0"),
        ("1 / 0", "Range"),
        ("1.0 / 0.0 > 1e308", "true"),
        ("9223372036854775807 + 1", "Range"),
        ("-9223372036854775808 - 1", "Range"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "is a number that is too large (at character 1)"),
        ("-(-5)", "5"),
        ("--5", "5"),
        ("!!true", "true"),
        ("!!1", "Type"),
        ("!-amount", "there is `amount` where a number should be (at character 3)"),
        ("!-1", "Type"),
        ("!(-amount < 0)", "false"),
        ("1 - -1", "2"),
        ("amount-1", "149"),
        ("'a' + 'b'", "'ab'"),
        ("[1] + [2, 3]", "[1, 2, 3]"),
        ("b'a' + b'b'", "b[97, 98]"),
        ("'a' + 1", "Type"),
        ("1 && true", "Type"),
        ("!null", "Type"),
        ("amount > 100 ? 'big' : 'small'", "'big'"),
        ("false ? 1 : true ? 2 : 3", "2"),
        ("1 ? 2 : 3", "Type"),
        ("amount * 2", "300"),
        ("price * 2", "25.0"),
        ("2.5 % 2.0", "Type"),
    ]);
}

#[test]
fn comparisons_need_one_type_and_numbers_are_one() {
    check(&[
        ("1 == 1.0", "true"),
        ("9007199254740993 == 9007199254740992.0", "false"),
        ("1 < 1.5 && 2 > 1.5 && 1.0 <= 1", "true"),
        ("'a' < 'b' && 'Z' < 'a'", "true"),
        ("'a' == 1", "false"),
        ("'a' != 1", "true"),
        ("'a' < 1", "Type"),
        ("null == null && note == null && !(amount == null)", "true"),
        ("null < 1", "Type"),
        ("false < true", "true"),
        ("[1, 2] == [1.0, 2]", "true"),
        ("[1] == [1, 2]", "false"),
        ("[1] < [2]", "Type"),
        ("{'a': 1, 'b': [2]} == {'b': [2.0], 'a': 1}", "true"),
        ("{'a': 1} == {'a': 2}", "false"),
        ("double('NaN') == double('NaN')", "false"),
        ("double('NaN') < 1.0", "false"),
        ("odd == 1", "Type"),
        ("odd == null", "false"),
        ("odd", "opaque"),
        ("2 in [1, 2.0]", "true"),
        ("'x' in {'x': null}", "true"),
        ("1 in 1", "Type"),
        ("country in []", "false"),
    ]);
}

#[test]
fn what_is_missing_is_unknown_and_what_decides_decides_alone() {
    check(&[
        ("gone == 1", "Missing"),
        ("gone == 1 && amount > 200", "false"),
        ("amount > 200 && gone == 1", "false"),
        ("gone == 1 && amount > 100", "Missing"),
        ("gone == 1 || amount > 100", "true"),
        ("gone == 1 || amount > 200", "Missing"),
        ("!(gone == 1)", "Missing"),
        ("gone == 1 ? 1 : 2", "Missing"),
        ("1 / 0 > 1 && false", "false"),
        ("true || 1 / 0 > 1", "true"),
        ("1 / 0 > 1 || false", "Range"),
        ("1 / 0 > 1 && gone", "Range"),
        ("gone && 1 / 0 > 1", "Range"),
        ("'a' && true", "Type"),
        ("has(gone)", "false"),
        ("has(note)", "true"),
        ("has(gone) ? gone : 'none'", "'none'"),
        ("[1, gone]", "Missing"),
        ("prices.all(p, p > gone)", "Missing"),
        ("prices.exists(p, p > 1.0 || p > gone)", "true"),
    ]);
}

#[test]
fn lists_maps_and_macros() {
    check(&[
        ("prices.exists(p, p > 3.0)", "true"),
        ("prices.all(p, p > 1.0)", "true"),
        ("prices.all(p, p > 2)", "false"),
        ("prices.exists_one(p, p > 3.0) && prices.existsOne(p, p == 2)", "true"),
        ("prices.exists_one(p, p > 0.0)", "false"),
        ("prices.filter(p, p != 2.0)", "[1.5, 4.0]"),
        ("prices.map(p, p * 2.0)", "[3.0, 4.0, 8.0]"),
        ("prices.map(p, p > 1.9, string(p))", "['2', '4']"),
        ("[[1, 2], [3]].map(x, x.filter(y, y in x))", "[[1, 2], [3]]"),
        ("[1, 2].map(x, [1, 2].map(y, x * y))", "[[1, 2], [2, 4]]"),
        ("[1].map(x, [2].map(x, x))", "[[2]]"),
        ("[1].map(amount, amount) + [amount]", "[1, 150]"),
        ("[1, 2].map(x, x).size()", "2"),
        ("['a', 1].exists(x, x > 0)", "true"),
        ("['a', 1].all(x, x > 1)", "false"),
        ("['a', 2].all(x, x > 1)", "Type"),
        ("{'a': 1, 'b': 2}.exists(k, k == 'b')", "true"),
        ("{'DE': 1, 'FR': 2}[country]", "1"),
        ("{'DE': 1}.DE", "1"),
        ("{'a': {'b': 7}}.a.b", "7"),
        ("{1: 'a'}[1.0]", "'a'"),
        ("{'a': 1}.b", "NoSuch"),
        ("has({'a': 1}.a) && !has({'a': 1}.b)", "true"),
        ("{'a': 1, 'a': 2}", "Type"),
        ("{1.5: 1}", "Type"),
        ("prices[2]", "4.0"),
        ("prices[3]", "NoSuch"),
        ("prices[-1]", "NoSuch"),
        ("country[0]", "Type"),
        ("country.size", "Type"),
        ("[1, 2,]", "[1, 2]"),
    ]);
}

#[test]
fn functions_convert_search_and_make() {
    check(&[
        ("size('né') + size(b'n\\xff') + size([1]) + {'a': 1}.size()", "6"),
        ("'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('bc')", "true"),
        ("'a1b2'.matches('[0-9]b') && !matches('abc', '^b')", "true"),
        ("int('42') + int(3.99) + int(-3.99)", "42"),
        ("int(1e19)", "Range"),
        ("int('4.2')", "Conversion"),
        ("int(timestamp('1970-01-01T00:01:00Z'))", "60"),
        ("double('1e3') + double(1)", "1001.0"),
        ("double('inf')", "Conversion"),
        ("string(1) + string(1.0) + string(1.50) + string(true) + string(b'x')", "'111.5truex'"),
        ("string(1e21) + string(0.0000001) + string(100000000000000000000.0)", "'1e211e-7100000000000000000000'"),
        ("string(b'\\xff')", "Conversion"),
        ("string([1])", "Type"),
        ("bool('true') && !bool('0')", "true"),
        ("bytes('é')", "b[195, 169]"),
        ("type(1) == int && type('') == string && type(null) == null_type && type(type(1)) == type", "true"),
        ("type(price) == double ? price : 0.0", "12.5"),
        ("dyn(amount) + 1", "151"),
        ("' Aé '.trim().lowerAscii() + 'aé'.upperAscii()", "'aéAé'"),
        ("'a-b-c'.replace('-', '+') + 'a-b-c'.replace('-', '', 1)", "'a+b+cab-c'"),
        ("'a,b,c'.split(',')", "['a', 'b', 'c']"),
        ("'a,b,c'.split(',', 2)", "['a', 'b,c']"),
        ("'aéc'.split('')", "['a', 'é', 'c']"),
        ("['a', 'b'].join('-') + ['c'].join()", "'a-bc'"),
        ("'néz'.substring(1) + 'néz'.substring(0, 2)", "'ézné'"),
        ("'néz'.substring(4)", "NoSuch"),
        ("'néz'.indexOf('z') + 'zéz'.lastIndexOf('z') + 'a'.indexOf('b')", "3"),
        ("'né'.charAt(1) + 'né'.charAt(2)", "'é'"),
        ("'né'.charAt(3)", "NoSuch"),
    ]);
}

#[test]
fn times_are_counted_in_utc() {
    check(&[
        ("timestamp('2026-03-15T10:20:30Z') < timestamp('2026-03-15T12:20:31+02:00')", "true"),
        ("timestamp('2026-03-01T00:00:00Z') - timestamp('2026-02-28T23:00:00Z')", "3600s"),
        ("timestamp('2026-03-01T00:00:00Z') + duration('36h')", "2026-03-02T12:00:00Z"),
        ("timestamp(0) - duration('1ms')", "1969-12-31T23:59:59.999Z"),
        ("string(timestamp('2026-03-15T10:20:30.500+01:00'))", "'2026-03-15T09:20:30.5Z'"),
        ("duration('1h') - duration('90m') < duration('0s')", "true"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "Range"),
        ("timestamp('2026-03-15')", "Conversion"),
        ("timestamp('2026-03-15T10:20:30.123Z').getFullYear()", "2026"),
        (
            "[0].map(x, timestamp('2026-03-15T10:20:30.123Z')).map(t, [t.getMonth(), t.getDate(), t.getDayOfMonth(), t.getDayOfWeek(), t.getDayOfYear(), t.getHours(), t.getMinutes(), t.getSeconds(), t.getMilliseconds()])",
            "[[2, 15, 14, 0, 73, 10, 20, 30, 123]]",
        ),
        ("[duration('-90s').getMinutes(), duration('3h').getHours(), duration('1.25s').getMilliseconds()]", "[-1, 3, 250]"),
        ("duration('1s').getFullYear()", "Type"),
        ("amount.getHours()", "Type"),
    ]);
}

#[test]
fn what_is_wrong_is_said_before_the_first_record() {
    check(&[
        ("", "the expression ends where a value should be (at character 1)"),
        ("amount >", "the expression ends where a value should be (at character 9)"),
        ("amount > 1)", "there is `)` where the end should be (at character 11)"),
        ("(amount", "the expression ends where `)` should be (at character 8)"),
        ("amount amount", "there is `amount` where the end should be (at character 8)"),
        ("[1 2]", "there is a literal where `]` should be (at character 4)"),
        ("a ? 1", "there is no variable `a`; there are amount, country, note, gone, prices, odd, price (at character 1)"),
        ("amount ? 1", "the expression ends where `:` should be (at character 11)"),
        ("size()", "size has 1 arguments, not 0 (at character 1)"),
        ("contains('a', 'b')", "contains is called on a value: x.contains(…) (at character 1)"),
        ("note.int()", "int is called with its argument: int(x) (at character 5)"),
        ("note.substring(1, 2, 3)", "substring has 1 to 2 arguments, not 3 (at character 5)"),
        ("note.matches(country)", "matches has the pattern as its one argument, written out as text (at character 5)"),
        ("prices.all(1, true)", "all has a variable and what is asked of it: list.all(x, …) (at character 7)"),
        ("prices.all(x)", "there is `)` where `,` should be (at character 13)"),
        ("prices.all(x, true, true)", "all has another number of arguments (at character 7)"),
        ("prices.map(true, 1)", "`true` is a word of the language (at character 7)"),
        ("has(1)", "has(…) asks for a variable or for the member of a map (at character 5)"),
        ("while", "`while` is a word of the language (at character 1)"),
        ("note.1", "there is a literal where the end should be (at character 5)"),
        ("note.(1)", "a name should follow `.` (at character 5)"),
    ]);
    check_start("sizes(note)", "there is no function `sizes`; there are size, contains, ");
    check_start("note.matches('(')", "matches: is not a regular expression");
    check_start("prices.map(x, x) + x", "there is no variable `x`");
}

fn check_start(source: &str, expected: &str) {
    assert!(come(source).starts_with(expected), "{source}: {}", come(source));
}

#[test]
fn length_height_and_steps_are_bounded() {
    let within = usize::from(MOST_HEIGHT) - 2;
    assert_eq!(come(&format!("{}1{}", "(".repeat(within), ")".repeat(within))), "1");
    check_start(&format!("{}1{}", "(".repeat(2000), ")".repeat(2000)), "is nested too deeply");
    check_start(&format!("{}1{}", "[".repeat(2000), "]".repeat(2000)), "is nested too deeply");
    check_start(&vec!["amount"; 500].join("+"), "is nested too deeply");
    check_start(&format!("amount{}", "[0]".repeat(500)), "is nested too deeply");
    assert_eq!(come(&format!("{}true", "!".repeat(2000))), "true");
    assert_eq!(come(&vec!["amount > 1"; 290].join(" && ")), "true");
    check_start(&" ".repeat(5000), "is longer than 4096 bytes");
    let list = format!("[{}]", vec!["1"; 100].join(","));
    check_start(&format!("{list}.all(a, {list}.all(b, {list}.all(c, true)))"), "Budget");
    assert_eq!(come(&format!("{list}.all(a, {list}.all(b, a == b))")), "true");
    // Each doubles the text.
    check_start(&format!("['{}']{}", "x".repeat(1000), ".map(x, x + x)".repeat(12)), "Budget");
    // Text is paid for once where it is made, not again with every part that is put to it; and with every copy.
    assert_eq!(come(&format!("size('{}'.split('').join('{}'))", "x".repeat(1000), "y".repeat(500))), "500500");
    let long = format!("['{}']{}", "x".repeat(1000), ".map(x, x + x)".repeat(8));
    assert_eq!(come(&format!("size({long}.map(t, [t, t])[0])")), "2");
    check_start(&format!("{long}.map(t, [{}])", vec!["t"; 100].join(",")), "Budget");
    check_start(&format!("'{}'{}", "x".repeat(100), ".replace('x', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')".repeat(6)), "Budget");
}

#[test]
fn debug_shows_no_value() {
    assert_eq!(format!("{:?}", Value::text("secret")), "Value(Some(Text))");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in "\\PC{0,60}") {
        let _ = come(&source);
    }

    #[test]
    fn no_expression_makes_it_panic(words in prop::collection::vec(prop::sample::select(vec![
        "amount", "gone", "prices", "country", "'a'", "1", "-", "1.5", "(", ")", "[", "]", "{", "}", ":", "?", ",", ".", "+", "*", "/",
        "%", "!", "==", "<", "in", "&&", "||", "size(", "has(", ".all(x,", ".map(x,", "x", "int(", "string(", ".split(", ".replace(",
        "duration('1h')", "timestamp(0)", "null", "true", "9223372036854775807", ".matches('a')", "[1,2,3]",
    ]), 0..14)) {
        let _ = come(&words.concat());
        let _ = come(&words.join(" "));
    }

    #[test]
    fn integers_are_computed_as_by_the_machine(a in any::<i64>(), b in any::<i64>()) {
        let compile = |sign: &str| Expression::compile(&format!("a {sign} b"), &["a", "b"]);
        for (sign, expected) in [("+", a.checked_add(b)), ("-", a.checked_sub(b)), ("*", a.checked_mul(b)), ("/", a.checked_div(b)), ("%", a.checked_rem(b))] {
            let expression = compile(sign).map_err(|Problem { message, .. }| TestCaseError::fail(message))?;
            let variables = [Some(Value::Int(a)), Some(Value::Int(b))];
            let found = match expression.evaluate(&variables) {
                Ok(Value::Int(number)) => Some(number),
                _ => None,
            };
            prop_assert_eq!(found, expected);
        }
    }
}
