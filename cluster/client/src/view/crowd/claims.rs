//! Who claims which address.

use std::collections::HashMap;
use std::net::IpAddr;

use super::Number;

/// Who claims which address: one who is being deleted gives way to one who is not, and of two who are alike neither has it.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<IpAddr, Claim>);

#[derive(Debug)]
enum Claim {
    One(Number, bool),
    /// At least two, and whether each is live.
    #[expect(
        clippy::box_collection,
        reason = "nearly every claim is of one, and there is one for each address"
    )]
    Several(Box<Vec<(Number, bool)>>),
}

impl Claim {
    fn owner(&self) -> Option<Number> {
        match self {
            Self::One(number, _) => Some(*number),
            Self::Several(all) => {
                let live = all.iter().filter(|(_, live)| *live).map(|(number, _)| *number);
                match live.collect::<Vec<_>>().as_slice() {
                    [only] => Some(*only),
                    _ => None,
                }
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
    pub(super) fn add(&mut self, address: IpAddr, number: Number, live: bool) -> Vec<Number> {
        let Some(claim) = self.0.get_mut(&address) else {
            self.0.insert(address, Claim::One(number, live));
            return Vec::new();
        };
        let mut all = match claim {
            Claim::One(number, live) => vec![(*number, *live)],
            Claim::Several(all) => std::mem::take(&mut **all),
        };
        let others = all.iter().map(|(other, _)| *other).filter(|other| *other != number).collect();
        all.retain(|(other, _)| *other != number);
        all.push((number, live));
        *claim = match all.as_slice() {
            [(number, live)] => Claim::One(*number, *live),
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
                if let [(number, live)] = all.as_slice() {
                    *claim = Claim::One(*number, *live);
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
