//! One interface of this host.

use bookend_abi::Address;
use bookend_abi::address::to_ip;
use bookend_abi::table::Interface;
use bookend_engine::Role;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::collections::BTreeSet;

use crate::Plan;

/// What is enforced at one interface: the host side of a workload's, or the host's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfacePlan {
    /// The interface's name on the host.
    pub name: String,
    /// Whose it is.
    pub role: Role,
    /// The namespace of the workload behind it, or of the host.
    pub namespace: String,
    /// The name of the workload behind it, or of the host.
    pub workload: String,
    /// The policy for connections it opens.
    pub egress: u64,
    /// The policy for connections opened to it.
    pub ingress: u64,
    /// Its addresses, ascending.
    pub addresses: Vec<Address>,
}

/// The flags of an entry of `interfaces` that follow from the role.
#[must_use]
pub fn role_flags(role: Role) -> u32 {
    match role {
        Role::Workload => 0,
        Role::Host => Interface::HOST,
        Role::Router => Interface::HOST | Interface::FORWARDS,
    }
}

/// The role that these flags follow from.
#[must_use]
pub fn role_of(flags: u32) -> Role {
    match (flags & Interface::HOST != 0, flags & Interface::FORWARDS != 0) {
        (false, _) => Role::Workload,
        (true, false) => Role::Host,
        (true, true) => Role::Router,
    }
}

impl Plan {
    /// The entries of `owned`, with the interface by its name.
    #[must_use]
    pub fn owned(&self) -> BTreeSet<(&str, Address)> {
        self.interfaces
            .iter()
            .flat_map(|i| i.addresses.iter().map(|address| (i.name.as_str(), *address)))
            .collect()
    }
}

impl Serialize for InterfacePlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let addresses: Vec<_> = self.addresses.iter().map(|address| to_ip(*address)).collect();
        let mut fields = serializer.serialize_struct("InterfacePlan", 6)?;
        fields.serialize_field("name", &self.name)?;
        match self.role {
            Role::Workload => fields.skip_field("role")?,
            Role::Host => fields.serialize_field("role", "host")?,
            Role::Router => fields.serialize_field("role", "router")?,
        }
        fields.serialize_field("workload", &format!("{}/{}", self.namespace, self.workload))?;
        fields.serialize_field("addresses", &addresses)?;
        fields.serialize_field("egress", &crate::render::handle(self.egress))?;
        fields.serialize_field("ingress", &crate::render::handle(self.ingress))?;
        fields.end()
    }
}
