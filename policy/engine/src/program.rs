//! A program: every policy, lowered.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

use crate::{Clause, End, HttpMatch, PeerMatch, PortMatch, Selector};

/// What a rule does with the traffic it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Deny it. Deny rules come first (S2).
    Deny,
    /// Allow it.
    Allow,
}

impl Action {
    /// `deny` or `allow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }
}

/// One rule: connections, and what happens to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// `namespace/policy/rule`, unique in the program.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// The namespace of its policy: the rule governs only ends that lie there (S4).
    pub namespace: String,
    /// Who opens the connection.
    pub from: Clause<PeerMatch>,
    /// Who accepts it.
    pub to: Clause<PeerMatch>,
    /// On which ports.
    pub ports: Clause<PortMatch>,
    /// With which requests. A rule with HTTP conditions concerns TCP only (S6).
    pub http: Clause<HttpMatch>,
}

impl Rule {
    /// The peers the rule names at `end`.
    pub fn peers(&self, end: End) -> &Clause<PeerMatch> {
        match end {
            End::Source => &self.from,
            End::Destination => &self.to,
        }
    }
}

/// Default-deny for some workloads (S7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Isolation {
    /// `namespace/policy/isolate[n]`, unique in the program.
    pub id: String,
    /// The workloads; always of the policy's own namespace.
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

/// Every policy, lowered. Rules are kept in the order in which they are tried (S2), so the order of the
/// documents they came from makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Parts", deny_unknown_fields)]
pub struct Program {
    rules: Vec<Rule>,
    isolations: Vec<Isolation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parts {
    rules: Vec<Rule>,
    isolations: Vec<Isolation>,
}

impl From<Parts> for Program {
    fn from(Parts { rules, isolations }: Parts) -> Self {
        Self::new(rules, isolations)
    }
}

impl Program {
    /// A program of these rules and isolations, in any order.
    pub fn new(mut rules: Vec<Rule>, mut isolations: Vec<Isolation>) -> Self {
        rules.sort_by(|a, b| (a.action, &a.id).cmp(&(b.action, &b.id)));
        isolations.sort_by(|a, b| a.id.cmp(&b.id));
        Self { rules, isolations }
    }

    /// The rules, in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The isolations.
    pub fn isolations(&self) -> &[Isolation] {
        &self.isolations
    }

    /// The program without the rules and isolations that `keep` refuses.
    #[must_use]
    pub fn filtered(
        &self,
        mut rule: impl FnMut(&Rule) -> bool,
        mut isolation: impl FnMut(&Isolation) -> bool,
    ) -> Self {
        Self {
            rules: self.rules.iter().filter(|r| rule(r)).cloned().collect(),
            isolations: self.isolations.iter().filter(|i| isolation(i)).cloned().collect(),
        }
    }
}
