//! A plan for people: names where the tables have numbers.

use bookend_abi::Address;
use bookend_abi::address::{MAPPED_PREFIX_LENGTH, is_mapped, to_ip};
use bookend_abi::table::{
    ALLOW, BlockKey, ICMP, ICMPV6, Limit, NO_RULE, OTHER_PROTOCOL, OUTSIDE, PolicyHead, Rate, SCTP, TCP, UDP,
    VerdictKey, VerdictValue,
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
    default: Answer,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<Block>,
    verdicts: Vec<Row>,
}

#[derive(serde::Serialize)]
struct Answer {
    #[serde(flatten)]
    verdict: Verdict,
    /// What would be, if everything that is only audited were enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<Verdict>,
}

/// What is limited, as the table has it.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Limited {
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<Pace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections_per_source: Option<Pace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets: Option<Pace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets_per_source: Option<Pace>,
}

/// One in each interval, and a burst.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Pace {
    interval_nanoseconds: u64,
    burst: u64,
}

impl Limited {
    fn new(limit: &Limit) -> Self {
        let pace = |rate: Rate| {
            let burst = rate.depth.checked_div(rate.interval)?;
            Some(Pace { interval_nanoseconds: rate.interval, burst })
        };
        Self {
            connections: pace(limit.connections),
            connections_per_source: pace(limit.connections_per_source),
            packets: pace(limit.packets),
            packets_per_source: pace(limit.packets_per_source),
        }
    }
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
    /// Of ICMP: `8` is every code of type 8, `8/0` one code, `8-11` several types, `8/0-3` several codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<String>,
    #[serde(flatten)]
    answer: Answer,
    /// How much of it may come, where that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limited>,
}

impl Plan {
    /// What people call an identity.
    #[must_use]
    pub fn peer(&self, number: u64) -> String {
        match (self.known.get(&number), self.services.get(&number)) {
            _ if number == OUTSIDE => "outside".to_owned(),
            (Some(known), _) => known.name(),
            (None, Some(service)) => service.clone(),
            (None, None) => handle(number),
        }
    }

    fn policy(&self, number: u64, contents: &PolicyContents) -> Policy {
        let PolicyHead { flags, default_rule, default_audit_rule, .. } = contents.head;
        let has = |flag| flags & flag != 0;
        let used_for = |interface: &InterfacePlan| {
            let directions = [("egress", interface.egress), ("ingress", interface.ingress)];
            let used = directions.into_iter().filter(|(_, handle)| *handle == number);
            used.map(|(direction, _)| format!("{direction} of {}", interface.name)).collect::<Vec<_>>()
        };
        Policy {
            handle: handle(number),
            used_for: self.interfaces.iter().flat_map(used_for).collect(),
            default: self.answer(
                (default_rule, has(PolicyHead::DEFAULT_ALLOW)),
                (default_audit_rule, has(PolicyHead::DEFAULT_AUDIT_ALLOW)),
            ),
            blocks: contents
                .blocks
                .iter()
                .map(|(key, block)| Block { cidr: cidr(key), block: *block })
                .collect(),
            verdicts: contents.verdicts.iter().map(|(key, value)| self.row(key, value)).collect(),
        }
    }

    fn row(&self, key: &VerdictKey, value: &VerdictValue) -> Row {
        let (protocol, ports, types) = match key.protocol {
            TCP => ("TCP", Some(ports(key)), None),
            UDP => ("UDP", Some(ports(key)), None),
            SCTP => ("SCTP", Some(ports(key)), None),
            ICMP => ("ICMP", None, types(key)),
            ICMPV6 => ("ICMPv6", None, types(key)),
            OTHER_PROTOCOL => ("other", None, None),
            _ => ("unknown", None, None),
        };
        Row {
            peer: self.peer(key.identity),
            block: key.block,
            protocol,
            ports,
            types,
            answer: self.answer(
                (value.rule, value.verdict == ALLOW),
                (value.audit_rule, value.audit_verdict == ALLOW),
            ),
            limits: self.limits.get(&value.limit).map(Limited::new),
        }
    }

    /// A verdict and what an audit says: rules, and whether they allow.
    fn answer(&self, (rule, allows): (u64, bool), (audit_rule, would_allow): (u64, bool)) -> Answer {
        let audit = (audit_rule != NO_RULE).then(|| self.verdict(audit_rule, would_allow));
        Answer { verdict: self.verdict(rule, allows), audit }
    }

    fn verdict(&self, rule: u64, allows: bool) -> Verdict {
        Verdict {
            verdict: if allows { "allow" } else { "deny" },
            rule: self.rule(rule).map_or_else(|| handle(rule), str::to_owned),
        }
    }
}

/// The last port of a prefix.
fn last(key: &VerdictKey) -> u16 {
    key.port | u16::MAX.checked_shr(u32::from(key.prefix_length)).unwrap_or(0)
}

/// Types and codes of a prefix; `None` for all of them.
fn types(key: &VerdictKey) -> Option<String> {
    let ([kind, code], [last_kind, last_code]) = (key.port.to_be_bytes(), last(key).to_be_bytes());
    match key.prefix_length {
        0 => None,
        1..8 => Some(format!("{kind}-{last_kind}")),
        8 => Some(kind.to_string()),
        9..16 => Some(format!("{kind}/{code}-{last_code}")),
        _ => Some(format!("{kind}/{code}")),
    }
}

fn ports(key: &VerdictKey) -> String {
    let last = last(key);
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
