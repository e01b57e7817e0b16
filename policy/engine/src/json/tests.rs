use super::*;
use alloc::{collections::BTreeMap, format, string::ToString, vec::Vec};
use serde::Deserialize;
use serde_json::Value;

fn read<'j, T: Deserialize<'j>>(text: &'j str) -> Result<T, String> {
    let mut reader = Reader::new(text);
    let read = T::deserialize(&mut reader).map_err(|fault| fault.to_string())?;
    reader.end().map_err(|fault| fault.to_string())?;
    Ok(read)
}

/// Both readers' answers to one text.
fn agree(text: &str) {
    let theirs = serde_json::from_str::<Value>(text);
    match read::<Value>(text) {
        Ok(ours) => assert_eq!(theirs.ok(), Some(ours), "{text}"),
        Err(reason) if reason.contains("fraction and exponent") || reason.contains("out of range") => {}
        Err(reason) => assert!(theirs.is_err(), "{text}: {reason}"),
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Form {
    Alone,
    With(u8),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    first: bool,
    second: Option<String>,
}

#[test]
fn values_are_read_as_they_are_written() {
    for text in [
        "null",
        "true",
        " false\n",
        "0",
        "-1",
        "18446744073709551615",
        "-9223372036854775808",
        "\"\"",
        r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#,
        "[]",
        "[ ]",
        "[1, [2], {}]",
        "{}",
        r#"{"a" : 1,"b":[null]}"#,
        r#"{"a":1,"a":2}"#,
    ] {
        agree(text);
        assert!(read::<Value>(text).is_ok(), "{text}");
    }
    assert_eq!(read::<BTreeMap<String, u16>>(r#"{"a":1,"\u0062":65535}"#).unwrap().len(), 2);
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "tru",
        "True",
        "01",
        "-",
        "--1",
        "+1",
        "1 2",
        "\"",
        "\"a\nb\"",
        r#""\x""#,
        r#""\u12""#,
        r#""\u+123""#,
        r#""\ud800""#,
        r#""\ud800\u0041""#,
        r#""\udc00""#,
        r#""\u00é""#,
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "{]",
        "{1:2}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a",1}"#,
        "]",
        "\u{feff}1",
        "1\u{a0}",
        "NaN",
    ] {
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        assert!(read::<Value>(text).is_err(), "{text}");
    }
    for text in ["1.0", "1e3", "-0.5", "-0", "18446744073709551616"] {
        assert!(read::<Value>(text).is_err(), "{text}");
    }
    assert!(read::<Value>(&"[".repeat(100_000)).is_err());
    assert!(read::<Value>(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_ok());
    assert!(read::<Value>(&format!("{}{}", "[".repeat(129), "]".repeat(129))).is_err());
}

#[test]
fn forms_and_members_are_told_apart() {
    assert_eq!(read(r#""alone""#), Ok(Form::Alone));
    assert_eq!(read(r#"{"with":1}"#), Ok(Form::With(1)));
    for wrong in [
        r#""with""#,
        r#"{"alone":1}"#,
        r#"{"with":1,"alone":2}"#,
        r#"{"with":1"#,
        r#"{"with":256}"#,
        "{}",
        "1",
        r#""no""#,
    ] {
        assert!(read::<Form>(wrong).is_err(), "{wrong}");
    }
    let members = Members { first: true, second: None };
    assert_eq!(read(r#"{"second":null,"first":true}"#), Ok(members));
    for (wrong, reason) in [
        (r#"{}"#, "missing field `first`"),
        (r#"{"first":true,"first":true}"#, "duplicate field `first`"),
        (r#"{"third":1}"#, "unknown field `third`, expected `first` or `second`"),
        (r#"{"first":1}"#, "expected a boolean, found a number"),
        (r#"{"first":null}"#, "expected a boolean, found null"),
        (r#"[true,null]"#, "expected struct Members, found a list"),
    ] {
        assert_eq!(read::<Members>(wrong), Err(reason.to_string()), "{wrong}");
    }
    assert!(read::<(u8, u8)>("[1,2,3]").is_err());
    assert_eq!(read("[1,2]"), Ok((1_u8, 2_u8)));
}

#[test]
fn a_fault_has_a_place() {
    let mut reader = Reader::new("[\n  1,\n  x]");
    assert!(Vec::<u8>::deserialize(&mut reader).is_err());
    assert_eq!(reader.position(), (3, 3));
}

/// Every text of up to four of these pieces.
fn all_texts(pieces: &[&str], mut check: impl FnMut(&str)) {
    let mut texts = Vec::from([String::new()]);
    for _ in 0..4 {
        texts =
            texts.iter().flat_map(|text| pieces.iter().map(move |piece| format!("{text}{piece}"))).collect();
        texts.iter().for_each(|text| check(text));
    }
}

#[test]
fn both_readers_agree_on_everything_short() {
    let pieces =
        ["[", "]", "{", "}", ":", ",", " ", "\"", "\"a\"", "null", "true", "0", "1", "-", ".", "e", "\u{e9}"];
    all_texts(&pieces, agree);
}

#[test]
fn both_readers_agree_on_texts_in_quotes() {
    let pieces = ["\\", "\"", "/", "n", "u", "\\u", "0041", "d83d", "de00", "+", "\n", "\u{7f}", "\u{e9}"];
    all_texts(&pieces, |text| agree(&format!("\"{text}\"")));
}
