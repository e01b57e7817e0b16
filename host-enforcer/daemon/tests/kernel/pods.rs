//! Which pods are found on a host, and where: real processes in real cgroups, in namespaces of this test.

use crate::artifact::object;
use crate::namespace::Namespace;
use crate::traffic::until;
use bookend_enforcer::attachment::{Attachment, Obstacle, Side, look};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;

/// The UID of a pod of this test: processes of other tests are on the same machine.
fn uid(name: &str, number: u32) -> String {
    let test = name.bytes().fold(0_u32, |sum, byte| sum * 31 + u32::from(byte)) & 0xffff;
    format!("{number:08x}-{test:04x}-4c5d-9e8f-{:012x}", std::process::id())
}

/// A host whose pods have cgroups of their own; all of it gone when dropped.
struct Ground {
    host: Namespace,
    id: String,
    cgroups: PathBuf,
    made: Vec<PathBuf>,
    processes: Vec<Child>,
}

impl Ground {
    fn new(name: &str) -> Option<Self> {
        object()?;
        let id = format!("bkd-p-{name}-{}", std::process::id());
        // Version 2, or one of version 1 that every machine has.
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"].map(Path::new);
        let root = roots.into_iter().find(|root| root.join("cgroup.procs").exists());
        let cgroups = root.unwrap_or_else(|| panic!("*** NOT TESTED: no cgroups are mounted ***")).join(&id);
        let host = Namespace::new(format!("{id}-h"));
        Some(Self { host, id, cgroups, made: Vec::new(), processes: Vec::new() })
    }

    fn namespace(&self, name: &str) -> Namespace {
        Namespace::new(format!("{}-{name}", self.id))
    }

    /// Runs a process of a pod in a namespace, in the cgroup with this path.
    fn run(&mut self, namespace: &Namespace, cgroup: &str) -> u32 {
        let path = self.cgroups.join(cgroup);
        std::fs::create_dir_all(&path).unwrap();
        self.made.push(path.clone());
        let child = namespace.command("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
        std::fs::write(path.join("cgroup.procs"), child.id().to_string()).unwrap();
        let id = child.id();
        self.processes.push(child);
        until("the process has started", || {
            std::fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "sleep")
        });
        id
    }

    fn look(&self) -> Arc<[Attachment]> {
        self.host.inside(|| look().unwrap())
    }

    /// The sides of a pod.
    fn sides(&self, uid: &str) -> Vec<Side> {
        self.look().iter().filter(|one| one.uid == uid).map(|one| one.side.clone()).collect()
    }

    fn interfaces(&self, uid: &str) -> Vec<String> {
        let all = self.look();
        all.iter().filter(|one| one.uid == uid).filter_map(|one| one.interface().map(str::to_owned)).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        // Each is empty by now, and so are those above it.
        for path in &self.made {
            let above = path.ancestors().take_while(|path| path.starts_with(&self.cgroups));
            above.for_each(|path| {
                let _ = std::fs::remove_dir(path);
            });
        }
    }
}

fn systemd(uid: &str) -> String {
    let uid = uid.replace('-', "_");
    format!(
        "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice/cri-containerd-0.scope"
    )
}

fn cgroupfs(uid: &str) -> String {
    format!("kubepods/besteffort/pod{uid}/0123")
}

#[test]
fn a_pod_is_behind_the_interface_whose_other_end_it_has_whatever_that_is_called() {
    let Some(mut ground) = Ground::new("names") else { return };
    let (web_uid, store_uid) = (&uid("names", 1), &uid("names", 2));
    let (web, store) = (ground.namespace("web"), ground.namespace("store"));
    // Named to mislead, and made in the other order than the pods.
    ground.host.ip(&format!("link add cali0web type veth peer name eth0 netns {}", store.0));
    ground.host.ip(&format!("link add eth7 type veth peer name eth0 netns {}", web.0));
    store.ip("addr add 10.88.2.2/24 dev eth0");
    web.ip("addr add 10.88.1.2/24 dev eth0");
    web.ip("-6 addr add fd88:1::2/64 dev eth0 nodad");
    ground.run(&web, &systemd(web_uid));
    ground.run(&store, &cgroupfs(store_uid));
    let process = ground.run(&web, &systemd(web_uid));
    assert_eq!(ground.interfaces(web_uid), ["eth7"]);
    assert_eq!(ground.interfaces(store_uid), ["cali0web"]);
    let all = ground.look();
    let found = all.iter().find(|one| one.uid == *web_uid).unwrap();
    assert!(found.process.is_some_and(|first| first < process), "the first process tells");
    let seen: Vec<String> = found.seen.iter().map(ToString::to_string).collect();
    assert_eq!(seen, ["10.88.1.2", "fd88:1::2"]);
    assert!(found.addresses.is_empty(), "what a pod says of itself is not believed");
    // A second interface is the same pod's, and a new name changes nothing.
    ground.host.ip(&format!("link add net1 type veth peer name net1 netns {}", web.0));
    ground.host.ip("link set eth7 name lxc1234");
    assert_eq!(ground.interfaces(web_uid), ["lxc1234", "net1"]);
}

#[test]
fn pods_of_the_hosts_network_static_pods_and_pods_without_a_host_side_are_told_apart() {
    let Some(mut ground) = Ground::new("kinds") else { return };
    let (web_uid, store_uid) = (&uid("kinds", 1), &uid("kinds", 2));
    // The hash of a file, as long as one.
    let static_uid = &uid("kinds", 3).replace('-', "");
    let (web, store) = (ground.namespace("web"), ground.namespace("store"));
    let host = Namespace(ground.host.0.clone());
    ground.run(&host, &systemd(static_uid));
    std::mem::forget(host);
    assert_eq!(ground.sides(static_uid), [Side::Host]);
    ground.run(&web, &cgroupfs(web_uid));
    assert_eq!(ground.sides(web_uid), [Side::Missing(Obstacle::NoInterface)]);
    ground.host.ip("link add low type veth peer name lower");
    ground.host.ip("link set low up");
    ground.host.ip(&format!("link add link low name mac0 netns {} type macvlan mode bridge", web.0));
    let told = ground.sides(web_uid);
    let [Side::Missing(obstacle @ Obstacle::NoHostSide { .. })] = told.as_slice() else { panic!("{told:?}") };
    assert!(obstacle.to_string().contains("`mac0` is of the kind macvlan"), "{obstacle}");
    ground.run(&store, &systemd(store_uid));
    ground.host.ip("link add whole type ifb");
    ground.host.ip(&format!("link set whole netns {}", store.0));
    assert!(matches!(&ground.sides(store_uid)[..], [Side::Missing(Obstacle::NoHostSide { .. })]));
}

#[test]
fn whoever_enters_the_namespace_of_another_pod_does_not_take_its_place() {
    let Some(mut ground) = Ground::new("enters") else { return };
    let (web_uid, store_uid) = (&uid("enters", 1), &uid("enters", 2));
    let web = ground.namespace("web");
    ground.host.ip(&format!("link add veth1 type veth peer name eth0 netns {}", web.0));
    let first = ground.run(&web, &systemd(web_uid));
    ground.run(&web, &systemd(store_uid));
    assert_eq!(ground.interfaces(web_uid), ["veth1"]);
    assert!(ground.sides(store_uid).is_empty());
    let found = ground.look();
    assert_eq!(found.iter().find(|one| one.uid == *web_uid).unwrap().process, Some(first));
}

#[test]
fn two_hundred_and_fifty_pods_are_found_in_no_time() {
    let Some(mut ground) = Ground::new("many") else { return };
    let pods: Vec<Namespace> = (0..250).map(|n| ground.namespace(&n.to_string())).collect();
    for (n, pod) in pods.iter().enumerate() {
        ground.host.ip(&format!("link add h{n} type veth peer name eth0 netns {}", pod.0));
        ground.run(pod, &systemd(&uid("many", u32::try_from(n).unwrap())));
    }
    let begun = std::time::Instant::now();
    let found = ground.look();
    let took = begun.elapsed();
    let own = found.iter().filter(|one| one.interface().is_some_and(|name| name.starts_with('h')));
    assert_eq!(own.count(), 250);
    eprintln!("250 pods were found in {took:?}");
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}
