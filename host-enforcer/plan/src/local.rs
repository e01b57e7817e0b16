//! A workload of this host at one end of its connections, and what can concern it there.

use bookend_engine::{
    End, Endpoint, Identity, Isolation, Location, NamespaceMatch, Principal, Program, Rule, Truth,
    WorkloadIdentity,
};
use std::collections::HashMap;
use std::net::IpAddr;

use crate::PlanError;
use crate::family::{ByFamily, Family, NOWHERE};
use crate::near::Near;
use crate::view::{Known, View};

/// One direction of one workload's interface. Two that are equal in identity, end and [`Concern`] have the same policy.
pub(crate) struct Local<'a> {
    /// Who it is.
    pub(crate) identity: &'a WorkloadIdentity,
    /// The end of its connections at which it is met here.
    pub(crate) end: End,
    /// The trust domain of its SPIFFE id, and of those of its peers.
    pub(crate) trust_domain: &'a str,
    /// The rules that govern it and may mean it, by their position in the program; and what each says of it by its address of
    /// each family.
    rules: Vec<usize>,
    truths: ByFamily<Vec<Truth>>,
    /// Where it is.
    locations: ByFamily<Location>,
}

/// The rules of a program by the workloads that they can govern, so that not every rule is asked about every workload.
pub(crate) struct Governing<'p> {
    pub(crate) program: &'p Program,
    /// Those that speak of workloads as sources, and as destinations.
    near: [Near<'p>; 2],
    /// Those that may mean a workload of which they do not speak, by their namespace.
    loose: [HashMap<Option<&'p str>, Vec<usize>>; 2],
    /// The isolations by the namespace whose workloads they may name; `None` for those that may name workloads of several.
    isolations: HashMap<Option<&'p str>, Vec<usize>>,
}

impl<'p> Governing<'p> {
    /// The index of `program`.
    pub(crate) fn new(program: &'p Program, trust_domain: &str) -> Self {
        let loose = |end: End| {
            let mut loose: HashMap<Option<&'p str>, Vec<usize>> = HashMap::new();
            for (position, rule) in program.rules().iter().enumerate() {
                if View::of(rule.peers(end), Known::Somebody) != View::Certain(Truth::No) {
                    loose.entry(rule.namespace.as_deref()).or_default().push(position);
                }
            }
            loose
        };
        let mut isolations: HashMap<Option<&'p str>, Vec<usize>> = HashMap::new();
        for (position, isolation) in program.isolations().iter().enumerate() {
            let namespace = match &isolation.workloads.namespaces {
                NamespaceMatch::Named(name) => Some(name.as_str()),
                NamespaceMatch::Labelled(_) => None,
            };
            isolations.entry(namespace).or_default().push(position);
        }
        Self {
            program,
            isolations,
            near: End::BOTH.map(|end| Near::new(program, end, trust_domain)),
            loose: End::BOTH.map(loose),
        }
    }

    /// The isolations that may name `identity`, in order.
    fn isolating(&self, identity: &WorkloadIdentity) -> Vec<&'p Isolation> {
        let namespaces = [Some(identity.namespace.as_str()), None];
        let found = namespaces.iter().filter_map(|namespace| self.isolations.get(namespace));
        let mut positions: Vec<usize> = found.flatten().copied().collect();
        positions.sort_unstable();
        positions.iter().filter_map(|position| self.program.isolations().get(*position)).collect()
    }

    /// The positions of the rules that can govern `identity` at `end`, ascending.
    fn of(&self, identity: &WorkloadIdentity, end: End) -> Vec<usize> {
        let mut positions = Vec::new();
        let by_end = End::BOTH.into_iter().zip(self.near.iter().zip(&self.loose));
        for (_, (near, loose)) in by_end.filter(|(other, _)| *other == end) {
            positions.extend(near.of(identity));
            for namespace in [Some(identity.namespace.as_str()), None] {
                positions.extend(loose.get(&namespace).into_iter().flatten());
            }
        }
        positions.sort_unstable();
        positions.dedup();
        // A rule governs only ends it is for (S37), and if it has a namespace, only those in it (S4, S38).
        positions.retain(|position| {
            let rule = self.program.rules().get(*position);
            rule.is_some_and(|rule| rule.at.contains(end) && rule.speaks_of(&identity.namespace))
        });
        positions
    }
}

/// What can concern a [`Local`]: all of a program that its policy depends on.
pub(crate) struct Concern<'p> {
    /// The rules, in order.
    pub(crate) rules: Vec<&'p Rule>,
    /// What each says of it by its IPv4 and by its IPv6 address.
    pub(crate) truths: Vec<(Truth, Truth)>,
    /// The isolations, in order.
    pub(crate) isolations: Vec<&'p Isolation>,
}

impl Concern<'_> {
    /// A program of these alone.
    pub(crate) fn program(&self) -> Program {
        Program::new(
            self.rules.iter().copied().cloned().collect(),
            self.isolations.iter().copied().cloned().collect(),
        )
    }
}

/// Two addresses of one family that `rule` treats differently.
pub(crate) struct Disagreement {
    pub(crate) rule: String,
    pub(crate) meant: IpAddr,
    pub(crate) other: IpAddr,
}

impl Disagreement {
    /// The error of `workload`, which has both addresses behind `interface`.
    pub(crate) fn into_error(self, workload: String, interface: &str) -> PlanError {
        PlanError::AddressesDiffer {
            rule: self.rule,
            workload,
            interface: interface.to_owned(),
            first: self.meant,
            second: self.other,
        }
    }
}

impl<'a> Local<'a> {
    /// The workload `identity` with these `addresses`, in canonical form, at this `end`.
    ///
    /// # Errors
    /// When a rule treats two addresses of one family differently.
    pub(crate) fn new(
        governing: &Governing<'_>,
        trust_domain: &'a str,
        identity: &'a WorkloadIdentity,
        end: End,
        addresses: &[IpAddr],
    ) -> Result<Self, Disagreement> {
        let positions = governing.of(identity, end);
        let program = governing.program;
        let rules: Vec<&Rule> =
            positions.iter().filter_map(|position| program.rules().get(*position)).collect();
        let principal = Principal::Derived { trust_domain };
        let said_of = |location: Location| -> Vec<Truth> {
            let endpoint = Endpoint { identity: Identity::Workload(identity), location, principal };
            rules.iter().map(|rule| rule.peers(end).means(&endpoint)).collect()
        };
        let of_family = |family: Family| -> Result<Option<(Location, Vec<Truth>)>, Disagreement> {
            let mut first: Option<(IpAddr, Vec<Truth>)> = None;
            for address in addresses.iter().copied().filter(|address| Family::of(*address) == family) {
                let said = said_of(Location::of(address));
                match &first {
                    None => first = Some((address, said)),
                    Some((other, earlier)) => {
                        if let Some(disagreement) = disagreement(&rules, (*other, earlier), (address, &said))
                        {
                            return Err(disagreement);
                        }
                    }
                }
            }
            Ok(first.map(|(address, said)| (Location::of(address), said)))
        };
        let (v4, v6) = (of_family(Family::V4)?, of_family(Family::V6)?);
        let ByFamily { v4, v6 } = ByFamily::filled(v4, v6, (NOWHERE, said_of(NOWHERE)));
        Ok(Self {
            identity,
            end,
            trust_domain,
            rules: positions,
            locations: ByFamily { v4: v4.0, v6: v6.0 },
            truths: ByFamily { v4: v4.1, v6: v6.1 },
        })
    }

    /// What can concern it, and what each of the rules says of it.
    pub(crate) fn concern<'p>(&self, governing: &Governing<'p>) -> Concern<'p> {
        let all = self.rules.iter().zip(self.truths.v4.iter().zip(&self.truths.v6));
        let concerned = all.filter(|(_, (v4, v6))| **v4 != Truth::No || **v6 != Truth::No);
        let (mut rules, mut truths) = (Vec::new(), Vec::new());
        for (position, (v4, v6)) in concerned {
            rules.extend(governing.program.rules().get(*position));
            truths.push((*v4, *v6));
        }
        let isolations = governing.isolating(self.identity).into_iter().filter(|isolation| {
            isolation.covers(self.end) && isolation.workloads.selects(self.identity) != Truth::No
        });
        Concern { rules, truths, isolations: isolations.collect() }
    }

    /// Whether every rule says the same of it in both families.
    pub(crate) fn families_alike(&self) -> bool {
        self.truths.v4 == self.truths.v6
    }

    /// Somebody known, as the kernel sees him: with the SPIFFE id of his account (S41).
    pub(crate) fn known<'b>(&self, identity: &'b WorkloadIdentity, location: Location) -> Endpoint<'b>
    where
        'a: 'b,
    {
        let principal = Principal::Derived { trust_domain: self.trust_domain };
        Endpoint { identity: Identity::Workload(identity), location, principal }
    }

    /// The endpoint that a peer of this family meets.
    pub(crate) fn endpoint(&self, family: Family) -> Endpoint<'a> {
        self.known(self.identity, *self.locations.get(family))
    }
}

/// The first rule that treats two addresses differently, if any.
fn disagreement(
    rules: &[&Rule],
    (first, of_first): (IpAddr, &[Truth]),
    (second, of_second): (IpAddr, &[Truth]),
) -> Option<Disagreement> {
    let mut pairs = rules.iter().zip(of_first.iter().zip(of_second));
    let (rule, (a, b)) = pairs.find(|(_, (a, b))| a != b)?;
    let (meant, other) = if a > b { (first, second) } else { (second, first) };
    Some(Disagreement { rule: rule.id.clone(), meant, other })
}
