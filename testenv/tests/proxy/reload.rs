//! A policy that changes while requests arrive: none is lost, and each is judged by one policy or the other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bookend_testenv::envoy::plugin::{self, Layer, Wasm};
use serde_json::{Value, json};

use crate::scene::{INVENTORY, Plan, WEB, configuration};

/// A policy that lets paths pass that begin with its own name, by a rule of its own name.
fn policy(name: &str) -> (String, String) {
    let document = format!(
        r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: {{ name: {name} }}
spec:
  isolate: [{{ workloads: {{ labels: {{ app: server }} }}, directions: [ingress] }}]
  allow:
  - name: {name}
    to: [{{ workloads: {{ labels: {{ app: server }} }} }}]
    http: [{{ paths: ["/{name}/*"] }}]
"#
    );
    let settings =
        json!({ "accessLog": { "allowed": true }, "decisionLog": { "allowed": 1, "perSecond": 1_000_000 } });
    let configuration = configuration(&[INVENTORY, &document], &settings);
    let revision =
        serde_json::from_str::<Value>(&configuration).unwrap()["revision"].as_str().unwrap().to_owned();
    (configuration, revision)
}

#[test]
fn no_request_is_lost_and_none_meets_two_policies() {
    const CLIENTS: usize = 4;
    const CHANGES: u64 = 12;
    let policies = [policy("red"), policy("blue")];
    let mut plan = Plan::new("reload");
    let (module, directory) = (plan.module(), plan.stand.directory().join("requests"));
    let publish = |version: u64| {
        let (configuration, _) = &policies[usize::try_from(version % 2).unwrap()];
        plugin::publish(&directory, version, &Wasm::new(&module, configuration).typed(Layer::Http)).unwrap();
    };
    publish(1);
    plan.requests = plugin::discovered(&directory, Layer::Http);
    let scene = plan.start();
    let done = AtomicBool::new(false);
    let counts = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut line = scene.dial(WEB);
                let done = &done;
                scope.spawn(move || {
                    let mut count = BTreeMap::<(&str, u16), usize>::new();
                    while !done.load(Ordering::Relaxed) {
                        for colour in ["red", "blue"] {
                            let status = line.get(&format!("/{colour}/{client}"), &[]).status;
                            assert!(matches!(status, 200 | 403), "{status}");
                            *count.entry((colour, status)).or_default() += 1;
                        }
                    }
                    count
                })
            })
            .collect();
        for version in 2..2 + CHANGES {
            let before = scene.envoy.sum(".config_reload").unwrap();
            publish(version);
            let taken = || Ok(scene.envoy.sum(".config_reload")? > before);
            scene.envoy.await_that("a change", taken).unwrap();
            // Both policies see requests of each client before the next change.
            thread::sleep(std::time::Duration::from_millis(30));
        }
        done.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    let total: usize = counts.iter().flat_map(BTreeMap::values).sum();
    assert!(total > 400, "only {total} requests");
    for count in &counts {
        for key in [("red", 200), ("red", 403), ("blue", 200), ("blue", 403)] {
            assert!(count.contains_key(&key), "no {key:?} in {count:?}");
        }
    }
    // Every decision is of one revision: what it allows and by which rule is what that revision says.
    let colours = ["red", "blue"];
    let revisions = policies.each_ref().map(|(_, revision)| revision.as_str());
    let rules: BTreeMap<_, _> = revisions.into_iter().zip(colours).collect();
    let logged = || decisions(&scene.envoy.log()).count();
    scene.envoy.await_that("a line for each decision", || Ok(logged() >= total)).unwrap();
    let log = scene.envoy.log();
    let mut seen = 0;
    for decision in decisions(&log) {
        let (revision, rule) = (decision["revision"].as_str().unwrap(), decision["rule"].as_str().unwrap());
        let (path, colour) = (decision["path"].as_str().unwrap(), rules[revision]);
        let expected = if path.starts_with(&format!("/{colour}/")) {
            ("allow", format!("default/{colour}/{colour}"))
        } else {
            ("deny", format!("default/{colour}/isolate[0]"))
        };
        assert_eq!(
            (decision["verdict"].as_str().unwrap(), rule),
            (expected.0, expected.1.as_str()),
            "{decision}"
        );
        seen += 1;
    }
    // By the access log: each request was decided by a rule, and what was let pass by one that allows it.
    let lines = || scene.access().lines().filter(|line| line.ends_with('}')).count();
    scene.envoy.await_that("the access log", || Ok(lines() >= total)).unwrap();
    for line in scene.access().lines() {
        let logged: Value = serde_json::from_str(line).unwrap();
        let (path, rule) = (logged["path"].as_str().unwrap(), logged["rule"].as_str().unwrap_or_default());
        let colour = path.split('/').nth(1).unwrap();
        let expected = match logged["code"].as_u64() {
            Some(200) => rule == format!("default/{colour}/{colour}"),
            _ => rule.ends_with("/isolate[0]") && !rule.contains(&format!("/{colour}/")),
        };
        assert!(expected, "{line}");
    }
    assert_eq!(seen, total, "decisions that were logged");
    let allowed: usize =
        counts.iter().flatten().filter(|((_, status), _)| *status == 200).map(|(_, n)| n).sum();
    assert_eq!(scene.web.heard().matches("GET ").count(), allowed);
}

/// The decisions in a log of Envoy.
pub(crate) fn decisions(log: &str) -> impl Iterator<Item = Value> {
    log.lines().filter_map(|line| {
        let at = line.find(r#"{"bookend":"decision""#)?;
        Some(serde_json::from_str(line.get(at..)?).unwrap_or_else(|error| panic!("{error}: {line}")))
    })
}
