//! Packets → verdicts: what happens to a parsed packet at one workload's interface.
//!
//! The same functions run in the kernel over its maps and everywhere else over plain ones. They are written for the
//! verifier: one policy lookup, loops with constant bounds, no recursion, nothing that can panic.

mod close;
mod connection;
mod fragment;
mod limit;
mod link;
mod policy;
mod related;
mod report;
mod ring;

pub use close::{close, closed};
pub use policy::Question;
pub use report::conclude;

use crate::event::FROM_WORKLOAD;
use crate::packet::{Kind, Packet};
use crate::table::{
    ALLOW, Config, DENY, FlowKey, FlowValue, Interface, NO_LIMIT, NO_POLICY, NO_RULE, OUTSIDE, OwnedKey,
};
use crate::{Address, Arrival, Event, Reason, Tables};

/// A verdict and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The rule that decided, or [`NO_RULE`].
    pub rule: u64,
    /// The policy that decided, or [`NO_POLICY`].
    pub policy: u64,
    /// The peer's identity where it was asked for, else [`OUTSIDE`].
    pub identity: u64,
    /// The rule that an audit reports about what this packet opens, or [`NO_RULE`]. It had no part in the verdict.
    pub audit_rule: u64,
    /// The limit of the verdict, or [`NO_LIMIT`].
    pub limit: u32,
    /// The slot of the interface, or [`NO_SLOT`](crate::table::NO_SLOT).
    pub slot: u32,
    /// Flags of the [`Interface`].
    pub interface: u32,
    /// [`ALLOW`] or [`DENY`].
    pub verdict: u8,
    /// What the audit would have done: [`ALLOW`] or [`DENY`].
    pub audit_verdict: u8,
    /// Why.
    pub reason: Reason,
    /// Whether an event is due.
    pub report: bool,
}

impl Outcome {
    /// A denial before any policy was asked.
    #[inline(always)]
    #[must_use]
    pub const fn deny(reason: Reason) -> Self {
        Self::unjudged(DENY, reason, true)
    }

    #[inline(always)]
    pub(crate) const fn pass(reason: Reason) -> Self {
        Self::unjudged(ALLOW, reason, false)
    }

    /// A verdict that no policy gave.
    #[inline(always)]
    const fn unjudged(verdict: u8, reason: Reason, report: bool) -> Self {
        Self {
            rule: NO_RULE,
            policy: NO_POLICY,
            identity: OUTSIDE,
            audit_rule: NO_RULE,
            limit: NO_LIMIT,
            slot: 0,
            interface: 0,
            verdict,
            audit_verdict: DENY,
            reason,
            report,
        }
    }

    /// Whether the packet goes on: it is allowed, or the interface is only [observed](Interface::OBSERVE).
    #[inline(always)]
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.verdict == ALLOW || self.interface & Interface::OBSERVE != 0
    }
}

/// What is in force where a packet was met.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scene {
    slot: u32,
    interface: Interface,
    config: Config,
}

impl Scene {
    #[inline(always)]
    const fn has(&self, flag: u32) -> bool {
        self.interface.flags & flag != 0
    }

    /// Whether a flow was allowed under what is in force now.
    #[inline(always)]
    const fn allowed(&self, known: &FlowValue) -> bool {
        known.interface_epoch == self.interface.epoch
            && known.epoch == self.config.epoch
            && known.slot == self.slot
    }
}

/// All that is being worked on for one packet.
///
/// One place for everything, because the kernel has half a kilobyte of stack and its verifier follows every value there;
/// it has the work in a map, of whose contents nothing is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Where and when the packet was met.
    pub arrival: Arrival,
    /// The packet.
    pub packet: Packet,
    /// The result.
    pub outcome: Outcome,
    scene: Scene,
    /// The connection it belongs to or opens.
    key: FlowKey,
    known: FlowValue,
    /// One that ends, with what passed over it and nobody has counted.
    leaving_key: FlowKey,
    leaving: FlowValue,
    event: Event,
    /// Why it leaves, if it does: bits of [`crate::event`].
    cause: u8,
    question: Question,
    ruling: Outcome,
}

impl Work {
    /// Nothing done yet.
    #[inline(always)]
    #[must_use]
    pub fn new(arrival: Arrival) -> Self {
        Self { arrival, ..Self::default() }
    }

    /// With a packet that was parsed already.
    #[must_use]
    pub fn of(arrival: Arrival, packet: Packet) -> Self {
        Self { arrival, packet, ..Self::default() }
    }
}

/// Stages of the decision that others go through. Whoever needs them apart from each other, as the kernel does, puts a call
/// between them.
pub trait Stages: Tables + Sized {
    /// [`rule`].
    #[inline(always)]
    fn rule(&mut self, work: &mut Work) {
        rule(self, work);
    }

    /// [`room`].
    #[inline(always)]
    fn room(&mut self, work: &mut Work) -> u32 {
        room(self, work)
    }

    /// [`close`].
    #[inline(always)]
    fn close(&mut self, work: &mut Work, cause: u8) {
        close(self, work, cause);
    }

    /// [`admit`].
    #[inline(always)]
    fn admit(&mut self, work: &mut Work, limit: u32, opens: bool) -> bool {
        admit(self, work, limit, opens)
    }
}

/// What follows [`prepare`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Route {
    /// The outcome is there.
    Done = 0,
    /// [`connection`].
    Connection = 1,
    /// [`others`].
    Others = 2,
}

/// Judges the packet of `work` into its outcome. `refused`: why it could not be [parsed](crate::parse), if it could not.
pub fn decide<T: Stages>(tables: &mut T, work: &mut Work, refused: Option<Reason>) {
    match prepare(tables, work, refused) {
        Route::Done => {}
        Route::Connection => connection(tables, work),
        Route::Others => others(tables, work),
    }
}

/// Looks up what is in force, and how to go on.
#[inline(always)]
pub fn prepare<T: Tables>(tables: &mut T, work: &mut Work, refused: Option<Reason>) -> Route {
    let ifindex = work.arrival.ifindex;
    let slot = tables.slot(ifindex);
    work.scene.interface = tables.interface(slot);
    work.scene.config = tables.config();
    work.scene.slot = slot;
    // Not the interface the slot was given to: the table is being written.
    if slot == crate::table::NO_SLOT || work.scene.interface.ifindex != ifindex {
        work.scene.slot = crate::table::NO_SLOT;
        work.scene.interface = Interface::default();
        work.outcome = Outcome::deny(refused.unwrap_or(Reason::UNKNOWN_INTERFACE));
        return Route::Done;
    }
    if work.packet.tags > 0 && !work.scene.has(Interface::HOST) {
        work.outcome = Outcome::deny(Reason::VLAN);
        return Route::Done;
    }
    if let Some(reason) = refused {
        work.outcome = Outcome::deny(reason);
        return Route::Done;
    }
    match work.packet.kind {
        Kind::Unparsed | Kind::Arp | Kind::Neighbor | Kind::IcmpError | Kind::Fragment => Route::Others,
        Kind::Tcp
        | Kind::Sctp
        | Kind::Datagram
        | Kind::EchoRequest
        | Kind::EchoReply
        | Kind::TimestampRequest
        | Kind::TimestampReply
        | Kind::Message => Route::Connection,
    }
}

/// Judges what is no packet of a connection.
#[inline(always)]
pub fn others<T: Stages>(tables: &mut T, work: &mut Work) {
    work.outcome = match work.packet.kind {
        Kind::Arp => link::arp(tables, work),
        Kind::Neighbor => link::neighbor(tables, work),
        Kind::IcmpError => related::error(tables, work),
        Kind::Fragment => fragment::later(tables, work),
        _ => Outcome::deny(Reason::MALFORMED),
    };
}

/// Judges a packet of a connection, or one that would open it.
#[inline(always)]
pub fn connection<T: Stages>(tables: &mut T, work: &mut Work) {
    connection::packet(tables, work);
    if work.packet.fragmented {
        fragment::first(tables, work);
    }
}

/// What a policy says to the question of `work`, into its ruling.
#[inline(always)]
pub fn rule<T: Stages>(tables: &mut T, work: &mut Work) {
    work.ruling = policy::judge(tables, &work.question);
}

/// The position of the connection of `work` among those of its interface, or [`NO_ROOM`]. Another may have to leave for
/// it; it is then left to the caller to [`close`] it.
#[inline(always)]
pub fn room<T: Tables>(tables: &mut T, work: &mut Work) -> u32 {
    work.cause = 0;
    ring::stand(tables, work).unwrap_or(NO_ROOM)
}

/// [`Stages::room`], and what it leaves to do.
#[inline(always)]
fn make_room<T: Stages>(tables: &mut T, work: &mut Work) -> u32 {
    let position = tables.room(work);
    if work.cause != 0 {
        tables.close(work, work.cause);
    }
    position
}

/// No position.
pub const NO_ROOM: u32 = u32::MAX;

/// Whether `limit` lets one more packet of the connection of `work` pass, or one more such connection be opened.
#[inline(always)]
pub fn admit<T: Stages>(tables: &mut T, work: &mut Work, limit: u32, opens: bool) -> bool {
    let (initiator, now) = (work.known.initiator, work.arrival.time);
    if opens {
        limit::admits_connection(tables, limit, &work.key, initiator, now)
    } else {
        limit::admits_packet(tables, limit, &work.key, initiator, now)
    }
}

/// The workload's address, the peer's, the workload's port, the peer's.
#[inline(always)]
fn ends(direction: u8, packet: &Packet) -> (&Address, &Address, u16, u16) {
    if direction == FROM_WORKLOAD {
        (&packet.source, &packet.destination, packet.source_port, packet.destination_port)
    } else {
        (&packet.destination, &packet.source, packet.destination_port, packet.source_port)
    }
}

/// Whether the packet has the right address at the workload's end; if not, what becomes of it.
#[inline(always)]
fn local_end<T: Tables>(tables: &T, work: &Work) -> Result<(), Outcome> {
    let Work { arrival, scene, packet, .. } = work;
    let ifindex = arrival.ifindex;
    let (local, remote, _, _) = ends(arrival.direction, packet);
    if tables.owns(&OwnedKey { ifindex, address: *local }) {
        return Ok(());
    }
    if scene.has(Interface::HOST) {
        if link::is_dhcp(arrival.direction, packet) {
            return Err(Outcome::pass(Reason::DHCP));
        }
        if arrival.direction != FROM_WORKLOAD && crate::address::is_for_many(local) {
            return Ok(());
        }
        // What goes no further than the link, or the machine, is the machine's own.
        if crate::address::is_link_local(local) {
            return Ok(());
        }
        if scene.has(Interface::FORWARDS) && !tables.owns(&OwnedKey { ifindex, address: *remote }) {
            return Err(Outcome::pass(Reason::FORWARDED));
        }
    }
    Err(Outcome::deny(anti_spoof(arrival.direction)))
}

#[inline(always)]
const fn anti_spoof(direction: u8) -> Reason {
    if direction == FROM_WORKLOAD { Reason::SPOOFED_SOURCE } else { Reason::FOREIGN_DESTINATION }
}

#[cfg(test)]
mod tests;
