//! What does not work denies, and says why.

use bookend_testenv::Stand;
use bookend_testenv::envoy::plugin::{self, Layer, Wasm};
use serde_json::{Value, json};

use crate::scene::{ECHO, INVENTORY, OPTIONS, Plan, Scene, WEB, configuration, usual};

/// Configurations that are refused, and what is said of them.
fn bad() -> Vec<(&'static str, String, &'static str)> {
    let mut unknown: Value = serde_json::from_str(&usual()).unwrap();
    unknown["settings"]["sound"] = json!(true);
    let mut range: Value = serde_json::from_str(&usual()).unwrap();
    range["settings"]["metrics"] = json!({ "rules": -1 });
    vec![
        ("empty", String::new(), "not a JSON object"),
        ("text", "allow".to_owned(), "not a JSON object"),
        ("half", usual().split_at(100).0.to_owned(), "the configuration is refused"),
        ("nothing", "{}".to_owned(), "revision"),
        ("unknown", unknown.to_string(), "sound"),
        ("range", range.to_string(), "the configuration is refused"),
    ]
}

#[test]
fn an_envoy_with_a_bad_configuration_does_not_start_and_says_why() {
    for (name, configuration, reason) in bad() {
        let stand = Stand::new(name).unwrap();
        let module = stand.module("bookend_filter.wasm").unwrap();
        let plan = Plan::with(stand, &Wasm::new(module, configuration));
        plan.stand.own("10.0.0.2".parse().unwrap()).unwrap();
        let nowhere = "127.0.0.1:1".parse().unwrap();
        let running = plan.stand.launch(&plan.bootstrap([nowhere; 4]), OPTIONS).unwrap();
        let log = running.await_end().unwrap();
        assert!(log.contains("bookend: ") && log.contains(reason), "{name}: {log}");
    }
}

/// A scene whose filter is discovered, and its directories.
fn discovered(name: &str, first: &str) -> (Scene, impl Fn(u64, &str) + use<>) {
    let mut plan = Plan::new(name);
    let (requests, streams) =
        (plan.stand.directory().join("requests"), plan.stand.directory().join("streams"));
    let module = plan.module();
    let publish = move |version, configuration: &str| {
        let wasm = Wasm::new(&module, configuration);
        plugin::publish(&requests, version, &wasm.typed(Layer::Http)).unwrap();
        plugin::publish(&streams, version, &wasm.typed(Layer::Network)).unwrap();
    };
    plan.requests = plugin::discovered(&plan.stand.directory().join("requests"), Layer::Http);
    plan.streams = plugin::discovered(&plan.stand.directory().join("streams"), Layer::Network);
    publish(1, first);
    (plan.start(), publish)
}

#[test]
fn a_bad_update_leaves_the_old_policy_in_force_and_is_counted() {
    let (scene, publish) = discovered("update", &usual());
    let mut line = scene.dial(WEB);
    let mut version = 1;
    for (name, configuration, reason) in bad() {
        let refused = scene.envoy.sum(".config_fail").unwrap();
        version += 1;
        publish(version, &configuration);
        let counted = || Ok(scene.envoy.sum(".config_fail")? >= refused + 2);
        scene.envoy.await_that("the refusal of an update", counted).unwrap();
        assert!(scene.envoy.log().contains(reason), "{name}: {}", scene.envoy.log());
        assert_eq!((line.get("/open/1", &[]).status, line.get("/closed", &[]).status), (200, 403), "{name}");
        assert_eq!(scene.dial_as_stranger(ECHO).hear_out(), "", "{name}");
    }
    // What comes next is taken again.
    let open = configuration(&[INVENTORY], &json!({}));
    let taken = scene.envoy.sum(".config_reload").unwrap();
    publish(version + 1, &open);
    let counted = || Ok(scene.envoy.sum(".config_reload")? >= taken + 2);
    scene.envoy.await_that("the next update", counted).unwrap();
    assert_eq!(line.get("/closed", &[]).status, 200, "the policy without policies isolates nobody");
}

#[test]
fn a_first_configuration_that_is_bad_denies_everything() {
    let (scene, publish) = discovered("first", "nonsense");
    assert_eq!(scene.dial(WEB).get("/open/1", &[]).status, 403);
    // Envoy's own filter refuses a stream at its first byte.
    let mut line = scene.dial(ECHO);
    line.say("hello");
    assert_eq!(line.hear_out(), "");
    let heard = scene.web.heard() + &scene.echo.heard();
    assert!(!heard.contains("hello") && !heard.contains("/open"), "{heard}");
    publish(2, &usual());
    let taken = || Ok(scene.envoy.sum(".config_reload")? >= 2);
    scene.envoy.await_that("the first good configuration", taken).unwrap();
    assert_eq!(scene.dial(WEB).get("/open/1", &[]).status, 200);
}

/// A guest that fails at the paths that say so, by an instruction that is never right.
const TRAP: &str = r#"(module
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 4096))
  (data (i32.const 64) ":path")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "malloc") (param $size i32) (result i32)
    (local $at i32)
    (if (i32.gt_u (global.get $free) (i32.const 100000)) (then (global.set $free (i32.const 4096))))
    (local.set $at (global.get $free))
    (global.set $free (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $header (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 0) (i32.const 4)))
    (if (i32.eq (i32.load8_u (i32.add (i32.load (i32.const 0)) (i32.const 1))) (i32.const 33)) (then unreachable))
    (i32.const 0)))"#;

/// What is answered before, at and after a failure.
fn statuses(policy: &'static str) -> (Vec<u16>, String) {
    let stand = Stand::new("trap").unwrap();
    let module = stand.file("trap.wasm", wat::parse_str(TRAP).unwrap()).unwrap();
    let mut plan = Plan::with(stand, &Wasm { failure_policy: policy, ..Wasm::new(module, "{}") });
    // Only requests fail here.
    plan.streams = json!({
        "name": "envoy.filters.network.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
            "stat_prefix": "none.",
        },
    });
    let scene = plan.start();
    let ask = |path: &str| scene.dial(WEB).get(path, &[]).status;
    let mut statuses = vec![ask("/before"), ask("/!"), ask("/after"), ask("/after")];
    assert_eq!(scene.logged("/!")["details"], "wasm_fail_stream");
    if policy == "FAIL_RELOAD" {
        // A new machine is made at the first request after a second or more.
        let served = || Ok(ask("/later") == 200);
        scene.envoy.await_that("a new machine", served).unwrap();
        statuses.push(200);
    }
    (statuses, scene.web.heard())
}

#[test]
fn a_module_that_fails_lets_nothing_pass() {
    let (answered, heard) = statuses("FAIL_CLOSED");
    assert_eq!(answered.first(), Some(&200));
    assert!(answered.iter().skip(1).all(|status| *status == 503), "{answered:?}");
    assert!(!heard.contains("/!") && !heard.contains("/after"), "{heard}");
}

#[test]
fn a_module_that_fails_and_is_made_anew_lets_nothing_pass_meanwhile() {
    let (answered, heard) = statuses("FAIL_RELOAD");
    assert_eq!((answered.first(), answered.get(1), answered.last()), (Some(&200), Some(&503), Some(&200)));
    assert!(!heard.contains("/!"), "{heard}");
}

#[test]
fn headers_of_any_size_are_judged_or_refused() {
    let scene = Scene::new("huge");
    let large = "a".repeat(50_000);
    assert_eq!(scene.dial(WEB).get("/open/1", &[("x-large", &large)]).status, 200);
    assert_eq!(scene.dial(WEB).get("/closed", &[("x-large", &large)]).status, 403);
    let path = format!("/closed/{large}");
    assert_eq!(scene.dial(WEB).get(&path, &[]).status, 403);
    // Beyond what Envoy takes.
    assert_eq!(scene.dial(WEB).get("/open/2", &[("x-large", &"a".repeat(70_000))]).status, 431);
    let names: Vec<String> = (0..99).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).take(90).collect();
    assert_eq!(scene.dial(WEB).get("/open/3", &many).status, 200);
    assert_eq!(scene.dial(WEB).get("/closed", &many).status, 403);
    let heard = scene.web.heard();
    assert!(!heard.contains("closed") && !heard.contains("/open/2"), "the server heard what it must not");
}

#[test]
fn ten_thousand_rules_are_loaded_and_found() {
    let mut rules = String::from(
        "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: { name: p }\nspec:\n  isolate: [{ workloads: { labels: { app: server } }, directions: [ingress] }]\n  allow:\n",
    );
    for number in 0..10_000 {
        rules.push_str(&format!(
            "  - {{ name: r{number}, to: [{{ workloads: {{ labels: {{ app: server }} }} }}], http: [{{ paths: [\"/r/{number}\"] }}] }}\n"
        ));
    }
    let stand = Stand::new("rules").unwrap();
    let module = stand.module("bookend_filter.wasm").unwrap();
    let settings = json!({ "accessLog": { "allowed": true } });
    let wasm = Wasm::new(module, configuration(&[INVENTORY, &rules], &settings));
    let scene = Plan::with(stand, &wasm).start();
    let mut line = scene.dial(WEB);
    for number in [0, 4_999, 9_999] {
        let path = format!("/r/{number}");
        assert_eq!(line.get(&path, &[]).status, 200);
        assert_eq!(scene.logged(&path)["rule"], format!("default/p/r{number}"));
    }
    assert_eq!(line.get("/r/10000", &[]).status, 403);
    // So many counters, and no more.
    let counted = || Ok(scene.envoy.sum("bookend.policy.rules")? >= 10_000);
    scene.envoy.await_that("a gauge of the rules", counted).unwrap();
    let own = scene.envoy.statistics("bookend.rule.").unwrap().len();
    assert!(own < 3 * 110, "{own} counters for rules");
}
