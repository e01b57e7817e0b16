//! Connections that are denied before and after a change, but at the other end.
//!
//! Kernels judge the end that is theirs, and take over an edit each in its own time. Where the edit moves a denial from one end to
//! the other, there is a moment when neither denies (S116).

use bookend_engine::{End, Exchange, MESH_AGENT_PORTS, Protocol, Verdict};

use crate::channel::Channel;
use crate::set::ClassSet;
use crate::spans::PortSet;

/// Connections whose denial an edit moves from one end to the other, so that they may pass while it is rolled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing<'s> {
    /// Where they are opened.
    pub sources: ClassSet,
    /// Where they are accepted.
    pub destinations: ClassSet,
    /// The destination's ports.
    pub ports: PortSet,
    /// Who denies them.
    pub moved: Moved<'s>,
}

/// The end that denies, and the id of what does, before and after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moved<'s> {
    /// The only end that denies before; the other one is that which denies after.
    pub from: End,
    /// What denies before.
    pub before: &'s str,
    /// What denies after.
    pub after: &'s str,
}

/// Whether the denial of what goes to `port` moves.
pub(crate) fn moved<'s>(
    old: &Channel<'s>,
    new: &Channel<'s>,
    (protocol, port): (Protocol, u16),
) -> Option<Moved<'s>> {
    if judged_whole(old, protocol, port) && judged_whole(new, protocol, port) {
        return None;
    }
    let denying = |channel: &Channel<'s>| {
        let connection = channel.connection(protocol, port);
        let judgement = channel.judge(&connection, Exchange::Packet);
        let id = channel.id(&judgement);
        match (judgement.source.verdict, judgement.destination.verdict) {
            (Verdict::Deny, Verdict::Allow) => Some((End::Source, id)),
            (Verdict::Allow, Verdict::Deny) => Some((End::Destination, id)),
            _ => None,
        }
    };
    let ((from, before), (to, after)) = (denying(old)?, denying(new)?);
    (from != to).then_some(Moved { from, before, after })
}

/// Whether one place judges both ends: the destination's filter (S26), of what is led through it.
fn judged_whole(channel: &Channel<'_>, protocol: Protocol, port: u16) -> bool {
    channel.meets_filter(&channel.connection(protocol, port)) && !MESH_AGENT_PORTS.contains(&port)
}
