//! What a rule's peers say of somebody of whom only one thing is known: who it is, or where.
//!
//! A rule asks both: it may mean workloads that are in a block, or a block without some workloads. The tables have an
//! identity and a block for every peer, found independently of each other. So identities are told apart by what a rule
//! says of them wherever they are, and addresses by what it says of whoever is there.

use bookend_engine::{Clause, Endpoint, Location, PeerMatch, Truth};

/// The one thing that is known.
#[derive(Clone, Copy)]
pub(crate) enum Known<'a> {
    /// Who it is: this endpoint, wherever it is.
    Who(&'a Endpoint<'a>),
    /// Who it is: somebody known of whom no rule speaks.
    Somebody,
    /// Where it is.
    Where(Location),
    /// Both: somebody known of whom no rule speaks, in no block that a rule names.
    SomebodyElsewhere,
}

/// What is left of a rule's peers. If two identities have the same view, and two addresses have the same view, the rule
/// says the same of the one at the one and of the other at the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum View {
    /// This, whatever the other thing is.
    Certain(Truth),
    /// It depends on the other thing: what is known so far, and the parts that are left, by position.
    Depends(Truth, Vec<(usize, View)>),
}

impl View {
    /// The view of a rule's `peers`.
    pub(crate) fn of(peers: &Clause<PeerMatch>, known: Known<'_>) -> Self {
        let Some(alternatives) = peers.alternatives() else { return Self::Certain(Truth::Yes) };
        let mut truth = Truth::No;
        let mut left = Vec::new();
        for (position, peer) in alternatives.iter().enumerate() {
            match Self::of_peer(peer, known) {
                Self::Certain(one) => truth = truth.or(one),
                view => left.push((position, view)),
            }
        }
        if truth == Truth::Yes || left.is_empty() { Self::Certain(truth) } else { Self::Depends(truth, left) }
    }

    /// The view of one peer, all of whose parts must hold (S39).
    fn of_peer(peer: &PeerMatch, known: Known<'_>) -> Self {
        let mut truth = Truth::Yes;
        let mut depends = false;
        let parts = [
            peer.workloads.as_ref().map(|selector| match known {
                Known::Who(endpoint) => Some(selector.holds(&endpoint.identity)),
                Known::Somebody | Known::SomebodyElsewhere => Some(Truth::No),
                Known::Where(_) => None,
            }),
            (!peer.blocks.is_any()).then(|| match known {
                Known::Who(_) | Known::Somebody => None,
                Known::Where(location) => Some(peer.blocks.holds(|block| block.holds(location))),
                Known::SomebodyElsewhere => Some(Truth::No),
            }),
            (!peer.principals.is_any()).then(|| match known {
                Known::Who(endpoint) => Some(peer.principals.holds(|pattern| pattern.holds(endpoint))),
                Known::Somebody | Known::SomebodyElsewhere => Some(Truth::No),
                Known::Where(_) => None,
            }),
        ];
        for part in parts.into_iter().flatten() {
            match part {
                Some(one) => truth = truth.and(one),
                None => depends = true,
            }
        }
        let mut left = Vec::new();
        for (position, peer) in peer.not.iter().enumerate() {
            match Self::of_peer(peer, known) {
                Self::Certain(one) => truth = truth.and(one.negated()),
                view => left.push((position, view)),
            }
        }
        if truth == Truth::No || (!depends && left.is_empty()) {
            Self::Certain(truth)
        } else {
            Self::Depends(truth, left)
        }
    }
}
