//! A switch with stations on it: three workloads under policy, and one station that nobody polices.
//!
//! A bridge carries everything as it is, however malformed, where a router would throw much of it away: what does not
//! arrive was stopped by the enforcer. The stations have no addresses of their own, so nobody answers; each end of each
//! exchange is made by hand.

use crate::link::Link;
use crate::namespace::Namespace;
use crate::process::Enforcer;
use crate::traffic::until;
use std::cell::Cell;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

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

pub(crate) const POLICY: &str = "\
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

/// Who is under policy.
pub(crate) const WORKLOADS: [Role; 3] = [Role::Web, Role::Store, Role::Till];

/// The inventory of workloads, each with the addresses of somebody.
pub(crate) fn inventory(workloads: &[(Role, Role)]) -> String {
    let mut text = String::from(
        "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: field }\nspec:\n  workloads:\n",
    );
    for (role, addresses) in workloads {
        let name = role.name();
        text.push_str(&format!(
            "  - name: {name}\n    namespace: default\n    labels: {{ app: {name} }}\n    proxy: false\n    \
             instances: [{{ addresses: [{}, \"{}\"], interface: h-{name} }}]\n",
            addresses.address(false),
            addresses.address(true)
        ));
    }
    text
}

/// Who may have a field now.
static TURN: RwLock<()> = RwLock::new(());

/// That a test may.
#[expect(dead_code, reason = "held, not read")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// The switch and everybody on it.
pub(crate) struct Field {
    pub(crate) enforcer: Enforcer,
    stations: Vec<Namespace>,
    links: Vec<(Role, Link)>,
    numbers: Cell<u16>,
    _turn: Turn,
}

impl Field {
    /// A field without an enforcer; `None` where the kernel programs cannot be tested.
    pub(crate) fn new() -> Option<Self> {
        Self::in_turn(Turn::Shared(TURN.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// As [`new`](Self::new), while no other test has a field: for what keeps the whole machine busy.
    pub(crate) fn alone() -> Option<Self> {
        Self::in_turn(Turn::Alone(TURN.write().unwrap_or_else(PoisonError::into_inner)))
    }

    fn in_turn(turn: Turn) -> Option<Self> {
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
        for (role, station) in Role::ALL.into_iter().zip(&stations) {
            station.inside(|| {
                std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
            });
            plug(host, station, role, None);
        }
        enforcer.write("policy.yaml", POLICY);
        enforcer.write("inventory.yaml", &inventory(&WORKLOADS.map(|role| (role, role))));
        let links = Role::ALL.into_iter().zip(&stations).map(|(role, station)| (role, Link::new(station)));
        Some(Self { links: links.collect(), numbers: Cell::new(0), stations, enforcer, _turn: turn })
    }

    /// The first of so many numbers that no other attack has.
    pub(crate) fn numbers(&self, count: u16) -> u16 {
        let first = self.numbers.get();
        self.numbers.set(first.checked_add(count).unwrap());
        first
    }

    /// The namespace of a station.
    pub(crate) fn station(&self, role: Role) -> &Namespace {
        Role::ALL.into_iter().zip(&self.stations).find(|(found, _)| *found == role).map(|(_, it)| it).unwrap()
    }

    /// The index of the host's side of a station's interface.
    pub(crate) fn index(&self, role: Role) -> u32 {
        let mut ip = self.enforcer.host.command("ip");
        let output = ip.args(["-o", "link", "show", &format!("h-{}", role.name())]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(':').next().unwrap().parse().unwrap()
    }

    /// Connects a station, or connects it again.
    pub(crate) fn plug(&self, role: Role, index: Option<u32>) {
        plug(&self.enforcer.host, self.station(role), role, index);
    }

    /// Takes a station's interface away.
    pub(crate) fn unplug(&mut self, role: Role) {
        self.enforcer.host.ip(&format!("link del h-{}", role.name()));
    }

    /// Closes the socket of a station that is gone.
    pub(crate) fn close(&mut self, role: Role) {
        self.links.retain(|(found, _)| *found != role);
    }

    /// Opens the socket of a station that was connected again.
    pub(crate) fn listen(&mut self, role: Role) {
        let link = Link::new(self.station(role));
        self.links.retain(|(found, _)| *found != role);
        self.links.push((role, link));
    }

    /// A frame that arrived at a station; none where its interface is gone.
    pub(crate) fn receive(&self, role: Role) -> Option<Vec<u8>> {
        self.links.iter().find(|(found, _)| *found == role).and_then(|(_, link)| link.receive())
    }

    /// The interface of a station.
    pub(crate) fn link(&self, role: Role) -> &Link {
        self.links.iter().find(|(found, _)| *found == role).map(|(_, link)| link).unwrap()
    }
}

/// Connects a station to the switch; the host's side gets this index.
fn plug(host: &Namespace, station: &Namespace, role: Role, index: Option<u32>) {
    let (name, [a, b, c, d, e, f]) = (role.name(), role.station());
    let mac = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
    let index = index.map(|index| format!("index {index}")).unwrap_or_default();
    host.ip(&format!(
        "link add h-{name} {index} mtu 9000 type veth peer name eth0 mtu 9000 address {mac} netns {}",
        station.0
    ));
    host.ip(&format!("link set h-{name} master br0 up"));
    // Where a station is does not depend on who pretends to be it.
    host.ip(&format!("link set h-{name} type bridge_slave learning off"));
    let mut bridge = host.command("bridge");
    bridge.args(["fdb", "add", &mac, "dev", &format!("h-{name}"), "master", "static"]);
    assert!(bridge.status().unwrap().success());
    station.ip("link set eth0 up");
    // The switch hears of the cable a moment later.
    until("the switch forwards to it", || {
        let mut bridge = host.command("bridge");
        let output = bridge.args(["link", "show", "dev", &format!("h-{name}")]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains("state forwarding")
    });
}
