//! What settings become, and what is said about wrong ones.
#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
use sluice_plugin::testing;

use super::*;

fn read_json(json: &str) -> Result<Operator, Vec<String>> {
    testing::reset();
    testing::add_key("pii", b"0123456789abcdef0123456789abcdef");
    let settings = serde_json::from_str(json).unwrap();
    let step = Step { selectors: &["$.id", "$.customer.id", "$.own"], own: 2 };
    read("/fields/2", &settings, step).map_err(|problems| problems.into_iter().map(|p| format!("{}: {}", p.at, p.message)).collect())
}

/// The settings that are not written have the values that the guide says.
#[test]
fn settings_have_their_defaults() {
    for (short, long) in [
        (r#"{"use":"keep_last"}"#, r#"{"use":"keep_last","n":4}"#),
        (r#"{"use":"mask"}"#, r#"{"use":"mask","char":"*","keep_first":0,"keep_last":0,"skip":""}"#),
        (r#"{"use":"card"}"#, r#"{"use":"card","keep_first":0,"keep_last":4}"#),
        (r#"{"use":"iban"}"#, r#"{"use":"iban","keep_last":4}"#),
        (r#"{"use":"phone"}"#, r#"{"use":"phone","keep_last":2}"#),
        (r#"{"use":"ip"}"#, r#"{"use":"ip","v4":24,"v6":48}"#),
        (r#"{"use":"hmac","key":"pii"}"#, r#"{"use":"hmac","key":"pii","domain":"default","output":"text","encoding":"hex","length":16}"#),
        (r#"{"use":"hmac","key":"pii"}"#, r#"{"use":"hmac","key":"pii","key_id":false}"#),
        (r#"{"use":"hmac","key":"pii","output":"hex"}"#, r#"{"use":"hmac","key":"pii","encoding":"hex"}"#),
        (r#"{"use":"tokenize","key":"pii"}"#, r#"{"use":"tokenize","key":"pii","domain":"default","prefix":""}"#),
        (
            r#"{"use":"fpe","key":"pii","alphabet":"digits"}"#,
            r#"{"use":"fpe","key":"pii","domain":"default","alphabet":"custom","characters":"0123456789","keep":"","min_length":6,"unfit":"reject"}"#,
        ),
        (r#"{"use":"bucket","size":10}"#, r#"{"use":"bucket","size":10,"output":"label"}"#),
        (r#"{"use":"round","digits":-2}"#, r#"{"use":"round","to":100}"#),
        (r#"{"use":"geo_round"}"#, r#"{"use":"geo_round","digits":2}"#),
        (
            r#"{"use":"detect","then":{"use":"redact"}}"#,
            r#"{"use":"detect","find":["email","card","iban","phone","ip"],"then":{"use":"redact"}}"#,
        ),
        (r#"{"use":"json_keys","then":{"use":"hmac","key":"pii"}}"#, r#"{"use":"json_keys","levels":1,"then":{"use":"hmac","key":"pii"}}"#),
    ] {
        let (short, long) = (read_json(short), read_json(long));
        assert!(short.is_ok(), "{short:?}");
        assert_eq!(short, long);
    }
}

/// What derives a secret from a hash works in a domain of its own.
#[test]
fn secrets_are_not_made_of_published_tokens() {
    let domain_of = |json: &str| format!("{:?}", read_json(json).unwrap()).split("domain: \"").nth(1).unwrap().to_owned();
    for (json, expected) in [
        (r#"{"use":"hmac","key":"pii"}"#, "default\""),
        (r#"{"use":"dictionary","key":"pii","list":"cities"}"#, "dictionary:default\""),
        (r#"{"use":"noise","key":"pii","range":1,"domain":"a"}"#, "noise:a\""),
        (r#"{"use":"date_shift","key":"pii","by":"$.id","days":3}"#, "date_shift:default\""),
    ] {
        assert!(domain_of(json).starts_with(expected), "{json}");
    }
}

#[test]
fn what_is_wrong_is_said_where_it_is() {
    let all = OPERATORS.join(", ");
    for (json, expected) in [
        (r#"{}"#, &["/fields/2: `use` is missing"][..]),
        (r#"{"n":1}"#, &["/fields/2: `use` is missing"]),
        (r#"{"uses":"hmac","key":"pii"}"#, &["/fields/2/uses: unknown setting; did you mean \"use\"?"]),
        (r#"{"use":null}"#, &["/fields/2/use: must be text that is not empty; without quotes YAML means nothing by null: write \"null\""]),
        (r#"{"use":"redcat","n":1}"#, &["/fields/2/use: unknown operator \"redcat\"; did you mean \"redact\"?"]),
        (r#"{"use":"scramble"}"#, &[&format!("/fields/2/use: unknown operator \"scramble\"; known are {all}")]),
        (
            r#"{"use":"hash","algorithm":"md5"}"#,
            &[
                "/fields/2/use: a hash without a key hides nothing: whoever has a list of likely values finds them by hashing the list; use `hmac` with a `key`",
            ],
        ),
        (r#"{"use":7}"#, &["/fields/2/use: must be text that is not empty"]),
        (r#"{"use":"keep_last","N":2}"#, &["/fields/2/N: unknown setting; did you mean \"n\"?"]),
        (r#"{"use":"redact","n":2}"#, &["/fields/2/n: unknown setting; known are use"]),
        (r#"{"use":"keep_last","n":-1}"#, &["/fields/2/n: must be an integer from 0 to 4294967295"]),
        (r#"{"use":"keep_last","n":1.5}"#, &["/fields/2/n: must be an integer from 0 to 4294967295"]),
        (r#"{"use":"truncate"}"#, &["/fields/2: `n` is missing"]),
        (r#"{"use":"mask","char":"**","skip":"--"}"#, &["/fields/2/char: must be one character", "/fields/2/skip: `-` is there twice"]),
        (
            r#"{"use":"card","keep_first":9,"keep_last":5}"#,
            &["/fields/2/keep_first: must be an integer from 0 to 8", "/fields/2/keep_last: must be an integer from 0 to 4"],
        ),
        (
            r#"{"use":"ip","v4":32,"v6":128}"#,
            &["/fields/2/v4: must be an integer from 0 to 31", "/fields/2/v6: must be an integer from 0 to 127"],
        ),
        (r#"{"use":"hmac"}"#, &["/fields/2: `key` is missing"]),
        (r#"{"use":"hmac","key":"pi"}"#, &["/fields/2/key: there is no key `pi` for this step; name it under `keys`"]),
        (
            r#"{"use":"hmac","key":"pii","domain":"noise:x"}"#,
            &["/fields/2/domain: must not begin with `noise:`, which sets apart what that operator makes"],
        ),
        (
            r#"{"use":"hmac","key":"pii","length":15,"encoding":"HEX"}"#,
            &["/fields/2/encoding: must be one of hex, base64, base64url, not `HEX`", "/fields/2/length: must be an integer from 16 to 32"],
        ),
        (
            r#"{"use":"hmac","key":"pii","output":"uuid","length":16}"#,
            &["/fields/2/length: unknown setting; known are use, key, domain, output"],
        ),
        (r#"{"use":"hmac","key":"pii","key_id":"yes"}"#, &["/fields/2/key_id: must be true or false"]),
        (r#"{"use":"hmac","key":"pii","key_id":true,"length":3}"#, &["/fields/2/length: must be an integer from 16 to 32"]),
        (r#"{"use":"hmac","key":"pii","output":"hex","encoding":"base64"}"#, &["/fields/2/encoding: must be one of hex, not `base64`"]),
        (r#"{"use":"tokenize","key":"pii","prefix":1}"#, &["/fields/2/prefix: must be text"]),
        (
            r#"{"use":"fpe","key":"pii","alphabet":"octal"}"#,
            &["/fields/2/alphabet: must be one of digits, lower, upper, alphanumeric, custom, not `octal`"],
        ),
        (
            r#"{"use":"fpe","key":"pii","alphabet":"custom","characters":"a"}"#,
            &["/fields/2/characters: must be 2 to 65536 different characters"],
        ),
        (
            r#"{"use":"fpe","key":"pii","alphabet":"digits","characters":"ab"}"#,
            &["/fields/2/characters: unknown setting; known are use, key, domain, alphabet, keep, unfit, min_length"],
        ),
        (
            r#"{"use":"fpe","key":"pii","alphabet":"digits","keep":"-1"}"#,
            &["/fields/2/keep: `1` is in the alphabet; what is encrypted cannot stay"],
        ),
        (
            r#"{"use":"fpe","key":"pii","alphabet":"digits","min_length":4}"#,
            &["/fields/2/min_length: 4 of 10 letters spell fewer than a million values, which are found by trying; at least 6"],
        ),
        (r#"{"use":"dictionary","key":"pii"}"#, &["/fields/2: one of `list`, `values` is missing"]),
        (r#"{"use":"dictionary","key":"pii","values":["a"]}"#, &["/fields/2/values: must be a list of 2 to 65536 texts"]),
        (
            r#"{"use":"dictionary","key":"pii","list":"dogs"}"#,
            &["/fields/2/list: must be one of first_names, last_names, cities, companies, not `dogs`"],
        ),
        (r#"{"use":"bucket"}"#, &["/fields/2: one of `size`, `bounds` is missing"]),
        (r#"{"use":"bucket","size":0}"#, &["/fields/2/size: must be a number above 0, of at most 37 digits"]),
        (r#"{"use":"bucket","bounds":[1,1]}"#, &["/fields/2/bounds: must be a list of numbers, each above the one before it"]),
        (r#"{"use":"bucket","bounds":[1,2],"labels":["a","b"]}"#, &["/fields/2/labels: must be a list of 3 texts"]),
        (r#"{"use":"bucket","size":1,"bounds":[1]}"#, &["/fields/2/bounds: `size` and `bounds` exclude each other"]),
        (r#"{"use":"round","to":-5}"#, &["/fields/2/to: must be a number above 0, of at most 37 digits"]),
        (r#"{"use":"geo_round","digits":7}"#, &["/fields/2/digits: must be an integer from 0 to 6"]),
        (r#"{"use":"noise","key":"pii"}"#, &["/fields/2: one of `range`, `percent` is missing"]),
        (r#"{"use":"replace","vlaue":1}"#, &["/fields/2/vlaue: unknown setting; did you mean \"value\"?"]),
        (r#"{"use":"replace"}"#, &["/fields/2: `value` is missing"]),
        (r#"{"use":"replace","value":[]}"#, &["/fields/2/value: must be text, a number, a boolean or null"]),
        (r#"{"use":"date_trunc","to":"week"}"#, &["/fields/2/to: must be one of year, month, day, hour, not `week`"]),
        (
            r#"{"use":"date_part","part":"era"}"#,
            &["/fields/2/part: must be one of year, quarter, month, week, day, weekday, hour, not `era`"],
        ),
        (
            r#"{"use":"date_shift","key":"pii","by":"$.customer.ids"}"#,
            &[
                "/fields/2/by: `$.customer.ids` is not among the `fields` of this step; did you mean \"$.customer.id\"?",
                "/fields/2: `days` is missing",
            ],
        ),
        (
            r#"{"use":"date_shift","key":"pii","by":"$.session","days":1}"#,
            &["/fields/2/by: `$.session` is not among the `fields` of this step; list it there, with `use: keep` if it is to stay"],
        ),
        (r#"{"use":"date_shift","key":"pii","by":"$.own","days":1}"#, &["/fields/2/by: names the field itself"]),
        (
            r#"{"use":"detect","find":[],"then":{"use":"redact"}}"#,
            &["/fields/2/find: must be a list of at least one of email, card, iban, phone, ip"],
        ),
        (
            r#"{"use":"detect","find":["mail"]}"#,
            &["/fields/2/find: must be one of email, card, iban, phone, ip, not `mail`", "/fields/2: `then` is missing"],
        ),
        (r#"{"use":"detect","then":"redact"}"#, &["/fields/2/then: must be an operator with its settings, `{ use: … }`"]),
        (r#"{"use":"detect","then":{"use":"keep"}}"#, &["/fields/2/then/use: `keep` makes no sense here"]),
        (r#"{"use":"detect","then":{"use":"keep_last","m":1}}"#, &["/fields/2/then/m: unknown setting; did you mean \"n\"?"]),
        (r#"{"use":"json_keys","then":{"use":"remove"}}"#, &["/fields/2/then/use: `remove` makes no sense here"]),
    ] {
        let expected: Vec<String> = expected.iter().map(|&line| line.to_owned()).collect();
        assert_eq!(read_json(json), Err(expected), "{json}");
    }
}
