//! A configuration at work.

use bookend_engine::{Configuration, Enforcement, Exchange, Head, Needs, Request, Ruling, Tokens};

use crate::attributes::{Arrival, own_workload};
use crate::headers::RequestHead;
use crate::{Fault, Proxy};

/// A configuration, bound to the proxy's own workload. A gate that could not be bound refuses every request.
#[derive(Debug)]
pub struct Gate {
    enforcement: Result<Enforcement, Fault>,
}

/// Why a request may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied<'g> {
    /// The engine says so; the id of what denied it.
    ByRule(&'g str),
    /// It cannot be judged.
    InDoubt(Fault),
}

impl Gate {
    /// Binds a configuration to the workload that the proxy says it serves.
    pub fn bind(configuration: Configuration, proxy: &impl Proxy) -> Self {
        Self { enforcement: own_workload(proxy).map(|own| Enforcement::new(configuration, own)) }
    }

    /// Why the gate refuses every request, if it does.
    pub fn fault(&self) -> Option<&Fault> {
        self.enforcement.as_ref().err()
    }

    /// What of a request must be read beyond its pseudo-headers. A gate that refuses every request needs nothing.
    pub fn needs(&self) -> Needs {
        self.enforcement.as_ref().map(Enforcement::needs).unwrap_or_default()
    }

    /// Judges a request.
    ///
    /// # Errors
    /// Why it cannot be judged; then it may not pass.
    pub fn judge(
        &self,
        arrival: &Arrival,
        head: &RequestHead<'_>,
        tokens: Tokens,
    ) -> Result<Ruling<'_>, Fault> {
        let enforcement = self.enforcement.as_ref().map_err(Fault::clone)?;
        let RequestHead { method, authority, path, headers } = head;
        let request = Request::new(Head {
            method: *method,
            authority: *authority,
            path: *path,
            headers: Some(headers),
            tokens,
        });
        let local = arrival.destination;
        Ok(arrival.with_peer(|peer| {
            enforcement.decide(peer, Some(local.ip()), local.port(), Exchange::Http(&request))
        }))
    }
}
