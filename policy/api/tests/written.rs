//! What is generated from the types lies in the repository, and is as it would be generated now.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares, or writes with `BOOKEND_WRITE=1`.
fn settle(path: &Path, generated: &str) -> Option<String> {
    if std::env::var_os("BOOKEND_WRITE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, generated).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    (written != generated).then(|| format!("{} is stale", path.display()))
}

const CURE: &str = "write them anew: BOOKEND_WRITE=1 cargo test -p bookend-api --test written";

#[test]
fn the_schema_of_files_is_that_of_the_types() {
    let mut text = serde_json::to_string_pretty(&bookend_api::json_schema()).unwrap();
    text.push('\n');
    assert_eq!(settle(&root().join("policy/lang/src/schema.json"), &text), None, "{CURE}");
}

#[test]
fn the_definitions_of_a_cluster_are_those_of_the_types() {
    let directory = root().join("cluster/crds");
    let mut names = Vec::new();
    for definition in bookend_api::definitions() {
        let plural = definition.object.pointer("/spec/names/plural").unwrap().as_str().unwrap();
        let name = format!("{plural}.yaml");
        let yaml = serde_saphyr::to_string(&definition.object).unwrap();
        let text = format!("# {CURE}\n{yaml}");
        assert_eq!(settle(&directory.join(&name), &text), None, "{CURE}");
        names.push(name);
    }
    names.sort();
    let mut found: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    found.sort();
    assert_eq!(found, names, "a definition of no kind");
}
