//! A workload of this host at one end of its connections, and what can concern it there.

use bookend_engine::{End, Endpoint, Identity, Location, Principal, Program, Rule, Truth, WorkloadIdentity};
use std::collections::HashMap;
use std::net::IpAddr;

use crate::PlanError;
use crate::family::{ByFamily, Family, NOWHERE};
use crate::near::Near;
use crate::view::{Known, View};

/// One direction of one workload's interface. Two that are equal in identity, end and `truths` have the same policy.
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
        Self {
            program,
            near: End::BOTH.map(|end| Near::new(program, end, trust_domain)),
            loose: End::BOTH.map(loose),
        }
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

/// What makes two [`Local`]s the same: who they are, at which end, and what every rule says of them.
pub(crate) type LocalKey<'a> = (&'a WorkloadIdentity, End, ByFamily<Vec<Truth>>);

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

    /// What makes it the same as others.
    pub(crate) fn key(&self) -> LocalKey<'a> {
        (self.identity, self.end, self.truths.clone())
    }

    /// The part of `program` that can concern it.
    pub(crate) fn program(&self, program: &Program) -> Program {
        let concerned = self
            .rules
            .iter()
            .zip(self.truths.v4.iter().zip(&self.truths.v6))
            .filter(|(_, (v4, v6))| **v4 != Truth::No || **v6 != Truth::No)
            .filter_map(|(position, _)| program.rules().get(*position));
        let isolated = program.isolations().iter().filter(|isolation| {
            isolation.covers(self.end) && isolation.workloads.selects(self.identity) != Truth::No
        });
        Program::new(concerned.cloned().collect(), isolated.cloned().collect())
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
