//! What selectors mean. The tables of selectors and labels are those of projectcalico/calico,
//! `libcalico-go/lib/selector/parser/parser_test.go` and `libcalico-go/lib/selector/tokenizer/tokenizer_test.go`
//! (Copyright (c) 2016-2019 Tigera, Inc., Apache License 2.0).

use super::*;

/// A selector, sets of labels that it means, and others.
type Vector = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Labels are written `a=b c=d`.
const VECTORS: &[Vector] = &[
    (r#"a == "b""#, &["a=b", "a=b c=d"], &["", "a=c", "c=d"]),
    (r#"a == "b" && c == "d""#, &["a=b c=d"], &["", "a=b c=e", "a=c c=d", "c=d", "a=b"]),
    (r#"a == "b" || c == "d""#, &["a=b c=d", "a=b", "c=d"], &["", "a=e c=e", "c=e", "a=e"]),
    (r#"a in {"'", '"', "c"}"#, &["a=c", "a=\"", "a='"], &["", "a=e"]),
    (r#"a not in {"'", '"', "c"}"#, &["", "a=e"], &["a=c", "a=\"", "a='"]),
    ("a == 'a'", &["a=a"], &["a=b", ""]),
    (r#"a == "a""#, &["a=a"], &[]),
    (r#"a != "b""#, &["a=a"], &[]),
    (r#"a != "a""#, &[""], &["a=a"]),
    ("a != 'a'", &[""], &["a=a"]),
    (r#"a contains "a""#, &["a=a", "a=bab", "a=aaa b=c"], &["", "a=b", "b=aaa"]),
    (r#"a starts with "a""#, &["a=a", "a=abb", "a=aaa b=c"], &["", "a=b", "a=baa", "b=aaa"]),
    (r#"a ends with "a""#, &["a=a", "a=bba", "a=aaa b=c"], &["", "a=b", "a=aab", "b=aaa"]),
    (r#"a in {"a"}"#, &["a=a"], &["a=b"]),
    (r#"!a in {"a"}"#, &["a=b"], &[]),
    (r#"a in {"a", "b"}"#, &["a=a", "a=b"], &["a=c"]),
    (r#"a not in {"d", "e"}"#, &["a=a"], &[]),
    (r#"a not in {"a"}"#, &[], &["a=a"]),
    ("has(a)", &["a=b"], &[]),
    ("!has(a)", &["b=b"], &["a=b"]),
    ("", &["", "a=b"], &[]),
    (" ", &[""], &[]),
    ("all()", &[""], &[]),
    (" all()", &["", "a=b"], &[]),
    ("global()", &[""], &[]),
    (" global()", &["", "a=b"], &[]),
    ("has(b)", &[], &["a=b"]),
    ("!!has(b)", &[], &["a=b"]),
    ("! has(a)", &[], &["a=b"]),
    ("!!! has(a)", &[], &["a=b"]),
    ("!!!has(a)", &[], &["a=b"]),
    ("!! ! has(a)", &[], &["a=b"]),
    ("! !!has(a)", &[], &["a=b"]),
    ("a == 'a1' && b == 'b1'", &["a=a1 b=b1"], &[]),
    ("a == 'a1' && b != 'b1'", &[], &["a=a1 b=b1"]),
    ("a != 'a1' && b == 'b1'", &[], &["a=a1 b=b1"]),
    ("a != 'a1' && b != 'b1'", &[], &["a=a1 b=b1"]),
    ("a != 'a1' && !b == 'b1'", &[], &["a=a1 b=b1"]),
    ("!a == 'a1' && b == 'b1'", &[], &["a=a1 b=b1"]),
    ("has(a) && !has(b)", &["a=a"], &[]),
    ("!has(b) && has(a)", &["a=a"], &[]),
    ("!(!has(a) || has(b))", &["a=a"], &[]),
    ("!(has(b) || !has(a))", &["a=a"], &[]),
    ("a == 'a1' || b == 'b1'", &["a=a1 b=b1"], &[]),
    ("a == 'a1' || b != 'b1'", &["a=a1 b=b1"], &[]),
    ("a != 'a1' || b == 'b1'", &["a=a1 b=b1"], &[]),
    ("a != 'a1' || b != 'b1'", &[], &["a=a1 b=b1"]),
    ("! a == 'a1' || ! b == 'b1'", &[], &["a=a1 b=b1"]),
    // Of the tokenizer, with what they mean.
    (r#"a=="b""#, &["a=b"], &["a=c"]),
    (r#"contains contains "contains""#, &["contains=xcontainsx"], &["contains=x"]),
    (r#"label contains"value""#, &["label=a-value"], &["label=v"]),
    (r#"label startswith "value""#, &["label=value-a"], &["label=a-value"]),
    (r#"label endswith "value""#, &["label=a-value"], &["label=value-a"]),
    (r#"startswith starts with "value""#, &["startswith=value"], &[""]),
    (r#"label starts  with "value""#, &["label=values"], &[]),
    (r#"label ends  with "value""#, &["label=value"], &[]),
    ("has(calico/k8s_ns)", &["calico/k8s_ns=x"], &["k8s_ns=x"]),
    ("has(calico/k8s_ns/role)", &["calico/k8s_ns/role=x"], &[]),
    ("has(calico/k8s_NS-.1/role)", &["calico/k8s_NS-.1/role=x"], &[]),
    (r#"a notin{"bar"}&&!has(foo)||b in{"c"}"#, &["", "b=c foo=x"], &["a=bar", "foo=x"]),
    (r#"a  not  in  {"bar"}  &&  ! has( foo )"#, &["a=b"], &["foo=b"]),
    ("a not in {}", &["", "a=b"], &[]),
    ("a in {}", &[], &["", "a=b"]),
    (r#"a in {"a",}"#, &["a=a"], &["a="]),
];

/// What is no selector, and a part of what is said about it.
const FAULTY: &[(&str, &str)] = &[
    ("b == b", "a value in quotes"),
    ("b contains b", "a value in quotes"),
    ("b starts with b", "a value in quotes"),
    ("b ends with b", "a value in quotes"),
    ("'b1' == b", "no label"),
    ("b", "nothing is asked of the label `b`"),
    ("a b", "no operator"),
    ("!", "ends too early"),
    (r#"foo == "bar" &"#, "`&` alone"),
    (r#"foo == "bar" |"#, "`|` alone"),
    ("foo != ||", "a value in quotes"),
    (r#"foo in {"", ||"#, "not closed"),
    (r#"foo in """#, "a set of values"),
    (r#""FOO"#, "does not end"),
    (r#""FOO'"#, "does not end"),
    ("'FOO", "does not end"),
    ("(", "ends too early"),
    (r#"(a == "foo""#, "not closed"),
    (")", "a label here"),
    ("()", "a label here"),
    ("%", "no label begins so"),
    (r#"a == "b" && %"#, "no label begins so"),
    (r#"a == "b" || %"#, "no label begins so"),
    ("a ", "nothing is asked"),
    ("has(foo) &&", "ends too early"),
    (r#"label starts foo "value""#, "no operator"),
    (r#"label ends foo "value""#, "no operator"),
    (r#"label squiggles "value""#, "no operator"),
    ("a = 'b'", "`=` alone"),
    ("a == 'b')", "nothing that `)`"),
    ("a == 'b' c == 'd'", "nothing joins"),
    ("has()", "no label in `has()`"),
    ("has(a", "`has(` is not closed"),
    ("all(x)", "`all(` is not closed"),
    ("ä == 'b'", "no label begins so"),
    ("a ünd 'b'", "no operator"),
    ("a ==\n'b'", "no label begins so"),
];

fn labels(text: &str) -> Vec<(&str, &str)> {
    text.split(' ').filter_map(|pair| pair.split_once('=')).collect()
}

fn means(selector: &str, text: &str) -> bool {
    let labels = labels(text);
    let found = |key: &str| labels.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
    parse(selector).unwrap_or_else(|fault| panic!("{selector}: {fault:?}")).holds(&found)
}

#[test]
fn selectors_mean_the_labels_that_they_mean_to_calico() {
    let mut count = 0;
    for (selector, meant, others) in VECTORS {
        for labels in *meant {
            assert!(means(selector, labels), "{selector} means {labels:?}");
        }
        for labels in *others {
            assert!(!means(selector, labels), "{selector} does not mean {labels:?}");
        }
        count += meant.len() + others.len();
    }
    assert!(count > 100, "{count}");
}

#[test]
fn what_is_no_selector_is_refused_with_the_place() {
    for (selector, said) in FAULTY {
        let fault = parse(selector).expect_err(selector);
        assert!(fault.message.contains(said), "{selector}: {fault:?}");
        assert!(selector.get(fault.at.clone()).is_some(), "{selector}: {fault:?}");
    }
    let fault = parse("role == 'db' && tier = 'x'").unwrap_err();
    assert_eq!(fault.at, 21..22);
}

#[test]
fn the_size_of_a_selector_is_bounded() {
    assert!(parse(&"!".repeat(MAX_LENGTH + 1)).is_err());
    let nested = |depth: usize| format!("{}has(a){}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert!(parse(&nested(MAX_DEPTH + 1)).is_err());
    assert!(parse(&format!("{}has(a)", "!".repeat(4_000))).is_ok());
}

#[test]
fn a_selector_of_namespaces_speaks_of_their_labels() {
    let all = Expression::label("projectcalico.org/namespace", Test::Has);
    let read = |text: &str| parse(text).unwrap().prefixed("pcns.", &all);
    assert_eq!(read("a == 'b'"), Expression::label("pcns.a", Test::In(vec!["b".to_owned()])));
    assert_eq!(read("all()"), all);
    assert_eq!(read("global()"), all.clone().negated());
    assert!(parse("a == 'b' && !(global() || has(c))").unwrap().says_global());
    assert!(!parse("a == 'global()'").unwrap().says_global());
}
