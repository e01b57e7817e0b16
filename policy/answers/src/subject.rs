//! Who is meant by what a user calls them.

mod class;
mod service;

use std::net::IpAddr;

use anyhow::{anyhow, bail};
use bookend_engine::{Labels, Workload};
use bookend_lang::{Compiled, Service};

pub use class::Classes;

/// One who opens or accepts a connection.
#[derive(Clone, Debug)]
pub struct Party<'c> {
    /// `namespace/name`, an address, a network or a principal.
    pub name: String,
    /// The workload; none for somebody outside.
    pub workload: Option<&'c Workload>,
    /// Where it is: the addresses of one instance; none where none are known.
    pub addresses: Vec<IpAddr>,
    /// Whether other instances of the workload are treated differently, so that the address belongs to the name.
    pub one_of_several: bool,
    /// The SPIFFE id that somebody outside proves to the destination's proxy.
    pub principal: Option<String>,
    /// The Service whose addresses these are, where a Service is dialled.
    pub service: Option<&'c bookend_engine::Service>,
    /// Everybody who may be reached there.
    pub behind: Vec<Party<'c>>,
}

impl<'c> Party<'c> {
    fn outside(name: String, addresses: Vec<IpAddr>) -> Self {
        Self {
            name,
            workload: None,
            addresses,
            one_of_several: false,
            principal: None,
            service: None,
            behind: Vec::new(),
        }
    }

    fn of(workload: &'c Workload, addresses: Vec<IpAddr>) -> Self {
        Self { workload: Some(workload), ..Self::outside(title(workload), addresses) }
    }

    /// Its name, and its address where only that tells it from others of the name.
    pub fn label(&self) -> String {
        match (self.addresses.first(), &self.principal) {
            (Some(address), _) if self.one_of_several => format!("{} at {address}", self.name),
            (Some(_), _) if self.service.is_some() => format!("the Service {}", self.name),
            (_, Some(principal)) if *principal != self.name => format!("{} as {principal}", self.name),
            _ => self.name.clone(),
        }
    }
}

/// Everybody who is meant.
#[derive(Clone, Debug)]
pub struct Subject<'c> {
    /// At least one.
    pub parties: Vec<Party<'c>>,
    /// The port, where the name of a Service implies one.
    pub port: Option<u16>,
}

impl<'c> Subject<'c> {
    fn only(party: Party<'c>) -> Self {
        Self { parties: vec![party], port: None }
    }
}

impl Subject<'_> {
    /// The same, each of them proving a SPIFFE id.
    ///
    /// # Errors
    /// When one is a workload, which proves its own.
    pub fn proving(mut self, principal: Option<&str>) -> anyhow::Result<Self> {
        let Some(principal) = principal else { return Ok(self) };
        for party in &mut self.parties {
            if party.workload.is_some() {
                bail!("`{}` is a workload and proves its own SPIFFE id; leave `principal` out", party.name);
            }
            party.principal = Some(principal.to_owned());
        }
        Ok(self)
    }
}

/// Everybody who has a name.
pub struct Directory<'c> {
    compiled: &'c Compiled,
    classes: Classes,
}

impl<'c> Directory<'c> {
    /// The names in these documents.
    pub fn new(compiled: &'c Compiled) -> Self {
        Self { compiled, classes: Classes::new(&compiled.program) }
    }

    /// Resolves a name, first in `namespace` where it names none itself.
    ///
    /// # Errors
    /// When nobody is called so, and when several are.
    pub fn resolve_in(&self, namespace: Option<&str>, text: &str) -> anyhow::Result<Subject<'c>> {
        match namespace {
            Some(namespace) if !text.contains(['/', ':', '=']) && text.parse::<IpAddr>().is_err() => {
                self.resolve(&format!("{namespace}/{text}")).or_else(|_| self.resolve(text))
            }
            _ => self.resolve(text),
        }
    }

    /// Resolves a workload's or a Service's name, `namespace/name`, `label=value`, `namespace:name`, `network:name`, a
    /// SPIFFE id, or an address.
    ///
    /// # Errors
    /// When nobody is called so, and when several are.
    pub fn resolve(&self, text: &str) -> anyhow::Result<Subject<'c>> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Subject::only(self.at(address)));
        }
        if text.starts_with("spiffe://") {
            return self.principal(text);
        }
        if let Some(namespace) = text.strip_prefix("namespace:") {
            return self.namespace(namespace);
        }
        if let Some(network) = text.strip_prefix("network:") {
            return self.network(network);
        }
        if text.contains('=') {
            return self.labelled(text);
        }
        self.named(text)
    }

    fn named(&self, text: &str) -> anyhow::Result<Subject<'c>> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        let here = |of: &str| namespace.is_none_or(|namespace| namespace == of);
        let workloads: Vec<_> = self.workloads(|w| w.name == name && here(&w.identity.namespace)).collect();
        let services: Vec<_> =
            self.compiled.services.iter().filter(|s| s.name == name && here(&s.namespace)).collect();
        match (workloads.as_slice(), services.as_slice()) {
            ([workload], _) => Ok(Subject { parties: self.parties(workload), port: None }),
            ([], [service]) => self.behind(service),
            ([], []) => Err(self.unknown(text)),
            (workloads, services) => {
                let mut titles: Vec<_> = workloads.iter().map(|w| format!("`{}`", title(w))).collect();
                titles.extend(services.iter().map(|s| format!("`{}/{}`", s.namespace, s.name)));
                titles.sort();
                titles.dedup();
                bail!("`{text}` may be {}; write the namespace too", titles.join(" or "))
            }
        }
    }

    fn workloads(&self, keep: impl Fn(&Workload) -> bool) -> impl Iterator<Item = &'c Workload> {
        self.compiled.inventory.workloads().iter().filter(move |workload| keep(workload))
    }

    /// The workload, once for all of its instances that no rule tells apart.
    fn parties(&self, workload: &'c Workload) -> Vec<Party<'c>> {
        let mut different = self.classes.distinct(workload);
        if different.is_empty() {
            different.push(Vec::new());
        }
        let one_of_several = different.len() > 1;
        different
            .into_iter()
            .map(|addresses| Party { one_of_several, ..Party::of(workload, addresses) })
            .collect()
    }

    /// Whoever has an address.
    fn at(&self, address: IpAddr) -> Party<'c> {
        let address = address.to_canonical();
        match self.compiled.inventory.at(address) {
            Some(workload) => Party::of(workload, vec![address]),
            None => Party::outside(address.to_string(), vec![address]),
        }
    }

    /// The workloads that have this SPIFFE id, or somebody outside who has it.
    fn principal(&self, id: &str) -> anyhow::Result<Subject<'c>> {
        if id.contains('*') {
            bail!("`{id}` is a pattern; write a whole SPIFFE id");
        }
        let domain = self.compiled.inventory.trust_domain();
        let parties: Vec<_> = self
            .workloads(|workload| workload.identity.spiffe_id(domain) == id)
            .flat_map(|workload| self.parties(workload))
            .collect();
        if parties.is_empty() {
            let outside = Party::outside(id.to_owned(), Vec::new());
            return Ok(Subject::only(Party { principal: Some(id.to_owned()), ..outside }));
        }
        Ok(Subject { parties, port: None })
    }

    fn namespace(&self, namespace: &str) -> anyhow::Result<Subject<'c>> {
        let inside = |workload: &Workload| workload.identity.namespace == namespace;
        let parties: Vec<_> = self.workloads(inside).flat_map(|workload| self.parties(workload)).collect();
        if parties.is_empty() {
            let names = self.workloads(|_| true).map(|workload| workload.identity.namespace.as_str());
            return Err(nobody(
                &format!("no workload of the inventory is in the namespace `{namespace}`"),
                namespace,
                names,
            ));
        }
        Ok(Subject { parties, port: None })
    }

    /// Somebody in a network who is no workload.
    fn network(&self, name: &str) -> anyhow::Result<Subject<'c>> {
        let networks = &self.compiled.networks;
        let Some(blocks) = networks.get(name) else {
            let names = networks.keys().map(String::as_str);
            return Err(nobody(&format!("there is no `Network` called `{name}`"), name, names));
        };
        let free = |address: &IpAddr| self.compiled.inventory.at(*address).is_none();
        let mut parties: Vec<Party<'c>> = Vec::new();
        for block in blocks {
            let Some(address) = class::member(block, free) else { continue };
            parties.push(Party {
                one_of_several: blocks.len() > 1,
                ..Party::outside(format!("network:{name}"), vec![address])
            });
        }
        if parties.is_empty() {
            bail!("every address of the network `{name}` is a workload's; name the workload");
        }
        Ok(Subject { parties, port: None })
    }

    /// The workloads behind a Service, as Kubernetes selects them.
    fn behind(&self, service: &Service) -> anyhow::Result<Subject<'c>> {
        let named = format!("{}/{}", service.namespace, service.name);
        if service.selector.is_empty() {
            bail!("the Service `{named}` has no selector, so the inventory does not tell who is behind it");
        }
        let parties: Vec<_> = self
            .workloads(|w| w.identity.namespace == service.namespace && carries(w, &service.selector))
            .flat_map(|workload| self.parties(workload))
            .collect();
        if parties.is_empty() {
            bail!("no workload of the inventory is behind the Service `{named}`; check its selector");
        }
        let port = match service.ports.as_slice() {
            [port] => Some(*port),
            _ => None,
        };
        Ok(Subject { parties, port })
    }

    /// `app=ratings`, or several labels with commas between them.
    fn labelled(&self, text: &str) -> anyhow::Result<Subject<'c>> {
        let mut labels = Labels::new();
        for part in text.split(',') {
            let pair = part.split_once('=').filter(|(key, _)| !key.is_empty());
            let (key, value) = pair.ok_or_else(|| anyhow!("`{part}` is not a label; write `key=value`"))?;
            labels.insert(key.to_owned(), value.to_owned());
        }
        let parties: Vec<_> =
            self.workloads(|w| carries(w, &labels)).flat_map(|workload| self.parties(workload)).collect();
        if parties.is_empty() {
            bail!("no workload of the inventory has the labels `{text}`");
        }
        Ok(Subject { parties, port: None })
    }

    fn unknown(&self, text: &str) -> anyhow::Error {
        let workloads = self.workloads(|_| true).map(|w| (w.name.clone(), title(w)));
        let services =
            self.compiled.services.iter().map(|s| (s.name.clone(), format!("{}/{}", s.namespace, s.name)));
        let names: Vec<String> = workloads.chain(services).flat_map(|(short, long)| [short, long]).collect();
        match similar(text, names.iter().map(String::as_str)) {
            Some(name) => anyhow!("nobody is called `{text}`; did you mean `{name}`?"),
            None if self.compiled.inventory.workloads().is_empty() => {
                anyhow!("nobody is called `{text}`, for there is no inventory; give one with `-i`")
            }
            None => anyhow!(
                "nobody is called `{text}`; write a workload, a Service, `namespace/name`, `label=value` or an address"
            ),
        }
    }
}

/// `namespace/name`.
pub fn title(workload: &Workload) -> String {
    format!("{}/{}", workload.identity.namespace, workload.name)
}

fn carries(workload: &Workload, labels: &Labels) -> bool {
    labels.iter().all(|(key, value)| workload.identity.labels.get(key) == Some(value))
}

fn nobody<'n>(what: &str, wanted: &str, names: impl Iterator<Item = &'n str>) -> anyhow::Error {
    match similar(wanted, names) {
        Some(name) => anyhow!("{what}; did you mean `{name}`?"),
        None => anyhow!("{what}; check the name"),
    }
}

/// The name that was probably meant.
pub fn similar<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        // Comparing costs the product of both lengths, and there may be many.
        .filter(|name| name.len().abs_diff(text.len()) <= 3)
        .map(|name| (strsim::damerau_levenshtein(name, text), name))
        .filter(|(distance, _)| *distance <= 3 && *distance < text.chars().count())
        .min()
        .map(|(_, name)| name)
}
