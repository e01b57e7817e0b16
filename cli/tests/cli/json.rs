//! docs/json.md is true: every field that is printed for programs is in it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::{data, root, run};

/// Objects whose keys are the user's.
const FREE: [&str; 2] = ["claims", "headers"];

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                found.insert(key.clone());
                if !FREE.contains(&key.as_str()) {
                    keys(value, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

/// The words in backquotes in a section of the page, and in what holds everywhere.
fn documented(section: &str) -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/json.md")).unwrap();
    let mut sections = page.split("\n## ");
    let common = sections.next().unwrap().to_owned();
    let heading = format!("`{section}`\n");
    let own = sections.find(|part| part.starts_with(&heading)).unwrap().to_owned();
    // What one form takes from another is in the other's section.
    let explain = page.split("\n## ").find(|part| part.starts_with("`explain`\n")).unwrap().to_owned();
    let text = common + &own + if own.contains("`explain`") { &explain } else { "" };
    text.split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric()))
        .map(str::to_owned)
        .collect()
}

fn check(section: &str, directory: &std::path::Path, arguments: &[&str]) {
    let run = run(directory, arguments);
    let value = serde_json::from_str::<Value>(&run.out);
    assert!(value.is_ok(), "{}", run.transcript());
    let value = value.unwrap();
    let mut found = BTreeSet::new();
    keys(&value, &mut found);
    let missing: Vec<_> = found.difference(&documented(section)).cloned().collect();
    assert!(missing.is_empty(), "docs/json.md, `{section}` lacks {missing:?}");
}

#[test]
fn every_field_that_programs_get_is_documented() {
    let model = data("");
    let request = ["--path", "/orders/7?a=b", "--host", "a", "-H", "b: c", "--claim", "d=e", "-o", "json"];
    let ends = ["explain", "-f", "model", "--from", "web", "--to", "db:sql", "-o", "json"];
    check("explain", &model, &ends);
    let partner = ["explain", "-f", "model", "--from", "spiffe://partner.example/a", "--to", "web:http"];
    check("explain", &model, &[&partner[..], &request].concat());
    let ping =
        ["explain", "-f", "model", "--from", "192.0.2.1", "--to", "shop/web", "--icmp", "17", "-o", "json"];
    check("explain", &model, &ping);
    for file in ["tested/passing.yaml", "tested/failing.yaml"] {
        let arguments = ["test", "-f", "model", "-i", file, "--packets", "function", "-o", "json"];
        check("test", &model, &arguments);
    }
    check("check", &root(), &["check", "-f", "examples/bookinfo", "-o", "json"]);
    check("check", &data("bad"), &["check", "-f", "duplicate-rule.yaml", "-o", "json"]);
    check("check", &root(), &["check", "--explain", "B1105", "-o", "json"]);
    check("diff", &data("changed"), &["diff", "old", "new", "-i", "inventory.yaml", "-o", "json"]);
    check("graph", &root(), &["graph", "-f", "examples/bookinfo", "-o", "json", "--denied"]);
}
