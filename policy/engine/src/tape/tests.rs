use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::de::DeserializeSeed;

use super::*;
use crate::{Configuration, Labels, PortMatch, Rule};

/// A value as the tape holds it, in a notation of its own.
fn shown(value: Value<'_>) -> String {
    if value.is_null() {
        return "null".to_string();
    }
    if let Ok(truth) = value.boolean() {
        return truth.to_string();
    }
    if let Ok(number) = value.integer(i64::MIN, i64::MAX) {
        return number.to_string();
    }
    if let Ok(text) = value.text() {
        return format!("{text:?}");
    }
    if let Ok(elements) = value.elements() {
        return format!("[{}]", elements.map(shown).collect::<Vec<_>>().join(","));
    }
    match value.entries() {
        Ok(entries) => {
            let shown: Vec<_> = entries.map(|(name, value)| format!("{name:?}:{}", shown(value))).collect();
            format!("{{{}}}", shown.join(","))
        }
        Err(_) => "fraction".to_string(),
    }
}

fn read<T: Read>(json: &str) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_str(json);
    deserialize(&mut json).map_err(|error| error.to_string())
}

#[test]
fn a_tape_holds_what_was_parsed_and_where_everything_ends() {
    for json in [
        "null",
        "true",
        "-1",
        "9223372036854775807",
        r#""a\"b""#,
        "[]",
        "{}",
        r#"[[],[[1,2],3],{},4]"#,
        r#"{"a":{"b":[{"c":null}]},"d":"e","a":false}"#,
        r#"[{"a":[]},{"a":[1]},{"b":{"c":{}}},"d"]"#,
    ] {
        let mut tape = Tape::default();
        tape.record().deserialize(&mut serde_json::Deserializer::from_str(json)).unwrap();
        assert_eq!(shown(tape.value()), json);
    }
}

#[test]
fn a_tape_is_used_again() {
    let mut tape = Tape::default();
    for json in [r#"{"a":[1,2,3]}"#, "[]", r#""b""#] {
        tape.record().deserialize(&mut serde_json::Deserializer::from_str(json)).unwrap();
        assert_eq!(shown(tape.value()), json);
    }
}

#[test]
fn numbers_are_exact_or_refused() {
    assert_eq!(read::<u16>("65535"), Ok(65535));
    assert_eq!(read::<i32>("-2147483648"), Ok(i32::MIN));
    assert_eq!(read::<u32>("4294967295"), Ok(u32::MAX));
    for wrong in ["65536", "-1", "1.0", "1e1", "-0", "18446744073709551615", "1e400", "\"1\"", "true", "null"]
    {
        assert!(read::<u16>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn whatever_comes_twice_or_too_much_is_refused() {
    let range = |inner: &str| read::<PortMatch>(&format!(r#"{{"range":{{{inner}}}}}"#));
    let good = r#""protocol":"TCP","first":1,"last":2"#;
    assert!(range(good).is_ok());
    assert!(range(r#""last":2,"protocol":"TCP","first":1"#).is_ok());
    for (wrong, reason) in [
        (format!(r#"{good},"first":1"#), "duplicate field `first`, in `range`"),
        (format!(r#"{good},"x\n":1"#), "unknown field `x\\n`, in `range`"),
        (r#""protocol":"TCP","first":1"#.to_string(), "missing field `last`, in `range`"),
        (good.replace("TCP", "tcp"), "`tcp` is none of `TCP`, `UDP`"),
        (good.replace('2', "70000"), "`70000` is not between 0 and 65535, in `range.last`"),
        (good.replace('2', "null"), "null stands where an integer is expected, in `range.last`"),
        (good.replace('2', "0"), "the range ends before it starts, in `range`"),
    ] {
        let told = range(&wrong).unwrap_err();
        assert!(told.starts_with(reason), "{told}");
    }
    assert!(read::<PortMatch>("{}").is_err());
    assert!(read::<PortMatch>(r#"{"named":{"protocol":"TCP","name":"a"},"other":1}"#).is_err());
    assert!(read::<Labels>(r#"{"a":"b","a":"b"}"#).unwrap_err().starts_with("duplicate field `a`"));
    assert!(read::<(String, String)>(r#"["a"]"#).is_err());
    assert!(read::<(String, String)>(r#"["a","b","c"]"#).is_err());
}

#[test]
fn a_refusal_says_where() {
    let told = read::<Rule>(r#"{"id":"a","ports":[{"named":{"protocol":1,"name":"b"}}]}"#).unwrap_err();
    assert!(told.starts_with("missing field `plane`"), "{told}");
    let told = read::<Vec<PortMatch>>(r#"[{"named":{"protocol":1,"name":"b"}}]"#).unwrap_err();
    assert_eq!(told, "an integer stands where a string is expected, in `[0].named.protocol`");
}

#[test]
fn a_configuration_is_read_in_any_order_and_refused_with_its_place() {
    let selector = r#"{"namespaces":{"named":"a"},"labels":{},"expressions":[],"serviceAccounts":null}"#;
    let isolation = format!(
        r#"{{"id":"i","plane":"mesh","tier":1,"mode":"audit","workloads":{selector},"egress":true,"ingress":false}}"#
    );
    let program = format!(r#""program":{{"isolations":[{isolation}],"rules":[]}}"#);
    let inventory = r#""inventory":{"workloads":[],"namespaces":{"a":{"b":"c"}},"trustDomain":"t"}"#;
    let whole = [program.as_str(), inventory, r#""settings":{"end":"source"}"#, r#""revision":"r""#];
    let read = |parts: &[&str]| {
        Configuration::from_json(format!("{{{}}}", parts.join(",")).as_bytes())
            .map_err(|error| error.to_string())
    };
    let configuration = read(&whole).unwrap();
    assert!(configuration.program.rehearses());
    assert_eq!(read(&[whole[3], whole[2], whole[1], whole[0]]).unwrap(), configuration);
    assert_eq!(read(&whole[..3]).unwrap_err(), "the configuration is refused: missing field `revision`");
    for (parts, reason) in [
        ([program.replace("tier\":1", "tier\":-1").as_str(), inventory], "in `isolations[0].tier`"),
        ([r#""program":{"rules":[]}"#, inventory], "missing field `isolations`"),
        ([r#""program":{"rules":{},"isolations":[]}"#, inventory], "`rules`"),
        ([r#""program":[]"#, inventory], "another value stands where an object is expected, in `program`"),
        ([&program, &inventory.replace("\"t\"", "1")], "in `trustDomain`"),
        ([&program, &inventory.replace("[]", "null")], "a list"),
        ([&program, &inventory.replace("trustDomain", "trustdomain")], "unknown field `trustdomain`"),
        ([&program, &program], "duplicate field `program`"),
        ([r#""program":{"rules":[],"rules":[],"isolations":[]}"#, inventory], "duplicate field `rules`"),
    ] {
        let told = read(&[parts[0], parts[1], whole[3]]).unwrap_err();
        assert!(told.contains(reason), "{told}");
    }
    let bytes = [b"{\"revision\":\"".as_slice(), b"\xff\"}"].concat();
    let told = Configuration::from_json(&bytes).unwrap_err().to_string();
    assert_eq!(told, "the configuration is refused: byte 13 is not UTF-8");
}
