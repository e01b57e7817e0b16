//! A machine whose own interfaces are policed: the enforcer runs inside of it, and its peers are elsewhere.

use crate::namespace::Namespace;
use crate::process::Enforcer;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};

/// The machine is `vm`; `eth0` leads to a friend and `eth1` to a stranger.
pub(crate) struct Machine {
    enforcer: Enforcer,
    pub(crate) friend: Namespace,
    pub(crate) stranger: Namespace,
}

impl Deref for Machine {
    type Target = Enforcer;

    fn deref(&self) -> &Enforcer {
        &self.enforcer
    }
}

impl DerefMut for Machine {
    fn deref_mut(&mut self) -> &mut Enforcer {
        &mut self.enforcer
    }
}

pub(crate) const FRIEND: u8 = 1;
pub(crate) const STRANGER: u8 = 2;

/// The machine's address on a link.
pub(crate) fn vm4(link: u8) -> IpAddr {
    [10, 78, link, 1].into()
}

pub(crate) fn vm6(link: u8) -> IpAddr {
    format!("fd78:{link}::1").parse().unwrap()
}

/// The address of the other end.
pub(crate) fn peer4(link: u8) -> IpAddr {
    [10, 78, link, 2].into()
}

pub(crate) fn peer6(link: u8) -> IpAddr {
    format!("fd78:{link}::2").parse().unwrap()
}

/// The friend may ask the machine on TCP 8080, and the machine the friend on TCP 9090. Nothing else may happen.
pub(crate) const SOME: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: p, namespace: legacy }
spec:
  isolate: [{ workloads: { labels: { app: vm } } }]
  allow:
  - name: in
    from: [{ workloads: { labels: { app: friend } } }]
    to: [{ workloads: { labels: { app: vm } } }]
    ports: [8080]
  - name: out
    from: [{ workloads: { labels: { app: vm } } }]
    to: [{ workloads: { labels: { app: friend } } }]
    ports: [9090]
";

/// Nothing may happen, and somebody meant it.
pub(crate) const NOTHING: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: ClusterPolicy
metadata: { name: nothing }
spec:
  tier: admin
  isolate: [{ workloads: {} }]
  deny: [{ name: all, at: [source, destination] }]
";

impl Machine {
    /// A machine that is not policed yet; `None` where the kernel programs cannot be tested.
    pub(crate) fn new(policy: &str) -> Option<Self> {
        let enforcer = Enforcer::new()?;
        let (friend, stranger) = (enforcer.namespace("friend"), enforcer.namespace("stranger"));
        let machine = Self { friend, stranger, enforcer };
        for namespace in [&machine.host, &machine.friend, &machine.stranger] {
            namespace.inside(|| std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").unwrap());
        }
        machine.plug(&machine.friend, "eth0", FRIEND);
        machine.plug(&machine.stranger, "eth1", STRANGER);
        machine.write("policy.yaml", policy);
        machine.describe("", "");
        Some(machine)
    }

    /// Connects a namespace to the machine by `interface`.
    pub(crate) fn plug(&self, namespace: &Namespace, interface: &str, link: u8) {
        self.host.ip(&format!("link add {interface} type veth peer name eth0 netns {}", namespace.0));
        for (namespace, interface, end) in [(&self.host, interface, 1), (namespace, "eth0", 2)] {
            namespace.ip(&format!("addr add 10.78.{link}.{end}/24 dev {interface}"));
            namespace.ip(&format!("-6 addr add fd78:{link}::{end}/64 dev {interface} nodad"));
            namespace.ip(&format!("link set {interface} up"));
        }
        namespace.ip(&format!("route add default via 10.78.{link}.1"));
        namespace.ip(&format!("-6 route add default via fd78:{link}::1"));
    }

    /// Writes what there is: the machine with `more` in its specification, the friend, and `others` besides.
    pub(crate) fn describe(&self, more: &str, others: &str) {
        self.write(
            "inventory.yaml",
            &format!(
                "apiVersion: bookend.dev/v1alpha1\nkind: Host\nmetadata: {{ name: vm, namespace: legacy }}\nspec:\n  \
                 labels: {{ app: vm }}\n  interfaces:\n  - {{ name: eth0, addresses: [10.78.1.1, \"fd78:1::1\", \
                 10.78.7.1] }}\n  - {{ name: eth1, addresses: [10.78.2.1, \"fd78:2::1\"] }}\n{more}---\n{FRIENDS}{others}"
            ),
        );
    }

    /// Writes that there is no such machine.
    pub(crate) fn forget(&self) {
        self.write("inventory.yaml", FRIENDS);
    }

    /// Enforces what is written, with further options.
    pub(crate) fn police(&mut self, options: &[&str]) {
        let mut all = vec!["--host", "legacy/vm", "--listen", "none"];
        all.extend(options);
        self.enforce_so(&[], &all);
    }
}

const FRIENDS: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: friends }
spec:
  workloads:
  - name: friend
    namespace: legacy
    labels: { app: friend }
    instances: [{ addresses: [10.78.1.2, \"fd78:1::2\", 10.78.7.2] }]
";
