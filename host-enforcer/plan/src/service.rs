//! Services: what a workload may dial, though nobody is there (S70–S74).
//!
//! An address of a Service has an identity of its own, whose verdicts are those of the connection to everybody behind it. They are
//! written down only where they are not those of a stranger at the same address: the kernel asks for the exact port of
//! the Service first, and then for a stranger. So a Service that nobody may dial, or that everybody may, takes nothing but its entries
//! in `identities`, and the policies for connections that are opened to a workload take none at all.

use bookend_abi::address::from_ip;
use bookend_abi::table::{SERVICE, VerdictKey, VerdictValue};
use bookend_engine::{
    Dialled, End, Exchange, Inventory, Location, NoTrace, Program, Protocol, Service, ServicePort,
    decide_dialled, decide_end, rehearse_end,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::PlanError;
use crate::block::{Class, Classes, Point};
use crate::family::Family;
use crate::group::Groups;
use crate::lower::{Answer, Lowering, protocol_number, stranger};
use crate::name::RuleNumbers;
use crate::number::Number;
use crate::remote::Remotes;

/// The addresses of one family at which the same Services are dialled: one, unless several share an address.
pub(crate) struct Face<'a> {
    /// The number of its identity.
    pub(crate) number: u64,
    /// What people call it.
    pub(crate) name: String,
    family: Family,
    pub(crate) addresses: Vec<IpAddr>,
    ports: Vec<&'a ServicePort>,
}

/// The Services, and who may be behind each of their ports: found once for all policies.
pub(crate) struct Served<'a> {
    faces: Vec<(Face<'a>, Vec<Reached>)>,
}

/// Who may be reached at a port: everybody, then a port, and all addresses there.
type Reached = Vec<(Option<usize>, u16, Vec<Point>)>;

impl<'a> Served<'a> {
    /// The Services of `inventory`, whose workloads are `remotes`. `numbers`: those of their identities, by position.
    ///
    /// # Errors
    /// As [`faces`].
    pub(crate) fn new(
        inventory: &'a Inventory,
        numbers: &[u64],
        remotes: &Remotes<'_>,
    ) -> Result<Self, PlanError> {
        let faces = faces(inventory)?;
        let positions: Vec<Option<usize>> = match faces.is_empty() {
            true => Vec::new(),
            false => numbers.iter().map(|number| remotes.position(*number)).collect(),
        };
        let reached = |face: &Face<'_>, port: &ServicePort| -> Reached {
            let ends = port.backends(face.family == Family::V6).map(|backend| {
                let workload = inventory.position_at(backend.address);
                let remote = workload.and_then(|workload| positions.get(workload).copied().flatten());
                (remote, backend.port, point(backend.address))
            });
            let mut ends: Vec<_> = ends.collect();
            ends.sort_unstable();
            let alike = ends.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
            let alike = alike.filter_map(|ends| {
                let (remote, port, _) = *ends.first()?;
                Some((remote, port, ends.iter().map(|(.., at)| *at).collect()))
            });
            alike.collect()
        };
        let faces = faces.into_iter().map(|face| {
            let reached = face.ports.iter().map(|port| reached(&face, port)).collect();
            (face, reached)
        });
        Ok(Self { faces: faces.collect() })
    }
}

/// The faces of all Services.
///
/// # Errors
/// When two have one number.
pub(crate) fn faces(inventory: &Inventory) -> Result<Vec<Face<'_>>, PlanError> {
    let addresses: BTreeSet<IpAddr> = inventory
        .services()
        .iter()
        .flat_map(|service| &service.addresses)
        .map(IpAddr::to_canonical)
        // Who has an address has it for itself.
        .filter(|address| inventory.at(*address).is_none())
        .collect();
    let mut faces: BTreeMap<u64, Face<'_>> = BTreeMap::new();
    for address in addresses {
        let services: Vec<&Service> = inventory.services_at(address).collect();
        let family = Family::of(address);
        let name: Vec<String> =
            services.iter().map(|service| format!("{}/{}", service.namespace, service.name)).collect();
        let name = format!("the Service {}", name.join(", "));
        let number = number(&services, family);
        let face = faces.entry(number).or_insert_with(|| Face {
            number,
            name: name.clone(),
            family,
            addresses: Vec::new(),
            ports: services.iter().flat_map(|service| &service.ports).collect(),
        });
        if (&face.name, face.family) != (&name, family) {
            let first = face.name.clone();
            return Err(PlanError::SameNumber { what: "the addresses of", first, second: name });
        }
        face.addresses.push(address);
    }
    Ok(faces.into_values().collect())
}

/// The number of the addresses of one family that these Services have.
fn number(services: &[&Service], family: Family) -> u64 {
    let mut hash = Number::new("bookend service 1");
    hash.bytes(&[match family {
        Family::V4 => 4,
        Family::V6 => 6,
    }]);
    for service in services {
        hash.text(&service.namespace);
        hash.text(&service.name);
    }
    hash.finish() | SERVICE
}

/// Somebody behind a port, as far as rules can tell: the group, the class of the address, and the port.
type Behind = (Option<usize>, u32, u16);

/// A connection through a Service, as far as rules can tell: the class of the address dialled, the family, the protocol and port dialled, and
/// everybody behind.
type Question = (u32, Family, Protocol, u16, Vec<Behind>);

/// How those are told apart who may be behind Services, and their addresses.
pub(crate) struct Peers<'l, 'r, 'a> {
    pub(crate) groups: &'l Groups<'r, 'a>,
    pub(crate) classes: &'l Classes,
}

/// The verdicts of one workload, as the source, about what it dials at the Services.
///
/// # Errors
/// When two rules have one number.
pub(crate) fn rows(
    lowering: &Lowering<'_>,
    peers: &Peers<'_, '_, '_>,
    served: &Served<'_>,
    rules: &mut RuleNumbers,
) -> Result<Vec<(VerdictKey, VerdictValue)>, PlanError> {
    let mut strangers: HashMap<(u32, Family, Protocol, u16), Answer> = HashMap::new();
    let mut known: HashMap<Question, Answer> = HashMap::new();
    let mut rows = Vec::new();
    let only = peers.classes.runs().only();
    for (face, reached) in &served.faces {
        let occupied: BTreeSet<u32> =
            face.addresses.iter().map(|address| peers.classes.of(point(*address))).collect();
        for class in occupied {
            let Some(class) = peers.classes.get(class) else { continue };
            for (port, reached) in face.ports.iter().zip(reached) {
                let ServicePort { protocol, port: dialled, .. } = **port;
                if reached.is_empty() {
                    // The address is asked about as such (S74).
                    continue;
                }
                let behind = behind(reached, peers, only);
                let asked = (class.number, face.family, protocol, dialled);
                let outside = match strangers.get(&asked) {
                    Some(answer) => *answer,
                    None => {
                        let answer = outside(lowering, class, face.family, (protocol, dialled), rules)?;
                        strangers.insert(asked, answer);
                        answer
                    }
                };
                let question = (class.number, face.family, protocol, dialled, behind);
                let answer = match known.get(&question) {
                    Some(answer) => *answer,
                    None => {
                        let answer = through(lowering, peers, class, &question, rules)?;
                        known.insert(question, answer);
                        answer
                    }
                };
                if answer != outside {
                    let key = VerdictKey {
                        policy: 0,
                        identity: face.number,
                        block: class.number,
                        port: dialled,
                        protocol: protocol_number(protocol),
                        prefix_length: 16,
                    };
                    rows.push((key, answer.value()));
                }
            }
        }
    }
    Ok(rows)
}

fn point(address: IpAddr) -> Point {
    Point::from_be_bytes(from_ip(address))
}

/// Everybody who is reached, as rules tell them apart. `only`: the class of all addresses, if there is but one.
fn behind(reached: &Reached, peers: &Peers<'_, '_, '_>, only: Option<u32>) -> Vec<Behind> {
    let mut behind = Vec::with_capacity(reached.len());
    for (remote, port, addresses) in reached {
        let group = remote.and_then(|remote| peers.groups.group(remote));
        match only {
            Some(class) => behind.push((group, class, *port)),
            None => behind.extend(addresses.iter().map(|at| (group, peers.classes.of(*at), *port))),
        }
    }
    behind.sort_unstable();
    behind.dedup();
    behind
}

/// What the engine says of a stranger at the address.
fn outside(
    lowering: &Lowering<'_>,
    class: &Class,
    family: Family,
    (protocol, port): (Protocol, u16),
    rules: &mut RuleNumbers,
) -> Result<Answer, PlanError> {
    let program = lowering.concerning(class, &[]);
    let connection = bookend_engine::Connection {
        source: lowering.local.endpoint(family),
        destination: stranger(class.location),
        protocol,
        port,
    };
    let (end, exchange) = (End::Source, Exchange::Packet);
    let decision = decide_end(&program, end, &connection, exchange, &mut NoTrace);
    let audit = rehearse_end(&program, end, &connection, exchange, &decision, &mut NoTrace);
    lowering.answer(decision, audit, rules)
}

/// What the engine says of everybody behind a port.
fn through(
    lowering: &Lowering<'_>,
    peers: &Peers<'_, '_, '_>,
    class: &Class,
    (_, family, protocol, port, behind): &Question,
    rules: &mut RuleNumbers,
) -> Result<Answer, PlanError> {
    let mut speaking: BTreeSet<usize> = BTreeSet::new();
    let mut backends = Vec::new();
    for (group, block, port) in behind {
        let block = peers.classes.get(*block);
        speaking.extend(block.iter().flat_map(|class| &class.rules));
        let location = block.map_or(Location::Elsewhere, |class| class.location);
        let endpoint = match group.and_then(|position| peers.groups.at(position)) {
            Some((identity, rules)) => {
                speaking.extend(rules);
                lowering.local.known(identity, location)
            }
            None => stranger(location),
        };
        backends.push((endpoint, *port));
    }
    let speaking: Vec<usize> = speaking.into_iter().collect();
    let program: Program = lowering.concerning(class, &speaking);
    let dialled = Dialled { location: class.location, protocol: *protocol, port: *port, backends };
    let source = lowering.local.endpoint(*family);
    let judged = decide_dialled(&program, &source, &dialled, &mut NoTrace);
    lowering.answer(judged.decision, judged.audit, rules)
}
