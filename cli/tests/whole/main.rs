//! Commands that look at whole policies: `diff`, `graph`, and the advice of `check`.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Everything a user sees of a command that is run in a directory.
fn transcript(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .current_dir(directory)
        .env_remove("NO_COLOR")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    let err = if err.is_empty() { err } else { format!("standard error:\n{err}\n") };
    format!("exit code: {}\n{err}\n{out}", output.status.code().unwrap())
}

fn diff(arguments: &[&str]) -> String {
    let all = [&["diff", "old", "new", "-i", "inventory.yaml"], arguments].concat();
    transcript(&data("changed"), &all)
}

fn graph(arguments: &[&str]) -> String {
    transcript(&root(), &[&["graph", "-f", "examples/bookinfo"], arguments].concat())
}

#[test]
fn a_change_is_told_by_what_it_opens_and_closes() {
    insta::assert_snapshot!(diff(&[]));
}

#[test]
fn programs_get_every_change() {
    insta::assert_snapshot!(diff(&["-o", "json"]));
}

#[test]
fn the_same_documents_change_nothing() {
    let same = transcript(&data("changed"), &["diff", "old", "old", "-i", "inventory.yaml"]);
    assert_eq!(same, "exit code: 0\n\nNo connection and no request gets another verdict.\n");
}

#[test]
fn a_change_that_only_closes_is_fine() {
    let closing = transcript(&root(), &["diff", "examples/bookinfo/bookinfo.yaml", "examples/bookinfo"]);
    assert!(closing.starts_with("exit code: "), "{closing}");
    insta::assert_snapshot!(closing);
}

#[test]
fn what_refused_peers_are_told_and_settings_are_compared_too() {
    let told = |arguments: &[&str]| {
        transcript(&data("answered"), &[&["diff", "old", "new", "-i", "world.yaml"], arguments].concat())
    };
    insta::assert_snapshot!(told(&[]));
    insta::assert_snapshot!(told(&["-o", "json"]));
}

#[test]
fn another_answer_opens_nothing() {
    let told = transcript(&data("answered"), &["diff", "new", "new", "-i", "world.yaml"]);
    assert_eq!(told, "exit code: 0\n\nNo connection and no request gets another verdict.\n");
}

#[test]
fn standard_input_is_read_once() {
    let twice = transcript(&root(), &["diff", "-", "-"]);
    assert_eq!(
        twice,
        "exit code: 2\nstandard error:\nerror: standard input is read once; name a file for one of the two\n\n\n"
    );
}

#[test]
fn bookinfo_is_drawn() {
    insta::assert_snapshot!(graph(&["-o", "svg"]));
}

#[test]
fn bookinfo_is_a_page_without_anything_from_elsewhere() {
    let page = graph(&["-o", "html"]);
    assert!(!page.contains("src=") && !page.contains("href="), "{page}");
    assert!(page.contains("details-to-books-api") && page.contains("allow GET of /reviews/{id}"), "{page}");
}

#[test]
fn graphviz_and_mermaid_get_the_same_edges() {
    insta::assert_snapshot!(graph(&["-o", "dot"]));
    insta::assert_snapshot!(graph(&["-o", "mermaid"]));
}

#[test]
fn programs_get_the_graph_with_what_is_denied() {
    insta::assert_snapshot!(graph(&["-o", "json", "--denied"]));
}

#[test]
fn a_namespace_is_drawn_with_whom_it_talks_to() {
    insta::assert_snapshot!(graph(&["-o", "mermaid", "--namespace", "istio-system"]));
    insta::assert_snapshot!(graph(&["--namespace", "nowhere"]));
}

#[test]
fn rules_without_effect_are_told() {
    insta::assert_snapshot!(transcript(&data("advised"), &["check", "-f", "documents.yaml"]));
}

#[test]
fn rules_wider_than_their_traffic_are_told() {
    let arguments = ["check", "-f", "documents.yaml", "--audit-trail", "events.jsonl", "-o", "json"];
    let told = transcript(&data("advised"), &arguments);
    assert!(told.contains("B1513") && told.contains("it never used `ports[0]`"), "{told}");
}

#[test]
fn an_access_log_is_a_trail_too() {
    let arguments = ["check", "-f", "logged.yaml", "--audit-trail", "access.jsonl"];
    insta::assert_snapshot!(transcript(&data("advised"), &arguments));
}

#[test]
fn a_line_that_is_of_no_trail_is_named_by_its_number() {
    let told = transcript(&data("advised"), &["check", "-f", "logged.yaml", "--audit-trail", "logged.yaml"]);
    assert!(told.contains("error: line 1 of `logged.yaml` is no JSON"), "{told}");
}

#[test]
fn isolation_that_cuts_off_probes_is_told() {
    insta::assert_snapshot!(transcript(&data("probed"), &["check", "-f", "cart.yaml"]));
}

#[test]
fn what_the_page_about_these_commands_shows_is_what_they_print() {
    let page = std::fs::read_to_string(root().join("docs/tool.md")).unwrap();
    let directory = Path::new(env!("CARGO_BIN_EXE_bookend")).parent().unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let blocks: Vec<_> = page.split("```console\n").skip(1).collect();
    assert_eq!(blocks.len(), 4, "one for each command, and two for `diff`");
    for block in blocks {
        let (block, _) = block.split_once("```").unwrap();
        let (command, expected) = block.split_once('\n').unwrap();
        let command = command.strip_prefix("$ ").unwrap();
        let output =
            Command::new("sh").args(["-c", command]).current_dir(root()).env("PATH", &path).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{command}");
    }
}
