//! Whatever is wrong with one field of a document refuses all of it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "functions shared by tests fail as tests do"
)]

mod checker;
#[path = "shared/pointers.rs"]
mod pointers;

use std::fmt::Write as _;

use bookend_lang::{Compiler, Refused, Source, compile};
use pointers::pointers;
use serde_json::{Value, json};

const MAXIMAL: &str = include_str!("data/maximal.yaml");

/// The documents that hold every field.
fn maximal() -> Vec<Value> {
    MAXIMAL.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

fn compiled(compiler: &mut Compiler, documents: &[Value]) -> Result<(), Refused> {
    let sources: Vec<_> =
        documents.iter().map(|document| Source::new("x", format!("{document:#}\n---\n"))).collect();
    compiler.compile(&sources).map(drop)
}

/// A change to one value, and what it is called.
struct Corruption {
    what: &'static str,
    value: Value,
}

/// What a value can be changed into that it should not be.
fn corruptions(value: &Value) -> Vec<Corruption> {
    let mut all = Vec::new();
    let mut add = |what, changed: Value| {
        if changed != *value {
            all.push(Corruption { what, value: changed });
        }
    };
    add("null", Value::Null);
    add("a number", json!(7));
    add("a boolean", json!(true));
    add("a string", json!("Ünfit {"));
    add("an empty string", json!(""));
    add("an empty list", json!([]));
    add("an empty mapping", json!({}));
    add("a list of null", json!([null]));
    match value {
        Value::String(text) => {
            add("too long", json!("a".repeat(3000)));
            add("padded", json!(format!(" {text}")));
            add("twice", json!([text, text]));
        }
        Value::Number(_) => {
            add("out of range", json!(999_999_999));
            add("far below", json!(-999_999_999));
            add("a fraction", json!(1.5));
            add("in quotes", json!(value.to_string()));
        }
        Value::Bool(_) => add("in quotes", json!(value.to_string())),
        Value::Array(items) => {
            let mut twice = items.clone();
            twice.extend(items.first().cloned());
            add("an entry twice", Value::Array(twice));
            let mut odd = items.clone();
            odd.push(json!({ "unheard": "of" }));
            add("an odd entry", Value::Array(odd));
        }
        Value::Object(entries) => {
            let mut more = entries.clone();
            more.insert("unheardOf".to_owned(), json!("x"));
            add("an unknown key", Value::Object(more));
            for key in entries.keys() {
                let mut renamed = entries.clone();
                let value = renamed.remove(key).unwrap();
                renamed.insert(format!("{key}Of"), value);
                add("a misspelt key", Value::Object(renamed));
            }
        }
        Value::Null => {}
    }
    all
}

/// Runs `each` on every corruption: which document, where, what, and all documents with it.
fn corrupt(mut each: impl FnMut(usize, &str, &str, &[Value])) {
    let sound = maximal();
    for index in 0..sound.len() {
        for pointer in pointers(&sound[index]) {
            let value = sound[index].pointer(&pointer).unwrap().clone();
            for corruption in corruptions(&value) {
                let mut documents = sound.clone();
                *documents[index].pointer_mut(&pointer).unwrap() = corruption.value;
                each(index, &pointer, corruption.what, &documents);
            }
        }
    }
}

#[test]
fn a_document_with_every_field_is_fine() {
    let sources = [Source::new("maximal.yaml", MAXIMAL)];
    match compile(&sources) {
        // Three of them are the host's failsafe.
        Ok(compiled) => assert_eq!(compiled.program.rules().len(), 11),
        Err(refused) => {
            let lines = refused.diagnostics.iter().fold(String::new(), |mut all, diagnostic| {
                let _ = writeln!(all, "{}", diagnostic.line(&sources));
                all
            });
            panic!("{lines}");
        }
    }
    assert!(compiled(&mut Compiler::default(), &maximal()).is_ok());
}

/// Why a corruption leaves a sound document, if it does.
fn legal(kind: &str, pointer: &str, what: &str, original: &Value) -> Option<&'static str> {
    let (parent, field) = pointer.rsplit_once('/').unwrap_or(("", ""));
    // Of `/a/b/0` the list is `b`.
    let list = match field.parse::<usize>() {
        Ok(_) => parent.rsplit('/').next().unwrap_or_default(),
        Err(_) => field,
    };
    let inside = |name: &str| parent.rsplit('/').next() == Some(name);
    Some(match what {
        "an unknown key" | "a misspelt key" if matches!(field, "labels" | "annotations") => {
            "keys of labels and annotations are free"
        }
        "an unknown key" | "a misspelt key" if pointer.ends_with("/answer/headers") => {
            "names of headers that are answered are free"
        }
        "an unknown key" | "a misspelt key" if field == "selector" => "labels of a selector are free",
        "an empty string" if inside("selector") => "the value of a label may be empty",
        "a number" if field == "targetPort" => "a port by its number",
        "a string" | "padded" | "too long" if list == "body" => "the body of an answer is free text",
        "an empty string" if pointer.contains("/answer/headers/") => "the value of a header may be empty",
        "an empty mapping" if parent == "/metadata" && matches!(field, "labels" | "annotations") => {
            "a document needs no labels and no annotations"
        }
        "an empty list" | "an empty mapping" if parent.ends_with("/failsafe") || field == "failsafe" => {
            // A mapping has the defaults, and a list nothing.
            let lists = field != "failsafe";
            return (lists == (what == "an empty list")).then_some("what is left out has its default");
        }
        "a number" if kind == "Host" && !original.is_array() && matches!(list, "inbound" | "outbound") => {
            "a port by its number"
        }
        "an empty mapping" if kind == "Host" && field == "labels" => "a host needs no labels",
        "an empty mapping" if kind == "Inventory" && field == "labels" => "a workload needs no labels",
        "an empty mapping" if kind != "Inventory" && matches!(field, "workloads" | "namespaces") => {
            "every workload, every namespace"
        }
        "a string" | "an empty string" | "too long" | "padded" if inside("annotations") => {
            "annotations are free text"
        }
        "an empty string" if inside("labels") || list == "values" && original.is_string() => {
            "the value of a label may be empty"
        }
        "an empty string" if list == "exact" && !pointer.contains("/subject/") => "a value may be empty",
        "null" if pointer.is_empty() => "a document that is not there",
        "a number" if field == "status" => return None,
        "a number" if original.is_number() && original != 128 => "another number in range",
        "a number"
            if kind != "Inventory"
                && !original.is_array()
                && matches!(list, "ports" | "notPorts" | "port") =>
        {
            "a port by its number"
        }
        "a boolean" if field == "present" => "the opposite",
        "an entry twice" if pointer == "/spec/workloads" => "documents about one workload are joined",
        "an entry twice" if kind == "Inventory" && list == "ports" => "the same name for the same port",
        "an entry twice" | "twice" if field == "claim" => "a claim inside one of the same name",
        "a string" if list == "claim" => "the key of a claim is free text",
        "padded" if matches!(list, "exact" | "prefix" | "suffix" | "regex") => "white space is text too",
        "padded" if parent.contains("/query/") && field == "name" => "white space is text too",
        "padded" if field == "when" => "white space between words says nothing",
        _ => return None,
    })
}

#[test]
fn one_corrupted_field_refuses_everything() {
    let (mut accepted, mut refused) = (String::new(), 0);
    let sound = maximal();
    // It reads again only what changed, and so the test takes half the time.
    let mut compiler = Compiler::default();
    corrupt(|index, pointer, what, documents| {
        if compiled(&mut compiler, documents).is_err() {
            refused += 1;
            return;
        }
        let kind = sound[index].get("kind").and_then(Value::as_str).unwrap_or_default();
        let original = sound[index].pointer(pointer).unwrap();
        if legal(kind, pointer, what, original).is_none() {
            let _ = writeln!(accepted, "{kind} {pointer}: {what}");
        }
    });
    assert_eq!(accepted, "");
    assert!(refused > 3000, "{refused}");
}

/// What a schema cannot see, because it is about several fields or documents, or about what a text says.
const BEYOND_A_SCHEMA: [&str; 4] = ["a string", "padded", "an empty string", "a number"];

#[test]
fn the_schema_refuses_what_has_the_wrong_shape_and_nothing_that_is_sound() {
    let schema = bookend_lang::schema();
    let sound = maximal();
    for document in &sound {
        assert!(checker::valid(&schema, &schema, document), "{document:#}");
    }
    let (mut wrong, mut refused) = (String::new(), 0);
    corrupt(|index, pointer, what, documents| {
        let kind = sound[index].get("kind").and_then(Value::as_str).unwrap_or_default();
        let original = sound[index].pointer(pointer).unwrap();
        if (kind, pointer, what) == ("Inventory", "/spec", "an empty mapping") {
            // Sound by itself; but a policy names what it no longer describes.
            return;
        }
        let valid = checker::valid(&schema, &schema, &documents[index]);
        let legal = legal(kind, pointer, what, original).is_some() && !pointer.is_empty();
        refused += usize::from(!valid);
        if valid != legal && (legal || !BEYOND_A_SCHEMA.contains(&what)) {
            let _ = writeln!(wrong, "{kind} {pointer}: {what}: {legal}");
        }
    });
    assert_eq!(wrong, "");
    assert!(refused > 2800, "{refused}");
}
