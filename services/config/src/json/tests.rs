//! Against serde_json, whose verdict and values are those of this reader.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::Value as Theirs;

use super::{REPEATED, read, read_bytes};
use crate::value::Value as Ours;

fn same(ours: &Ours<'_>, theirs: &Theirs) -> bool {
    match (ours, theirs) {
        (Ours::Null, Theirs::Null) => true,
        (Ours::Bool(one), Theirs::Bool(other)) => one == other,
        (Ours::Number(one), Theirs::Number(other)) => other.as_u64() == Some(*one),
        (Ours::OtherNumber, Theirs::Number(other)) => other.as_u64().is_none(),
        (Ours::Text(one), Theirs::String(other)) => one == other,
        (Ours::List(one), Theirs::Array(other)) => {
            // What is in a list is read when it is asked for.
            let item = |(ours, theirs): (&&str, _)| match read(ours) {
                Ok(ours) => same(&ours, theirs),
                Err(error) => error.reason == REPEATED,
            };
            one.len() == other.len() && one.iter().zip(other).all(item)
        }
        (Ours::Object(one), Theirs::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(&**key).is_some_and(|t| same(value, t)))
        }
        _ => false,
    }
}

fn compare(text: &str) -> Result<(), TestCaseError> {
    let (ours, theirs) = (read(text), serde_json::from_str::<Theirs>(text));
    match (&ours, &theirs) {
        (Ok(one), Ok(other)) => prop_assert!(same(one, other), "{text}"),
        (Err(error), Ok(_)) => prop_assert_eq!(error.reason, REPEATED, "{}", text),
        (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range"), "{text}"),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

/// A value's text, with every kind of white space, escape and number.
fn texts() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        any::<String>().prop_map(|text| Theirs::String(text).to_string()),
        Just(r#""\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\""#.into()),
    ];
    let number = prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no others", |n| n.is_finite())
            .prop_map(|n| format!("{n:e}")),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
    ];
    let word = prop_oneof![Just("null".into()), Just("true".into()), Just("false".into())];
    let leaf = prop_oneof![string.clone(), number, word];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let members = proptest::collection::vec((string.clone(), inner.clone()), 0..5);
        prop_oneof![
            (proptest::collection::vec(inner, 0..6), "[ \t\r\n]{0,2}").prop_map(
                |(items, blank)| format!(
                    "[{blank}{}{blank}]",
                    items.join(&format!("{blank},{blank}"))
                )
            ),
            (members, "[ \t\r\n]{0,2}").prop_map(|(members, blank)| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("{key}{blank}:{blank}{value}"))
                    .collect();
                format!("{{{blank}{}{blank}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_json_is_read_as_it_is_meant(text in texts()) {
        prop_assert!(read(&text).is_ok() || text.contains('{'), "{text}");
        compare(&text)?;
    }

    #[test]
    fn what_is_hardly_json_is_judged_alike(
        text in texts(),
        at in any::<prop::sample::Index>(),
        put in "[\\[\\]{}:,\"\\\\u0-9a-fA-F.eE+ \u{0}\u{1f}-]{0,2}",
        removed in 0_usize..3,
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len() + 1);
        let end = (at + removed).min(characters.len());
        characters.splice(at..end, put.chars());
        compare(&characters.into_iter().collect::<String>())?;
    }

    #[test]
    fn tokens_in_any_order_are_judged_alike(
        tokens in proptest::collection::vec(
            prop::sample::select(alloc::vec![
                "{", "}", "[", "]", ":", ",", "\"a\"", "\"\\ud800\"", "\"\\uDFFF\\u0000\"", "\"", "-", "0",
                "1", ".", "e", "+", "null", "true", "fals", " ", "\n", "\u{b}", "\u{feff}",
            ]),
            0..12,
        ),
    ) {
        compare(&tokens.concat())?;
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, expected) in [
        ("", "expected a value at byte 0"),
        ("{\"a\":1,}", "expected a key at byte 7"),
        ("{\"a\" 1}", "expected a colon at byte 5"),
        ("[1 2]", "expected a comma or the end of what is open at byte 3"),
        ("{\"a\":1,\"a\":2}", "a key for the second time at byte 7"),
        ("\"\\x\"", "no escape at byte 1"),
        ("\"a", "a control character in a string, or no end of it at byte 2"),
        ("1.", "expected a digit at byte 2"),
        ("01", "more after the value at byte 1"),
    ] {
        assert_eq!(read(text).expect_err(text).to_string(), expected);
    }
    assert_eq!(read_bytes(b"\"\xff\"").expect_err("bytes").to_string(), "no UTF-8 at byte 1");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(&nested(64)).is_ok());
    assert_eq!(read(&nested(65)).expect_err("deep").to_string(), "nested too deeply at byte 64");
}
