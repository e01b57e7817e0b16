//! Probes: what a kubelet asks a pod to tell whether it works.

use crate::Span;

/// A connection that the kubelet of a workload's node opens to it, again and again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probe {
    /// The workload's namespace.
    pub namespace: String,
    /// The workload's name, as the inventory has it.
    pub workload: String,
    /// The TCP port it goes to.
    pub port: u16,
    /// What for.
    pub purpose: Purpose,
    /// Where it is written.
    pub place: Span,
}

/// What a probe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Whether a container has started: it is restarted if it never answers.
    Startup,
    /// Whether a container still works: it is restarted when it does not.
    Liveness,
    /// Whether a pod gets traffic.
    Readiness,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// The word that a manifest has before `Probe`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
        }
    }
}

/// A probe as a manifest writes it.
#[derive(Clone, Debug)]
pub(crate) struct ProbeDocument {
    pub(crate) purpose: Purpose,
    pub(crate) port: u16,
    pub(crate) place: Span,
}

/// What becomes of the probes of a pod that gets Istio's proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rewriting {
    /// The injector sends them to the proxy's agent, at this port.
    To(u16),
    /// They stay as they are.
    Off,
}

impl Default for Rewriting {
    /// The injector rewrites probes unless it is told not to, and the agent listens at 15020 (Istio,
    /// `values.sidecarInjectorWebhook.rewriteAppHTTPProbe` and `values.global.proxy.statusPort`).
    fn default() -> Self {
        Self::To(15020)
    }
}
