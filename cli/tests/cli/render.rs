//! `bookend render`, `completions` and the help.

use bookend_engine::FilterEnd;

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
fn a_filter_of_outbound_traffic_is_told_its_end() {
    let rendered = |end: &[&str]| {
        let arguments =
            [&["render", "-f", "examples/bookinfo", "--target", "filter", "-o", "json"], end].concat();
        let run = run(&root(), &arguments);
        assert_eq!(run.code, Some(0), "{}", run.transcript());
        bookend_engine::Configuration::from_json(run.out.as_bytes()).unwrap()
    };
    let (inbound, outbound) = (rendered(&[]), rendered(&["--end", "source"]));
    assert_eq!(rendered(&["--end", "destination"]), inbound);
    assert_eq!(outbound.settings.end, FilterEnd::Source);
    // It is the same policy.
    assert_eq!((outbound.revision, outbound.program), (inbound.revision, inbound.program));
}

#[test]
fn the_kernel_has_both_ends() {
    let run = run(&root(), &["render", "-f", "examples/bookinfo", "--target", "kernel", "--end", "source"]);
    assert_eq!(run.code, Some(2));
    assert_eq!(run.err, "error: `--end` is about filters, and the kernel enforces both; leave it out\n");
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
