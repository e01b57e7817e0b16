//! `bookend render`, `completions` and the help.

use crate::{root, run};

fn render(target: &str, notation: &str) -> String {
    let run = run(&root(), &["render", "-f", "examples/bookinfo", "--target", target, "-o", notation]);
    assert_eq!(run.code, Some(0), "{}", run.transcript());
    run.out
}

#[test]
fn the_filters_configuration_is_readable() {
    insta::assert_snapshot!(render("filter", "yaml"));
}

#[test]
fn the_kernels_plan_is_readable() {
    insta::assert_snapshot!(render("kernel", "yaml"));
}

#[test]
fn the_kernels_plan_is_there_for_programs() {
    insta::assert_snapshot!(render("kernel", "json"));
}

#[test]
fn what_is_rendered_for_the_filter_is_what_a_filter_reads() {
    let json = render("filter", "json");
    let configuration = bookend_engine::Configuration::from_json(json.as_bytes()).unwrap();
    assert_eq!(configuration.program.rules().len(), 7);
    assert_eq!(configuration.inventory.workloads().len(), 8);
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = run(&root(), &["completions", shell]);
        assert_eq!(run.code, Some(0));
        assert!(run.out.contains("simulate"), "{shell}");
    }
}

#[test]
fn every_command_teaches_by_an_example() {
    for command in ["check", "explain", "simulate", "render", "completions"] {
        let run = run(&root(), &[command, "--help"]);
        assert!(run.out.contains(&format!("bookend {command} ")), "{}", run.out);
        assert!(run.out.contains("Example"), "{}", run.out);
    }
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(run(&root(), &["--version"]).out, format!("bookend {}\n", env!("CARGO_PKG_VERSION")));
}
