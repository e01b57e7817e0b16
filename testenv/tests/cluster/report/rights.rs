//! What `bookend status` and `bookend observe` take, and no more; and what `observe` takes for a decision in a proxy's log.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bookend_testenv::apiserver::{ApiServer, User};
use serde_json::{Value, json};

use super::{cluster, dist, enforcer, until};

/// A kubeconfig of somebody who may do this, and nothing else. It lies beside the server's own.
fn person(server: &ApiServer, rules: &Value) -> (User, PathBuf) {
    let rbac = "rbac.authorization.k8s.io";
    for object in [
        json!({ "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole", "metadata": { "name": "jane" }, "rules": rules }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding", "metadata": { "name": "jane" },
            "roleRef": { "apiGroup": rbac, "kind": "ClusterRole", "name": "jane" },
            "subjects": [{ "apiGroup": rbac, "kind": "User", "name": "jane" }],
        }),
    ] {
        server.put(object).unwrap();
    }
    let user = User::person("jane", &["system:authenticated"]);
    let path = server.kubeconfig_path().unwrap();
    std::fs::write(&path, server.kubeconfig_with(&server.token_for(&user))).unwrap();
    (user, path)
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}

#[test]
fn status_takes_what_is_listed_and_nothing_else() {
    let server = cluster("0123456789ab");
    let documents =
        ["policies", "clusterpolicies", "networks", "hosts", "tiers", "reportings", "inventories"];
    let rules = json!([
        rule("bookend.dev", &documents, &["list"]),
        rule("bookend.dev", &["enforcers"], &["list"]),
        rule("apps", &["daemonsets"], &["get"]),
        rule("coordination.k8s.io", &["leases"], &["get"]),
    ]);
    let (user, kubeconfig) = person(&server, &rules);
    let ended = Command::new(dist()).arg("status").env("KUBECONFIG", kubeconfig).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(server.unused(&user), Vec::<String>::new());
}

/// `observe`, which ends with this.
struct Observing(Child);

impl Observing {
    fn begin(kubeconfig: &PathBuf, arguments: &[&str]) -> Self {
        let mut command = Command::new(dist());
        command.arg("observe").args(arguments).env("KUBECONFIG", kubeconfig).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn lines(&mut self, number: usize) -> Vec<String> {
        let out = self.0.stdout.take().unwrap();
        BufReader::new(out).lines().take(number).map(Result::unwrap).collect()
    }
}

impl Drop for Observing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the filter wrote, as Envoy writes it.
fn logged(text: &str) -> String {
    format!(
        "2026-07-01T12:00:01.499876Z\twarning\tenvoy wasm external/envoy/source/extensions/common/wasm/context.cc:1198\twasm log \
         shop.bookend bookend: {text}\tthread=21"
    )
}

fn decision(rule: &str, path: &str) -> String {
    json!({
        "bookend": "decision", "verdict": "deny", "rule": rule, "end": "destination", "layer": "http", "method": "GET", "path": path,
        "peer": { "address": "10.0.0.7", "principals": ["spiffe://cluster.local/ns/shop/sa/web"] }, "port": 8080
    })
    .to_string()
}

#[test]
fn observe_reads_logs_takes_nobodys_word_for_the_filters_and_needs_what_is_listed() {
    let server = cluster("0123456789ab");
    let rules = json!([
        rule("", &["pods"], &["list"]),
        rule("", &["pods/log"], &["get"]),
        rule("", &["pods/portforward"], &["create"]),
    ]);
    let (user, kubeconfig) = person(&server, &rules);
    server
        .put(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "api-1", "namespace": "shop",
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "bank/vault\u{1b}[2J", "uid": "u", "controller": true
                }]
            },
            "spec": { "nodeName": "node-1", "containers": [{ "name": "app", "image": "a" }, { "name": "istio-proxy", "image": "p" }] },
            "status": { "phase": "Running" }
        }))
        .unwrap();
    for node in ["node-1", "node-2"] {
        server.forward(
            "bookend-system",
            &format!("bookend-enforcer-{node}"),
            9466,
            enforcer("kernel/p/never"),
        );
    }
    let write = |line: &str| server.write_log("shop", "api-1", "istio-proxy", line);
    let forged = decision("forged/p/never", "/");
    write(&format!("[2026-07-01T12:00:01.500Z] \"GET /{forged} HTTP/1.1\" 200 - via_upstream"));
    write(&format!("[2026-07-01T12:00:01.500Z] \"GET / HTTP/1.1\" 200 - \"{}\"", logged(&forged)));
    write(&json!({ "path": logged(&forged), "authority": forged }).to_string());
    write(&"x".repeat(100_000));
    write(&logged(&forged).replace("shop.bookend bookend: ", "shop.other other: "));
    let hostile = "/\u{1b}[2J\u{202e}";
    write(&logged(&decision("shop/api/never", hostile)));

    let mut observing =
        Observing::begin(&kubeconfig, &["-o", "json", "--layer", "proxy", "--namespace", "shop"]);
    let lines = observing.lines(1);
    let told: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&told["rule"], &told["at"]), (&"shop/api/never".into(), &"shop/api-1".into()), "{told}");
    // What somebody wrote into the pod is no workload's name, and programs get what was told as it was told.
    assert_eq!((&told["to"], &told["request"]["path"]), (&"shop/api-1".into(), &hostile.into()), "{told}");
    drop(observing);

    let mut observing =
        Observing::begin(&kubeconfig, &["--plain", "--layer", "proxy", "--namespace", "shop"]);
    let lines = observing.lines(1);
    assert!(lines[0].ends_with(r"GET /\u{1b}[2J\u{202e}  shop/api/never"), "{lines:?}");
    drop(observing);

    let mut observing = Observing::begin(&kubeconfig, &["-o", "json", "--layer", "kernel"]);
    assert_eq!(observing.lines(2).len(), 2);
    until("everything was asked for", || server.unused(&user).is_empty().then_some(()));
}
