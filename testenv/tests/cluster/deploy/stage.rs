//! A cluster of two nodes, a policy, and the command.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bookend_testenv::apiserver::ApiServer;
use serde_json::{Value, json};

/// A policy of the namespace `shop`.
pub(crate) const POLICY: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: web, namespace: shop }
spec:
  isolate:
  - workloads: {}
  allow:
  - name: visitors
    from: [{ entities: [world] }]
    to: [{ workloads: { labels: { app: web } } }]
    ports: [8080]
";

/// The enforcer's image.
const IMAGE: &str =
    "registry.example/enforcer@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

/// The server, a directory with a policy, and somebody who writes policies' status as the controller does.
pub(crate) struct Stage {
    pub(crate) server: Arc<ApiServer>,
    directory: PathBuf,
    over: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl Stage {
    pub(crate) fn begin() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let server = Arc::new(ApiServer::start().unwrap());
        server.node("node-a", "192.0.2.1").unwrap();
        server.node("node-b", "192.0.2.2").unwrap();
        server
            .put(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }))
            .unwrap();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("bookend-deploy-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("kubeconfig"), server.kubeconfig()).unwrap();
        std::fs::write(directory.join("policy.yaml"), POLICY).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let keeper = std::thread::spawn({
            let (server, over) = (Arc::clone(&server), Arc::clone(&over));
            move || keep(&server, &over)
        });
        Self { server, directory, over, keeper: Some(keeper) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// `deploy` with what is installed, and more.
    pub(crate) fn install<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["deploy", "--enforcer-image", IMAGE];
        arguments.extend(more);
        arguments
    }

    /// Runs the command in the directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.end(Command::new(dist().join("bookend")).args(arguments))
    }

    /// Runs a line of a shell there, with the command in its path and the images in variables.
    pub(crate) fn shell(&self, line: &str) -> Ended {
        let path = format!("{}:/usr/bin:/bin", dist().display());
        let filter = IMAGE.replace("enforcer", "filter");
        self.end(
            Command::new("sh")
                .args(["-c", line])
                .env("PATH", path)
                .env("enforcer", IMAGE)
                .env("filter", filter),
        )
    }

    fn end(&self, command: &mut Command) -> Ended {
        let output = command.env("KUBECONFIG", self.path("kubeconfig")).current_dir(&self.directory).output();
        let output = output.expect("bookend runs");
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            error: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it; it must succeed. Returns what it printed.
    pub(crate) fn fine(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}\n{}\n{}", ended.out, ended.error);
        ended.out
    }

    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.server.get(plural, namespace, name)
    }

    /// The versions of everything that is deployed but the ledger.
    pub(crate) fn revisions(&self) -> BTreeMap<String, Value> {
        let mut revisions = self.everything();
        revisions.retain(|key, _| !key.ends_with("/bookend-deploy"));
        revisions
    }

    /// Generation and labels of every object that may be deployed, by kind, namespace and name.
    pub(crate) fn everything(&self) -> BTreeMap<String, Value> {
        let kinds = [
            "customresourcedefinitions.apiextensions.k8s.io",
            "namespaces",
            "serviceaccounts",
            "clusterroles.rbac.authorization.k8s.io",
            "clusterrolebindings.rbac.authorization.k8s.io",
            "roles.rbac.authorization.k8s.io",
            "rolebindings.rbac.authorization.k8s.io",
            "validatingadmissionpolicies.admissionregistration.k8s.io",
            "validatingadmissionpolicybindings.admissionregistration.k8s.io",
            "daemonsets.apps",
            "deployments.apps",
            "poddisruptionbudgets.policy",
            "configmaps",
            "policies.bookend.dev",
        ];
        let mut found = BTreeMap::new();
        for kind in kinds {
            for object in self.server.list(kind) {
                let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
                let key = format!("{kind} {}/{}", text("namespace"), text("name"));
                found.insert(key, json!([object["metadata"]["generation"], object["spec"], object["rules"]]));
            }
        }
        found
    }
}

fn dist() -> PathBuf {
    let dist = std::env::var_os("BOOKEND_DIST").map(PathBuf::from);
    dist.expect("`BOOKEND_DIST` must name the directory of the binaries; run scripts/test")
}

/// Says of every policy that it is enforced, as the controller does.
fn keep(server: &ApiServer, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        for policy in server.list("policies.bookend.dev") {
            let generation = policy["metadata"]["generation"].clone();
            if policy["status"]["observedGeneration"] == generation {
                continue;
            }
            let condition = |name: &str| json!({ "type": name, "status": "True", "reason": name, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
            let told = json!({
                "apiVersion": "bookend.dev/v1alpha1", "kind": "Policy",
                "metadata": { "name": policy["metadata"]["name"], "namespace": policy["metadata"]["namespace"] },
                "status": {
                    "observedGeneration": generation,
                    "nodes": { "enforced": 2, "total": 2 }, "proxies": { "enforced": 0, "total": 0 },
                    "conditions": [condition("Accepted"), condition("Enforced")],
                },
            });
            // It may be gone again.
            let _ = server.patch(told);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
