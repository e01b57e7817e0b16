//! A plan for people: names where the tables have numbers.

use bookend_abi::Address;
use bookend_abi::address::{MAPPED_PREFIX_LENGTH, is_mapped, to_ip};
use bookend_abi::table::{
    ALLOW, BlockKey, ICMP, ICMPV6, OTHER_PROTOCOL, OUTSIDE, PolicyHead, TCP, UDP, VerdictKey, VerdictValue,
};
use bookend_engine::WorkloadIdentity;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::collections::BTreeMap;
use std::fmt;

use crate::{InterfacePlan, Plan, PolicyContents};

/// A number as it is printed everywhere.
pub(crate) fn handle(number: u64) -> String {
    format!("{number:016x}")
}

impl fmt::Display for Plan {
    /// Readable JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let policies: Vec<_> =
            self.policies.iter().map(|(number, contents)| self.policy(*number, contents)).collect();
        let identities: BTreeMap<String, Identity<'_>> = self
            .known
            .iter()
            .map(|(number, known)| {
                let workloads = &known.workloads;
                (handle(*number), Identity { workloads, identity: &known.identity })
            })
            .collect();
        let addresses: BTreeMap<_, _> =
            self.identities.iter().map(|(address, number)| (to_ip(*address), self.peer(*number))).collect();
        let mut fields = serializer.serialize_struct("Plan", 5)?;
        fields.serialize_field("interfaces", &self.interfaces)?;
        fields.serialize_field("policies", &policies)?;
        fields.serialize_field("addresses", &addresses)?;
        fields.serialize_field("identities", &identities)?;
        fields.serialize_field("sizes", &self.sizes())?;
        fields.end()
    }
}

#[derive(serde::Serialize)]
struct Identity<'a> {
    workloads: &'a [String],
    #[serde(flatten)]
    identity: &'a WorkloadIdentity,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    handle: String,
    /// `egress of eth0`
    used_for: Vec<String>,
    default: Verdict,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<Block>,
    verdicts: Vec<Row>,
}

#[derive(serde::Serialize)]
struct Verdict {
    verdict: &'static str,
    rule: String,
}

#[derive(serde::Serialize)]
struct Block {
    cidr: String,
    block: u32,
}

#[derive(serde::Serialize)]
struct Row {
    peer: String,
    block: u32,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<String>,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Plan {
    /// What people call an identity.
    #[must_use]
    pub fn peer(&self, number: u64) -> String {
        match self.known.get(&number) {
            _ if number == OUTSIDE => "outside".to_owned(),
            Some(known) => known.name(),
            None => handle(number),
        }
    }

    fn policy(&self, number: u64, contents: &PolicyContents) -> Policy {
        let allows = contents.head.flags & PolicyHead::DEFAULT_ALLOW != 0;
        let used_for = |interface: &InterfacePlan| {
            let directions = [("egress", interface.egress), ("ingress", interface.ingress)];
            let used = directions.into_iter().filter(|(_, handle)| *handle == number);
            used.map(|(direction, _)| format!("{direction} of {}", interface.name)).collect::<Vec<_>>()
        };
        Policy {
            handle: handle(number),
            used_for: self.interfaces.iter().flat_map(used_for).collect(),
            default: self.verdict(contents.head.default_rule, allows),
            blocks: contents
                .blocks
                .iter()
                .map(|(key, block)| Block { cidr: cidr(key), block: *block })
                .collect(),
            verdicts: contents.verdicts.iter().map(|(key, value)| self.row(key, value)).collect(),
        }
    }

    fn row(&self, key: &VerdictKey, value: &VerdictValue) -> Row {
        let (protocol, has_ports) = match key.protocol {
            TCP => ("TCP", true),
            UDP => ("UDP", true),
            ICMP => ("ICMP", false),
            ICMPV6 => ("ICMPv6", false),
            OTHER_PROTOCOL => ("other", false),
            _ => ("unknown", false),
        };
        Row {
            peer: self.peer(key.identity),
            block: key.block,
            protocol,
            ports: has_ports.then(|| ports(key)),
            verdict: self.verdict(value.rule, value.verdict == ALLOW),
        }
    }

    fn verdict(&self, rule: u64, allows: bool) -> Verdict {
        Verdict {
            verdict: if allows { "allow" } else { "deny" },
            rule: self.rule(rule).map_or_else(|| handle(rule), str::to_owned),
        }
    }
}

fn ports(key: &VerdictKey) -> String {
    let last = key.port | u16::MAX.checked_shr(u32::from(key.prefix_length)).unwrap_or(0);
    match key.prefix_length {
        0 => "any".to_owned(),
        16 => key.port.to_string(),
        _ => format!("{}-{last}", key.port),
    }
}

/// The block in the notation of documents.
fn cidr(key: &BlockKey) -> String {
    let address: Address = key.address;
    let length = key.prefix_length.saturating_sub(64);
    if is_mapped(&address) && length >= MAPPED_PREFIX_LENGTH {
        format!("{}/{}", to_ip(address), length - MAPPED_PREFIX_LENGTH)
    } else {
        format!("{}/{length}", to_ip(address))
    }
}
