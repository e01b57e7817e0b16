//! The world's node with a real enforcer that follows an API server, and everything that asks it.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bookend_cluster::view::Filtered;
use bookend_objects::install::{ENFORCER, Installation};
use bookend_testenv::Attempt;
use bookend_testenv::apiserver::{ApiServer, User};
use bookend_testenv::demo::documents::{Documents, filter};
use bookend_testenv::namespace::Namespace;
use bookend_testenv::process::Process;
use bookend_testenv::requirement;
use bookend_testenv::world::World;
use bookend_testenv::world::topology::{APP_PORT, PROXY_UID, WORKLOADS, workload};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::pod::{Call, NODE, Pod, object_of, running};

/// More than anything takes, on a busy machine as well.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// How long a connection may take that is not dropped.
const DIAL: Duration = Duration::from_millis(1500);
/// The configuration that other plugins have left.
pub(super) const LIST: &str = "{\n  \"cniVersion\": \"1.0.0\",\n  \"name\": \"k8s\",\n  \"plugins\": [\n    { \"type\": \"ptp\" }\n  ]\n}\n";
/// The address of the node.
pub(super) const NODE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);

/// Everything, in the order in which it ends.
pub(super) struct Stage {
    enforcer: Option<Process>,
    starts: u32,
    pub(super) server: ApiServer,
    pub(super) world: World,
}

fn root() -> PathBuf {
    let current = std::env::current_dir().unwrap();
    let here = [current.as_path(), Path::new(env!("CARGO_MANIFEST_DIR"))];
    let mut above = here.into_iter().flat_map(Path::ancestors);
    above.find(|path| path.join("examples/bookinfo/policy.yaml").is_file()).unwrap().to_owned()
}

/// Waits until something is so.
pub(super) fn until(what: &str, mut so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "never came to be: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

/// Whether a TCP connection comes about, past whatever the pod itself redirects.
pub(super) fn dials(from: &Namespace, to: Ipv4Addr, port: u16) -> bool {
    dials_within(DIAL, from, to, port)
}

/// The same, within a time.
pub(super) fn dials_within(limit: Duration, from: &Namespace, to: Ipv4Addr, port: u16) -> bool {
    let to = SocketAddr::from((to, port));
    from.run_as(PROXY_UID, || TcpStream::connect_timeout(&to, limit).is_ok()).unwrap()
}

pub(super) fn address(key: &str) -> Ipv4Addr {
    workload(key).unwrap().ipv4()
}

impl Stage {
    /// A world whose node enforces Bookinfo's policy for all pods of it, as the API server tells.
    pub(super) fn begin() -> Self {
        let world = World::builder(env!("CARGO_BIN_EXE_bookend-demo")).build();
        Self::of(world.unwrap_or_else(|error| panic!("{error}")))
    }

    /// The same, with the filter of the same policy in all proxies.
    pub(super) fn begin_with_filters() -> Self {
        let compiled = Documents::bookinfo(&root()).compiled().unwrap();
        let module = requirement::artifact("bookend_filter.wasm").unwrap();
        let filter = filter(&module, &compiled).unwrap();
        let world = World::builder(env!("CARGO_BIN_EXE_bookend-demo")).filter(filter).build();
        Self::of(world.unwrap_or_else(|error| panic!("{error}")))
    }

    fn of(world: World) -> Self {
        let server = ApiServer::builder().namespace(world.node()).start().unwrap();
        for entry in std::fs::read_dir(root().join("cluster/crds")).unwrap() {
            server.install_crds(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        }
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": NODE },
            "status": { "addresses": [{ "type": "InternalIP", "address": NODE_ADDRESS }] },
        });
        server.put(node).unwrap();
        // As it is installed: it may what its roles say, and write about this node only.
        let image = || "registry.example/bookend@sha256:0".to_owned();
        let installation = Installation::new(Vec::new(), image(), Some(image()));
        for object in [installation.access(), installation.admission()].concat() {
            server.put(object).unwrap();
        }
        let mut stage = Self { enforcer: None, starts: 0, server, world };
        stage.tell_of_filters(true);
        stage.apply(&Self::policy());
        for directory in [stage.programs(), stage.path("net.d")] {
            std::fs::create_dir_all(directory).unwrap();
        }
        std::fs::write(stage.list(), LIST).unwrap();
        stage.start();
        until("the plugin is in the network configuration", || {
            std::fs::read_to_string(stage.list()).is_ok_and(|text| text.contains("bookend-cni"))
        });
        for workload in WORKLOADS {
            let uid = stage.put(object_of(workload));
            stage.add(workload.key, &uid).unwrap_or_else(|error| panic!("{error}\n{}", stage.said()));
        }
        stage
    }

    /// Bookinfo's policy, as it is shipped.
    pub(super) fn policy() -> String {
        std::fs::read_to_string(root().join("examples/bookinfo/policy.yaml")).unwrap()
    }

    /// Says whether the sidecars of the pods have a filter, as the controller does.
    pub(super) fn tell_of_filters(&self, sidecars: bool) {
        let (label, value) = Filtered::LABEL;
        let said = Filtered { sidecars, ..Filtered::default() };
        self.put(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "filtered.default", "namespace": "bookend-system", "labels": { label: value } },
            "data": said.data("default"),
        }));
    }

    /// Applies a document as an author does.
    pub(super) fn apply(&self, text: &str) {
        self.server.apply("author", serde_saphyr::from_str(text).unwrap()).unwrap();
    }

    /// Stores an object; its UID.
    pub(super) fn put(&self, object: Value) -> String {
        self.server.put(object).unwrap()["metadata"]["uid"].as_str().unwrap().to_owned()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.world.run().directory().join(name)
    }

    /// Where the node's runtime looks for plugins.
    pub(super) fn programs(&self) -> PathBuf {
        self.path("bin")
    }

    /// The network configuration of the node's runtime.
    pub(super) fn list(&self) -> PathBuf {
        self.path("net.d").join("10-net.conflist")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.path("enforcer")
    }

    fn options(&self) -> Vec<OsString> {
        let socket = self.path("run").join("cni.sock");
        let mut options: Vec<OsString> = Vec::new();
        let named: [(&str, PathBuf); 5] = [
            ("--pin-dir", self.world.run().pins()),
            ("--state-dir", self.state()),
            ("--cni-bin-dir", self.programs()),
            ("--cni-conf-dir", self.path("net.d")),
            ("--cni-socket", socket),
        ];
        for (option, path) in named {
            options.extend([option.into(), path.into()]);
        }
        options
    }

    /// Who the enforcer is, by the token of its pod.
    fn account() -> User {
        User::account("bookend-system", ENFORCER).on(NODE)
    }

    /// What the enforcer may do and has not done; but for Istio's kinds, of which there is none here, and for `create`, which this server
    /// does not ask of who applies what is not there.
    pub(super) fn unused(&self) -> Vec<String> {
        let mut unused = self.server.unused(&Self::account());
        unused.retain(|verb| !verb.ends_with(".istio.io") && verb != "create enforcers.bookend.dev");
        unused
    }

    /// Starts the enforcer without waiting.
    pub(super) fn launch(&mut self) {
        self.starts += 1;
        let kubeconfig = self.path("kubeconfig");
        let token = self.server.token_for(&Self::account());
        std::fs::write(&kubeconfig, self.server.kubeconfig_with(&token)).unwrap();
        let mut arguments: Vec<OsString> =
            ["run", "--kubernetes", "--node", NODE, "--filters", "bookend-system", "--cni-timeout", "5"]
                .map(OsString::from)
                .to_vec();
        let object = requirement::artifact("bookend_ebpf.o").unwrap();
        let named = [
            ("--kubeconfig", kubeconfig),
            ("--object", object),
            ("--listen", self.path("enforcer.sock")),
            ("--events", self.path("events.jsonl")),
            ("--ready-file", self.path("ready")),
        ];
        for (option, path) in named {
            arguments.extend([option.into(), path.into()]);
        }
        arguments.extend(self.options());
        self.enforcer = Some(self.program(&format!("enforcer-{}", self.starts), arguments));
    }

    /// Starts the enforcer and waits until it enforces.
    pub(super) fn start(&mut self) {
        self.launch();
        let ready = self.path("ready");
        let mut enforcer = self.enforcer.take().unwrap();
        enforcer.await_ready(LIMIT, || ready.exists()).unwrap_or_else(|error| panic!("{error}"));
        self.enforcer = Some(enforcer);
    }

    /// Kills the enforcer without a warning.
    pub(super) fn kill(&mut self) {
        let mut enforcer = self.enforcer.take().unwrap();
        enforcer.signal(Signal::SIGKILL).unwrap();
        enforcer.await_end(LIMIT).unwrap();
    }

    fn program(&self, name: &str, arguments: Vec<OsString>) -> Process {
        let program = requirement::artifact("bookend-enforcer").unwrap();
        self.world.start_on_node(name, program, arguments).unwrap()
    }

    /// Asks the enforcer to leave the node; whether it did, and what it said.
    pub(super) fn leave(&self) -> (bool, String) {
        let mut arguments = vec![OsString::from("leave")];
        arguments.extend(self.options());
        let mut leaving = self.program("leave", arguments);
        let ended = leaving.await_end(LIMIT).unwrap();
        (ended.success(), leaving.last_words())
    }

    /// Everything the enforcers have said.
    pub(super) fn said(&self) -> String {
        let logs = (1..=self.starts).map(|start| self.path(&format!("enforcer-{start}.log")));
        logs.map(|log| std::fs::read_to_string(log).unwrap_or_default()).collect()
    }

    /// Calls the plugin for a pod of the world, as its runtime does once the other plugins have wired it.
    pub(super) fn add(&self, key: &str, uid: &str) -> Result<String, Value> {
        let workload = workload(key).unwrap();
        let netns = self.world.run().namespace(key);
        let addresses = workload.addresses();
        let (namespace, pod) = (workload.namespace, workload.pod);
        Call { namespace, pod, uid, netns: &netns, addresses: &addresses }.make(self, "ADD")
    }

    /// Calls the plugin for another pod.
    pub(super) fn call(&self, command: &str, pod: &Pod) -> Result<String, Value> {
        let address = [IpAddr::V4(pod.address)];
        let netns = pod.namespace.name();
        Call { namespace: "default", pod: &pod.name, uid: &pod.uid, netns, addresses: &address }
            .make(self, command)
    }

    /// Writes the status of a pod, as its kubelet does at last.
    pub(super) fn tell_status(&self, namespace: &str, name: &str, addresses: &[IpAddr]) {
        let mut pod = self.server.get("pods", namespace, name).unwrap();
        pod["status"] = running(addresses);
        self.server.put(pod).unwrap();
    }

    /// Changes labels of a pod.
    pub(super) fn label(&self, name: &str, labels: &Value) {
        let metadata = json!({ "name": name, "namespace": "default", "labels": labels });
        self.server.patch(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata })).unwrap();
    }

    /// The network namespace of a pod of the world.
    pub(super) fn inside(&self, key: &str) -> &Namespace {
        self.world.pod(key).unwrap().namespace()
    }

    /// Whether a request reaches a workload's application, as the application of a pod makes it.
    pub(super) fn gets_through(&self, attempt: &Attempt) -> bool {
        self.world.attempt(attempt).unwrap_or_else(|error| panic!("{error}")).reached(attempt)
    }

    /// Whether a pod of the world reaches another's application port past its own proxy.
    pub(super) fn reaches(&self, from: &str, to: &str) -> bool {
        dials(self.inside(from), address(to), APP_PORT)
    }

    /// Asks the enforcer over HTTP: the status code, and the body.
    pub(super) fn ask(&self, path: &str) -> (u16, String) {
        let mut stream = UnixStream::connect(self.path("enforcer.sock")).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// What `/status` says.
    pub(super) fn status(&self) -> Value {
        let (code, body) = self.ask("/status");
        assert_eq!(code, 200, "{body}");
        // Chunked or not, the document is the object in it.
        let (from, to) = (body.find('{').unwrap(), body.rfind('}').unwrap());
        serde_json::from_str(&body[from..=to]).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// What the node says of itself to the cluster.
    pub(super) fn reported(&self) -> Option<Value> {
        self.server.get("enforcers.bookend.dev", "", NODE)?.get("status").cloned()
    }

    /// Traffic that must go on, whatever happens, beside traffic that never must get through.
    pub(super) fn traffic(&self) -> Traffic {
        let pair = |key: &str| Namespace::open(&self.world.run().namespace(key)).unwrap();
        Traffic::begin(vec![
            (pair("reviews-v2"), true),
            (pair("reviews-v1"), false),
            (pair("intruder"), false),
        ])
    }
}

/// Connections to the ratings, one after the other, by pods that always or never get one.
pub(super) struct Traffic {
    over: Arc<AtomicBool>,
    refused: Arc<AtomicU32>,
    threads: Vec<JoinHandle<(u32, Vec<String>)>>,
}

impl Traffic {
    fn begin(pairs: Vec<(Namespace, bool)>) -> Self {
        let (over, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let begin = |(from, wanted): (Namespace, bool)| {
            let (over, refused) = (Arc::clone(&over), Arc::clone(&refused));
            std::thread::spawn(move || {
                let (mut made, mut wrong) = (0, Vec::new());
                while !over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    if dials(&from, address("ratings"), APP_PORT) != wanted {
                        wrong.push(format!("{} reached the ratings: {}, {begun:?}", from.name(), !wanted));
                    }
                    made += 1;
                    match wanted {
                        true => std::thread::sleep(Duration::from_millis(20)),
                        false => drop(refused.fetch_add(1, Ordering::Relaxed)),
                    }
                }
                (made, wrong)
            })
        };
        let threads = pairs.into_iter().map(begin).collect();
        Self { over, refused, threads }
    }

    /// Waits until all of it went on for a while.
    pub(super) fn goes_on(&self) {
        let wanted = self.refused.load(Ordering::Relaxed) + 4;
        until("traffic goes on", || self.refused.load(Ordering::Relaxed) >= wanted);
    }

    /// Ends it; nothing may have been wrong.
    pub(super) fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let (made, wrong) = thread.join().unwrap();
            assert!(wrong.is_empty(), "{wrong:#?}");
            eprintln!("{made} connections were as they must be");
        }
    }
}
