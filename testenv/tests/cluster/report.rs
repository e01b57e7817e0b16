//! What nodes say of themselves, and the commands that show it (S121): the enforcer's report, `bookend status` and
//! `bookend observe`, over the real wire.

mod rights;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use bookend_cluster::{Access, Cluster};
use bookend_enforcer::health::Health;
use bookend_enforcer::report::{Known, Report};
use bookend_testenv::apiserver::ApiServer;
use serde_json::{Value, json};

/// More than anything takes, on a busy machine as well.
const LIMIT: Duration = Duration::from_secs(90);

fn server() -> ApiServer {
    let server = ApiServer::start().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cluster/crds");
    for entry in std::fs::read_dir(root).unwrap() {
        server.install_crds(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
    }
    server
}

fn until<T>(what: &str, mut so: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = so() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "{what} never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn status(server: &ApiServer, node: &str) -> Option<Value> {
    server.get("enforcers.bookend.dev", "", node)?.get("status").cloned()
}

#[test]
fn a_node_writes_its_enforcer_when_something_changed_and_again_after_an_outage() {
    let server = server();
    server.put(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-1" } })).unwrap();
    let uid = server.get("nodes", "", "node-1").unwrap()["metadata"]["uid"].clone();
    let path = server.kubeconfig_path().unwrap();
    let access = Access { kubeconfig: Some(path), ..Access::default() };
    let (reporter, reporters) = std::sync::mpsc::channel();
    let health = Health::default();
    let (reported, alive) = (health.clone(), health.clone());
    // As a daemon's loop does.
    std::thread::spawn(move || {
        loop {
            alive.turned();
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cluster = Cluster::connect(&access).await.unwrap();
            let (handle, report) = Report::new(cluster, "node-1", reported, None);
            reporter.send(handle).unwrap();
            report.run().await;
        });
    });
    let reporter = reporters.recv().unwrap();
    let known = |policies: &str| Known { policies: Some(policies.to_owned()), pods: 3, ..Known::default() };
    reporter.know(known("0123456789ab"));
    health.judged(Vec::new(), 3, 0);
    let has = |policies: &str| {
        let found = status(&server, "node-1").filter(|status| status["policies"] == policies);
        found.filter(|status| status["ready"] == true)
    };
    let first = until("the first report", || has("0123456789ab"));
    assert_eq!(
        (&first["pods"], &first["interfaces"], &first["conditions"][0]["status"]),
        (&3.into(), &3.into(), &"True".into())
    );
    let object = server.get("enforcers.bookend.dev", "", "node-1").unwrap();
    // It goes with its node.
    assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], uid);

    server.reset();
    for number in 0..200 {
        reporter.know(Known { pods: number, ..known("0123456789ab") });
        std::thread::sleep(Duration::from_millis(10));
    }
    until("the last of them", || status(&server, "node-1").filter(|status| status["pods"] == 199));
    let written =
        server.load().count("patch", "enforcers") + server.load().count("patch", "enforcers/status");
    assert!(written <= 3, "{written} reports of 200 changes");

    server.go_away();
    reporter.know(known("ba9876543210"));
    std::thread::sleep(Duration::from_secs(3));
    server.come_back();
    until("the report after the outage", || has("ba9876543210"));

    // Somebody deletes it; with the next change it is there again.
    server.delete("enforcers.bookend.dev", "", "node-1").unwrap();
    reporter.know(known("cc0000000000"));
    until("the report after it was deleted", || has("cc0000000000"));
}

fn dist() -> PathBuf {
    let dist = std::env::var_os("BOOKEND_DIST").map(PathBuf::from);
    dist.expect("`BOOKEND_DIST` must name the directory of the binaries; run scripts/test").join("bookend")
}

fn bookend(server: &ApiServer, arguments: &[&str]) -> Output {
    let mut command = Command::new(dist());
    command.args(arguments).env("KUBECONFIG", server.kubeconfig_path().unwrap()).output().unwrap()
}

/// A cluster of two nodes, one of which has the policies `second`.
fn cluster(second: &str) -> ApiServer {
    let server = server();
    let system = "bookend-system";
    let revision = "0123456789ab";
    for (node, policies) in [("node-1", revision), ("node-2", second)] {
        server
            .put(json!({
                "apiVersion": "bookend.dev/v1alpha1", "kind": "Enforcer", "metadata": { "name": node },
                "status": {
                    "version": "0.1.0", "policies": policies, "ready": true, "interfaces": 3, "unpoliced": 0, "pods": 3,
                    "proxies": [{ "revision": revision, "count": 2 }], "unreadableProxies": 0
                }
            }))
            .unwrap();
        server
            .put(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": format!("bookend-enforcer-{node}"), "namespace": system,
                    "labels": { "app.kubernetes.io/name": "bookend", "app.kubernetes.io/component": "enforcer" }
                },
                "spec": { "nodeName": node, "containers": [{ "name": "enforcer", "image": "x" }] },
                "status": { "phase": "Running" }
            }))
            .unwrap();
    }
    server
        .put(json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "bookend-enforcer", "namespace": system },
            "spec": {
                "selector": { "matchLabels": { "a": "b" } },
                "template": { "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "enforcer", "image": "x" }] } }
            },
            "status": { "desiredNumberScheduled": 2, "numberReady": 2, "currentNumberScheduled": 2, "numberMisscheduled": 0 }
        }))
        .unwrap();
    server
        .put(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "name": "bookend-controller", "namespace": system, "annotations": { "bookend.dev/policies": revision } },
            "spec": {}
        }))
        .unwrap();
    server
}

#[test]
fn status_is_fine_where_all_have_the_controllers_policies_and_names_who_has_not() {
    let fine = bookend(&cluster("0123456789ab"), &["status"]);
    let out = String::from_utf8_lossy(&fine.stdout);
    assert!(
        out.contains("policies 0123456789ab: 2 of 2 nodes, 4 of 4 proxies"),
        "{out}{}",
        String::from_utf8_lossy(&fine.stderr)
    );
    let server = cluster("ba9876543210");
    let skewed = bookend(&server, &["status", "-o", "json"]);
    assert_eq!(skewed.status.code(), Some(3));
    let answer: Value = serde_json::from_slice(&skewed.stdout).unwrap();
    assert_eq!(answer["nodes"], json!({ "enforced": 1, "total": 2 }));
    let problem =
        "node node-2: it has the policies ba9876543210, and 0123456789ab are those of the controller";
    assert!(answer["problems"].as_array().unwrap().contains(&problem.into()), "{answer:#}");
    // Nobody was asked but the API server, and that once for each kind.
    assert_eq!(server.load().count("list", "enforcers"), 1);
    assert_eq!(server.load().count("create", "pods/portforward"), 0);
}

/// An enforcer that tells of two decisions, and then waits.
fn enforcer(rule: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).unwrap();
            let asked = String::from_utf8_lossy(&asked[..length]).to_lowercase();
            assert!(
                asked.starts_with("get /events http/1.1\r\n") && asked.contains("host: localhost\r\n"),
                "{asked}"
            );
            let line = |verdict: &str| {
                let line = json!({
                    "kind": "verdict", "time": "2026-07-01T12:00:00.000000Z", "verdict": verdict, "reason": "rule", "rule": rule,
                    "workload": "shop/db", "direction": "to-workload", "protocol": "tcp", "localPort": 5432, "peer": "shop/web"
                });
                format!("{line}\n")
            };
            let body = line("allow") + &line("deny");
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
                body.len()
            )
            .unwrap();
            // It waits as long as anybody listens.
            std::thread::spawn(move || stream.read(&mut [0; 8]));
        }
    });
    address
}

#[test]
fn observe_tells_what_enforcers_decide_through_the_api_server_and_without_it() {
    let server = cluster("0123456789ab");
    for (node, rule) in [("node-1", "shop/one/never"), ("node-2", "shop/two/never")] {
        server.forward("bookend-system", &format!("bookend-enforcer-{node}"), 9466, enforcer(rule));
    }
    let told = |arguments: &[&str], number: usize| -> Vec<Value> {
        let mut command = Command::new(dist());
        command.args(["observe", "-o", "json", "--verdict", "deny"]).args(arguments).stdout(Stdio::piped());
        let mut child = command.env("KUBECONFIG", server.kubeconfig_path().unwrap()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.take(number).map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        told
    };
    let mut lines = told(&["--layer", "kernel"], 2);
    lines.sort_by_key(|line| line["at"].to_string());
    let [one, two] = lines.as_slice() else { unreachable!("two lines") };
    assert_eq!((&one["at"], &one["rule"]), (&"node-1".into(), &"shop/one/never".into()));
    assert_eq!((&two["at"], &two["rule"]), (&"node-2".into(), &"shop/two/never".into()));
    assert_eq!(
        (&one["from"], &one["to"], &one["port"]),
        (&"shop/web".into(), &"shop/db".into(), &5432.into())
    );
    let address = format!("http://{}", enforcer("alone/p/never"));
    assert_eq!(told(&["--enforcer", &address], 1)[0]["rule"], "alone/p/never");
}
