//! The kernel as a host.

use super::{DIRECTIONS, Kernel, KernelError, links, maps, pins};
use crate::host::{Batch, Host, Manner, Place};
use crate::{clock, sockets};
use bookend_abi::Address;
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{Config, Counter, FlowKey, FlowValue, Interface, Limit, OwnedKey, RingKey};
use bookend_plan::PolicyContents;
use std::collections::BTreeSet;

impl Kernel {
    /// Keeps the links of an interface open.
    fn hold(&mut self, ifindex: u32) -> Result<(), KernelError> {
        DIRECTIONS
            .into_iter()
            .try_for_each(|direction| self.keep.hold(&links::path(&self.pins, ifindex, direction)))
    }
}

impl Host for Kernel {
    type Error = KernelError;

    fn read(&mut self) -> Result<PlainTables, KernelError> {
        self.maps.read()
    }

    fn attached(&mut self) -> Result<BTreeSet<u32>, KernelError> {
        Ok(links::pinned(&self.pins)?.into_iter().map(|(ifindex, _)| ifindex).collect())
    }

    fn attach(&mut self, name: &str, ifindex: u32, manner: Manner) -> Result<(), KernelError> {
        let attached = DIRECTIONS.into_iter().try_for_each(|direction| {
            links::attach(&mut self.ebpf, &self.pins, name, ifindex, direction, manner.own)
        });
        // Half of it is more than nothing, except where it must stay as it was.
        if attached.is_err() && manner.open {
            self.release(ifindex)?;
        } else if attached.is_ok() {
            self.hold(ifindex)?;
        }
        attached
    }

    fn recall(
        &mut self,
        ifindex: u32,
        addresses: &[Address],
    ) -> Result<Vec<(FlowKey, FlowValue)>, KernelError> {
        let open = sockets::open().map_err(|source| KernelError::Sockets { source })?;
        let own = open.into_iter().filter(|connection| addresses.contains(&connection.local));
        let now = clock::monotonic();
        Ok(own.map(|connection| (connection.key(ifindex), connection.value(now))).collect())
    }

    fn renew(&mut self, ifindex: u32) -> Result<bool, KernelError> {
        let mut renewed = true;
        for direction in DIRECTIONS {
            renewed &= links::renew(&mut self.ebpf, &self.pins, ifindex, direction)?;
        }
        if renewed {
            self.hold(ifindex)?;
        }
        Ok(renewed)
    }

    fn is_alive(&mut self, ifindex: u32) -> Result<bool, KernelError> {
        let mut alive = true;
        for direction in DIRECTIONS {
            alive &= links::is_alive(&self.pins, ifindex, direction)?;
        }
        Ok(alive)
    }

    fn release(&mut self, ifindex: u32) -> Result<(), KernelError> {
        for direction in DIRECTIONS {
            self.keep.release(&links::path(&self.pins, ifindex, direction));
            links::unpin(&self.pins, ifindex, direction)?;
        }
        Ok(())
    }

    fn succeeds(&self) -> bool {
        !self.others.is_empty()
    }

    fn inheritance(&mut self) -> Result<Vec<(FlowKey, FlowValue)>, KernelError> {
        let mut flows = Vec::new();
        for tables in self.others.values().filter(|tables| tables.join(pins::flow_form()).is_dir()) {
            flows.extend(maps::open_flows(&tables.join("flows"))?);
        }
        Ok(flows)
    }

    fn retire(&mut self) -> Result<(), KernelError> {
        while let Some((version, tables)) = self.others.pop_last() {
            if let Err(error) = pins::remove_tables(&self.pins, &tables) {
                self.others.insert(version, tables);
                return Err(error);
            }
        }
        Ok(())
    }

    fn write_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), KernelError> {
        self.maps.write_policy(handle, contents)
    }

    fn remove_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), KernelError> {
        self.maps.remove_policy(handle, contents)
    }

    fn write_interface(&mut self, slot: u32, interface: Interface) -> Result<(), KernelError> {
        self.maps.write_interface(slot, interface)
    }

    fn assign(&mut self, ifindex: u32, slot: u32) -> Result<(), KernelError> {
        self.maps.assign(ifindex, slot)
    }

    fn unassign(&mut self, ifindex: u32) -> Result<(), KernelError> {
        self.maps.unassign(ifindex)
    }

    fn set_cursor(&mut self, slot: u32, cursor: u32) -> Result<(), KernelError> {
        self.maps.set_cursor(slot, cursor)
    }

    fn own(&mut self, key: OwnedKey) -> Result<(), KernelError> {
        self.maps.own(key)
    }

    fn disown(&mut self, key: OwnedKey) -> Result<(), KernelError> {
        self.maps.disown(key)
    }

    fn write_identities(&mut self, identities: &[(Address, u64)]) -> Result<(), KernelError> {
        self.maps.write_identities(identities)
    }

    fn remove_identity(&mut self, address: Address) -> Result<(), KernelError> {
        self.maps.remove_identity(address)
    }

    fn write_limit(&mut self, limit: u32, value: Limit) -> Result<(), KernelError> {
        self.maps.write_limit(limit, value)
    }

    fn remove_limit(&mut self, limit: u32) -> Result<(), KernelError> {
        self.maps.remove_limit(limit)
    }

    fn write_config(&mut self, config: Config) -> Result<(), KernelError> {
        self.maps.write_config(config)
    }

    fn flows(&mut self, from: Option<&Place>) -> Result<Batch<FlowKey, FlowValue>, KernelError> {
        self.maps.flows(from)
    }

    fn seed_flow(&mut self, key: FlowKey, value: FlowValue) -> Result<bool, KernelError> {
        self.maps.seed_flow(key, value)
    }

    fn take_flow(&mut self, key: FlowKey) -> Result<Option<FlowValue>, KernelError> {
        self.maps.take_flow(key)
    }

    fn ring(&mut self, from: Option<&Place>) -> Result<Batch<RingKey, FlowKey>, KernelError> {
        self.maps.ring(from)
    }

    fn write_position(&mut self, key: RingKey, flow: FlowKey) -> Result<(), KernelError> {
        self.maps.write_position(key, flow)
    }

    fn remove_position(&mut self, key: RingKey) -> Result<(), KernelError> {
        self.maps.remove_position(key)
    }

    fn count_ended(&mut self, rule: u64, passed: Counter) -> Result<(), KernelError> {
        self.maps.count_ended(rule, passed)
    }
}
