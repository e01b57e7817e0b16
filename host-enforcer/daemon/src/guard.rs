//! The guard behind the programs, which drops what was not judged: tables of nftables, written as the kernel reads them.
//!
//! A packet that jumped over tcx lacks the mark [`JUDGED`]. Three tables of one name, in the network namespace of the
//! daemon, look for it before all others do: `inet` for what is routed or delivered here, `bridge` for interfaces that
//! are ports of a bridge, `arp` for ARP. They are changed in one transaction, and stay when the daemon ends.
//!
//! To attach programs to an interface takes the kernel some hundredths of a second, and so to a thousand of them far too
//! long. Those that wait for their turn are held: the guard drops whatever goes in or out there. One transaction does that
//! to any number of them.

mod batch;
mod expression;
mod upkeep;

pub use upkeep::{Disturbance, Upkeep};

use crate::netlink::{NetlinkSocket, text};
use batch::{Batch, Family, Hook};
use bookend_abi::guard::JUDGED;
use bookend_abi::table::capacity;
use expression::{Expression, Set};
use rustix::net::netlink::NETFILTER;
use std::collections::BTreeSet;
use std::path::Path;

/// Before connection tracking, defragmentation (-400) and raw (-300).
const PRIORITY: i32 = -500;
/// Family and chains. A bridge takes frames to reserved addresses past its prerouting hook, to its input hook.
const HOOKS: [(Family, &[Hook]); 3] = [
    (Family::Inet, &[Hook::Prerouting]),
    (Family::Bridge, &[Hook::Prerouting, Hook::Input]),
    (Family::Arp, &[Hook::Input]),
];
/// Where held interfaces are closed: by family, the hooks that see what comes in, and those that see what goes out.
const HOLDS: [(Family, &[Hook], &[Hook]); 3] = [
    (Family::Inet, &[Hook::Prerouting], &[Hook::Postrouting]),
    (Family::Bridge, &[Hook::Prerouting, Hook::Input], &[Hook::Postrouting]),
    (Family::Arp, &[Hook::Input], &[Hook::Output]),
];
/// Stations of frames that a bridge keeps to itself (IEEE 802.1D, 7.12.6): these bits, and no others but the last four.
const RESERVED: ([u8; 6], [u8; 6]) = ([0xff, 0xff, 0xff, 0xff, 0xff, 0xf0], [0x01, 0x80, 0xc2, 0, 0, 0]);

/// Why the guard is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The kernel cannot be asked.
    #[error(
        "cannot set up the guard behind the programs: {0}; it needs CAP_NET_ADMIN, and a kernel with nf_tables \
         (CONFIG_NF_TABLES)"
    )]
    Unheard(std::io::Error),
    /// It refused.
    #[error(
        "the kernel does not take the guard behind the programs, {what}: {error}; it needs CAP_NET_ADMIN, and a kernel with \
         nf_tables for the families inet, bridge and arp (the modules nf_tables and nf_tables_bridge, if they are modules)"
    )]
    Refused {
        /// The part that was refused.
        what: String,
        /// Why.
        error: std::io::Error,
    },
}

/// The guard of one enforcer, whether it is there or not.
pub struct Guard {
    table: String,
}

/// What the guard is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    /// Interfaces, by index, where the mark is demanded of everything that comes in.
    pub policed: BTreeSet<u32>,
    /// Interfaces, by index, where everything is dropped, both ways.
    pub held: BTreeSet<u32>,
}

impl Guard {
    /// The guard that belongs to the pins in `pins`.
    pub fn new(pins: &Path) -> Self {
        // FNV-1a, because the name must be the same in every build.
        let hash =
            pins.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self { table: format!("bookend_{hash:016x}") }
    }

    /// Whether this machine can have a guard; changes nothing.
    ///
    /// # Errors
    /// If the kernel lacks something.
    pub fn check(&self) -> Result<(), GuardError> {
        let one = BTreeSet::from([1]);
        let mut batch = Batch::new(&self.table);
        covering(&mut batch, &Cover { policed: one.clone(), held: one });
        batch.rehearse()
    }

    /// Makes the guard do what `cover` says and nothing else, in one transaction.
    ///
    /// # Errors
    /// If that fails; the guard is then as it was.
    fn put_up(&self, cover: &Cover) -> Result<(), GuardError> {
        if cover.policed.is_empty() && cover.held.is_empty() {
            return self.remove();
        }
        let mut batch = Batch::new(&self.table);
        covering(&mut batch, cover);
        batch.commit().or_else(|error| {
            // Somebody may have changed it into what cannot be changed back.
            let mut batch = Batch::new(&self.table);
            removing(&mut batch);
            covering(&mut batch, cover);
            batch.commit().map_err(|_| error)
        })
    }

    /// Whether it is there, all of it; `None` if that cannot be found out.
    pub fn stands(&self) -> Option<bool> {
        let socket = NetlinkSocket::new(Some(NETFILTER), 0).ok()?;
        for (family, _) in HOOKS {
            let mut there = false;
            let kind = batch::SUBSYSTEM << 8 | batch::GET_TABLE;
            let list = socket.list(kind, &[family.number(), 0, 0, 0], |message| {
                let mut names = message.attributes(4);
                there |= names.any(|(kind, name)| kind == batch::TABLE && text(name) == self.table);
            });
            if !list.ok()? && !there {
                return None;
            }
            if !there {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Removes it, if it is there.
    ///
    /// # Errors
    /// If that fails.
    pub fn remove(&self) -> Result<(), GuardError> {
        let mut batch = Batch::new(&self.table);
        removing(&mut batch);
        batch.commit()
    }
}

fn removing(batch: &mut Batch<'_>) {
    for (family, _) in HOOKS {
        // Added first, because deleting what is not there is an error.
        batch.of(family).add_table().delete_table();
    }
}

/// The whole guard. The counters go on counting.
fn covering(batch: &mut Batch<'_>, cover: &Cover) {
    let policed: Vec<u32> = cover.policed.iter().copied().collect();
    let held: Vec<u32> = cover.held.iter().copied().collect();
    for (family, hooks) in HOOKS {
        batch.of(family).add_table().add_counter("unjudged").add_counter("held");
        batch.fill_set(Set::Policed, capacity::SLOTS, &policed);
        batch.fill_set(Set::Waiting, capacity::SLOTS, &held);
        for hook in hooks {
            demand(batch, *hook, (family, *hook) == (Family::Bridge, Hook::Input));
        }
    }
    for (family, inward, outward) in HOLDS {
        batch.of(family);
        let inward = inward.iter().map(|hook| (Expression::LoadInput, hook));
        let outward = outward.iter().map(|hook| (Expression::LoadOutput, hook));
        for (end, hook) in inward.chain(outward) {
            let chain = format!("hold_{}", hook.name());
            batch.empty_chain(&chain, *hook, PRIORITY);
            // Without anything to hold there is no chain: every packet of the host would pass it.
            if held.is_empty() {
                batch.delete_chain(&chain);
            } else {
                let rule = [end, Expression::In(Set::Waiting), Expression::Count("held"), Expression::Drop];
                batch.add_rule(&chain, &rule);
            }
        }
    }
}

/// A chain that demands the mark, and takes it off. Where a bridge keeps `reserved` frames to itself, all others have been
/// at another hook, and the mark is off them.
fn demand(batch: &mut Batch<'_>, hook: Hook, reserved: bool) {
    use Expression::{Count, Drop, In, LoadInput, LoadMark, LoadStation, StoreMark};
    batch.empty_chain(hook.name(), hook, PRIORITY);
    let (mask, station) = RESERVED;
    let which = [LoadStation, Expression::mask_station(mask), Expression::is_station(station)].into_iter();
    // The mark is looked at before the set, for that is cheaper.
    let unjudged = [LoadMark, Expression::mask(JUDGED), Expression::is_zero()].into_iter();
    let dropped = [LoadInput, In(Set::Policed), Count("unjudged"), Drop];
    let rule: Vec<Expression> = unjudged.chain(which.filter(|_| reserved)).chain(dropped).collect();
    batch.add_rule(hook.name(), &rule);
    if !reserved {
        let judged = [LoadMark, Expression::mask(JUDGED), Expression::is_not_zero()];
        let cleaned = [LoadInput, In(Set::Policed), LoadMark, Expression::mask(!JUDGED), StoreMark];
        batch.add_rule(hook.name(), &[judged.as_slice(), cleaned.as_slice()].concat());
    }
}
