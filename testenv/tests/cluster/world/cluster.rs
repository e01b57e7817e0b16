//! The world as objects of a cluster, and proxies that follow them as the enforcer and the controller do: by a view.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bookend_cluster::view::{Filters, Follower, Outlook};
use bookend_cluster::{Access, Cluster as Connection};
use bookend_testenv::apiserver::ApiServer;
use bookend_testenv::demo::documents::filter;
use bookend_testenv::http::Request;
use bookend_testenv::world::topology::{APP_PORT, Proxy, WORKLOADS, Workload, workload};
use bookend_testenv::{Act, Attempt, Filter, Target, World};
use serde_json::{Value, json};

/// More than anything takes, on a busy machine as well.
const LIMIT: Duration = Duration::from_secs(60);
/// How long is waited for news before it is looked whether all is as it should be.
const MOMENT: Duration = Duration::from_millis(200);

const CRDS: [&str; 7] =
    ["policies", "clusterpolicies", "networks", "hosts", "tiers", "reportings", "inventories"];

/// A world that an API server tells about.
pub(super) struct Cluster {
    world: World,
    pub(super) server: ApiServer,
    runtime: tokio::runtime::Runtime,
    follower: Follower,
    policy: String,
    module: PathBuf,
}

/// The checkout.
fn root() -> PathBuf {
    let current = std::env::current_dir().unwrap();
    let here = [current.as_path(), Path::new(env!("CARGO_MANIFEST_DIR"))];
    let mut above = here.into_iter().flat_map(Path::ancestors);
    above.find(|path| path.join("examples/bookinfo/policy.yaml").is_file()).unwrap().to_owned()
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// The object of a workload's pod, as a kubelet has written its status.
fn pod(workload: &Workload, name: &str, labels: &Value) -> Value {
    let mut containers = vec![json!({ "name": "app", "image": "app" })];
    if workload.proxy != Proxy::None {
        containers
            .push(json!({ "name": "istio-proxy", "image": "proxyv2:1.29.0", "args": ["proxy", "sidecar"] }));
    }
    let addresses: Vec<_> = workload.addresses().iter().map(|address| json!({ "ip": address })).collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": workload.namespace, "labels": labels },
        "spec": { "nodeName": "node", "serviceAccountName": workload.service_account, "containers": containers },
        "status": { "phase": "Running", "podIP": workload.ipv4(), "podIPs": addresses },
    })
}

fn labels(workload: &Workload) -> Value {
    workload.labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect()
}

fn put_policy(server: &ApiServer, text: &str) {
    server.apply("author", serde_saphyr::from_str(text).unwrap()).unwrap();
}

impl Cluster {
    /// Starts the API server with everything that the world consists of, and the world with what it says.
    pub(super) fn begin() -> Self {
        let server = ApiServer::start().unwrap();
        for kind in CRDS {
            server.install_crds(&read(&format!("cluster/crds/{kind}.yaml"))).unwrap();
        }
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node" },
            "status": { "addresses": [{ "type": "InternalIP", "address": "10.244.0.1" }] },
        });
        // Reviews share a service account: only where they come from tells them apart.
        let facts = json!({
            "apiVersion": "bookend.dev/v1alpha1", "kind": "Inventory", "metadata": { "name": "cluster" },
            "spec": { "trustAddresses": true },
        });
        for object in [node, facts] {
            server.put(object).unwrap();
        }
        for workload in WORKLOADS {
            server.put(pod(workload, workload.pod, &labels(workload))).unwrap();
        }
        let policy = read("examples/bookinfo/policy.yaml");
        put_policy(&server, &policy);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let access = Access { kubeconfig: Some(server.kubeconfig_path().unwrap()), context: None };
        let mut follower = runtime.block_on(async {
            let connection = Connection::connect(&access).await.unwrap();
            let filters = Filters::Everywhere;
            Follower::start(&connection, &Outlook { filters, ..Outlook::default() })
        });
        let dist = std::env::var_os("BOOKEND_DIST").map_or_else(|| root().join("target/dist"), PathBuf::from);
        let module = dist.join("bookend_filter.wasm");
        let end = Instant::now() + LIMIT;
        let first = loop {
            if let Some(filter) = runtime.block_on(news(&mut follower, &module)) {
                break filter;
            }
            assert!(Instant::now() < end, "nothing was told of {:?}", follower.unlisted());
        };
        let world = World::builder(env!("CARGO_BIN_EXE_bookend-demo")).filter(first).build();
        let world = world.unwrap_or_else(|error| panic!("{error}"));
        Self { world, server, runtime, follower, policy, module }
    }

    /// Gives the proxies what was told, if anything was.
    pub(super) fn let_pass(&mut self) {
        if let Some(filter) = self.runtime.block_on(news(&mut self.follower, &self.module)) {
            self.world.reconfigure(&filter).unwrap();
        }
    }

    /// Follows until a pod does or does not get stars.
    pub(super) fn until_it_reads_ratings(&mut self, from: &'static str, wanted: bool) {
        let end = Instant::now() + LIMIT;
        while self.reads_ratings(from) != wanted {
            assert!(Instant::now() < end, "`{from}` reads ratings: {wanted}; it never was so");
            self.let_pass();
        }
    }

    /// Whether a request for stars gets through, as the application of a pod makes it.
    pub(super) fn reads_ratings(&self, from: &'static str) -> bool {
        self.reached(&Attempt::http(from, "GET", "ratings", "/ratings/1"))
    }

    /// The same past all sidecars of the sender.
    pub(super) fn dials_ratings(&self, from: &'static str) -> bool {
        let to = (workload("ratings").unwrap().ipv4(), APP_PORT).into();
        let request = Request::get("ratings:9080", "/ratings/1");
        self.reached(&Attempt::around_the_proxy(from, Act::Http { to: Target::Address(to), request }))
    }

    fn reached(&self, attempt: &Attempt) -> bool {
        let observation = self.world.attempt(attempt).unwrap_or_else(|error| panic!("{error}"));
        observation.reached(attempt)
    }

    /// Changes labels of a pod.
    pub(super) fn label(&self, key: &str, labels: &Value) {
        let workload = workload(key).unwrap();
        let metadata = json!({ "name": workload.pod, "namespace": workload.namespace, "labels": labels });
        self.server.patch(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata })).unwrap();
    }

    /// Deletes a pod's object.
    pub(super) fn vanish(&self, key: &str) {
        let workload = workload(key).unwrap();
        self.server.delete("pods", workload.namespace, workload.pod).unwrap();
    }

    /// Makes a pod's object again.
    pub(super) fn appear(&self, key: &str) {
        let workload = workload(key).unwrap();
        self.appear_as(key, workload.pod, &labels(workload));
    }

    /// Makes an object with the addresses of a pod, under another name and with other labels.
    pub(super) fn appear_as(&self, key: &str, name: &str, labels: &Value) {
        self.server.put(pod(workload(key).unwrap(), name, labels)).unwrap();
    }

    /// Replaces a part of the policy.
    pub(super) fn edit(&mut self, from: &str, to: &str) {
        assert!(self.policy.contains(from), "`{from}` is not in the policy");
        self.policy = self.policy.replace(from, to);
        put_policy(&self.server, &self.policy);
    }
}

/// What the filters get after what was told within a moment; nothing if nothing was.
async fn news(follower: &mut Follower, module: &Path) -> Option<Filter> {
    let change = tokio::time::timeout(MOMENT, follower.changed()).await.ok()?;
    if !change.view {
        return None;
    }
    let compiled = follower.view().compile(&[]).unwrap_or_else(|refusal| panic!("{refusal}"));
    Some(filter(module, compiled).unwrap())
}
