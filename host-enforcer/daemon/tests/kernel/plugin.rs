//! The CNI plugin, called as a runtime calls it.

use crate::namespace::Namespace;
use crate::traffic::{connects, never_connects, until};
use crate::world::{World, store4};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Stdio};

/// What the plugins before it gave the late workload.
fn result(addresses: &[&str]) -> Value {
    let ips: Vec<Value> =
        addresses.iter().map(|address| json!({ "address": address, "interface": 1 })).collect();
    json!({
        "cniVersion": "1.0.0", "ips": ips, "dns": {},
        "interfaces": [{ "name": "h" }, { "name": "eth0", "sandbox": "/run/netns/x" }],
    })
}

const LATE: [&str; 2] = ["10.77.3.2/24", "fd77:3::2/64"];

/// A runtime on the host of a world.
struct Runtime<'w> {
    world: &'w World,
    socket: PathBuf,
}

impl<'w> Runtime<'w> {
    fn new(world: &'w World) -> Self {
        Self { world, socket: world.path("cni.sock") }
    }

    /// Begins a call about a pod in a namespace.
    fn begin(
        &self,
        command: &str,
        pod: &str,
        netns: &Namespace,
        timeout: u64,
        result: Option<&Value>,
    ) -> Child {
        let mut configuration = json!({
            "cniVersion": "1.0.0", "name": "k8s", "type": "bookend-cni", "socket": self.socket, "timeoutSeconds": timeout,
        });
        if let Some(result) = result {
            configuration["prevResult"] = result.clone();
        }
        let mut call = self.world.host.command(env!("CARGO_BIN_EXE_bookend-cni"));
        call.env("CNI_COMMAND", command).env("CNI_CONTAINERID", format!("sandbox-{pod}"));
        call.env("CNI_NETNS", format!("/run/netns/{}", netns.0))
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", "/opt/cni/bin");
        call.env(
            "CNI_ARGS",
            format!("IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod};K8S_POD_UID={pod}-uid"),
        );
        let mut child = call.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(configuration.to_string().as_bytes()).unwrap();
        child
    }

    fn call(
        &self,
        command: &str,
        pod: &str,
        netns: &Namespace,
        result: Option<&Value>,
    ) -> Result<String, Value> {
        ended(self.begin(command, pod, netns, 1, result))
    }
}

/// What became of a call: what was printed, or the error object.
fn ended(child: Child) -> Result<String, Value> {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    match output.status.success() {
        true => Ok(text),
        false => Err(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))),
    }
}

fn listening(world: &mut World) {
    let socket = world.path("cni.sock");
    world.enforce_so(&[], &["--cni-socket", socket.to_str().unwrap()]);
    until("the plugin is heard", || socket.exists());
}

/// The inventory of the world without the late workload, and with all.
fn inventories(world: &World) -> (String, String) {
    let all = std::fs::read_to_string(world.path("inventory.yaml")).unwrap();
    let late = all.find("  - name: late").unwrap();
    (all[..late].to_owned(), all)
}

#[test]
fn a_pod_is_held_until_it_is_policed_as_itself_and_what_was_done_before_is_passed_on() {
    let Some(mut world) = World::new() else { return };
    let (without, with) = inventories(&world);
    world.write("inventory.yaml", &without);
    listening(&mut world);
    world.plug_late();
    let given = result(&LATE);
    // Nobody knows it: the time runs out, and the pod fails rather than starts open.
    let failed = Runtime::new(&world).call("ADD", "late", &world.late, Some(&given)).unwrap_err();
    assert_eq!(failed["code"], 11, "{failed}");
    let told = failed["msg"].as_str().unwrap();
    assert!(told.contains("`default/late` was not policed at `h-late` within 1 seconds"), "{told}");
    assert!(told.contains("do not know the pod yet"), "{told}");
    // It becomes known while it waits.
    let waiting = Runtime::new(&world).begin("ADD", "late", &world.late, 60, Some(&given));
    world.write("inventory.yaml", &with);
    let printed = ended(waiting).unwrap();
    assert_eq!(printed, given.to_string());
    assert!(never_connects(&world.late, &world.store, store4(), 5432), "policed when it is let in");
    assert!(connects(&world.web, &world.store, store4(), 5432));
    let runtime = Runtime::new(&world);
    assert_eq!(runtime.call("CHECK", "late", &world.late, Some(&given)), Ok(String::new()));
    // Addresses that the policies do not know are not the pod's yet.
    let other = result(&["10.77.3.99/24"]);
    let failed = runtime.call("ADD", "late", &world.late, Some(&other)).unwrap_err();
    assert!(failed["msg"].as_str().unwrap().contains("do not know the pod's addresses yet"), "{failed}");
    // Another pod is never behind the same interface.
    let failed = runtime.call("ADD", "other", &world.late, Some(&given)).unwrap_err();
    assert_eq!(failed["code"], 101, "{failed}");
    assert!(
        failed["msg"].as_str().unwrap().contains("led to the pod with the UID late-uid before"),
        "{failed}"
    );
    for _ in 0..2 {
        assert_eq!(runtime.call("DEL", "late", &world.late, Some(&given)), Ok(String::new()));
    }
    // Gone for the runtime: now it may be.
    let failed = runtime.call("ADD", "other", &world.late, Some(&other)).unwrap_err();
    assert_eq!(failed["code"], 11, "{failed}");
}

#[test]
fn two_pods_that_come_at_once_are_each_let_in() {
    let Some(mut world) = World::new() else { return };
    listening(&mut world);
    world.plug_late();
    let runtime = Runtime::new(&world);
    let late = result(&LATE);
    let web = result(&["10.77.1.2/24", "fd77:1::2/64"]);
    let both = [
        runtime.begin("ADD", "late", &world.late, 30, Some(&late)),
        runtime.begin("ADD", "web", &world.web, 30, Some(&web)),
    ];
    for child in both {
        ended(child).unwrap();
    }
}

#[test]
fn an_address_that_passes_to_another_pod_is_policed_as_that_pods() {
    let Some(mut world) = World::new() else { return };
    let (without, with) = inventories(&world);
    world.write("inventory.yaml", &without);
    listening(&mut world);
    // The address of `web`, which is gone, behind another interface.
    world.host.ip("link del h-web");
    let reused = format!(
        "{without}  - name: late\n    namespace: default\n    labels: {{ app: late }}\n    proxy: false\n    \
         instances: [{{ addresses: [10.77.1.2], interface: h-late }}]\n"
    );
    let reused =
        reused.replacen("10.77.1.2, \"fd77:1::2\"], interface: h-web", "10.77.9.9], interface: h-web", 1);
    assert!(with.contains("h-late") && reused.contains("10.77.9.9"));
    world.host.ip(&format!("link add h-late type veth peer name eth0 netns {}", world.late.0));
    world.host.ip("addr add 10.77.1.1/24 dev h-late");
    world.host.ip("link set h-late up");
    world.late.ip("addr add 10.77.1.2/24 dev eth0");
    world.late.ip("link set eth0 up");
    world.late.ip("route add default via 10.77.1.1");
    let waiting =
        Runtime::new(&world).begin("ADD", "late", &world.late, 60, Some(&result(&["10.77.1.2/24"])));
    world.write("inventory.yaml", &reused);
    ended(waiting).unwrap();
    assert!(never_connects(&world.late, &world.store, store4(), 5432), "what web might, late may not");
}

#[test]
fn without_an_enforcer_nothing_starts_and_everything_ends() {
    let Some(mut world) = World::new() else { return };
    listening(&mut world);
    world.plug_late();
    let given = result(&LATE);
    let status = |world: &World| Runtime::new(world).call("STATUS", "late", &world.late, None);
    assert_eq!(status(&world), Ok(String::new()));
    assert!(world.signal("STOP"));
    let failed = Runtime::new(&world).call("ADD", "late", &world.late, Some(&given)).unwrap_err();
    assert_eq!(failed["code"], 11, "{failed}");
    assert!(failed["msg"].as_str().unwrap().contains("does not answer"), "{failed}");
    assert!(world.signal("CONT"));
    Runtime::new(&world).call("ADD", "late", &world.late, Some(&given)).unwrap();
    world.kill();
    for command in ["ADD", "CHECK"] {
        let failed = Runtime::new(&world).call(command, "late", &world.late, Some(&given)).unwrap_err();
        assert_eq!(failed["code"], 11, "{failed}");
        assert!(failed["msg"].as_str().unwrap().contains("no enforcer listens"), "{failed}");
        assert!(failed["details"].as_str().unwrap().contains("bookend-enforcer leave"), "{failed}");
    }
    assert!(status(&world).is_err());
    assert_eq!(Runtime::new(&world).call("DEL", "late", &world.late, None), Ok(String::new()));
    // The next enforcer knows at once what the last one was told.
    let kept = std::fs::read_to_string(world.path("attachments.json")).unwrap();
    assert!(kept.contains("late-uid"), "{kept}");
    listening(&mut world);
    Runtime::new(&world).call("CHECK", "late", &world.late, Some(&given)).unwrap();
}

#[test]
fn what_has_no_side_on_the_host_is_refused_and_not_let_in() {
    let Some(mut world) = World::new() else { return };
    listening(&mut world);
    world.host.ip("link add low type veth peer name lower");
    world.host.ip("link set low up");
    world.host.ip(&format!("link add link low name eth0 netns {} type macvlan mode bridge", world.late.0));
    world.late.ip("addr add 10.77.3.2/24 dev eth0");
    let runtime = Runtime::new(&world);
    let failed = runtime.call("ADD", "late", &world.late, Some(&result(&["10.77.3.2/24"]))).unwrap_err();
    assert_eq!(failed["code"], 101, "{failed}");
    assert!(failed["msg"].as_str().unwrap().contains("of the kind macvlan"), "{failed}");
    let failed = runtime.call("ADD", "late", &world.host, Some(&result(&["10.77.3.2/24"]))).unwrap_err();
    assert!(failed["msg"].as_str().unwrap().contains("network of the host itself"), "{failed}");
}
