//! Services: dialled, checked and compared.

use crate::{data, run};

fn told(arguments: &[&str]) -> String {
    run(&data("served"), arguments).transcript()
}

#[test]
fn a_service_of_which_only_a_part_is_allowed_is_denied_and_told_of() {
    let explained =
        told(&["explain", "-f", "policy.yaml", "-i", "world.yaml", "--from", "client", "--to", "reviews"]);
    assert!(explained.starts_with("exit code: 3"), "{explained}");
    assert!(
        explained.contains("default/client → the Service default/reviews, TCP 80: denied"),
        "{explained}"
    );
    assert!(explained.contains("default/reviews-v1 at 10.0.0.2 port 9080  allow"), "{explained}");
    assert!(explained.contains("default/reviews-v2 at 10.0.0.3 port 8080  deny"), "{explained}");
    assert!(explained.contains("Only some of them may be reached"), "{explained}");
    let checked = told(&["check", "-f", "policy.yaml", "-i", "world.yaml"]);
    assert!(checked.contains("warning[B1517]: `default/client` may reach only some of those"), "{checked}");
}

#[test]
fn a_service_is_dialled_by_its_address_too() {
    let ask =
        |to: &str| told(&["explain", "-f", "both.yaml", "-i", "world.yaml", "--from", "client", "--to", to]);
    let by_address = ask("10.96.0.1:80");
    assert!(by_address.contains("Behind the Service default/reviews may be reached:"), "{by_address}");
    let body = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    for name in ["reviews", "reviews:web", "service:default/reviews", "default/reviews:80"] {
        assert_eq!(body(&ask(name)), body(&by_address), "{name}");
    }
}

#[test]
fn a_port_that_a_service_does_not_have_is_nobodys() {
    let ask = |to: &str| {
        run(
            &data("served"),
            &["explain", "-f", "both.yaml", "-i", "world.yaml", "--from", "client", "--to", to],
        )
    };
    assert!(
        ask("reviews:9080").err.contains("the Service `default/reviews` has no TCP port 9080; it has TCP 80")
    );
    // By its address it is an address of nobody, which the isolation denies.
    assert_eq!(ask("10.96.0.1:9080").code, Some(3));
}

#[test]
fn a_change_says_what_it_opens_through_services() {
    let diff = told(&["diff", "policy.yaml", "both.yaml", "-i", "world.yaml"]);
    assert!(diff.starts_with("exit code: 3"), "{diff}");
    assert!(diff.contains("+ opened  default/client → the Service default/reviews, TCP 80"), "{diff}");
}

#[test]
fn programs_are_told_of_everybody_behind() {
    let run = run(
        &data("served"),
        &[
            "explain",
            "-f",
            "policy.yaml",
            "-i",
            "world.yaml",
            "--from",
            "client",
            "--to",
            "reviews",
            "-o",
            "json",
        ],
    );
    let answer: serde_json::Value = serde_json::from_str(&run.out).unwrap_or_default();
    let service = answer.pointer("/0/service").cloned().unwrap_or_default();
    assert_eq!(service.pointer("/mixed"), Some(&true.into()), "{answer}");
    let verdicts = |at: &str| -> Vec<String> {
        let all = service.pointer("/backends").and_then(serde_json::Value::as_array).into_iter().flatten();
        all.map(|backend| {
            backend.pointer(at).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
        })
        .collect()
    };
    assert_eq!(verdicts("/source"), ["allow", "deny"]);
    assert_eq!(verdicts("/passage/verdict"), ["allow", "deny"]);
    assert_eq!(verdicts("/to"), ["default/reviews-v1", "default/reviews-v2"]);
}

#[test]
fn tests_dial_services() {
    let test = |policy: &str| {
        told(&["test", "-f", policy, "-i", "world.yaml", "tests.yaml", "--packets", "function", "-o", "tap"])
    };
    assert!(test("both.yaml").contains("\nok 4 "), "{}", test("both.yaml"));
    assert!(test("policy.yaml").contains("not ok 4"));
}
