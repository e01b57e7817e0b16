//! A program: every policy, lowered.

use alloc::{boxed::Box, string::String, vec::Vec};
use serde::Serialize;

use crate::index::Index;
use crate::{
    Answer, Clause, Connection, End, Exchange, HttpMatch, Identity, Limits, PeerMatch, PortMatch, Protocol,
    Selector,
    decide::filtered,
    tape::{named, object},
};

/// What a rule does with the traffic it matches. The order is that of trial at equal priority (S2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Deny it.
    Deny,
    /// Leave its tier for the next.
    Pass,
    /// Allow it.
    Allow,
}

impl Action {
    /// `deny`, `pass` or `allow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Pass => "pass",
            Self::Allow => "allow",
        }
    }
}

/// Whether a rule or an isolation is enforced or only rehearsed (S36).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// It takes part in the verdict.
    #[default]
    Enforce,
    /// It takes part in the rehearsal only.
    Audit,
}

/// The ends that a rule governs (S37).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ends {
    /// Where connections are opened.
    pub source: bool,
    /// Where they are accepted.
    pub destination: bool,
}

impl Ends {
    /// Both ends.
    pub const BOTH: Self = Self { source: true, destination: true };

    /// Whether `end` is among them.
    pub fn contains(self, end: End) -> bool {
        match end {
            End::Source => self.source,
            End::Destination => self.destination,
        }
    }
}

/// One of the systems of a cluster that each decide alone and must all allow (S83). The order is that of trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Plane {
    /// Bookend's own policies.
    #[default]
    Bookend,
    /// Those that a network plugin enforces: NetworkPolicy, ClusterNetworkPolicy, Calico's.
    Network,
    /// Those of a service mesh. They speak of TCP only.
    Mesh,
}

impl Plane {
    /// All of them, in order of trial.
    pub const ALL: [Self; 3] = [Self::Bookend, Self::Network, Self::Mesh];

    /// `bookend`, `network` or `mesh`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookend => "bookend",
            Self::Network => "network",
            Self::Mesh => "mesh",
        }
    }

    /// Whether its policies speak of a protocol at all.
    pub fn speaks_of(self, protocol: Protocol) -> bool {
        self != Self::Mesh || protocol == Protocol::Tcp
    }
}

/// The order of the tier in which policies lie that name none.
pub const DEFAULT_TIER: u32 = 1000;

/// One rule: connections, and what happens to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// `namespace/policy/rule`, or `policy/rule` for a cluster-wide policy; unique in the program.
    pub id: String,
    /// The plane of its tier (S83).
    pub plane: Plane,
    /// The order of its tier in the plane: lower is gone through first (S2).
    pub tier: u32,
    /// Its place in the tier: lower is tried first (S2).
    pub priority: i32,
    /// What it does.
    pub action: Action,
    /// Whether it is enforced.
    pub mode: Mode,
    /// The ends it governs.
    pub at: Ends,
    /// The namespace of its policy: the rule governs only ends that lie there (S4). `None` for a cluster-wide policy,
    /// which governs ends everywhere (S38).
    pub namespace: Option<String>,
    /// Who opens the connection.
    pub from: Clause<PeerMatch>,
    /// Who accepts it.
    pub to: Clause<PeerMatch>,
    /// On which ports.
    pub ports: Clause<PortMatch>,
    /// On which ports not: none of these may hold (S47).
    pub not_ports: Vec<PortMatch>,
    /// With which requests. A rule with HTTP conditions concerns TCP only (S6).
    pub http: Clause<HttpMatch>,
    /// What a proxy answers to a request that it denies (S62). Boxed, because few rules have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Box<Answer>>,
    /// How much of what it allows passes in a time (S66). Only the kernel counts, so a filter's configuration leaves it out.
    /// Boxed, because few rules have some.
    #[serde(skip)]
    pub limits: Option<Box<Limits>>,
}

named!(Action { "deny" => Action::Deny, "pass" => Action::Pass, "allow" => Action::Allow });

named!(Mode { "enforce" => Mode::Enforce, "audit" => Mode::Audit });

named!(Plane { "bookend" => Plane::Bookend, "network" => Plane::Network, "mesh" => Plane::Mesh });

object!(Ends { source: "source", destination: "destination" });

object!(Rule {
    id: "id",
    plane: "plane",
    tier: "tier",
    priority: "priority",
    action: "action",
    mode: "mode",
    at: "at",
    namespace: "namespace",
    from: "from",
    to: "to",
    ports: "ports",
    not_ports: "notPorts",
    http: "http",
    answer: "answer" or None;
    limits = None,
});

object!(Isolation {
    id: "id",
    plane: "plane",
    tier: "tier",
    mode: "mode",
    workloads: "workloads",
    egress: "egress",
    ingress: "ingress",
});

impl Rule {
    /// The peers the rule names at `end`.
    pub fn peers(&self, end: End) -> &Clause<PeerMatch> {
        match end {
            End::Source => &self.from,
            End::Destination => &self.to,
        }
    }

    /// Whether its policy may speak of ends in `namespace`.
    pub fn speaks_of(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|own| own == namespace)
    }
}

/// Default-deny for some workloads (S7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Isolation {
    /// `namespace/policy/isolate[n]`, or `policy/isolate[n]`; unique in the program.
    pub id: String,
    /// The plane of its tier (S83).
    pub plane: Plane,
    /// The order of its tier, at whose end it applies (S7).
    pub tier: u32,
    /// Whether it is enforced.
    pub mode: Mode,
    /// The workloads; those of a namespaced policy are of its own namespace.
    pub workloads: Selector,
    /// Whether connections they open are denied by default.
    pub egress: bool,
    /// Whether connections they accept are denied by default.
    pub ingress: bool,
}

impl Isolation {
    /// Whether it applies to the direction in which a workload is met at `end`.
    pub fn covers(&self, end: End) -> bool {
        match end {
            End::Source => self.egress,
            End::Destination => self.ingress,
        }
    }
}

/// Every policy, lowered. Rules and isolations are kept in the order in which they are tried (S2), so the order of the
/// documents they came from makes no difference.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Program {
    rules: Vec<Rule>,
    isolations: Vec<Isolation>,
    #[serde(skip)]
    rehearses: bool,
    #[serde(skip)]
    indexes: Option<Indexes>,
}

/// Programs of the same rules are equal, whether they are indexed or not.
impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules && self.isolations == other.isolations
    }
}

impl Eq for Program {}

#[derive(Clone, Debug)]
struct Indexes {
    rules: Index,
    isolations: Index,
}

/// Where something stands in the order of trial.
type Place<'i> = (Plane, u32, i32, Action, &'i String);

/// Things in the order of trial. Their places are sorted in place of them: places are smaller, and sorting is compiled once.
/// Parts of a program, and configurations that were written from one, are in order already.
fn in_order<T>(things: Vec<T>, place: fn(&T) -> Place<'_>) -> Vec<T> {
    if things.is_sorted_by(|a, b| place(a) <= place(b)) {
        return things;
    }
    let mut order: Vec<(Place<'_>, usize)> =
        things.iter().enumerate().map(|(at, thing)| (place(thing), at)).collect();
    order.sort_unstable();
    let order: Vec<usize> = order.into_iter().map(|(_, at)| at).collect();
    let mut things: Vec<Option<T>> = things.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| things.get_mut(at)?.take()).collect()
}

impl Program {
    /// A program of these rules and isolations, in any order.
    pub fn new(rules: Vec<Rule>, isolations: Vec<Isolation>) -> Self {
        let rules = in_order(rules, |rule| (rule.plane, rule.tier, rule.priority, rule.action, &rule.id));
        // Isolations of a tier are tried by id alone.
        let place: fn(&Isolation) -> Place<'_> =
            |isolation| (isolation.plane, isolation.tier, 0, Action::Deny, &isolation.id);
        let isolations = in_order(isolations, place);
        let mut program = Self { rules, isolations, rehearses: false, indexes: None };
        program.rehearses = program.has_audits();
        program
    }

    fn has_audits(&self) -> bool {
        self.rules.iter().any(|rule| rule.mode == Mode::Audit)
            || self.isolations.iter().any(|isolation| isolation.mode == Mode::Audit)
    }

    /// The same program, made fast at many questions: what a decision costs does then hardly depend on how many rules there are.
    /// It takes about as long as reading the rules did.
    #[must_use]
    pub fn indexed(mut self) -> Self {
        let (rules, isolations) = (Index::of_rules(&self.rules), Index::of_isolations(&self.isolations));
        self.indexes = Some(Indexes { rules, isolations });
        self
    }

    /// The positions of the rules that can concern a question, in order; `None` when all have to be tried.
    pub(crate) fn concerning(&self, connection: &Connection<'_>, exchange: Exchange<'_>) -> Option<Vec<u32>> {
        let indexes = self.indexes.as_ref()?;
        Some(indexes.rules.rules(
            connection,
            exchange,
            filtered(&connection.destination) == crate::Truth::Yes,
        ))
    }

    /// The positions of the isolations that can concern somebody, in order; `None` when all have to be tried.
    pub(crate) fn isolating(&self, identity: &Identity<'_>) -> Option<Vec<u32>> {
        Some(self.indexes.as_ref()?.isolations.isolations(identity))
    }

    /// The rules, in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The isolations, by tier.
    pub fn isolations(&self) -> &[Isolation] {
        &self.isolations
    }

    /// Whether anything in it is to be rehearsed (S36).
    pub fn rehearses(&self) -> bool {
        self.rehearses
    }

    /// The program without the rules and isolations that are refused; it is no longer [`indexed`](Self::indexed).
    #[must_use]
    pub fn retaining(
        mut self,
        rule: impl FnMut(&Rule) -> bool,
        isolation: impl FnMut(&Isolation) -> bool,
    ) -> Self {
        self.rules.retain(rule);
        self.isolations.retain(isolation);
        self.rehearses = self.has_audits();
        self.indexes = None;
        self
    }

    /// The program without the rules and isolations that are refused.
    #[must_use]
    pub fn filtered(
        &self,
        mut rule: impl FnMut(&Rule) -> bool,
        mut isolation: impl FnMut(&Isolation) -> bool,
    ) -> Self {
        let rules = self.rules.iter().filter(|r| rule(r)).cloned().collect();
        Self::new(rules, self.isolations.iter().filter(|i| isolation(i)).cloned().collect())
    }
}
