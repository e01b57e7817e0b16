//! A node of a cluster: the real enforcer with the kernel's programs and the CNI plugin, told by an API server who runs there
//! and what they may (S100 to S109).

mod pod;
mod stage;

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use bookend_testenv::Attempt;
use bookend_testenv::world::topology::{APP_PORT, WORKLOADS, external};
use serde_json::json;

use pod::{Pod, object};
use stage::{LIST, NODE_ADDRESS, Stage, address, dials, dials_within, until};

/// An address of the node's range that nobody has.
const FREE: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 41);

fn reads_ratings(pod: &Pod) -> bool {
    dials(&pod.namespace, address("ratings"), APP_PORT)
}

/// How long a connection is waited for where time is taken.
const SOON: Duration = Duration::from_millis(100);

fn soon_reads_ratings(pod: &Pod) -> bool {
    dials_within(SOON, &pod.namespace, address("ratings"), APP_PORT)
}

#[test]
fn pods_are_policed_as_themselves_from_their_first_moment_to_their_last() {
    let stage = Stage::begin();
    // Nobody's status has an address yet: what the runtime said is enough.
    assert!(stage.server.list("pods").iter().all(|pod| pod["status"]["podIP"].is_null()));
    assert!(stage.reaches("reviews-v2", "ratings"), "{}", stage.said());
    assert!(!stage.reaches("reviews-v1", "ratings"));
    assert!(!stage.reaches("intruder", "ratings"));
    assert!(stage.reaches("productpage", "details"));
    assert!(!stage.reaches("productpage", "ratings"));
    for workload in WORKLOADS {
        stage.tell_status(workload.namespace, workload.pod, &workload.addresses());
    }
    let traffic = stage.traffic();

    // A pod comes. It gets nowhere before it is let in, and where its policy says at once afterwards.
    let labels = json!({ "app": "reviews", "version": "v3" });
    let uid = stage.put(object("late", "bookinfo-reviews", &labels, true));
    let late = Pod::wire(&stage, "late", &uid, FREE);
    assert!(!reads_ratings(&late));
    let begun = std::time::Instant::now();
    stage.call("ADD", &late).unwrap_or_else(|error| panic!("{error}\n{}", stage.said()));
    eprintln!("a pod was let in within {:?}", begun.elapsed());
    assert!(reads_ratings(&late));
    assert!(!dials(&late.namespace, address("details"), APP_PORT));
    assert!(stage.server.get("pods", "default", "late").unwrap()["status"]["podIP"].is_null());
    stage.tell_status("default", "late", &[FREE.into()]);

    // Its labels change, and change back.
    stage.label("late", &json!({ "version": "v1" }));
    let took = until("v1 is kept from the ratings", || !soon_reads_ratings(&late));
    eprintln!(
        "a changed label was enforced within {took:?}, of which {SOON:?} are a connection that is dropped"
    );
    assert!(!reads_ratings(&late));
    stage.label("late", &json!({ "version": "v2" }));
    let took = until("v2 reads the ratings", || soon_reads_ratings(&late));
    eprintln!("and back within {took:?}");

    // It ends, and somebody else gets its address.
    assert_eq!(stage.call("DEL", &late).unwrap(), "");
    late.unwire(&stage);
    let uid = stage.put(object("heir", "default", &json!({ "app": "heir" }), false));
    let heir = Pod::wire(&stage, "heir", &uid, FREE);
    stage.server.delete("pods", "default", "late").unwrap();
    stage.call("ADD", &heir).unwrap_or_else(|error| panic!("{error}\n{}", stage.said()));
    assert!(!reads_ratings(&heir), "what the one before might, it may not");
    assert!(stage.said().matches("is claimed by").count() <= 1);
    // The other way round: who may gets the address of somebody who might not.
    assert_eq!(stage.call("DEL", &heir).unwrap(), "");
    heir.unwire(&stage);
    stage.server.delete("pods", "default", "heir").unwrap();
    let uid = stage.put(object("third", "bookinfo-reviews", &labels, true));
    let third = Pod::wire(&stage, "third", &uid, FREE);
    stage.call("ADD", &third).unwrap_or_else(|error| panic!("{error}\n{}", stage.said()));
    assert!(reads_ratings(&third));
    traffic.end();
    // It may nothing that it does not do.
    until("everything that is granted was used", || stage.unused().is_empty());
    let (code, told) = stage.ask("/readyz");
    assert_eq!(code, 200, "{told}");
}

#[test]
fn a_pod_without_the_plugin_is_found_by_its_processes_and_one_of_the_hosts_network_is_its_node() {
    let stage = Stage::begin();
    let labels = json!({ "app": "reviews", "version": "v3" });
    // A pod that was there before the plugin: its status has its address, and its process a cgroup.
    let uid = stage.put(object("found", "bookinfo-reviews", &labels, true));
    stage.tell_status("default", "found", &[FREE.into()]);
    let found = Pod::wire(&stage, "found", &uid, FREE);
    let abroad = external("internet").unwrap().ipv4;
    assert!(dials(&found.namespace, abroad, 80), "nobody knows whose the interface is");
    let inhabitant = Inhabitant::of(&found.namespace, &uid);
    until("it is found", || !dials(&found.namespace, abroad, 80));
    assert!(reads_ratings(&found));
    assert!(!dials(&found.namespace, address("details"), APP_PORT));

    // One of the host's network says it were somebody who may. It is its node, which may not.
    let mut object = object("guest", "bookinfo-reviews", &labels, true);
    object["spec"]["hostNetwork"] = json!(true);
    let uid = stage.put(object);
    stage.tell_status("default", "guest", &[NODE_ADDRESS.into()]);
    let node = stage.world.node();
    node.ip(&format!("addr add {NODE_ADDRESS} dev lo\n")).unwrap();
    let guest = Inhabitant::of(node, &uid);
    let until_known = || stage.reported().is_some_and(|status| status["pods"] == WORKLOADS.len() + 1);
    until("all pods but the one of the host's network are counted as policed", until_known);
    assert!(!dials(node, address("ratings"), APP_PORT));
    stage.apply(
        "{ apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: { name: probes, namespace: default },\n  \
         spec: { allow: [{ name: probes, from: [{ entities: [node] }], to: [{ workloads: { labels: { app: ratings } } }], \
         ports: [9080] }] } }",
    );
    until("a rule lets the node in, and all of its network", || dials(node, address("ratings"), APP_PORT));
    assert!(!dials(node, address("details"), APP_PORT));
    let (code, told) = stage.ask("/readyz");
    assert_eq!(code, 200, "{told}");
    drop((inhabitant, guest));
}

#[test]
fn neither_an_invalid_edit_nor_an_outage_nor_a_restart_changes_what_is_enforced() {
    let mut stage = Stage::begin();
    for workload in WORKLOADS {
        stage.tell_status(workload.namespace, workload.pod, &workload.addresses());
    }
    let traffic = stage.traffic();
    traffic.goes_on();

    // What is stored, and cannot be understood.
    let mut broken = stage.server.get("policies.bookend.dev", "default", "bookinfo").unwrap();
    broken["spec"]["allow"][0]["ports"] = json!(["no port"]);
    stage.server.put(broken).unwrap();
    until("it is reported", || {
        stage.reported().is_some_and(|status| status["refused"].to_string().contains("bookinfo"))
    });
    assert!(stage.said().contains("of it stays in force"), "{}", stage.said());
    assert_eq!(stage.status()["enforcer"]["cluster"]["refusedObjects"], 1, "{}", stage.status());
    traffic.goes_on();

    // The API server goes away. It is told, and nothing else happens.
    assert_eq!(stage.status()["enforcer"]["cluster"]["followed"], true);
    stage.server.go_away();
    until("the outage is told", || stage.status()["enforcer"]["cluster"]["followed"] == false);
    let told = stage.status()["enforcer"]["cluster"].clone();
    assert!(told["error"].is_string() && told["failingSeconds"].is_u64(), "{told}");
    assert_eq!(stage.ask("/readyz").0, 200);
    traffic.goes_on();

    // The enforcer is killed meanwhile, and starts again without anybody to ask.
    stage.kill();
    traffic.goes_on();
    stage.launch();
    until("it answers", || stage.path("enforcer.sock").exists() && stage.said().contains("is not known yet"));
    traffic.goes_on();
    assert!(stage.ask("/readyz").1.contains("not known yet"), "{}", stage.ask("/readyz").1);
    // Nobody new is let in.
    let labels = json!({ "app": "reviews", "version": "v3" });
    let uid = stage.put(object("late", "bookinfo-reviews", &labels, true));
    let late = Pod::wire(&stage, "late", &uid, FREE);
    let failed = stage.call("ADD", &late).unwrap_err();
    assert_eq!(failed["code"], 11, "{failed}");
    assert!(!reads_ratings(&late));

    // It is back, with an invalid policy that this enforcer has never seen valid.
    stage.server.come_back();
    until("it is followed again", || stage.ask("/readyz").0 == 200);
    stage.call("ADD", &late).unwrap_or_else(|error| panic!("{error}\n{}", stage.said()));
    assert!(reads_ratings(&late));
    assert!(!dials(&late.namespace, address("details"), APP_PORT));
    traffic.goes_on();
    assert_eq!(stage.status()["enforcer"]["cluster"]["refusedObjects"], 1, "{}", stage.status());
    traffic.end();

    // It is mended, otherwise than it was.
    stage.apply(&Stage::policy().replace("values: [v2, v3]", "values: [v1]"));
    until("the edit is enforced", || !reads_ratings(&late) && stage.reaches("reviews-v1", "ratings"));
    until("it is no longer reported", || {
        stage.reported().is_some_and(|status| !status["refused"].to_string().contains("bookinfo"))
    });
}

#[test]
fn whoever_leaves_a_node_leaves_nothing_on_it() {
    let mut stage = Stage::begin();
    assert!(!stage.reaches("intruder", "ratings"));
    let (left, told) = stage.leave();
    assert!(!left && told.contains("another enforcer is running"), "{told}");
    assert!(!stage.reaches("intruder", "ratings"));
    stage.kill();
    assert!(!stage.reaches("intruder", "ratings"));
    let (left, told) = stage.leave();
    assert!(left, "{told}");
    assert!(stage.reaches("intruder", "ratings"));
    assert_eq!(std::fs::read_to_string(stage.list()).unwrap(), LIST);
    assert!(!stage.programs().join("bookend-cni").exists());
    assert!(!stage.world.run().pins().exists());
    let kept: Vec<_> = std::fs::read_dir(stage.state()).into_iter().flatten().flatten().collect();
    assert!(kept.is_empty() && !stage.state().exists(), "{kept:?}");
    assert!(!stage.path("run").exists());
    let tables = stage.world.node().command("nft", &["list", "tables"], "").unwrap();
    assert!(!tables.contains("bookend"), "{tables}");
}

/// A process of a pod, in the cgroup that a kubelet makes; gone when dropped.
struct Inhabitant {
    process: std::process::Child,
    cgroups: std::path::PathBuf,
    pod: String,
}

impl Inhabitant {
    fn of(namespace: &bookend_testenv::namespace::Namespace, uid: &str) -> Self {
        let roots =
            ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"].map(std::path::Path::new);
        let root = roots.into_iter().find(|root| root.join("cgroup.procs").exists());
        let root = root.unwrap_or_else(|| panic!("*** NOT TESTED: no cgroups are mounted ***"));
        let cgroups = root.join(format!("bkd-w-{}", std::process::id()));
        let pod = format!("kubepods/besteffort/pod{uid}/0123");
        std::fs::create_dir_all(cgroups.join(&pod)).unwrap();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace.name(), "sleep", "600"]).stdout(Stdio::null());
        let process = command.spawn().unwrap();
        std::fs::write(cgroups.join(&pod).join("cgroup.procs"), process.id().to_string()).unwrap();
        Self { process, cgroups, pod }
    }
}

impl Drop for Inhabitant {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let path = self.cgroups.join(&self.pod);
        for path in path.ancestors().take_while(|path| path.starts_with(&self.cgroups)) {
            let _ = std::fs::remove_dir(path);
        }
    }
}

#[test]
fn a_filter_and_the_kernel_before_it_decide_together_and_the_kernel_alone_where_there_is_no_filter() {
    let stage = Stage::begin_with_filters();
    let request = |from, method| Attempt::http(from, method, "ratings", "/ratings/1");
    assert!(stage.gets_through(&request("reviews-v2", "GET")), "{}", stage.said());
    // Only the filter can tell these apart, and only the kernel sees who comes past all proxies.
    assert!(!stage.gets_through(&request("reviews-v2", "DELETE")));
    assert!(stage.reaches("reviews-v2", "ratings") && !stage.reaches("reviews-v1", "ratings"));
    // The filters are gone, or the controller does not know: nobody could judge requests.
    stage.tell_of_filters(false);
    until("ratings are closed to what only a filter could judge", || !stage.reaches("reviews-v2", "ratings"));
    assert!(!stage.gets_through(&request("reviews-v2", "GET")));
    stage.tell_of_filters(true);
    until("ratings are open to who has a filter before them", || stage.reaches("reviews-v2", "ratings"));
    until("stars are shown again", || stage.gets_through(&request("reviews-v2", "GET")));
}
