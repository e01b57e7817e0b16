//! Who opens a connection, and who accepts it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::list::Distinct;
use crate::selector::{NetworkSelector, Selector};
use crate::text::{Cidr, Principal, Subdomain};

/// Addresses that the inventory knows as such (S43).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Entity {
    /// Whoever is not in the cluster.
    World,
    /// Whoever is.
    Cluster,
    /// Machines of the cluster.
    Node,
    /// The API server.
    KubeApiserver,
}

/// Declares the two ends of a connection, which differ in what can be proved of them.
macro_rules! end {
    ($(#[$meta:meta])* $name:ident { $($field:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(extend(
            "minProperties" = 1,
            "dependentRequired" = { "except": ["cidr"] },
            "not" = { "required": ["network", "networks"] }
        ))]
        pub struct $name {
            /// Workloads of the inventory (S11).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub workloads: Option<Selector>,
            /// A block of addresses, those of workloads included (S13).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub cidr: Option<Cidr>,
            /// Smaller blocks that are taken from `cidr`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub except: Option<Distinct<Cidr, 1000>>,
            /// The name of a Network: its addresses (S42).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub network: Option<Subdomain>,
            /// Networks by their labels; not beside `network`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub networks: Option<NetworkSelector>,
            /// Addresses that the inventory knows as such (S43).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub entities: Option<Distinct<Entity, 1000>>,
            /// Peers none of whom is meant; at most 4 deep.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub not: Option<Distinct<$name, 1000>>,
            $($field)*
        }
    };
}

end! {
    /// Who opens a connection; all that is written must hold (S39).
    Peer {
        /// SPIFFE ids of who opens the connection, by its certificate (S41).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub principals: Option<Distinct<Principal, 1000>>,
    }
}

end! {
    /// Who accepts a connection; all that is written must hold (S39).
    Target {}
}
