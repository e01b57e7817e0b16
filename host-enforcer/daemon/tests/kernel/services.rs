//! Connections through Services, which the host translates as kube-proxy does, behind what the enforcer sees of them.

use crate::namespace::Namespace;
use crate::traffic::until;
use crate::world::{World, late4, store4, v4, v6};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

/// What web may open, by `to`.
fn policy(to: &str) -> String {
    format!(
        "\
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: {{ name: shop, namespace: default }}
spec:
  isolate:
  - workloads: {{ labels: {{ app: web }} }}
    directions: [egress]
  allow:
  - name: web-asks
    from: [{{ workloads: {{ labels: {{ app: web }} }} }}]
    to: {to}
    ports: [8080, {{ port: 5353, protocol: UDP }}]
"
    )
}

const BOTH: &str =
    "[{ workloads: { matchExpressions: [{ key: app, operator: In, values: [store, late] }] } }]";
const STORE: &str = "[{ workloads: { labels: { app: store } } }]";

/// The workloads, and the Services: `all` is before store and late, or, with `late` gone, before store; `one` before store.
fn inventory(behind_all: &[u8]) -> String {
    let mut text = String::from(
        "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: test }\nspec:\n  workloads:\n",
    );
    for (name, n) in [("web", 1), ("store", 2), ("late", 3)] {
        text.push_str(&format!(
            "  - {{ name: {name}, labels: {{ app: {name} }}, instances: [{{ addresses: [{}, \"{}\"], interface: h-{name} }}] }}\n",
            v4(n),
            v6(n)
        ));
    }
    let all: Vec<String> = behind_all.iter().map(|n| format!("{}, \"{}\"", v4(*n), v6(*n))).collect();
    text.push_str(&format!(
        "  services:
  - name: all
    addresses: [10.96.0.1, \"fd96::1\"]
    backends: [{}]
    ports: [{{ port: 80, targetPort: 8080 }}, {{ port: 81, targetPort: 8081 }}, {{ port: 53, protocol: UDP, targetPort: 5353 }}]
  - name: one
    addresses: [10.96.0.2]
    selector: {{ app: store }}
    ports: [{{ port: 80, targetPort: 8080 }}]
",
        all.join(", ")
    ));
    text
}

/// What kube-proxy writes for these Services, in its nftables mode: whoever dials one is sent to each in turn.
const TRANSLATION: &str = "
table ip kube {
  chain services {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 10.96.0.1 tcp dport 80 dnat ip to numgen inc mod 2 map { 0 : 10.77.2.2 . 8080, 1 : 10.77.3.2 . 8080 }
    ip daddr 10.96.0.1 tcp dport 81 dnat ip to numgen inc mod 2 map { 0 : 10.77.2.2 . 8081, 1 : 10.77.3.2 . 8081 }
    ip daddr 10.96.0.1 udp dport 53 dnat ip to numgen inc mod 2 map { 0 : 10.77.2.2 . 5353, 1 : 10.77.3.2 . 5353 }
    ip daddr 10.96.0.2 tcp dport 80 dnat ip to 10.77.2.2:8080
  }
}
table ip6 kube {
  chain services {
    type nat hook prerouting priority dstnat; policy accept;
    ip6 daddr fd96::1 tcp dport 80 dnat ip6 to numgen inc mod 2 map { 0 : fd77:2::2 . 8080, 1 : fd77:3::2 . 8080 }
  }
}
";

const SILENCE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(5);

fn all4() -> IpAddr {
    [10, 96, 0, 1].into()
}

fn all6() -> IpAddr {
    "fd96::1".parse().unwrap()
}

fn one4() -> IpAddr {
    [10, 96, 0, 2].into()
}

/// Three workloads, a host that translates, and nothing enforced yet.
fn world(to: &str) -> Option<World> {
    let world = World::new()?;
    world.plug_late();
    world.write("policy.yaml", &policy(to));
    world.write("inventory.yaml", &inventory(&[2, 3]));
    let mut nft = world.host.command("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    nft.stdin.take().unwrap().write_all(TRANSLATION.as_bytes()).unwrap();
    assert!(nft.wait().unwrap().success());
    Some(world)
}

/// Servers on a TCP port of both stores, over IPv4 and IPv6.
struct Servers([TcpListener; 2]);

impl Servers {
    fn new(world: &World, port: u16) -> Self {
        let unspecified: IpAddr = [0; 16].into();
        let listen = |namespace: &Namespace| {
            let listener = namespace.inside(|| TcpListener::bind((unspecified, port)).unwrap());
            listener.set_nonblocking(true).unwrap();
            listener
        };
        Self([listen(&world.store), listen(&world.late)])
    }

    /// Which of them accepts.
    fn accept(&self) -> Option<(usize, TcpStream)> {
        let accepted = self.0.iter().enumerate();
        accepted.filter_map(|(number, listener)| Some((number, listener.accept().ok()?.0))).next()
    }

    /// Dials `address`; who accepted, if a word went there and back.
    fn dialled(&self, world: &World, address: IpAddr, port: u16, wait: Duration) -> Option<usize> {
        let to = SocketAddr::from((address, port));
        let near = world.web.inside(|| TcpStream::connect_timeout(&to, wait));
        let accepted = self.accept();
        assert_eq!(near.is_ok(), accepted.is_some(), "who answered?");
        let (mut near, (number, mut far)) = (near.ok()?, accepted?);
        far.set_nonblocking(false).unwrap();
        for end in [&near, &far] {
            end.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        assert_eq!(near.peer_addr().unwrap(), to);
        let mut word = [0; 4];
        near.write_all(b"word").unwrap();
        far.read_exact(&mut word).unwrap();
        far.write_all(&word).unwrap();
        near.read_exact(&mut word).unwrap();
        Some(number)
    }

    /// Whether everybody is reached in turn.
    fn all_answer(&self, world: &World, address: IpAddr, port: u16) -> bool {
        let mut reached = [false; 2];
        for _ in 0..4 {
            match self.dialled(world, address, port, PATIENCE) {
                Some(number) => reached[number] = true,
                None => return false,
            }
        }
        reached == [true; 2]
    }

    /// Whether nobody is ever reached.
    fn nobody_answers(&self, world: &World, address: IpAddr, port: u16) -> bool {
        (0..4).all(|_| self.dialled(world, address, port, SILENCE).is_none())
    }
}

/// Which of both stores answers a datagram, to the address that was dialled.
fn asked(world: &World, wait: Duration) -> Option<usize> {
    let server = |namespace: &Namespace| {
        let socket = namespace.inside(|| UdpSocket::bind(("0.0.0.0", 5353)).unwrap());
        socket.set_read_timeout(Some(wait)).unwrap();
        socket
    };
    let servers = [server(&world.store), server(&world.late)];
    let client = world.web.inside(|| {
        let client = UdpSocket::bind(("0.0.0.0", 0)).unwrap();
        client.connect((all4(), 53)).unwrap();
        client
    });
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send(b"who?").unwrap();
    let mut answer = [0; 16];
    for (number, server) in servers.iter().enumerate() {
        let Ok((length, from)) = server.recv_from(&mut answer) else { continue };
        server.send_to(&answer[..length], from).unwrap();
        assert_eq!(client.recv(&mut answer).unwrap(), length, "the answer came back");
        return Some(number);
    }
    None
}

#[test]
fn what_is_allowed_to_everybody_behind_a_service_is_allowed_through_it() {
    let Some(mut world) = world(BOTH) else { return };
    let (allowed, denied) = (Servers::new(&world, 8080), Servers::new(&world, 8081));
    assert!(allowed.all_answer(&world, all4(), 80) && denied.all_answer(&world, all4(), 81), "control");
    world.enforce();
    assert!(allowed.all_answer(&world, all4(), 80));
    assert!(allowed.all_answer(&world, all6(), 80));
    assert_eq!(allowed.dialled(&world, one4(), 80, PATIENCE), Some(0));
    assert!(asked(&world, PATIENCE).is_some());
    // Nobody behind may be reached at that port, whoever is chosen.
    assert!(denied.nobody_answers(&world, all4(), 81));
    // A port that the Service does not have is an address of nobody.
    assert!(allowed.nobody_answers(&world, all4(), 8080));
    assert!(world.status("json").contains("default/shop/web-asks"));
}

#[test]
fn a_service_of_which_only_a_part_is_allowed_is_denied_until_it_has_no_other() {
    let Some(mut world) = world(STORE) else { return };
    let servers = Servers::new(&world, 8080);
    assert!(servers.all_answer(&world, all4(), 80), "control");
    world.enforce();
    assert!(servers.nobody_answers(&world, all4(), 80));
    assert!(asked(&world, SILENCE).is_none());
    assert_eq!(servers.dialled(&world, one4(), 80, PATIENCE), Some(0));
    assert_eq!(servers.dialled(&world, store4(), 8080, PATIENCE), Some(0));
    assert_eq!(servers.dialled(&world, late4(), 8080, SILENCE), None);
    until("the denial is told", || world.journal().contains(r#""rule":"default/shop/isolate[0]""#));
    // The Service changes, and nothing else.
    let rules = TRANSLATION.replace("1 : 10.77.3.2", "1 : 10.77.2.2");
    let mut nft = world.host.command("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let anew = format!("flush table ip kube\n{rules}");
    nft.stdin.take().unwrap().write_all(anew.as_bytes()).unwrap();
    assert!(nft.wait().unwrap().success());
    world.write("inventory.yaml", &inventory(&[2]));
    until("the Service is open", || servers.dialled(&world, all4(), 80, SILENCE).is_some());
}

#[test]
fn a_live_connection_through_a_service_ends_when_a_part_of_it_is_denied() {
    let Some(mut world) = world(BOTH) else { return };
    let servers = Servers::new(&world, 8080);
    world.enforce();
    let to = SocketAddr::from((all4(), 80));
    let mut near = world.web.inside(|| TcpStream::connect_timeout(&to, PATIENCE)).unwrap();
    let (_, mut far) = servers.accept().unwrap();
    far.set_nonblocking(false).unwrap();
    far.set_read_timeout(Some(SILENCE)).unwrap();
    let mut works = move || near.write_all(b"x").is_ok() && far.read_exact(&mut [0]).is_ok();
    assert!(works());
    world.write("policy.yaml", &policy(STORE));
    until("the live connection stops", || !works());
    world.write("policy.yaml", &policy(BOTH));
    until("the Service is open again", || servers.dialled(&world, all4(), 80, SILENCE).is_some());
}
