//! A switch with stations on it: three workloads under policy, and one station that nobody polices.
//!
//! A bridge carries everything as it is, however malformed, where a router would throw much of it away: what does not
//! arrive was stopped by the enforcer. The stations have no addresses of their own, so nobody answers; each end of each
//! exchange is made by hand.

use crate::link::Link;
use crate::namespace::Namespace;
use crate::process::Enforcer;
use std::net::{IpAddr, Ipv6Addr};

/// Who is on the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// A workload that may ask the store and the outside.
    Web,
    /// A workload that may be asked by the web and from outside.
    Store,
    /// A workload that may do nothing.
    Till,
    /// Not under policy.
    Outside,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Web, Self::Store, Self::Till, Self::Outside];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Store => "store",
            Self::Till => "till",
            Self::Outside => "outside",
        }
    }

    /// Its number: the last one of its addresses.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Web => 1,
            Self::Store => 2,
            Self::Till => 3,
            Self::Outside => 9,
        }
    }

    pub(crate) fn address(self, v6: bool) -> IpAddr {
        let number = self.number();
        if v6 {
            Ipv6Addr::new(0xfd78, 0, 0, 0, 0, 0, 0, number.into()).into()
        } else {
            [10, 78, 0, number].into()
        }
    }

    pub(crate) fn station(self) -> [u8; 6] {
        [2, 0, 0, 0, 0x78, self.number()]
    }
}

/// What each may ask for on each allowed path.
pub(crate) const TCP_PORT: u16 = 5432;
pub(crate) const UDP_PORT: u16 = 53;

const POLICY: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: field, namespace: default }
spec:
  isolate:
  - workloads: {}
  allow:
  - name: web-asks
    at: [source]
    from: [{ workloads: { labels: { app: web } } }]
    to: [{ workloads: { labels: { app: store } } }, { cidr: 10.78.0.9/32 }, { cidr: \"fd78::9/128\" }]
    ports: [5432, { port: 53, protocol: UDP }, { protocol: ICMP, type: 8 }, { protocol: ICMPv6, type: 128 }]
  - name: store-answers
    at: [destination]
    from: [{ workloads: { labels: { app: web } } }, { cidr: 10.78.0.9/32 }, { cidr: \"fd78::9/128\" }]
    to: [{ workloads: { labels: { app: store } } }]
    ports: [5432, { port: 53, protocol: UDP }, { protocol: ICMP, type: 8 }, { protocol: ICMPv6, type: 128 }]
";

/// The switch and everybody on it.
pub(crate) struct Field {
    pub(crate) enforcer: Enforcer,
    /// Dropping one ends its namespace.
    _stations: Vec<Namespace>,
    links: Vec<(Role, Link)>,
}

impl Field {
    /// A field without an enforcer; `None` where the kernel programs cannot be tested.
    pub(crate) fn new() -> Option<Self> {
        let enforcer = Enforcer::new()?;
        let host = &enforcer.host;
        host.inside(|| {
            for name in ["iptables", "ip6tables", "arptables"] {
                // There only where `br_netfilter` is loaded, which would have the host's IP stack look at what is switched.
                let _ = std::fs::write(format!("/proc/sys/net/bridge/bridge-nf-call-{name}"), "0");
            }
        });
        host.ip("link add br0 mtu 9000 type bridge mcast_snooping 0");
        host.ip("link set br0 up");
        let stations: Vec<Namespace> = Role::ALL.map(|role| enforcer.namespace(role.name())).into();
        let mut inventory = String::from(
            "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: field }\nspec:\n  workloads:\n",
        );
        for (role, station) in Role::ALL.into_iter().zip(&stations) {
            let (name, [a, b, c, d, e, f]) = (role.name(), role.station());
            let mac = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
            station.inside(|| std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap());
            host.ip(&format!(
                "link add h-{name} mtu 9000 type veth peer name eth0 mtu 9000 address {mac} netns {}",
                station.0
            ));
            host.ip(&format!("link set h-{name} master br0 up"));
            // Where a station is does not depend on who pretends to be it.
            host.ip(&format!("link set h-{name} type bridge_slave learning off"));
            let mut bridge = host.command("bridge");
            bridge.args(["fdb", "add", &mac, "dev", &format!("h-{name}"), "master", "static"]);
            assert!(bridge.status().unwrap().success());
            station.ip("link set eth0 up");
            if role != Role::Outside {
                inventory.push_str(&format!(
                    "  - name: {name}\n    namespace: default\n    labels: {{ app: {name} }}\n    proxy: false\n    \
                     instances: [{{ addresses: [{}, \"{}\"], interface: h-{name} }}]\n",
                    role.address(false),
                    role.address(true)
                ));
            }
        }
        enforcer.write("policy.yaml", POLICY);
        enforcer.write("inventory.yaml", &inventory);
        let links = Role::ALL.into_iter().zip(&stations).map(|(role, station)| (role, Link::new(station)));
        Some(Self { links: links.collect(), _stations: stations, enforcer })
    }

    /// The interface of a station.
    pub(crate) fn link(&self, role: Role) -> &Link {
        self.links.iter().find(|(found, _)| *found == role).map(|(_, link)| link).unwrap()
    }
}
