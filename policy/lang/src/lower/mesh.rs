//! The mesh that inventories and Istio's own documents describe.

use std::collections::BTreeMap;

use super::{Facts, facts};
use crate::{
    Code, Span,
    diagnostic::Report,
    dialect::istio::{Mesh, ROOT_NAMESPACE, TrustDomains},
    document::{Encryption, Verifier},
};
use bookend_engine::{
    Action, Clause, Ends, Inventory, Labels, MESH_AGENT, MESH_AGENT_PORTS, MESH_AGENT_TIER, Mode, Plane,
    PortMatch, Protocol, Rule, Workload,
};

/// The rule by which no policy of a mesh holds at the ports of its own agent (S83).
pub(crate) fn agent() -> Option<Rule> {
    let port = |port| PortMatch::range(Protocol::Tcp, port, port).ok();
    Some(Rule {
        id: MESH_AGENT.to_owned(),
        plane: Plane::Mesh,
        tier: MESH_AGENT_TIER,
        priority: 0,
        action: Action::Allow,
        mode: Mode::Enforce,
        at: Ends { source: false, destination: true },
        namespace: None,
        from: Clause::Any,
        to: Clause::Any,
        ports: Clause::one_of(MESH_AGENT_PORTS.into_iter().filter_map(port).collect()).ok()?,
        not_ports: Vec::new(),
        http: Clause::Any,
        answer: None,
        limits: None,
    })
}

/// What is said of the mesh.
pub(super) fn mesh(facts: &Facts<'_>, report: &mut Report) -> Mesh {
    let inventories = || facts.inventories.iter();
    let root = inventories().filter_map(|inventory| inventory.root_namespace.as_ref());
    let root = facts::agreed(root, "root namespace", report).cloned();
    // Where two contradict each other, that is said where the inventory is put together.
    let domain = inventories().find_map(|inventory| inventory.trust_domain.as_ref());
    let domain =
        domain.map_or_else(|| Inventory::default().trust_domain().to_owned(), |domain| domain.value.clone());
    let mut domains = vec![domain];
    for alias in inventories().flat_map(|inventory| &inventory.trust_domain_aliases) {
        if !domains.contains(&alias.value) {
            domains.push(alias.value.clone());
        }
    }
    let requests = || facts.request_authentications.iter();
    let names = requests().map(|d| ((d.namespace.as_str(), d.name.value.as_str()), d.name.span));
    facts::unique(names, "RequestAuthentication", report);
    warn_of_rivals(facts, report);
    let default = Mesh::default();
    let mut encryption: Vec<Encryption> =
        facts.peer_authentications.iter().map(|document| document.encryption.clone()).collect();
    encryption.sort();
    Mesh {
        root_namespace: root.unwrap_or(default.root_namespace),
        trust_domains: TrustDomains(domains),
        encryption,
        split_claims: requests()
            .flat_map(|d| d.split_claims.iter().map(|claim| (d.namespace.clone(), claim.clone())))
            .collect(),
    }
}

/// Warns of documents that say something of the very same workloads.
fn warn_of_rivals(facts: &Facts<'_>, report: &mut Report) {
    let mut seen: BTreeMap<(&str, &Labels), Span> = BTreeMap::new();
    for document in &facts.peer_authentications {
        let own = &document.encryption;
        let place = (own.namespace.as_str(), &own.labels);
        if let Some(first) = seen.get(&place) {
            let message = "another PeerAuthentication is for the same workloads";
            let cure = "keep one of them";
            let related = (*first, "the other one");
            report.add_related(Code::RivalAuthentications, document.name.span, message, cure, related);
        } else {
            seen.insert(place, document.name.span);
        }
    }
}

/// Whose tokens proxies verify; the workloads that they stand before are told.
pub(super) fn verifiers(facts: &Facts<'_>, workloads: &mut [Workload]) -> Vec<Verifier> {
    let named = facts.inventories.iter().find_map(|inventory| inventory.root_namespace.as_ref());
    let root = named.map_or(ROOT_NAMESPACE, |root| root.value.as_str());
    let documents = facts.request_authentications.iter().filter(|document| !document.issuers.is_empty());
    let verifiers: Vec<Verifier> = documents
        .map(|document| Verifier {
            namespace: (document.namespace != root || document.targets.named)
                .then(|| document.namespace.clone()),
            labels: document.targets.labels.clone(),
            issuers: document.issuers.iter().map(|issuer| issuer.value.clone()).collect(),
            place: document.name.span,
        })
        .collect();
    // Few are for all namespaces; most are looked up by the workload's own.
    let mut by_namespace: BTreeMap<Option<&str>, Vec<&Verifier>> = BTreeMap::new();
    for verifier in &verifiers {
        by_namespace.entry(verifier.namespace.as_deref()).or_default().push(verifier);
    }
    for workload in workloads {
        let identity = &mut workload.identity;
        let places = [by_namespace.get(&None), by_namespace.get(&Some(identity.namespace.as_str()))];
        let verified = places.into_iter().flatten().flatten().any(|verifier| verifier.is_for(identity));
        identity.jwt |= verified;
    }
    verifiers
}
