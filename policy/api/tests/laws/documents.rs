//! Documents: all that are written in this repository, and what they can be corrupted into.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::pointers::pointers;

const MAXIMAL: &str = include_str!("../../../lang/tests/data/maximal.yaml");

/// Documents that are one whole.
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Those of Bookend's own.
    pub(crate) documents: Vec<Value>,
}

/// The documents that hold every field.
pub(crate) fn maximal() -> Vec<Value> {
    MAXIMAL.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

/// Every document in files of the corpus, the examples, the documentation and the tests.
pub(crate) fn written() -> Vec<Group> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for directory in ["conformance", "examples", "docs", "cli/tests", "policy/lang/tests/data"] {
        collect(&root.join(directory), &mut files);
    }
    let mut groups = Vec::new();
    for path in files {
        // Some are there to be refused as no text at all.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = path.display().to_string();
        if name.ends_with(".md") {
            let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
            groups.extend(blocks.filter_map(|block| group(&name, block)));
            continue;
        }
        // A file of cases has documents in its texts.
        let read: Vec<Value> = self::read(&text).unwrap_or_default();
        groups.extend(group(&name, &text));
        for value in &read {
            let inventory = fs::read_to_string(path.with_file_name("inventory.yaml")).unwrap_or_default();
            texts(value, &mut |text| {
                groups.extend(group(&name, &format!("{text}\n---\n{inventory}")));
                groups.extend(group(&name, text));
            });
        }
    }
    groups
}

/// The documents of a text, in YAML 1.2: `y` is a text.
fn read(text: &str) -> Option<Vec<Value>> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(text, options).ok()
}

fn group(name: &str, text: &str) -> Option<Group> {
    let read = read(text)?;
    let documents: Vec<Value> =
        read.into_iter().filter(|value| value["apiVersion"] == "bookend.dev/v1alpha1").collect();
    (!documents.is_empty()).then(|| Group { name: name.to_owned(), text: text.to_owned(), documents })
}

fn texts(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) if text.contains("bookend.dev/v1alpha1") => each(text),
        Value::Array(all) => all.iter().for_each(|value| texts(value, each)),
        Value::Object(all) => all.values().for_each(|value| texts(value, each)),
        _ => {}
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "md") {
            files.push(path);
        }
    }
    files.sort();
}

/// Each value of each document changed in each way: which document, what was done, and what became of it.
pub(crate) fn corruptions(sound: &[Value]) -> Vec<(usize, String, Value)> {
    let mut all = Vec::new();
    for (index, document) in sound.iter().enumerate() {
        for pointer in pointers(document).into_iter().filter(|pointer| !pointer.is_empty()) {
            let value = document.pointer(&pointer).unwrap();
            for changed in changes(value) {
                let mut corrupted = document.clone();
                *corrupted.pointer_mut(&pointer).unwrap() = changed.clone();
                // Without a kind nobody is asked.
                if corrupted["kind"].is_string() {
                    all.push((index, format!("{} {pointer}: {changed}", document["kind"]), corrupted));
                }
            }
        }
    }
    all
}

fn changes(value: &Value) -> Vec<Value> {
    let mut all = vec![json!(7), json!(true), json!("Ünfit {"), json!(""), json!([]), json!({})];
    match value {
        Value::String(text) => all.extend([
            json!("a".repeat(3000)),
            json!(format!(" {text}")),
            json!([text, text]),
            json!(format!("{text}x")),
        ]),
        Value::Number(_) => all.extend([json!(999_999_999), json!(-999_999_999), json!(value.to_string())]),
        Value::Bool(_) => all.push(json!(value.to_string())),
        Value::Array(items) => {
            let mut twice = items.clone();
            twice.extend(items.first().cloned());
            all.push(Value::Array(twice));
            let mut odd = items.clone();
            odd.push(json!({ "unheard": "of" }));
            all.push(Value::Array(odd));
        }
        Value::Object(entries) => {
            let mut more = entries.clone();
            more.insert("unheardOf".to_owned(), json!("x"));
            all.push(Value::Object(more));
            for key in entries.keys() {
                let mut renamed = entries.clone();
                let value = renamed.remove(key).unwrap();
                all.push(Value::Object(renamed.clone()));
                renamed.insert(format!("{key}Of"), value);
                all.push(Value::Object(renamed));
            }
        }
        Value::Null => {}
    }
    all.retain(|changed| changed != value);
    all
}
