//! The demo itself, as a newcomer starts it: everything is as the policy says, everything promised is shown, and
//! nothing is left behind.

#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// One at a time: each waits for what comes in time.
static STAGE: Mutex<()> = Mutex::new(());

/// What a run of the demo told.
struct Told {
    /// What the names of everything it makes begin with.
    mine: String,
    text: String,
    lines: Vec<Value>,
}

impl Told {
    /// Runs the demo; everything has to be as the policies say.
    fn by(arguments: &[&str]) -> Self {
        assert!(
            std::env::var_os("BOOKEND_DIST").is_some(),
            "run scripts/build, then set BOOKEND_DIST; or run scripts/test"
        );
        let _alone = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookend-demo"));
        command.arg("--json").args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mine = format!("{}_", child.id());
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let wrong: Vec<&Value> = lines.iter().filter(|line| line["ok"] == false).collect();
        assert!(wrong.is_empty() && output.status.success(), "{wrong:#?}\n{errors}");
        assert_eq!(lines.last().unwrap()["kind"], "summary");
        Self { mine, text, lines }
    }

    /// Requires that an attempt was decided by a layer, at an end, by a rule.
    fn assert_decided(&self, attempt: &str, layer: &str, end: &str, rule: &str) {
        let shown = self.lines.iter().any(|line| {
            let decided = &line["decided"];
            line["attempt"] == attempt
                && (decided["layer"] == layer && decided["end"] == end && decided["rule"] == rule)
        });
        assert!(shown, "{attempt} was not decided by {layer}, {end}, {rule}:\n{}", self.text);
    }
}

#[test]
fn everything_is_as_the_policy_says() {
    let told = Told::by(&[]);
    let isolated = "default/bookinfo/isolate[0]";
    for (attempt, layer, end, rule) in [
        (
            "reviews-v2: GET /ratings/1 of ratings",
            "filter",
            "destination",
            "default/bookinfo/reviews-read-ratings",
        ),
        ("reviews-v2: POST /ratings/1 of ratings", "filter", "destination", isolated),
        ("details: GET /ratings/1 of ratings", "kernel", "source", isolated),
        ("ratings: TCP to database:3306", "kernel", "source", "default/bookinfo/ratings-to-database"),
        ("ratings: TCP to database:22", "kernel", "source", isolated),
        ("ratings: TCP to metadata:80", "kernel", "source", "default/bookinfo/nobody-touches-metadata"),
        ("productpage: TCP to ratings:9080 past its sidecar", "kernel", "source", isolated),
        (
            "productpage: TCP to ratings:9080 past its sidecar",
            "nobody",
            "destination",
            "no host enforcer is in force",
        ),
        ("productpage: raw TCP frame to ratings:9080 as reviews-v2", "kernel", "source", "spoofed-source"),
        ("productpage: ping ratings (IPv6)", "kernel", "source", isolated),
    ] {
        told.assert_decided(attempt, layer, end, rule);
    }
    let mut left = bookend_testenv::namespace::names();
    for directory in ["/run", "/sys/fs/bpf"] {
        let entries = std::fs::read_dir(directory).unwrap();
        left.extend(entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()));
    }
    left.retain(|name| {
        name.starts_with(&format!("bkd-{}", told.mine)) || name.starts_with(&format!("bookend-{}", told.mine))
    });
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn policies_of_other_systems_are_enforced_as_they_are() {
    let told = Told::by(&["--policy", "examples/migration"]);
    let read_only = "default/authorizationpolicy.ratings-are-read-only";
    let [reads, isolated] = ["rules[0]", "isolate[0]"].map(|part| format!("{read_only}/{part}"));
    let denied = "default/networkpolicy.default-deny/isolate[0]";
    for (attempt, layer, end, rule) in [
        ("reviews-v2: GET /ratings/1 of ratings", "filter", "destination", reads.as_str()),
        ("reviews-v2: POST /ratings/1 of ratings", "filter", "destination", &isolated),
        ("details: GET /ratings/1 of ratings", "kernel", "source", denied),
        ("productpage: TCP to ratings:9080 past its sidecar", "kernel", "source", denied),
        ("productpage: raw TCP frame to ratings:9080 as reviews-v2", "kernel", "source", "spoofed-source"),
    ] {
        told.assert_decided(attempt, layer, end, rule);
    }
}
