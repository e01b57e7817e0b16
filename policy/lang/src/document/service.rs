//! Services, and who is behind them.

use core::net::IpAddr;

use bookend_engine::{Labels, Protocol};

use super::Spanned;
use crate::Span;

/// A Kubernetes Service: a name for workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The labels of the workloads behind it; empty for a Service without a selector.
    pub selector: Labels,
    /// Its ports: the Service's own numbers.
    pub ports: Vec<u16>,
    /// Where its name is written.
    pub place: Span,
}

/// A Service, from an inventory or from a Kubernetes manifest.
#[derive(Clone, Debug)]
pub(crate) struct ServiceDocument {
    pub(crate) namespace: String,
    pub(crate) name: Spanned<String>,
    /// Those at which it is dialled; none for a headless one, and for one that is another name for a DNS name.
    pub(crate) addresses: Vec<Spanned<IpAddr>>,
    /// Empty where it has none.
    pub(crate) selector: Labels,
    /// The addresses of who is behind it, where an inventory says so.
    pub(crate) backends: Vec<IpAddr>,
    pub(crate) ports: Vec<ServicePortDocument>,
    /// Whether an inventory says it, for whose addresses an operator vouches, and not a manifest, which anybody may have written who
    /// may write Services.
    pub(crate) vouched: bool,
}

/// A port of a Service.
#[derive(Clone, Debug)]
pub(crate) struct ServicePortDocument {
    pub(crate) name: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    pub(crate) target: Target,
    pub(crate) place: Span,
}

/// The port of who is behind a port of a Service.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Number(u16),
    /// By the name that the workload behind it gives one of its own ports.
    Name(Spanned<String>),
}

/// An EndpointSlice: some of those who are behind a Service.
#[derive(Clone, Debug)]
pub(crate) struct SliceDocument {
    pub(crate) namespace: String,
    /// The Service.
    pub(crate) service: Spanned<String>,
    /// Those who are ready, and those who still serve while they end.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ports: Vec<SlicePort>,
}

/// A port of everybody in a slice.
#[derive(Clone, Debug)]
pub(crate) struct SlicePort {
    /// That of the Service's port.
    pub(crate) name: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
}
