//! What becomes of a connection that is dialled to a Service: of whoever may be chosen behind it.

use std::net::IpAddr;

use bookend_engine::{Dialled, Verdict};
use bookend_lang::TestPort;
use serde::Serialize;

use super::{Decider, Kernel, Pair, Passage};
use crate::documents::Documents;
use crate::traffic::Traffic;

/// A Service on the way, and everybody who may be reached.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Served {
    /// `namespace/name`.
    pub name: String,
    /// Whether the source may reach some of those behind, and others not, so that it reaches none.
    pub mixed: bool,
    /// Everybody behind the port, by address.
    pub backends: Vec<Behind>,
}

/// Somebody behind a Service, and what would become of the connection to him.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Behind {
    pub to: String,
    pub address: IpAddr,
    pub port: u16,
    /// What the kernel at the source says of him; `null` where nobody stands there.
    pub source: Option<&'static str>,
    /// As the connection to himself would be judged; `null` where nobody judges it.
    pub passage: Option<Box<Passage>>,
}

impl Behind {
    /// Whether the connection to him passes.
    pub fn allows(&self) -> bool {
        self.passage.as_ref().is_none_or(|passage| passage.allows())
    }

    /// Who decides about him.
    pub fn decider(&self) -> Option<&Decider> {
        self.passage.as_ref().map(|passage| &passage.decided_by)
    }
}

/// The connection through a Service that a pair is about, if it is.
pub(crate) fn dialled<'d>(pair: &Pair<'_>, documents: &'d Documents) -> Option<Dialled<'d>> {
    documents.compiled.inventory.dialled(pair.destination, pair.protocol, pair.port)
}

/// The connections to everybody who may be reached through a Service, and what travels on them.
pub fn behind<'c>(pair: &Pair<'c>, traffic: &Traffic, documents: &Documents) -> Vec<(Pair<'c>, Traffic)> {
    let inventory = &documents.compiled.inventory;
    let Some((_, port)) = inventory.service_at(pair.destination, pair.protocol, pair.port) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for backend in port.backends(pair.destination.is_ipv6()) {
        let is_there = |party: &&crate::subject::Party<'_>| party.addresses.contains(&backend.address);
        let Some(to) = pair.to.behind.iter().find(is_there) else { continue };
        let pair = Pair { to, destination: backend.address, port: backend.port, ..pair.clone() };
        let dialled = traffic.dialled.or(Some(pair.port));
        let port = Some(TestPort::Number(backend.port));
        found.push((pair, Traffic { port, dialled, ..traffic.clone() }));
    }
    found
}

/// Lets everybody judge the connections to all who may be reached.
///
/// # Errors
/// When the kernel cannot enforce the policy.
pub(super) fn served(
    pair: &Pair<'_>,
    traffic: &Traffic,
    documents: &Documents,
    kernel: &Kernel<'_>,
    explained: bool,
) -> anyhow::Result<Option<Served>> {
    let inventory = &documents.compiled.inventory;
    let service = inventory.service_at(pair.destination, pair.protocol, pair.port);
    let (Some((service, _)), Some(_)) = (service, dialled(pair, documents)) else { return Ok(None) };
    let mut backends = Vec::new();
    let traffic = Traffic { dialled: Some(pair.port), ..traffic.clone() };
    for (pair, traffic) in behind(pair, &traffic, documents) {
        let judged = pair.from.workload.is_some() || pair.to.workload.is_some();
        let passage = match judged {
            true => Some(Passage::new(&pair, &traffic, documents, kernel, explained)?),
            false => None,
        };
        let source = passage.as_ref().and_then(Passage::at_the_source);
        backends.push(Behind {
            to: pair.to.name.clone(),
            address: pair.destination,
            port: pair.port,
            source,
            passage: passage.map(Box::new),
        });
    }
    let says = |verdict: Verdict| backends.iter().any(|backend| backend.source == Some(verdict.name()));
    let mixed = says(Verdict::Allow) && says(Verdict::Deny);
    Ok(Some(Served { name: format!("{}/{}", service.namespace, service.name), mixed, backends }))
}
