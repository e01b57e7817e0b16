//! Who and what questions can be about.

use std::collections::BTreeSet;

use bookend_engine::{Labels, NamedPort};
use bookend_lang::Compiled;
use serde::Serialize;

use crate::subject::title;

/// Everybody and everything that has a name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Names<'c> {
    workloads: Vec<Workload<'c>>,
    services: Vec<Service>,
    networks: Vec<&'c str>,
    namespaces: BTreeSet<&'c str>,
}

/// A workload of the inventory.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Workload<'c> {
    /// `namespace/name`.
    name: String,
    labels: &'c Labels,
    /// `null` where they are not known.
    ports: Option<Vec<Port<'c>>>,
    /// Whether a filter stands before it.
    proxied: bool,
    service_account: &'c str,
}

/// A port that has a name.
#[derive(Debug, Serialize)]
struct Port<'c> {
    name: &'c str,
    protocol: &'static str,
    port: u16,
}

/// A Service.
#[derive(Debug, Serialize)]
struct Service {
    /// `namespace/name`.
    name: String,
    ports: Vec<u16>,
}

impl<'c> Names<'c> {
    /// The names in documents.
    #[must_use]
    pub fn new(compiled: &'c Compiled) -> Self {
        let port =
            |port: &'c NamedPort| Port { name: &port.name, protocol: port.protocol.name(), port: port.port };
        let all = compiled.inventory.workloads();
        let workloads = all.iter().map(|workload| Workload {
            name: title(workload),
            labels: &workload.identity.labels,
            ports: workload.identity.ports.as_ref().map(|ports| ports.iter().map(port).collect()),
            proxied: workload.identity.proxied,
            service_account: &workload.identity.service_account,
        });
        let services = compiled.services.iter().map(|service| Service {
            name: format!("{}/{}", service.namespace, service.name),
            ports: service.ports.clone(),
        });
        Self {
            workloads: workloads.collect(),
            services: services.collect(),
            networks: compiled.networks.keys().map(String::as_str).collect(),
            namespaces: all.iter().map(|workload| workload.identity.namespace.as_str()).collect(),
        }
    }
}
