//! One interface of this host.

use bookend_abi::Address;
use bookend_abi::address::to_ip;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::collections::BTreeSet;

use crate::Plan;

/// What is enforced at the host side of one workload's interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfacePlan {
    /// The interface's name on the host.
    pub name: String,
    /// The namespace of the workload behind it.
    pub namespace: String,
    /// The name of the workload behind it.
    pub workload: String,
    /// The policy for connections it opens.
    pub egress: u64,
    /// The policy for connections opened to it.
    pub ingress: u64,
    /// Its addresses, ascending.
    pub addresses: Vec<Address>,
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
        let mut fields = serializer.serialize_struct("InterfacePlan", 5)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("workload", &format!("{}/{}", self.namespace, self.workload))?;
        fields.serialize_field("addresses", &addresses)?;
        fields.serialize_field("egress", &crate::render::handle(self.egress))?;
        fields.serialize_field("ingress", &crate::render::handle(self.ingress))?;
        fields.end()
    }
}
