//! Calico's policies, tiers and sets as they were written, and what its selectors ask of service accounts.

use core::net::IpAddr;

use super::Spanned;
use crate::{Span, dialect::Selector};
use bookend_engine::{Action, Clause, HttpMatch, IpNet, Labels, Mode, PortMatch};

/// A NetworkPolicy or a GlobalNetworkPolicy of Calico, or one that is staged. What it means depends on the others of its tier,
/// so it becomes a policy only when all documents are there.
#[derive(Clone, Debug)]
pub(crate) struct CalicoPolicy {
    /// `None`: a GlobalNetworkPolicy.
    pub(crate) namespace: Option<String>,
    /// With its kind before it: `globalnetworkpolicy.lockdown`.
    pub(crate) name: Spanned<String>,
    /// As it was written.
    pub(crate) own_name: String,
    pub(crate) tier: Spanned<String>,
    pub(crate) order: Order,
    /// `Audit` where it is staged.
    pub(crate) mode: Mode,
    /// The endpoints it applies to.
    pub(crate) selector: Spanned<Selector>,
    pub(crate) ingress: Option<Vec<CalicoRule>>,
    pub(crate) egress: Option<Vec<CalicoRule>>,
    /// Whether who is meant and matched by none of its rules is denied at the end of the tier. Not where it is judged apart from
    /// the others (`preDNAT`, `doNotTrack`).
    pub(crate) isolates: bool,
    /// Where it asks to be applied to what hosts forward.
    pub(crate) forwarded: Option<Span>,
}

/// Where a policy stands in its tier, and a tier among tiers: the lowest is tried first, and one without a number last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order(pub(crate) Option<f64>);

impl Order {
    /// The number; infinite where there is none.
    pub(crate) fn number(self) -> f64 {
        self.0.unwrap_or(f64::INFINITY)
    }
}

/// A rule that does something.
#[derive(Clone, Debug)]
pub(crate) struct CalicoRule {
    /// Its place in the list, those that only log included.
    pub(crate) index: usize,
    pub(crate) span: Span,
    pub(crate) action: Action,
    pub(crate) source: CalicoEntity,
    pub(crate) destination: CalicoEntity,
    pub(crate) version: Option<IpVersion>,
    pub(crate) ports: Clause<Spanned<PortMatch>>,
    pub(crate) not_ports: Vec<Spanned<PortMatch>>,
    pub(crate) http: Clause<HttpMatch>,
    pub(crate) http_span: Option<Span>,
}

/// `ipVersion`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IpVersion {
    V4,
    V6,
}

/// `source` or `destination` of a rule. All that is said must hold.
#[derive(Clone, Debug)]
pub(crate) struct CalicoEntity {
    pub(crate) span: Span,
    /// One of these; everybody where there is none.
    pub(crate) nets: Vec<Spanned<IpNet>>,
    pub(crate) not_nets: Vec<Spanned<IpNet>>,
    /// What `selector`, `namespaceSelector` and `serviceAccounts` say together, and the policy's own namespace where they are
    /// limited to it.
    pub(crate) selector: Option<Spanned<Selector>>,
    pub(crate) not_selector: Option<Spanned<Selector>>,
    pub(crate) service: Option<Spanned<ServiceName>>,
}

impl CalicoEntity {
    /// Everybody.
    pub(crate) fn anybody(span: Span) -> Self {
        Self {
            span,
            nets: Vec::new(),
            not_nets: Vec::new(),
            selector: None,
            not_selector: None,
            service: None,
        }
    }
}

/// A Service, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServiceName {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// A Tier of Calico.
#[derive(Clone, Debug)]
pub(crate) struct CalicoTier {
    pub(crate) name: Spanned<String>,
    pub(crate) order: Spanned<Order>,
    /// Whether who is isolated in it is not denied at its end.
    pub(crate) passes: bool,
}

/// A NetworkSet, or, without a namespace, a GlobalNetworkSet.
#[derive(Clone, Debug)]
pub(crate) struct CalicoSet {
    pub(crate) namespace: Option<String>,
    pub(crate) name: Spanned<String>,
    pub(crate) labels: Labels,
    pub(crate) nets: Vec<IpNet>,
}

/// A Kubernetes ServiceAccount.
#[derive(Clone, Debug)]
pub(crate) struct AccountDocument {
    pub(crate) namespace: String,
    pub(crate) name: Spanned<String>,
    pub(crate) labels: Labels,
}

/// Somebody behind a Service: address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Behind {
    pub(crate) protocol: bookend_engine::Protocol,
    pub(crate) port: u16,
    pub(crate) address: IpAddr,
}

/// The namespace in which the endpoints of hosts lie, which to Calico lie in none. No namespace of a cluster should have the name.
pub(crate) const HOSTS: &str = "host-endpoints";
