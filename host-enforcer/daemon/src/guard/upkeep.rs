//! Keeping the guard up: what it does now, and word when somebody else changes it.

use super::batch::{SUBSYSTEM, TABLE};
use super::{Cover, Guard, GuardError};
use crate::netlink::{Message, NetlinkSocket, Notices, text};
use rustix::net::netlink::NETFILTER;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// `NFNLGRP_NFTABLES` (linux/netfilter/nfnetlink.h) as a mask: tables, chains, rules and sets change.
const TABLES_GROUP: u32 = 1 << 6;
/// `NFT_MSG_NEWGEN` (linux/netfilter/nf_tables.h): the end of a transaction.
const GENERATION: u16 = 15;
/// Bytes of `struct nfgenmsg`.
const BODY: usize = 4;

/// Somebody changes the guard all the time: it is done over so often, and then again with the next look.
const TRIES: usize = 3;

/// Somebody else changed the guard, and it was put up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disturbance;

/// A guard that is kept as it should be. Readable when nftables change.
pub struct Upkeep {
    guard: Guard,
    socket: NetlinkSocket,
    /// What it was last told to do; `None` if it may do something else by now.
    doing: Option<Cover>,
    /// A transaction that is being told of concerns the guard.
    concerned: bool,
}

impl Upkeep {
    /// Keeps `guard`, of which nothing is known.
    ///
    /// # Errors
    /// If the kernel tells nothing of changes.
    pub fn new(guard: Guard) -> std::io::Result<Self> {
        let socket = NetlinkSocket::new(Some(NETFILTER), TABLES_GROUP)?;
        Ok(Self { guard, socket, doing: None, concerned: false })
    }

    /// Has the guard do what `cover` says and nothing else. Does nothing if it does so already.
    ///
    /// # Errors
    /// If that fails; the guard is then as it was.
    pub fn cover(&mut self, cover: &Cover) -> Result<(), GuardError> {
        if self.doing.as_ref() == Some(cover) {
            return Ok(());
        }
        self.doing = None;
        for _ in 0..TRIES {
            // Told so far of what is done over anyway.
            let _ = self.changes();
            self.guard.put_up(cover)?;
            // One change is this one. Of others it is not known whether they came before it.
            if matches!(self.changes(), Ok(0 | 1)) {
                self.doing = Some(cover.clone());
                break;
            }
        }
        Ok(())
    }

    /// Reads what happened to nftables; whether the guard may not be as it was put up. It is then put up again by the
    /// next [`cover`](Self::cover).
    pub fn disturbed(&mut self) -> Option<Disturbance> {
        let was = self.doing.is_some();
        // Where nothing is told any more it is done over, too.
        if matches!(self.changes(), Ok(0)) {
            return None;
        }
        self.doing = None;
        was.then_some(Disturbance)
    }

    /// The transactions since the last call that concerned the guard; more than one if some were lost.
    fn changes(&mut self) -> std::io::Result<usize> {
        let (mut changes, mut concerned) = (0, self.concerned);
        let table = &self.guard.table;
        let read = self.socket.notices(|message: Message<'_>| {
            if message.kind >> 8 != SUBSYSTEM {
                return;
            }
            if message.kind & 0xff == GENERATION {
                changes += usize::from(std::mem::take(&mut concerned));
            } else {
                concerned |=
                    message.attributes(BODY).any(|(kind, name)| kind == TABLE && text(name) == *table);
            }
        })?;
        self.concerned = concerned;
        Ok(if read == Notices::Lost { 2 } else { changes })
    }
}

impl AsFd for Upkeep {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Upkeep {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
