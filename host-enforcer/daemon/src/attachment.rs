//! Which interface of this host leads to which pod, and word when that changes.
//!
//! A pod is known by the cgroup of its processes or by the CNI plugin, its network namespace by the kernel, and its
//! interface by the kernel's word on where the other end of each of the host's lies. What a pod says of itself (names,
//! addresses inside its namespace) is never believed, only compared (docs/semantics.md, S105).
//!
//! This module must not know: what a pod is called in the API, which policies there are, or how an interface is policed.

mod cgroup;
mod crossing;
mod ledger;
mod look;
mod node;

pub(crate) use cgroup::uid as uid_of;
pub(crate) use ledger::Told;
pub(crate) use node::{Node, Refusal, SOON};

use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// One way by which a pod of this host is attached to it. A pod with several interfaces has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The pod's UID; of a static pod what its annotation `kubernetes.io/config.hash` says.
    pub uid: String,
    /// The pod's namespace, as the CNI plugin was told it; empty if the pod was only found by looking.
    pub namespace: String,
    /// The pod's name, likewise.
    pub pod: String,
    /// The runtime's name of the pod's sandbox, likewise.
    pub container: String,
    /// The kernel's number of the pod's network namespace, as seen from this host's (`ip netns list-id`).
    pub netns: u32,
    /// A process of the pod, where it was found by one. It may have ended since.
    pub process: Option<u32>,
    /// The addresses that the runtime gave, ascending; empty if the pod was only found by looking. Then those in its status hold.
    pub addresses: Vec<IpAddr>,
    /// The addresses that the interface has in the pod's own namespace, ascending. The pod may have made them up: they are
    /// for comparing, never for believing.
    pub seen: Vec<IpAddr>,
    /// Where it leads to this host.
    pub side: Side,
}

impl Attachment {
    /// The name of the host's interface, if the pod is behind one.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        match &self.side {
            Side::Interface { name, .. } => Some(name),
            Side::Host | Side::Missing(_) => None,
        }
    }
}

/// The host's side of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// An interface of this host, whose other end is the pod's.
    Interface {
        /// Its index.
        index: u32,
        /// Its name at the time of looking.
        name: String,
    },
    /// The pod uses the network of the host itself (`hostNetwork`): there is nothing between them.
    Host,
    /// There is none that could be policed.
    Missing(Obstacle),
}

/// Why a pod cannot be policed at an interface of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// It reaches the network past this host's interfaces.
    #[error(
        "its interface `{interface}` is of the kind {kind}, which has no side on this host that could be policed; use a CNI \
         plugin that connects pods by veth pairs, or leave this pod to the filter alone"
    )]
    NoHostSide {
        /// The interface's name in the pod.
        interface: String,
        /// Its kind, as `ip -d link` says.
        kind: String,
    },
    /// It has no interface but loopback.
    #[error("it has no interface yet")]
    NoInterface,
    /// The interface led to another pod before.
    #[error(
        "the interface `{interface}` of this host led to the pod with the UID {before} before, and an interface is never \
         given to another pod while it lasts; delete the pod, so that it gets an interface of its own"
    )]
    Moved {
        /// The host's interface.
        interface: String,
        /// Whose it was, and stays.
        before: String,
    },
}

/// Looks once, from the network namespace of this thread.
///
/// # Errors
/// If the kernel does not say what there is.
pub fn look() -> std::io::Result<Arc<[Attachment]>> {
    let (mut node, mut attachments) = Node::new(None)?;
    node.look()?;
    Ok(attachments.current())
}

/// The attachments of now, and word when they change.
#[derive(Clone, Debug)]
pub struct Attachments(watch::Receiver<Arc<[Attachment]>>);

/// Where attachments are announced.
#[derive(Debug)]
pub struct Register(watch::Sender<Arc<[Attachment]>>);

impl Attachments {
    /// Nothing yet, and where to announce what there is.
    #[must_use]
    pub fn channel() -> (Register, Self) {
        let (sender, receiver) = watch::channel(Arc::default());
        (Register(sender), Self(receiver))
    }

    /// All attachments, ascending by UID, then by interface. Those of a pod that is being attached are here before its status
    /// has an address.
    pub fn current(&mut self) -> Arc<[Attachment]> {
        Arc::clone(&self.0.borrow_and_update())
    }

    /// Waits until they differ from those [`current`](Self::current) gave last. Nothing is lost if the future is dropped. If
    /// nobody will ever announce anything any more, it waits for ever.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Register {
    /// Announces all attachments of now; whether they differ from those before.
    pub fn announce(&self, mut all: Vec<Attachment>) -> bool {
        all.sort_by(|a, b| (&a.uid, a.interface(), a.netns).cmp(&(&b.uid, b.interface(), b.netns)));
        self.0.send_if_modified(|now| {
            let differ = **now != *all;
            if differ {
                *now = all.into();
            }
            differ
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(uid: &str) -> Attachment {
        Attachment {
            uid: uid.to_owned(),
            namespace: String::new(),
            pod: String::new(),
            container: String::new(),
            netns: 1,
            process: None,
            addresses: Vec::new(),
            seen: Vec::new(),
            side: Side::Host,
        }
    }

    #[tokio::test]
    async fn what_is_announced_again_is_no_change() {
        let (register, mut attachments) = Attachments::channel();
        assert!(register.announce(vec![attachment("b"), attachment("a")]));
        attachments.changed().await;
        let uids: Vec<String> = attachments.current().iter().map(|one| one.uid.clone()).collect();
        assert_eq!(uids, ["a", "b"]);
        assert!(!register.announce(vec![attachment("a"), attachment("b")]));
        assert!(!attachments.0.has_changed().unwrap());
    }
}
