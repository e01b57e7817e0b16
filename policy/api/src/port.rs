//! Ports of a destination, and types of ICMP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::PortName;

/// The number of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PortNumber(#[schemars(range(min = 1, max = 65535))] pub u16);

/// A protocol that a rule can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Protocol {
    /// TCP.
    #[serde(rename = "TCP")]
    Tcp,
    /// UDP.
    #[serde(rename = "UDP")]
    Udp,
    /// SCTP.
    #[serde(rename = "SCTP")]
    Sctp,
    /// ICMP.
    #[serde(rename = "ICMP")]
    Icmp,
    /// ICMP of IPv6.
    #[serde(rename = "ICMPv6")]
    Icmpv6,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A port, by its number or by its name at the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum NumberOrName {
    /// The number.
    Number(PortNumber),
    /// The name.
    Name(PortName),
}

/// Ports of the destination (S12), or types of ICMP (S45).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Port {
    /// A port of TCP, by its number.
    Number(PortNumber),
    /// A port of TCP, by its name at the destination.
    Name(PortName),
    /// Any other.
    Entry(PortEntry),
}

/// Ports of one protocol, or types of ICMP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, extend(
    "dependentRequired" = { "endPort": ["port"], "code": ["type"], "type": ["protocol"] },
    "allOf" = [
        { "anyOf": [{ "required": ["port"] }, { "required": ["protocol"] }] },
        { "anyOf": [{ "not": { "required": ["port"] } }, { "properties": { "protocol": { "enum": ["TCP", "UDP", "SCTP"] } } }] },
        { "anyOf": [
            { "not": { "required": ["type"] } },
            { "properties": { "protocol": { "enum": ["ICMP"] }, "type": { "not": { "enum": [0, 3, 4, 5, 11, 12, 14] } } } },
            { "properties": { "protocol": { "enum": ["ICMPv6"] }, "type": { "minimum": 128, "not": { "enum": [129, 133, 134, 135, 136, 137] } } } }
        ] }
    ]
))]
pub struct PortEntry {
    /// The port, by its number or by its name at the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<NumberOrName>,
    /// The last port of the range, included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_port: Option<PortNumber>,
    /// TCP when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// The type of ICMP; every one when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<u8>,
    /// The code of ICMP; every one when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
}
