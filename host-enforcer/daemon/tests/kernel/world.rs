//! A host with workloads behind veths, and a real enforcer.

use crate::link::Link;
use crate::namespace::Namespace;
use crate::process::Enforcer;
use aya::maps::{HashMap, Map, MapData};
use bookend_abi::table::ABI_VERSION;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::process::Command;

/// Web may ask store on TCP 5432 and UDP 53, and nothing else may happen.
pub(crate) const POLICY: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: shop, namespace: default }
spec:
  isolate:
  - workloads: {}
  allow:
  - name: web-asks-store
    from: [{ workloads: { labels: { app: web } } }]
    to: [{ workloads: { labels: { app: store } } }]
    ports: [5432, { port: 53, protocol: UDP }]
";

pub(crate) struct World {
    enforcer: Enforcer,
    pub(crate) web: Namespace,
    pub(crate) store: Namespace,
    pub(crate) late: Namespace,
}

impl Deref for World {
    type Target = Enforcer;

    fn deref(&self) -> &Enforcer {
        &self.enforcer
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Enforcer {
        &mut self.enforcer
    }
}

/// Number of the workload behind a namespace: its addresses are 10.77.n.2 and fd77:n::2.
const WEB: u8 = 1;
const STORE: u8 = 2;
const LATE: u8 = 3;

pub(crate) fn v4(workload: u8) -> IpAddr {
    [10, 77, workload, 2].into()
}

pub(crate) fn v6(workload: u8) -> IpAddr {
    format!("fd77:{workload}::2").parse().unwrap()
}

pub(crate) fn store4() -> IpAddr {
    v4(STORE)
}

pub(crate) fn store6() -> IpAddr {
    v6(STORE)
}

pub(crate) fn web4() -> IpAddr {
    v4(WEB)
}

pub(crate) fn late4() -> IpAddr {
    v4(LATE)
}

impl World {
    /// A world without an enforcer; `None` where the kernel programs cannot be tested.
    pub(crate) fn new() -> Option<Self> {
        let enforcer = Enforcer::new()?;
        let namespace = |name| enforcer.namespace(name);
        let world =
            Self { web: namespace("web"), store: namespace("store"), late: namespace("late"), enforcer };
        world.host.inside(|| {
            for setting in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
                // /proc/sys/net shows the namespace of whoever opens it.
                std::fs::write(format!("/proc/sys/net/{setting}"), "1").unwrap();
            }
        });
        // Link-local addresses usable at once, so that neighbors are found at once.
        for namespace in [&world.host, &world.web, &world.store, &world.late] {
            namespace.inside(|| std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").unwrap());
        }
        world.plug(&world.web, "web", WEB);
        world.plug(&world.store, "store", STORE);
        world.write("policy.yaml", POLICY);
        let mut inventory = String::from(
            "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: test }\nspec:\n  workloads:\n",
        );
        for (name, n) in [("web", WEB), ("store", STORE), ("late", LATE)] {
            inventory.push_str(&format!(
                "  - name: {name}\n    namespace: default\n    labels: {{ app: {name} }}\n    proxy: false\n    \
                 instances: [{{ addresses: [{}, \"{}\"], interface: h-{name} }}]\n",
                v4(n),
                v6(n)
            ));
        }
        world.write("inventory.yaml", &inventory);
        Some(world)
    }

    /// Connects the namespace of workload `n` to the host by a veth whose host side is `h-<name>`.
    fn plug(&self, namespace: &Namespace, name: &str, n: u8) {
        self.host.ip(&format!("link add h-{name} type veth peer name eth0 netns {}", namespace.0));
        self.host.ip(&format!("addr add 10.77.{n}.1/24 dev h-{name}"));
        self.host.ip(&format!("-6 addr add fd77:{n}::1/64 dev h-{name} nodad"));
        self.host.ip(&format!("link set h-{name} up"));
        namespace.ip(&format!("addr add 10.77.{n}.2/24 dev eth0"));
        namespace.ip(&format!("-6 addr add fd77:{n}::2/64 dev eth0 nodad"));
        namespace.ip("link set eth0 up");
        namespace.ip(&format!("route add default via 10.77.{n}.1"));
        namespace.ip(&format!("-6 route add default via fd77:{n}::1"));
    }

    /// The late workload's interface appears.
    pub(crate) fn plug_late(&self) {
        self.plug(&self.late, "late", LATE);
    }

    /// Leaves no room in the table of slots, with entries of interfaces that do not exist.
    pub(crate) fn fill_slots(&self) {
        let pin = self.pin(&format!("v{ABI_VERSION}/slots"));
        let map = Map::from_map_data(MapData::from_pin(pin).unwrap()).unwrap();
        let mut map: HashMap<MapData, u32, u32> = map.try_into().unwrap();
        let nobody = 1_000_000..;
        for ifindex in nobody {
            if map.insert(ifindex, 1, 0).is_err() {
                return;
            }
        }
    }

    /// Sends an Ethernet frame from the web workload through a packet socket, as its root can: past its own IP stack
    /// and firewall.
    pub(crate) fn send_raw(&self, packet: &[u8], ethertype: u16) {
        let link =
            Command::new("ip").args(["-n", &self.host.0, "-br", "link", "show", "h-web"]).output().unwrap();
        let link = String::from_utf8(link.stdout).unwrap();
        let mac = link.split_whitespace().nth(2).unwrap().to_owned();
        let mut frame: Vec<u8> = mac.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        // From a station that nobody knows: nothing depends on it.
        frame.extend([2, 0, 0, 0, 0, 1]);
        frame.extend(ethertype.to_be_bytes());
        frame.extend(packet);
        Link::new(&self.web).send(&frame);
    }
}
