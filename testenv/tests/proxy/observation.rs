//! What an operator can see: statistics, the access log, the log of decisions.

use bookend_testenv::Stand;
use bookend_testenv::envoy::plugin::Wasm;
use serde_json::{Value, json};

use crate::reload::decisions;
use crate::scene::{ECHO, ECHO_PLAIN, INVENTORY, POLICY, Plan, Scene, WEB, configuration, usual};

/// A rule that is only audited.
const SOON: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: soon }
spec:
  mode: audit
  deny:
  - name: no-posts
    to: [{ workloads: { labels: { app: server } } }]
    http: [{ methods: [POST] }]
"#;

fn scene(name: &str, documents: &[&str], settings: &Value) -> Scene {
    let stand = Stand::new(name).unwrap();
    let module = stand.module("bookend_filter.wasm").unwrap();
    Plan::with(stand, &Wasm::new(module, configuration(documents, settings))).start()
}

const POST: &str = "POST /open/1 HTTP/1.1\r\nhost: server\r\ncontent-length: 0\r\n\r\n";

/// What an operator is told to tell Envoy, so that rules are labels.
fn advice() -> Value {
    let page = include_str!("../../../docs/operations.md");
    let block = page.split("```json\n").find(|block| block.contains("stats_config")).unwrap();
    let block: Value = serde_json::from_str(block.split("```").next().unwrap()).unwrap();
    block["stats_config"].clone()
}

#[test]
fn prometheus_reads_rules_as_labels_where_envoy_is_told_to() {
    let mut plan = Plan::new("labels");
    plan.statistics = advice();
    let scene = plan.start();
    scene.dial(WEB).get("/closed", &[]);
    let text = || scene.envoy.admin("/stats/prometheus");
    let line = r#"bookend_rule_denied{rule="default/p/isolate[0]"} 1"#;
    scene.envoy.await_that("a label", || Ok(text()?.contains("bookend_requests_denied{} 1"))).unwrap();
    let text = text().unwrap();
    let found: Vec<_> = text.lines().filter(|line| line.contains("bookend_rule")).collect();
    assert!(found.contains(&line), "{found:#?}");
}

#[test]
fn prometheus_reads_what_was_decided() {
    let scene = scene("stats", &[INVENTORY, POLICY, SOON], &json!({}));
    let mut line = scene.dial(WEB);
    for path in ["/open/1", "/open/2", "/closed"] {
        line.get(path, &[]);
    }
    assert_eq!(line.ask(POST).status, 200, "what is audited was enforced");
    scene.dial_as_stranger(ECHO).hear_out();
    let mut allowed = scene.dial_plain(ECHO_PLAIN);
    allowed.say("a");
    assert_eq!(allowed.hear(1), "a");
    // Counters are handed over once a second.
    let told = || Ok(scene.envoy.sum("bookend.requests.allowed")? >= 3);
    scene.envoy.await_that("counters", told).unwrap();
    let told = || Ok(scene.envoy.sum("bookend.connections.allowed")? >= 1);
    scene.envoy.await_that("counters", told).unwrap();
    let sum = |name: &str| scene.envoy.sum(name).unwrap();
    assert_eq!(sum("bookend.requests.allowed"), 3);
    assert_eq!(sum("bookend.requests.denied"), 1);
    assert_eq!(sum("bookend.requests.audited"), 1);
    assert_eq!(sum("bookend.requests.faults"), 0);
    assert_eq!(sum("bookend.connections.allowed"), 1);
    assert_eq!(sum("bookend.connections.denied"), 1);
    // What a stream holds is not known, so it may be what the audited rule denies (S34).
    assert_eq!(sum("bookend.connections.audited"), 2);
    assert_eq!(sum("bookend.rule.default/p/reads.allowed"), 3);
    assert_eq!(sum("bookend.rule.default/p/isolate[0].denied"), 2);
    assert_eq!(sum("bookend.rule.default/soon/no-posts.audited"), 3);
    assert_eq!(sum("bookend.configuration.faulty"), 0);
    assert!(sum("bookend.policy.revision") > 0 && sum("bookend.policy.rules") > 0);
    let text = scene.envoy.admin("/stats/prometheus").unwrap();
    for name in ["requests_allowed", "requests_denied", "requests_audited", "policy_revision", "policy_rules"]
    {
        let line =
            text.lines().find(|line| !line.starts_with('#') && line.contains(&format!("bookend_{name}")));
        let value = line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse::<f64>().ok());
        assert!(value.is_some_and(|value| value > 0.0), "{name}: {line:?}");
    }
}

#[test]
fn the_access_log_names_rules_and_audits() {
    let scene = scene("log", &[INVENTORY, POLICY, SOON], &json!({}));
    let mut line = scene.dial(WEB);
    line.get("/open/quiet", &[]);
    line.get("/closed", &[]);
    line.ask(POST);
    let quiet = scene.logged("/open/quiet");
    assert_eq!((&quiet["rule"], &quiet["details"]), (&json!(null), &json!("via_upstream")));
    let denied = scene.logged("/closed");
    assert_eq!(denied["rule"], "default/p/isolate[0]");
    assert_eq!(denied["details"], "bookend_denied{default/p/isolate[0]}");
    let audited = scene.logged("/open/1");
    assert_eq!(audited["audit"], "deny default/soon/no-posts");
    assert_eq!(audited["rule"], "default/p/reads");
}

#[test]
fn decisions_are_logged_as_json_whatever_the_request_says() {
    let scene = Plan::new("decisions").start();
    let mut line = scene.dial(WEB);
    assert_eq!(line.get("/open/1?secret=1", &[]).status, 200);
    line.get("/closed/\"quoted\"\\{}", &[]);
    line.ask("GET /closed/\u{1}\u{7f}\u{e9} HTTP/1.1\r\nhost: server\r\n\r\n");
    let mut line = scene.dial(WEB);
    line.get(&format!("/closed/{}", "a".repeat(20_000)), &[]);
    scene.dial_as_stranger(ECHO).hear_out();
    scene.envoy.await_that("lines", || Ok(decisions(&scene.envoy.log()).count() >= 4)).unwrap();
    let log = scene.envoy.log();
    let decisions: Vec<_> = decisions(&log).collect();
    let allowed = decisions.iter().find(|it| it["verdict"] == "allow").unwrap();
    let principals = json!(["spiffe://cluster.local/ns/default/sa/web"]);
    let expected = [
        ("rule", json!("default/p/reads")),
        ("end", json!("destination")),
        ("layer", json!("http")),
        ("method", json!("GET")),
        ("host", json!("server")),
        ("path", json!("/open/1")),
        ("peer", json!({ "address": "10.0.0.1", "principals": principals })),
        ("port", json!(9080)),
    ];
    for (name, value) in expected {
        assert_eq!(allowed[name], value, "{name}");
    }
    assert!(!log.contains("secret"), "a query is logged");
    let quoted = decisions.iter().find(|it| it["path"].as_str().is_some_and(|path| path.contains("quoted")));
    // Backslashes are escaped twice: bytes that are no text look like `\xNN`.
    assert_eq!(quoted.unwrap()["path"], r#"/closed/"quoted"\\{}"#);
    let longest = decisions.iter().map(|it| it.to_string().len()).max().unwrap();
    assert!(longest < 4_096, "a line of {longest} bytes");
    let stream = decisions.iter().find(|it| it["layer"] == "tcp").unwrap();
    assert_eq!((&stream["verdict"], &stream["port"]), (&json!("deny"), &json!(9090)));
    assert_eq!(stream["path"], json!(null));
}

#[test]
fn the_log_of_decisions_is_sampled_and_bounded() {
    let some =
        scene("sampled", &[INVENTORY, POLICY], &json!({ "decisionLog": { "allowed": 10, "denied": 0 } }));
    let mut line = some.dial(WEB);
    for number in 0..100 {
        line.get(&format!("/open/{number}"), &[]);
        line.get("/closed", &[]);
    }
    some.envoy.await_that("lines", || Ok(decisions(&some.envoy.log()).count() >= 10)).unwrap();
    let log = some.envoy.log();
    assert_eq!(decisions(&log).count(), 10);
    assert!(decisions(&log).all(|decision| decision["verdict"] == "allow"));
    drop((line, some));
    let few = scene("bounded", &[INVENTORY, POLICY], &json!({ "decisionLog": { "perSecond": 5 } }));
    let mut line = few.dial(WEB);
    for _ in 0..200 {
        line.get("/closed", &[]);
    }
    let told = || Ok(few.envoy.sum("bookend.log.suppressed")? > 0);
    few.envoy.await_that("a count of what was not logged", told).unwrap();
    let logged = u64::try_from(decisions(&few.envoy.log()).count()).unwrap();
    assert!(logged < 100, "{logged} lines");
    let all = || Ok(few.envoy.sum("bookend.log.suppressed")? + logged >= 200);
    few.envoy.await_that("all to be accounted for", all).unwrap();
}

#[test]
fn a_configuration_tells_its_revision() {
    let scene = Plan::new("revision").start();
    let revision: Value = serde_json::from_str(&usual()).unwrap();
    let revision = revision["revision"].as_str().unwrap();
    assert!(scene.envoy.log().contains(&format!("bookend: enforcing revision `{revision}`")));
}
