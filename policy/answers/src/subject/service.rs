//! Who is meant where somebody is dialled: a Service is dialled at its own addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{anyhow, bail};
use bookend_engine::Service;

use super::{Directory, Party, Subject};

impl<'c> Directory<'c> {
    /// Resolves who is dialled: as [`resolve_in`](Self::resolve_in), but a Service by its own addresses, where it has any.
    ///
    /// # Errors
    /// When nobody is called so, and when several are.
    pub fn dialled(&self, namespace: Option<&str>, text: &str) -> anyhow::Result<Subject<'c>> {
        let inventory = &self.compiled.inventory;
        if let Ok(address) = text.parse::<IpAddr>() {
            let address = address.to_canonical();
            let mut services = inventory.services_at(address).filter(|_| inventory.at(address).is_none());
            return Ok(match services.next() {
                Some(service) => Subject::only(self.at_service(service, vec![address])),
                None => Subject::only(self.at(address)),
            });
        }
        if let Some(name) = text.strip_prefix("service:") {
            return self.service(namespace, name)?.ok_or_else(|| {
                anyhow!("there is no Service `{name}` with an address of its own; check the name, or name who is behind it")
            });
        }
        match self.resolve_in(namespace, text) {
            // A workload is meant by its name before a Service is.
            Ok(found) if found.port.is_none() && found.parties.iter().any(|party| is_called(party, text)) => {
                Ok(found)
            }
            found => match self.service(namespace, text)? {
                Some(service) => Ok(service),
                None => found,
            },
        }
    }

    /// The Service of this name, if it has addresses.
    fn service(&self, namespace: Option<&str>, text: &str) -> anyhow::Result<Option<Subject<'c>>> {
        let (said, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        let all = self.compiled.inventory.services().iter().filter(|service| service.name == name);
        let here = |wanted: Option<&str>| -> Vec<&'c Service> {
            all.clone().filter(|service| wanted.is_none_or(|wanted| wanted == service.namespace)).collect()
        };
        let mut found = here(said.or(namespace));
        if found.is_empty() && said.is_none() {
            found = here(None);
        }
        match found.as_slice() {
            [] => Ok(None),
            [service] => {
                let port = match service.ports.as_slice() {
                    [port] => Some(port.port),
                    _ => None,
                };
                let party = self.at_service(service, service.addresses.clone());
                Ok(Some(Subject { parties: vec![party], port }))
            }
            several => {
                let titles: Vec<_> = several.iter().map(|s| format!("`{}/{name}`", s.namespace)).collect();
                bail!("`{text}` may be {}; write the namespace too", titles.join(" or "))
            }
        }
    }

    /// A Service, dialled at some of its addresses. Where several Services share one, its port tells which is meant.
    fn at_service(&self, service: &'c Service, addresses: Vec<IpAddr>) -> Party<'c> {
        let shared = addresses.iter().flat_map(|address| self.compiled.inventory.services_at(*address));
        let backends = shared.flat_map(|service| &service.ports).flat_map(|port| &port.backends);
        let distinct: BTreeSet<IpAddr> = backends.map(|backend| backend.address).collect();
        let name = format!("{}/{}", service.namespace, service.name);
        Party {
            service: Some(service),
            behind: distinct.into_iter().map(|address| self.at(address)).collect(),
            ..Party::outside(name, addresses)
        }
    }
}

/// Whether a party is a workload, and `text` its own name.
fn is_called(party: &Party<'_>, text: &str) -> bool {
    let name = text.rsplit_once('/').map_or(text, |(_, name)| name);
    party.workload.is_some_and(|workload| workload.name == name) || text.contains([':', '='])
}
