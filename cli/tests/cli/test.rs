//! `bookend test`, as far as it goes without the module and the kernel; `testenv` runs it with both.

use crate::{data, root, run, run_with_input};

fn test(file: &str, arguments: &[&str]) -> String {
    let common = ["test", "-f", "model", "--packets", "function", "-i", file];
    run(&data(""), &[&common, arguments].concat()).transcript()
}

macro_rules! tested {
    ($($name:ident: $file:literal, $arguments:expr;)*) => {
        $(#[test] fn $name() { insta::assert_snapshot!(test($file, &$arguments)); })*
    };
}

tested! {
    what_passes_is_a_line: "tested/passing.yaml", [];
    what_fails_is_explained: "tested/failing.yaml", [];
    programs_get_everything: "tested/failing.yaml", ["-o", "json", "--filter", "reads data"];
    tap_is_printed_for_those_who_read_it: "tested/failing.yaml", ["-o", "tap"];
    junit_is_printed_for_ci: "tested/failing.yaml", ["-o", "junit"];
    some_tests_can_be_picked: "tested/passing.yaml", ["--filter", "outside/nodes"];
    a_filter_that_picks_none_is_an_error: "tested/passing.yaml", ["--filter", "rabbits"];
    tests_that_ask_nobody_are_refused_all_at_once: "tested/unsound.yaml", [];
    a_port_that_nobody_has_and_ends_that_nobody_judges_are_refused: "tested/unasked.yaml", [];
    programs_get_refused_tests_as_check_prints_them: "tested/unsound.yaml", ["-o", "json"];
}

#[test]
fn without_tests_nothing_is_tested() {
    let run = run(&data(""), &["test", "-f", "model"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("there is no `PolicyTest` in these files"), "{}", run.err);
}

#[test]
fn the_module_is_asked_for_where_a_request_is_tested() {
    let tests = "\
apiVersion: bookend.dev/v1alpha1
kind: PolicyTest
metadata: { name: a }
spec: { tests: [{ name: b, from: reviews-v2, to: 'ratings:9080', request: { path: / }, expect: deny }] }
";
    let policy =
        ["bookinfo.yaml", "inventory.yaml", "policy.yaml"].map(|file| format!("examples/bookinfo/{file}"));
    let [manifest, inventory, policy] = policy.each_ref().map(String::as_str);
    let arguments = [
        "test",
        "-f",
        "-",
        policy,
        "-i",
        manifest,
        inventory,
        "--packets",
        "function",
        "--module",
        "nowhere.wasm",
    ];
    let run = run_with_input(&root(), &arguments, tests);
    assert_eq!(run.code, Some(1), "{}", run.transcript());
    assert!(run.err.contains("cannot read the filter's module `nowhere.wasm`"), "{}", run.err);
}

#[test]
fn a_kernel_that_must_be_asked_and_cannot_be_is_an_error() {
    let arguments = [
        "test",
        "-f",
        "model",
        "-i",
        "tested/passing.yaml",
        "--packets",
        "kernel",
        "--enforcer",
        "/bin/false",
    ];
    let run = run(&data(""), &arguments);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("cannot ask the kernel's programs"), "{}", run.err);
}

#[test]
fn a_kernel_that_cannot_be_asked_is_told() {
    let arguments = ["test", "-f", "model", "-i", "tested/passing.yaml", "--enforcer", "/bin/false"];
    let run = run(&data(""), &arguments);
    assert_eq!(run.code, Some(0), "{}", run.transcript());
    assert!(run.out.contains("but not by the programs: it ended without a reason"), "{}", run.out);
}

#[test]
fn a_big_inventory_is_tested() {
    let mut documents = String::from(
        "{apiVersion: bookend.dev/v1alpha1, kind: PolicyTest, metadata: {name: t}, spec: {tests: [\n",
    );
    for n in (0..10_000).step_by(100) {
        let peer = (n * 7 + 1) % 10_000;
        documents.push_str(&format!(
            "{{name: 'no {n}', from: w{n}, to: 'w{peer}:80', expect: allow, rule: team{}/p/all}},\n",
            peer % 100
        ));
    }
    documents.push_str("]}}\n---\n{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: i}, spec: {workloads: [\n");
    for n in 0..10_000 {
        let (team, high, low) = (n % 100, n / 250, n % 250 + 1);
        documents.push_str(&format!(
            "{{name: w{n}, namespace: team{team}, labels: {{app: a{n}}}, proxy: false, instances: [{{addresses: [10.9.{high}.{low}]}}]}},\n"
        ));
    }
    documents.push_str("]}}\n");
    for team in 0..100 {
        documents.push_str(&format!(
            "---\n{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p, namespace: team{team}}}, spec: \
             {{isolate: [{{workloads: {{}}, directions: [ingress]}}], allow: [{{name: all, ports: [80]}}]}}}}\n"
        ));
    }
    let run = run_with_input(&root(), &["test", "-f", "-", "--packets", "function"], &documents);
    assert_eq!(run.code, Some(0), "{}", run.transcript());
    assert!(run.out.contains("100 passed\n"), "{}", run.out);
}
