//! What the numbers in the tables mean here and now.

use super::row::{
    Audit, BlockRow, BucketRow, FlowRow, FragmentRow, IdentityRow, InterfaceRow, LimitRow, PolicyRow, Ports,
    RateCell, VerdictRow,
};
use crate::clock::monotonic;
use crate::failure::Failure;
use crate::interfaces::Interfaces;
use crate::journal::line::{direction, protocol_name, state_name, verdict};
use crate::kernel::{KernelError, Pinned, Rows};
use crate::names::{Names, hexadecimal};
use crate::status::role;
use bookend_abi::address::{MAPPED_PREFIX_LENGTH, UNSPECIFIED, is_mapped, to_ip};
use bookend_abi::table::{
    ALLOW, BlockKey, BucketKey, Config, FlowKey, FlowValue, FragmentKey, FragmentValue, Interface, Limit,
    NO_BLOCK, NO_LIMIT, NO_POLICY, NO_RULE, OTHER_PROTOCOL, OUTSIDE, OwnedKey, PolicyHead, Rate, SCTP, TCP,
    UDP, VerdictKey, VerdictValue,
};
use bookend_abi::{Address, FROM_WORKLOAD, flow};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A row, or none that is wanted.
type Found<R> = Result<Option<R>, KernelError>;
/// A row as it was read.
type Read<K, V> = Result<(K, V), KernelError>;

/// What there is to know before rows are read: as much as there are interfaces.
pub(super) struct Scene<'a> {
    pub(super) pinned: &'a Pinned,
    names: &'a Names,
    config: Config,
    /// By index: slot, entry, addresses, and the name there is now.
    interfaces: BTreeMap<u32, (u32, Interface, Vec<Address>, Option<String>)>,
    /// The index of the only interface that is wanted.
    only: Option<u32>,
    now: u64,
}

impl<'a> Scene<'a> {
    pub(super) fn new(pinned: &'a Pinned, names: &'a Names, only: Option<&str>) -> Result<Self, Failure> {
        let system = Interfaces::subscribe()
            .map_err(|error| Failure::new(format!("cannot list interfaces: {error}")))?;
        let mut owned: BTreeMap<u32, Vec<Address>> = BTreeMap::new();
        for OwnedKey { ifindex, address } in pinned.owned()?.keys().collect::<Result<BTreeSet<_>, _>>()? {
            owned.entry(ifindex).or_default().push(address);
        }
        let mut interfaces = BTreeMap::new();
        for (slot, interface) in pinned.slotted()? {
            let index = interface.ifindex;
            let addresses = owned.remove(&index).unwrap_or_default();
            interfaces.insert(index, (slot, interface, addresses, system.name(index)));
        }
        let named = |wanted: &str| {
            let found = interfaces.iter().find(|(_, (.., name))| name.as_deref() == Some(wanted));
            found.map(|(ifindex, _)| *ifindex).ok_or_else(|| {
                Failure::new(format!(
                    "`{wanted}` is not policed; `bookend-enforcer status` shows which interfaces are"
                ))
            })
        };
        let only = only.map(named).transpose()?;
        Ok(Self { pinned, names, config: pinned.config()?, interfaces, only, now: monotonic() })
    }

    fn wants(&self, ifindex: u32) -> bool {
        self.only.is_none_or(|only| only == ifindex)
    }

    /// Whether a policy is one of the wanted interface's.
    fn wants_policy(&self, policy: u64) -> bool {
        self.only.is_none_or(|only| {
            self.interfaces
                .get(&only)
                .is_some_and(|(_, entry, ..)| [entry.egress, entry.ingress].contains(&policy))
        })
    }

    fn interface(&self, ifindex: u32) -> String {
        let name = self.interfaces.get(&ifindex).and_then(|(.., name)| name.clone());
        name.unwrap_or_else(|| format!("#{ifindex}"))
    }

    fn workload(&self, ifindex: u32) -> Option<String> {
        let (.., name) = self.interfaces.get(&ifindex)?;
        self.names.workload(name.as_deref()?).map(str::to_owned)
    }

    /// Seconds from `time` until now.
    fn since(&self, time: u64) -> f64 {
        Duration::from_nanos(self.now.saturating_sub(time)).as_secs_f64()
    }

    fn until(&self, time: u64) -> f64 {
        Duration::from_nanos(time.saturating_sub(self.now)).as_secs_f64()
    }

    pub(super) fn interfaces(&self) -> Result<Vec<InterfaceRow>, KernelError> {
        let states = self.pinned.slot_states()?;
        let wanted = self.interfaces.iter().filter(|(ifindex, _)| self.wants(**ifindex));
        wanted
            .map(|(ifindex, (slot, entry, addresses, _))| {
                let handle = |handle: u64| (handle != NO_POLICY).then(|| hexadecimal(handle));
                Ok(InterfaceRow {
                    interface: self.interface(*ifindex),
                    ifindex: *ifindex,
                    slot: *slot,
                    workload: self.workload(*ifindex),
                    role: role(entry.flags),
                    observed: entry.flags & Interface::OBSERVE != 0,
                    egress: handle(entry.egress),
                    ingress: handle(entry.ingress),
                    epoch: entry.epoch,
                    quota: entry.quota,
                    opened: states.get(*slot)?.cursor,
                    addresses: addresses.iter().map(|address| to_ip(*address)).collect(),
                })
            })
            .collect()
    }

    pub(super) fn policy(&self, row: Read<u64, PolicyHead>) -> Found<PolicyRow> {
        let (policy, head) = row?;
        let mut used_for = Vec::new();
        for (ifindex, (_, entry, ..)) in &self.interfaces {
            for (end, handle) in [("egress", entry.egress), ("ingress", entry.ingress)] {
                if handle == policy {
                    used_for.push(format!("{end} of {}", self.interface(*ifindex)));
                }
            }
        }
        Ok(self.wants_policy(policy).then(|| PolicyRow {
            policy: hexadecimal(policy),
            otherwise: if head.flags & PolicyHead::DEFAULT_ALLOW == 0 { "deny" } else { "allow" },
            rule: self.names.rule(head.default_rule),
            audit: (head.default_audit_rule != NO_RULE).then(|| self.names.rule(head.default_audit_rule)),
            used_for,
        }))
    }

    pub(super) fn verdict(&self, row: Read<VerdictKey, VerdictValue>) -> Found<VerdictRow> {
        let (key, value) = row?;
        let last = key.port | u16::MAX.checked_shr(u32::from(key.prefix_length)).unwrap_or(0);
        let ports = matches!(key.protocol, TCP | UDP | SCTP).then_some(Ports { first: key.port, last });
        Ok(self.wants_policy(key.policy).then(|| VerdictRow {
            policy: hexadecimal(key.policy),
            peer: if key.identity == OUTSIDE {
                "outside".to_owned()
            } else {
                self.names.identity(key.identity)
            },
            block: (key.block != NO_BLOCK).then_some(key.block),
            protocol: match key.protocol {
                OTHER_PROTOCOL => "other".to_owned(),
                protocol => protocol_name(protocol),
            },
            ports,
            verdict: verdict(value.verdict),
            rule: self.names.rule(value.rule),
            audit: (value.audit_rule != NO_RULE).then(|| Audit {
                verdict: verdict(value.audit_verdict),
                rule: self.names.rule(value.audit_rule),
            }),
            limit: limit_name(value.limit),
        }))
    }

    pub(super) fn block(&self, row: Read<BlockKey, u32>) -> Found<BlockRow> {
        let (key, block) = row?;
        let bits = key.prefix_length.saturating_sub(64);
        let mapped = is_mapped(&key.address) && bits >= MAPPED_PREFIX_LENGTH;
        let length = if mapped { bits - MAPPED_PREFIX_LENGTH } else { bits };
        Ok(self.wants_policy(key.policy()).then(|| BlockRow {
            policy: hexadecimal(key.policy()),
            block,
            cidr: format!("{}/{length}", to_ip(key.address)),
        }))
    }

    pub(super) fn identity(&self, row: Read<Address, u64>) -> Result<IdentityRow, KernelError> {
        let (address, identity) = row?;
        let name = self.names.identity(identity);
        Ok(IdentityRow { address: to_ip(address), identity: hexadecimal(identity), name })
    }

    /// The rules that have limits, by limit.
    pub(super) fn limited(&self) -> Result<BTreeMap<u32, u64>, KernelError> {
        let mut rules = BTreeMap::new();
        for row in self.pinned.verdicts()?.iter() {
            let (key, value) = row?;
            if value.limit != NO_LIMIT && value.verdict == ALLOW && self.wants_policy(key.policy) {
                rules.insert(value.limit, value.rule);
            }
        }
        Ok(rules)
    }

    pub(super) fn limit(&self, row: Read<u32, Limit>, rules: &BTreeMap<u32, u64>) -> Found<LimitRow> {
        let (limit, value) = row?;
        let rate = |rate: Rate| {
            (rate.interval != 0).then(|| RateCell {
                // Per second, to three digits.
                per_second: (1e12 / rate.interval as f64).round() / 1e3,
                burst: rate.depth / rate.interval,
            })
        };
        let wanted = self.only.is_none() || rules.contains_key(&limit);
        Ok(wanted.then(|| LimitRow {
            limit: format!("{limit:08x}"),
            rule: rules.get(&limit).map(|rule| self.names.rule(*rule)),
            connections: rate(value.connections),
            connections_per_source: rate(value.connections_per_source),
            packets: rate(value.packets),
            packets_per_source: rate(value.packets_per_source),
        }))
    }

    pub(super) fn flow(
        &self,
        row: Read<FlowKey, FlowValue>,
        identities: &Rows<Address, u64>,
    ) -> Found<FlowRow> {
        let (key, value) = row?;
        if !self.wants(key.ifindex) {
            return Ok(None);
        }
        let epoch = self.interfaces.get(&key.ifindex).map(|(_, entry, ..)| entry.epoch);
        let stale = epoch != Some(value.interface_epoch) || value.epoch != self.config.epoch;
        let protocol = u8::try_from(key.protocol).unwrap_or_default();
        let neighbor = value.state == flow::NEIGHBOR;
        Ok(Some(FlowRow {
            interface: self.interface(key.ifindex),
            workload: self.workload(key.ifindex),
            protocol: protocol_name(protocol),
            local: to_ip(key.local),
            local_port: key.local_port,
            opened_by: if value.initiator == FROM_WORKLOAD { "workload" } else { "peer" },
            remote: to_ip(key.remote),
            remote_port: if neighbor { 0 } else { key.remote_port },
            peer: identities.get(key.remote)?.map(|identity| self.names.identity(identity)),
            state: state_name(value.state),
            age: self.since(value.opened),
            silent: self.since(value.last_seen),
            expires: self.until(value.last_seen.saturating_add(flow::timeout(value.state))),
            bytes: value.bytes,
            packets: value.packets,
            rule: if value.rule == NO_RULE { "-".to_owned() } else { self.names.rule(value.rule) },
            policy: hexadecimal(value.policy),
            limit: limit_name(value.limit),
            stale: stale && !neighbor,
        }))
    }

    pub(super) fn bucket(&self, row: Read<BucketKey, u64>) -> Found<BucketRow> {
        let (key, time) = row?;
        Ok(self.wants(key.ifindex).then(|| BucketRow {
            interface: self.interface(key.ifindex),
            limit: format!("{:08x}", key.limit),
            kind: if key.kind == BucketKey::CONNECTIONS { "connections" } else { "packets" },
            source: (key.source != UNSPECIFIED).then(|| to_ip(key.source)),
            full_in: self.until(time),
        }))
    }

    pub(super) fn fragment(&self, row: Read<FragmentKey, FragmentValue>) -> Found<FragmentRow> {
        let (key, value) = row?;
        Ok(self.wants(key.ifindex).then(|| FragmentRow {
            interface: self.interface(key.ifindex),
            direction: direction(u8::try_from(key.direction).unwrap_or_default()),
            protocol: protocol_name(u8::try_from(key.protocol).unwrap_or_default()),
            source: to_ip(key.source),
            destination: to_ip(key.destination),
            id: key.id,
            age: self.since(value.time),
            rule: self.names.rule(value.rule),
        }))
    }
}

fn limit_name(limit: u32) -> Option<String> {
    (limit != NO_LIMIT).then(|| format!("{limit:08x}"))
}
