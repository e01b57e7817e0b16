//! What the command says about itself.

use std::fs;

use crate::{root, run};

/// The commands, from the command's own help.
fn commands() -> Vec<String> {
    let help = run(&root(), &["--help"]).out;
    let listed = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    // A description that takes several lines goes on far to the right.
    let first =
        listed.lines().filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    first.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_teaches_with_examples() {
    let commands = commands();
    for known in ["check", "diff", "explain", "export", "import", "simulate", "test"] {
        assert!(commands.iter().any(|command| command == known), "{known}: {commands:?}");
    }
    for command in commands.iter().filter(|command| *command != "help") {
        let help = run(&root(), &[command, "--help"]).out;
        assert!(help.contains("Example"), "{command}: {help}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("man");
    let _absent = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let run = run(&root(), &["man", "--out", directory.to_str().unwrap()]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    for command in commands().iter().filter(|command| *command != "help") {
        let page = fs::read_to_string(directory.join(format!("bookend-{command}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{command}");
    }
    assert!(fs::read_to_string(directory.join("bookend.1")).unwrap().contains("bookend\\-test"));
}

#[test]
fn shells_can_complete_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&root(), &["completions", shell]).out;
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
    }
}

#[test]
fn the_schema_is_json() {
    let run = run(&root(), &["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert!(schema.get("$schema").is_some(), "{}", run.out);
}
