//! A cluster of two namespaces with policies and one without, and controllers.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bookend_controller::ControllerOptions;
use bookend_objects::install::{CONTROLLER, Installation};
use bookend_testenv::apiserver::{ApiServer, User};
use clap::{Args as _, FromArgMatches as _};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// More than anything takes, on a busy machine as well.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Stage {
    pub(super) server: ApiServer,
    kubeconfig: PathBuf,
}

/// Who the controller is.
pub(super) fn account() -> User {
    User::account("bookend-system", CONTROLLER)
}

/// A controller; it ends when this is dropped.
pub(super) struct Controller {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stage {
    pub(super) fn begin() -> Self {
        let stage = Self::without_istio();
        for kind in ["wasmplugins", "trafficextensions", "envoyfilters"] {
            stage.install(&format!("testenv/schemas/istio/{kind}.yaml"));
        }
        stage
    }

    pub(super) fn without_istio() -> Self {
        let server = ApiServer::start().unwrap();
        let kubeconfig = server.kubeconfig_path().unwrap();
        // As it is installed: it may what its roles say, and nothing else.
        std::fs::write(&kubeconfig, server.kubeconfig_with(&server.token_for(&account()))).unwrap();
        let stage = Self { server, kubeconfig };
        let kinds = [
            "policies",
            "clusterpolicies",
            "networks",
            "hosts",
            "tiers",
            "reportings",
            "inventories",
            "enforcers",
        ];
        for kind in kinds {
            stage.install(&format!("cluster/crds/{kind}.yaml"));
        }
        let image = || "registry.example/bookend@sha256:0".to_owned();
        let installation = Installation::new(Vec::new(), image(), Some(image()));
        stage.object(installation.namespace());
        installation.access().into_iter().for_each(|object| stage.object(object));
        stage
    }

    fn install(&self, path: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        self.server.install_crds(&std::fs::read_to_string(root.join(path)).unwrap()).unwrap();
    }

    pub(super) fn object(&self, object: Value) {
        self.server.put(object).unwrap();
    }

    /// A shop with tills for clients, a bank with a vault, and a quiet place of which nobody says anything.
    pub(super) fn bookinfo(&self) {
        for name in ["shop", "bank", "quiet"] {
            self.object(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }));
        }
        self.pod("shop", "web-1", "web", "10.0.1.1");
        self.pod("bank", "till-1", "till", "10.0.3.1");
        self.pod("quiet", "idle-1", "idle", "10.0.5.1");
        self.object(policy("shop", "web", "POST"));
        self.object(policy("bank", "vault", "POST"));
    }

    /// A pod with a sidecar.
    pub(super) fn pod(&self, namespace: &str, name: &str, app: &str, address: &str) {
        self.object(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": namespace, "labels": { "app": app } },
            "spec": {
                "serviceAccountName": app,
                "nodeName": "node-1",
                "containers": [{ "name": "app", "image": "app" }, { "name": "istio-proxy", "image": "proxyv2:1.29.0", "args": ["proxy", "sidecar"] }],
            },
            "status": { "phase": "Running", "podIP": address, "podIPs": [{ "ip": address }] },
        }));
    }

    /// A controller of this name, at work.
    pub(super) fn controller(&self, name: &str) -> Controller {
        let command = ControllerOptions::augment_args(clap::Command::new("controller"));
        let image = format!("registry.example/bookend/filter@sha256:{}", "ab".repeat(32));
        let kubeconfig = self.kubeconfig.to_str().unwrap();
        let arguments = [
            "controller",
            "--identity",
            name,
            "--kubeconfig",
            kubeconfig,
            "--filter-image",
            &image,
            "--listen",
            "127.0.0.1:0",
            "--settle",
            "50ms",
            "--at-most-every",
            "100ms",
            "--drain",
            "1s",
            "--rely-after",
            "1s",
        ];
        let matches = command.try_get_matches_from(arguments).unwrap();
        let options = ControllerOptions::from_arg_matches(&matches).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    ended = bookend_controller::run(options) => ended.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Controller { stop: Some(stop), thread: Some(thread) }
    }

    /// What the proxies of a namespace get, once they get something.
    pub(super) fn plugin(&self, namespace: &str) -> Value {
        until("there is a plugin", || {
            self.server.get("wasmplugins.extensions.istio.io", namespace, "bookend")
        })
    }

    /// Waits until a condition of an object is so, and returns its message.
    pub(super) fn status(
        &self,
        plural: &str,
        namespace: &str,
        name: &str,
        kind: &str,
        status: &str,
    ) -> String {
        until(&format!("{kind} is {status}"), || {
            let object = self.server.get(plural, namespace, name)?;
            let conditions = object.pointer("/status/conditions")?.as_array()?.clone();
            let found = conditions.into_iter().find(|c| c["type"] == kind && c["status"] == status)?;
            found["message"].as_str().map(str::to_owned)
        })
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A policy that isolates its namespace, and lets the bank's tills ask with a method.
pub(super) fn policy(namespace: &str, name: &str, method: &str) -> Value {
    json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "Policy",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "isolate": [{ "workloads": {}, "directions": ["ingress"] }],
            "allow": [{
                "name": "till",
                "from": [{ "workloads": { "namespace": "bank", "labels": { "app": "till" } } }],
                "to": [{ "workloads": {} }],
                "http": [{ "methods": [method] }],
            }],
        },
    })
}

/// A configuration that says something.
pub(super) fn configuration() -> bookend_engine::Configuration {
    let text = policy("shop", "web", "GET").to_string();
    let compiled = bookend_lang::compile(&[bookend_lang::Source::new("web", text.as_bytes())]).unwrap();
    compiled.configuration()
}

/// Looks again until there is something.
pub(super) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it never was so: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
