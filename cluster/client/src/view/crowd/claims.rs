//! Who claims which address.

use std::collections::HashMap;
use std::net::IpAddr;

use super::Number;

/// Who claims which address: the higher rank has it, and of two who are alike neither.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<IpAddr, Claim>);

/// What a claim is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The pod is being deleted: its address may be given to another one.
    Leaving,
    /// The API server has it from the pod's node.
    Told,
    /// A runtime gave it to the pod on this very node, whatever other nodes say of theirs.
    Seen,
}

#[derive(Debug)]
enum Claim {
    One(Number, Rank),
    /// At least two.
    #[expect(
        clippy::box_collection,
        reason = "nearly every claim is of one, and there is one for each address"
    )]
    Several(Box<Vec<(Number, Rank)>>),
}

impl Claim {
    fn owner(&self) -> Option<Number> {
        match self {
            Self::One(number, _) => Some(*number),
            Self::Several(all) => {
                let highest = all.iter().map(|(_, rank)| *rank).max()?;
                let mut first = all.iter().filter(|(_, rank)| *rank == highest).map(|(number, _)| *number);
                // Of several that are being deleted, one may already have been followed by a stranger.
                first.next().filter(|_| highest > Rank::Leaving && first.next().is_none())
            }
        }
    }
}

impl Claims {
    /// Who has an address.
    pub(super) fn owner(&self, address: IpAddr) -> Option<Number> {
        self.0.get(&address).and_then(Claim::owner)
    }

    /// Somebody claims an address: everybody else who is concerned by that.
    pub(super) fn add(&mut self, address: IpAddr, number: Number, rank: Rank) -> Vec<Number> {
        let Some(claim) = self.0.get_mut(&address) else {
            self.0.insert(address, Claim::One(number, rank));
            return Vec::new();
        };
        let mut all = match claim {
            Claim::One(number, rank) => vec![(*number, *rank)],
            Claim::Several(all) => std::mem::take(&mut **all),
        };
        let others = all.iter().map(|(other, _)| *other).filter(|other| *other != number).collect();
        all.retain(|(other, _)| *other != number);
        all.push((number, rank));
        *claim = match all.as_slice() {
            [(number, rank)] => Claim::One(*number, *rank),
            _ => Claim::Several(Box::new(all)),
        };
        others
    }

    /// Somebody claims an address no more: everybody else who is concerned by that.
    pub(super) fn remove(&mut self, address: IpAddr, number: Number) -> Vec<Number> {
        let Some(claim) = self.0.get_mut(&address) else { return Vec::new() };
        match claim {
            Claim::One(one, _) if *one == number => {
                self.0.remove(&address);
                Vec::new()
            }
            Claim::One(..) => Vec::new(),
            Claim::Several(all) => {
                all.retain(|(other, _)| *other != number);
                let others = all.iter().map(|(other, _)| *other).collect();
                if let [(number, rank)] = all.as_slice() {
                    *claim = Claim::One(*number, *rank);
                }
                others
            }
        }
    }

    /// The addresses that several claim and nobody has, and who claims them.
    pub(super) fn contested(&self) -> impl Iterator<Item = (IpAddr, Vec<Number>)> {
        self.0.iter().filter_map(|(address, claim)| match claim {
            Claim::Several(all) if claim.owner().is_none() => {
                Some((*address, all.iter().map(|(number, _)| *number).collect()))
            }
            _ => None,
        })
    }
}
