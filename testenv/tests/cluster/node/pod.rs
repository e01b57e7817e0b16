//! Pods of a node as a kubelet and a runtime make them: an object, a namespace on a wire, a call of the CNI plugin.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bookend_testenv::namespace::{self, Namespace};
use bookend_testenv::world::topology::{HOST_MAC, NEXT_HOP_V4, Proxy, Workload, mac_text};
use serde_json::{Value, json};

use super::stage::Stage;

/// The name of the node.
pub(super) const NODE: &str = "node";

/// A pod that comes and goes.
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) address: Ipv4Addr,
    pub(super) namespace: Namespace,
    interface: String,
}

/// An object of a pod that has been given to the node, and of which no kubelet has said anything.
pub(super) fn object(name: &str, account: &str, labels: &Value, proxied: bool) -> Value {
    let (mut containers, mut init) = (vec![json!({ "name": "app", "image": "app" })], Vec::new());
    if proxied {
        let capture = ["istio-iptables", "-m", "REDIRECT", "-b", "*", "-d", "15090,15021,15020"];
        init.push(json!({ "name": "istio-init", "image": "proxyv2:1.29.0", "args": capture }));
        containers
            .push(json!({ "name": "istio-proxy", "image": "proxyv2:1.29.0", "args": ["proxy", "sidecar"] }));
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "default", "labels": labels },
        "spec": { "nodeName": NODE, "serviceAccountName": account, "containers": containers, "initContainers": init },
        "status": { "phase": "Pending" },
    })
}

/// The object of a workload of the world.
pub(super) fn object_of(workload: &Workload) -> Value {
    let labels: Value =
        workload.labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let mut object = object(workload.pod, workload.service_account, &labels, workload.proxy != Proxy::None);
    object["metadata"]["namespace"] = json!(workload.namespace);
    object
}

/// What a kubelet adds once the pod runs.
pub(super) fn running(addresses: &[IpAddr]) -> Value {
    let all: Vec<Value> = addresses.iter().map(|address| json!({ "ip": address })).collect();
    json!({ "phase": "Running", "podIP": addresses[0], "podIPs": all })
}

impl Pod {
    /// Makes the wires of a pod, as the plugins before Bookend's do.
    pub(super) fn wire(stage: &Stage, name: &str, uid: &str, address: Ipv4Addr) -> Self {
        let full = stage.world.run().namespace(name);
        namespace::add(std::slice::from_ref(&full)).unwrap();
        let namespace = Namespace::open(&full).unwrap();
        let mac = [0x02, 0x42, 0x0a, 0xf4, 0x01, address.octets()[3]];
        let (host, own) = (mac_text(HOST_MAC), mac_text(mac));
        let interface = format!("w-{name}");
        let mut lines = String::new();
        let _ = writeln!(
            lines,
            "link add {interface} address {host} type veth peer name eth0 address {own} netns {full}\n\
             link set {interface} up\n\
             neigh replace {address} lladdr {own} nud permanent dev {interface}\n\
             route replace {address} dev {interface}"
        );
        stage.world.node().ip(&lines).unwrap();
        let inside = format!(
            "link set lo up\nlink set eth0 up\naddr add {address} dev eth0\n\
             neigh add {NEXT_HOP_V4} lladdr {host} nud permanent dev eth0\n\
             route add 0.0.0.0/0 via {NEXT_HOP_V4} dev eth0 onlink\n"
        );
        namespace.ip(&inside).unwrap();
        Self { name: name.to_owned(), uid: uid.to_owned(), address, namespace, interface }
    }

    /// Takes the wires away, as a runtime does with a sandbox.
    pub(super) fn unwire(self, stage: &Stage) {
        stage.world.node().ip(&format!("link del {}\n", self.interface)).unwrap();
        let name = self.namespace.name().to_owned();
        drop(self.namespace);
        namespace::remove(&[name]).unwrap();
    }
}

/// What is said of a pod when the plugin is called.
pub(super) struct Call<'a> {
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
    pub(super) uid: &'a str,
    /// The name of its network namespace.
    pub(super) netns: &'a str,
    pub(super) addresses: &'a [IpAddr],
}

impl Call<'_> {
    /// Begins a call of the plugin that the enforcer has installed, with the configuration that it has installed.
    pub(super) fn begin(&self, stage: &Stage, command: &str) -> Child {
        let list: Value = serde_json::from_str(&std::fs::read_to_string(stage.list()).unwrap()).unwrap();
        let plugins = list["plugins"].as_array().unwrap();
        let mut configuration = plugins.last().unwrap().clone();
        assert_eq!(configuration["type"], "bookend-cni", "{list}");
        configuration["cniVersion"] = list["cniVersion"].clone();
        configuration["name"] = list["name"].clone();
        let ips: Vec<Value> = self
            .addresses
            .iter()
            .map(|address| json!({ "address": format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 }), "interface": 1 }))
            .collect();
        configuration["prevResult"] = json!({
            "cniVersion": list["cniVersion"], "ips": ips, "dns": {},
            "interfaces": [{ "name": "host" }, { "name": "eth0", "sandbox": format!("/run/netns/{}", self.netns) }],
        });
        let program: PathBuf = stage.programs().join("bookend-cni");
        let mut call = Command::new("ip");
        call.args(["netns", "exec", stage.world.node().name()]).arg(program);
        call.env("CNI_COMMAND", command).env("CNI_CONTAINERID", format!("sandbox-{}", self.uid));
        call.env("CNI_NETNS", format!("/run/netns/{}", self.netns)).env("CNI_IFNAME", "eth0");
        call.env("CNI_PATH", stage.programs()).env(
            "CNI_ARGS",
            format!(
                "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={};K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_UID={}",
                self.namespace, self.pod, self.uid
            ),
        );
        let mut child =
            call.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        serde_json::to_writer(input, &configuration).unwrap();
        child
    }

    /// Calls the plugin; what it printed, or what it said against it.
    pub(super) fn make(&self, stage: &Stage, command: &str) -> Result<String, Value> {
        let output = self.begin(stage, command).wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        match output.status.success() {
            true => Ok(text),
            false => Err(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))),
        }
    }
}
