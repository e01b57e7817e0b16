//! Who exists and what the policies say: what a case takes place in.

use core::net::IpAddr;

use anyhow::{Context, bail};
use bookend_engine::{Configuration, Inventory, Program, Workload};
use bookend_lang::{Source, compile};

use crate::Party;

/// Documents, compiled.
#[derive(Clone, Debug)]
pub struct World {
    /// The texts of the documents.
    pub documents: Vec<String>,
    /// The policies.
    pub program: Program,
    /// The workloads. Every instance has an interface.
    pub inventory: Inventory,
    /// What a filter gets.
    pub configuration: Configuration,
    /// Whether enforcers drop nothing (S79).
    pub dry_run: bool,
}

/// The IP version of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Family {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.to_canonical().is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }
}

impl World {
    /// Compiles the texts of documents.
    ///
    /// # Errors
    /// When they are refused, with every diagnostic.
    pub fn compile(texts: &[&str]) -> anyhow::Result<Self> {
        let sources: Vec<_> = texts.iter().map(|text| Source::new("case", text.as_bytes())).collect();
        let compiled = match compile(&sources) {
            Ok(compiled) => compiled,
            Err(refused) => {
                let lines: Vec<_> =
                    refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect();
                bail!("{}", lines.join("\n"));
            }
        };
        let configuration = compiled.configuration();
        let documents = texts.iter().map(|text| (*text).to_owned()).collect();
        let inventory = with_interfaces(compiled.inventory);
        Ok(Self { documents, program: compiled.program, inventory, configuration, dry_run: false })
    }

    /// The workload `name` of the namespace `default`, or `namespace/name`.
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
        self.inventory.workload(namespace, name)
    }

    /// The party that a case calls `name`: a workload, at its first address of `family`, or an address.
    ///
    /// # Errors
    /// When there is no such workload, or it has no such address.
    pub fn party(&self, name: &str, family: Family) -> anyhow::Result<Party> {
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        if let Ok(address) = bare.parse() {
            return Ok(Party { name: bare.to_owned(), address });
        }
        let workload =
            self.workload(name).with_context(|| format!("there is no workload `{name}` in the inventory"))?;
        let mut addresses = workload.instances.iter().flat_map(|instance| &instance.addresses);
        let address = addresses
            .find(|address| Family::of(**address) == family)
            .with_context(|| format!("`{name}` has no {family:?} address"))?;
        Ok(Party { name: name.to_owned(), address: *address })
    }

    /// The host side of the interface of the workload at `address`.
    pub fn interface(&self, address: IpAddr) -> Option<&str> {
        let mut instances = self.inventory.workloads().iter().flat_map(|workload| &workload.instances);
        instances.find(|i| i.addresses.contains(&address.to_canonical()))?.interface.as_deref()
    }

    /// The SPIFFE id in the certificate that whoever is at `address` shows: a workload behind a proxy, and nobody else.
    pub fn certificate(&self, address: IpAddr) -> Option<String> {
        let proxied = self.inventory.at(address).filter(|workload| workload.identity.proxied);
        proxied.map(|workload| self.spiffe_id(workload))
    }

    /// The SPIFFE id that the certificate of a workload holds.
    pub fn spiffe_id(&self, workload: &Workload) -> String {
        workload.identity.spiffe_id(self.inventory.trust_domain())
    }
}

/// The inventory with an interface for every instance.
fn with_interfaces(inventory: Inventory) -> Inventory {
    let mut workloads = inventory.workloads().to_vec();
    let instances = workloads.iter_mut().flat_map(|workload| &mut workload.instances);
    for (number, instance) in instances.enumerate() {
        // Several hosts have an `eth0`, and here all of them are one machine.
        if instance.role.is_own() {
            instance.interface = None;
        }
        instance.interface.get_or_insert_with(|| format!("bk{number}"));
    }
    inventory.with_workloads(workloads)
}
