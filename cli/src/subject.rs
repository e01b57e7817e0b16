//! Who is meant by what a user calls them.

use std::net::IpAddr;

use anyhow::{anyhow, bail};
use bookend_engine::{Labels, Workload};
use bookend_lang::{Compiled, Service};

/// One who opens or accepts a connection.
#[derive(Clone, Debug)]
pub(crate) struct Party<'c> {
    /// `namespace/name`, or an address.
    pub(crate) name: String,
    /// The workload; none for an address of nobody in the inventory.
    pub(crate) workload: Option<&'c Workload>,
    /// Where it is: the addresses of its first instance; none where the inventory knows none.
    pub(crate) addresses: Vec<IpAddr>,
}

impl<'c> Party<'c> {
    fn new(workload: &'c Workload) -> Self {
        let addresses = workload.instances.iter().map(|instance| &instance.addresses);
        Self {
            name: title(workload),
            workload: Some(workload),
            addresses: addresses.into_iter().find(|list| !list.is_empty()).cloned().unwrap_or_default(),
        }
    }

    /// Whoever has an address.
    fn at(address: IpAddr, compiled: &'c Compiled) -> Self {
        let address = address.to_canonical();
        match compiled.inventory.at(address) {
            Some(workload) => Self { addresses: vec![address], ..Self::new(workload) },
            None => Self { name: address.to_string(), workload: None, addresses: vec![address] },
        }
    }
}

/// Everybody who is meant.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'c> {
    /// At least one.
    pub(crate) parties: Vec<Party<'c>>,
    /// The port, where the name of a Service implies one.
    pub(crate) port: Option<u16>,
}

impl<'c> Subject<'c> {
    /// Resolves a workload's or a Service's name, `namespace/name`, `label=value`, or an address.
    ///
    /// # Errors
    /// When nobody is called so, and when several are.
    pub(crate) fn resolve(text: &str, compiled: &'c Compiled) -> anyhow::Result<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { parties: vec![Party::at(address, compiled)], port: None });
        }
        if text.contains('=') {
            return labelled(text, compiled);
        }
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        let here = |of: &str| namespace.is_none_or(|namespace| namespace == of);
        let inventory = &compiled.inventory.workloads;
        let workloads: Vec<_> =
            inventory.iter().filter(|w| w.name == name && here(&w.identity.namespace)).collect();
        let services: Vec<_> =
            compiled.services.iter().filter(|s| s.name == name && here(&s.namespace)).collect();
        match (workloads.as_slice(), services.as_slice()) {
            ([workload], _) => Ok(Self { parties: vec![Party::new(workload)], port: None }),
            ([], [service]) => behind(service, compiled),
            ([], []) => Err(unknown(text, compiled)),
            (workloads, services) => {
                let mut titles: Vec<_> = workloads.iter().map(|w| format!("`{}`", title(w))).collect();
                titles.extend(services.iter().map(|s| format!("`{}/{}`", s.namespace, s.name)));
                titles.sort();
                titles.dedup();
                bail!("`{text}` may be {}; write the namespace too", titles.join(" or "))
            }
        }
    }
}

/// `namespace/name`.
pub(crate) fn title(workload: &Workload) -> String {
    format!("{}/{}", workload.identity.namespace, workload.name)
}

fn carries(workload: &Workload, labels: &Labels) -> bool {
    labels.iter().all(|(key, value)| workload.identity.labels.get(key) == Some(value))
}

/// The workloads behind a Service, as Kubernetes selects them.
fn behind<'c>(service: &Service, compiled: &'c Compiled) -> anyhow::Result<Subject<'c>> {
    let selects = |w: &&Workload| w.identity.namespace == service.namespace && carries(w, &service.selector);
    let named = format!("{}/{}", service.namespace, service.name);
    if service.selector.is_empty() {
        bail!("the Service `{named}` has no selector, so the inventory does not tell who is behind it");
    }
    let parties: Vec<_> = compiled.inventory.workloads.iter().filter(selects).map(Party::new).collect();
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
fn labelled<'c>(text: &str, compiled: &'c Compiled) -> anyhow::Result<Subject<'c>> {
    let mut labels = Labels::new();
    for part in text.split(',') {
        let pair = part.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) = pair.ok_or_else(|| anyhow!("`{part}` is not a label; write `key=value`"))?;
        labels.insert(key.to_owned(), value.to_owned());
    }
    let meant = compiled.inventory.workloads.iter().filter(|workload| carries(workload, &labels));
    let parties: Vec<_> = meant.map(Party::new).collect();
    if parties.is_empty() {
        bail!("no workload of the inventory has the labels `{text}`");
    }
    Ok(Subject { parties, port: None })
}

fn unknown(text: &str, compiled: &Compiled) -> anyhow::Error {
    let workloads = compiled.inventory.workloads.iter().map(|w| (w.name.clone(), title(w)));
    let services = compiled.services.iter().map(|s| (s.name.clone(), format!("{}/{}", s.namespace, s.name)));
    let similar = workloads
        .chain(services)
        .flat_map(|(short, long)| [short, long])
        .map(|name| (strsim::damerau_levenshtein(&name, text), name))
        .filter(|(distance, _)| *distance <= 3)
        .min();
    match similar {
        Some((_, name)) => anyhow!("nobody is called `{text}`; did you mean `{name}`?"),
        None if compiled.inventory.workloads.is_empty() => {
            anyhow!("nobody is called `{text}`, for there is no inventory; give one with `-i`")
        }
        None => anyhow!(
            "nobody is called `{text}`; write a workload, a Service, `namespace/name`, `label=value` or an address"
        ),
    }
}
