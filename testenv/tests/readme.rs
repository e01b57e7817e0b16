//! The README and the page for operators are true: their commands print what they say they print, and the policy of the README is
//! the example.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// The fenced blocks of one language.
fn blocks<'t>(page: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    page.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// The directory of the built binaries.
fn dist() -> PathBuf {
    std::env::var_os("BOOKEND_DIST")
        .expect("`BOOKEND_DIST` must name the directory of the binaries; run scripts/test")
        .into()
}

/// A line without what only aligns it.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Compares what was printed with what is written, where a line `…` stands for any lines.
fn assert_printed(command: &str, printed: &str, written: &str) {
    let mut lines = printed.lines();
    let mut elided = false;
    for expected in written.lines().map(str::trim_end) {
        if expected == "…" {
            elided = true;
            continue;
        }
        let expected = squeezed(expected);
        let found = lines.by_ref().map(squeezed).find(|line| !elided || *line == expected);
        assert_eq!(found, Some(expected), "`{command}` printed:\n{printed}");
        elided = false;
    }
    let rest: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    assert!(elided || rest.is_empty(), "`{command}` also printed:\n{}", rest.join("\n"));
}

/// Runs the commands of a page, compares what they print, and says how many there were.
fn run_commands(page: &str) -> usize {
    let mut ran = 0;
    for block in blocks(page, "console") {
        let (command, written) = block.split_once('\n').unwrap_or((block, ""));
        let command = command.strip_prefix("$ ").unwrap();
        // The two commands that set everything up: one runs this test, and the other what is run below.
        if command.starts_with("scripts/") {
            assert!(root().join(command).is_file() && written.is_empty());
            continue;
        }
        let path = format!("{}:{}", dist().display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .args(["-c", command])
            .current_dir(root())
            .env("PATH", path)
            .output()
            .unwrap();
        let printed = [output.stdout, output.stderr].concat();
        assert_printed(command, &String::from_utf8_lossy(&printed), written);
        ran += 1;
    }
    ran
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("a page of this checkout")
}

#[test]
fn the_commands_of_the_readme_print_what_it_says() {
    assert!(run_commands(&page("README.md")) >= 3, "the README shows its commands");
}

#[test]
fn the_commands_of_the_page_for_operators_print_what_it_says() {
    assert!(run_commands(&page("docs/operations.md")) >= 3, "the page shows its commands");
}

#[test]
fn the_commands_of_the_page_about_migration_print_what_it_says() {
    assert!(run_commands(&page("docs/migration.md")) >= 6, "the page shows its commands");
}

#[test]
fn the_formats_and_settings_of_the_page_for_operators_are_json() {
    let page = page("docs/operations.md");
    for block in blocks(&page, "json") {
        assert!(serde_json::from_str::<serde_json::Value>(block).is_ok(), "{block}");
    }
}

#[test]
fn the_policy_of_the_readme_is_part_of_the_example() {
    let page = page("README.md");
    let example = fs::read_to_string(root().join("examples/bookinfo/policy.yaml")).unwrap();
    let yaml = blocks(&page, "yaml");
    assert!(!yaml.is_empty());
    for part in yaml.iter().flat_map(|block| block.split("…\n")) {
        assert!(example.contains(part.trim_end()), "not in the example:\n{part}");
    }
}

#[test]
fn what_the_pages_point_to_exists() {
    let pages = ["dialects", "migration", "operations", "packaging", "policy", "running", "tool"]
        .map(|name| format!("docs/{name}.md"));
    for name in pages.iter().map(String::as_str).chain(["README.md"]) {
        let (path, page) = (root().join(name), page(name));
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, _) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            assert!(file.exists(), "`{target}` of {name} does not exist");
        }
    }
}
