//! Services: addresses that stand for others, as kube-proxy translates them (S70).

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;
use serde::Serialize;

use super::Inventory;
use crate::{Endpoint, Location, Protocol, tape::object};

/// A Service: who dials one of its addresses reaches one of its backends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name, unique within its namespace.
    pub name: String,
    /// Its addresses, IPv4 and IPv6: the cluster's, and whatever others an operator vouches for. No workload has any of
    /// them.
    pub addresses: Vec<IpAddr>,
    /// Its ports. No two Services have the same address, protocol and port.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Its name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its protocol, which has ports.
    pub protocol: Protocol,
    /// The number that is dialled, 1–65535.
    pub port: u16,
    /// Everybody who may be reached there, by address and port, each once.
    pub backends: Vec<Backend>,
}

/// Somebody behind a port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backend {
    /// The address.
    pub address: IpAddr,
    /// The port, 1–65535.
    pub port: u16,
}

object!(Service { namespace: "namespace", name: "name", addresses: "addresses", ports: "ports" });

object!(ServicePort { name: "name" or None, protocol: "protocol", port: "port", backends: "backends" });

object!(Backend { address: "address", port: "port" });

impl Service {
    /// Its port of this number, where it has one.
    pub fn port(&self, protocol: Protocol, port: u16) -> Option<&ServicePort> {
        self.ports.iter().find(|own| (own.protocol, own.port) == (protocol, port))
    }
}

impl ServicePort {
    /// The backends that somebody reaches who dials an IPv4 or an IPv6 address.
    pub fn backends(&self, ipv6: bool) -> impl Iterator<Item = &Backend> {
        self.backends.iter().filter(move |backend| backend.address.to_canonical().is_ipv6() == ipv6)
    }
}

/// A connection through a Service, before somebody is chosen behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialled<'i> {
    /// Where the address that was dialled is.
    pub location: Location,
    /// The protocol, which has ports.
    pub protocol: Protocol,
    /// The port that was dialled.
    pub port: u16,
    /// Everybody who may be reached, and at which port; at least one.
    pub backends: Vec<(Endpoint<'i>, u16)>,
}

/// Positions of Services by their addresses, sorted.
pub(super) type ByServiceAddress = Vec<(IpAddr, usize)>;

pub(super) fn by_address(services: &[Service]) -> ByServiceAddress {
    let mut found: ByServiceAddress = Vec::new();
    for (position, service) in services.iter().enumerate() {
        found.extend(service.addresses.iter().map(|address| (address.to_canonical(), position)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

impl Inventory {
    /// The same inventory with these Services.
    #[must_use]
    pub fn with_services(mut self, services: Vec<Service>) -> Self {
        self.by_service_address = by_address(&services);
        self.services = services;
        self
    }

    /// The Services.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The Services that have `address`: one, unless several share it and have different ports.
    pub fn services_at(&self, address: IpAddr) -> impl Iterator<Item = &Service> {
        let address = address.to_canonical();
        let start = self.by_service_address.partition_point(|(known, _)| *known < address);
        let rest = self.by_service_address.get(start..).unwrap_or_default().iter();
        rest.take_while(move |(known, _)| *known == address)
            .filter_map(|(_, position)| self.services.get(*position))
    }

    /// The Service that somebody reaches who dials this, and its port.
    pub fn service_at(
        &self,
        address: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Option<(&Service, &ServicePort)> {
        // Who has an address has it for itself, whatever else is said of it.
        if self.at(address).is_some() {
            return None;
        }
        self.services_at(address).find_map(|service| Some((service, service.port(protocol, port)?)))
    }

    /// A connection to this address and port, if it goes through a Service that has somebody behind that port (S71, S74).
    pub fn dialled(&self, address: IpAddr, protocol: Protocol, port: u16) -> Option<Dialled<'_>> {
        let (_, own) = self.service_at(address, protocol, port)?;
        let reached = own.backends(address.to_canonical().is_ipv6());
        let backends: Vec<_> =
            reached.map(|backend| (self.endpoint(backend.address), backend.port)).collect();
        let location = Location::of(address);
        (!backends.is_empty()).then_some(Dialled { location, protocol, port, backends })
    }
}
