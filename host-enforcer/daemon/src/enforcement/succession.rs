//! Succeeding tables of another version: with everything written, connections are taken over, and then one interface
//! after the other is switched to the new programs and tables, each in one step.
//!
//! Wherever this breaks off, the next enforcer begins again: as long as the other tables are there, nothing counts as
//! switched, and to switch twice does no harm.

use super::Enforcement;
use crate::host::Host;
use bookend_abi::table::{FlowKey, FlowValue, NO_LIMIT, RingKey};

/// What became of a succession.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Succession {
    /// Interfaces that were switched.
    pub interfaces: usize,
    /// Connections that were taken over.
    pub flows: usize,
}

impl<H: Host> Enforcement<H> {
    /// Whether tables of another version are in force, until these [succeed](Self::succeed) them.
    pub fn is_successor(&self) -> bool {
        self.host.succeeds()
    }

    /// Puts these tables in the place of those of other versions, which are then removed. Call it when the plan is
    /// applied.
    ///
    /// # Errors
    /// If a table cannot be read or written, or a link not switched. Interfaces that were switched stay so.
    pub fn succeed(&mut self) -> Result<Succession, H::Error> {
        let mut succession = Succession { flows: self.inherit()?, ..Succession::default() };
        for ifindex in self.host.attached()? {
            // What is gone meanwhile is found with the next look at the interfaces.
            succession.interfaces += usize::from(self.host.renew(ifindex)?);
        }
        // What was opened in the meantime.
        succession.flows += self.inherit()?;
        self.host.retire()?;
        Ok(succession)
    }

    /// Takes over connections, to be judged again with their next packet.
    fn inherit(&mut self) -> Result<usize, H::Error> {
        let mut taken = 0;
        for (key, value) in self.host.inheritance()? {
            taken += usize::from(self.admit(key, value)?);
        }
        Ok(taken)
    }

    /// Has a connection of an interface known that nobody saw open, to be judged with its next packet; false if it is
    /// known already, or the interface has no room for it.
    pub(super) fn admit(&mut self, key: FlowKey, value: FlowValue) -> Result<bool, H::Error> {
        let Some((slot, quota)) =
            self.slots.of(key.ifindex).zip(self.slots.entry(key.ifindex).map(|e| e.quota))
        else {
            return Ok(false);
        };
        // From the end of the ring: the kernel begins at its beginning.
        let admitted = self.admitted.entry(slot).or_default();
        let Some(position) = quota.checked_sub(*admitted + 1) else { return Ok(false) };
        // No epoch is 0.
        let stale = FlowValue { slot, position, limit: NO_LIMIT, interface_epoch: 0, epoch: 0, ..value };
        if !self.host.seed_flow(key, stale)? {
            return Ok(false);
        }
        *admitted += 1;
        self.host.write_position(RingKey { slot, position }, key)?;
        Ok(true)
    }
}
