//! Sets of addresses.

use bookend_engine::{Block, IpNet};

/// A network without some smaller ones inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    pub(super) net: IpNet,
    /// Sorted; none lies in another.
    pub(super) except: Vec<IpNet>,
}

impl Range {
    /// All addresses of both versions.
    pub(super) fn everything() -> Vec<Self> {
        let v4 = IpNet::V4(bookend_engine::Ipv4Net::default());
        let v6 = IpNet::V6(bookend_engine::Ipv6Net::default());
        [v4, v6].map(|net| Self { net, except: Vec::new() }).into()
    }

    /// The addresses of a block.
    pub(super) fn of(block: &Block) -> Self {
        let mut nets = block.nets();
        // There always is a first one.
        let net = nets.next().unwrap_or_default();
        Self::new(net, nets)
    }

    fn new(net: IpNet, except: impl Iterator<Item = IpNet>) -> Self {
        let all: Vec<IpNet> = except.collect();
        let mut except = IpNet::aggregate(&all);
        except.sort_unstable();
        Self { net, except }
    }

    /// What lies in this one and not in `other`.
    pub(super) fn without(&self, other: &Self) -> Vec<Self> {
        let mut rest = Vec::new();
        if other.net.contains(&self.net) {
            // Only what the other excepts is left.
        } else if self.net.contains(&other.net) {
            rest.push(Self::new(self.net, self.except.iter().copied().chain([other.net])));
        } else {
            return vec![self.clone()];
        }
        rest.extend(other.except.iter().filter_map(|excepted| self.inside(*excepted)));
        rest.retain(|range| !range.except.contains(&range.net));
        rest
    }

    /// What of this one lies in `net`.
    fn inside(&self, net: IpNet) -> Option<Self> {
        let net = if self.net.contains(&net) {
            net
        } else if net.contains(&self.net) {
            self.net
        } else {
            return None;
        };
        if self.except.iter().any(|except| except.contains(&net)) {
            return None;
        }
        Some(Self::new(net, self.except.iter().copied().filter(|except| net.contains(except))))
    }

    /// As a block.
    pub(super) fn block(&self) -> Option<Block> {
        Block::new(self.net, self.except.clone()).ok()
    }

    /// The same addresses as networks without exceptions; nothing where there would be more than `limit`.
    pub(super) fn nets(&self, limit: usize) -> Option<Vec<IpNet>> {
        let mut nets = vec![self.net];
        for except in &self.except {
            let mut kept = Vec::new();
            for net in nets {
                let mut current = net;
                if except.contains(&net) {
                    continue;
                }
                // Halve until what is taken out is all that is left.
                while current != *except && current.contains(except) {
                    let (with, without) = halves(current, *except)?;
                    kept.push(without);
                    current = with;
                }
                if current != *except {
                    kept.push(current);
                }
            }
            nets = kept;
            if nets.len() > limit {
                return None;
            }
        }
        nets.sort_unstable();
        Some(nets)
    }
}

/// The half of `net` in which `inner` lies, and the other one.
fn halves(net: IpNet, inner: IpNet) -> Option<(IpNet, IpNet)> {
    let halves: Vec<IpNet> = net.subnets(net.prefix_len() + 1).ok()?.collect();
    match halves.as_slice() {
        [first, second] if first.contains(&inner) => Some((*first, *second)),
        [first, second] => Some((*second, *first)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(net: &str, except: &[&str]) -> Range {
        Range::new(net.parse().unwrap(), except.iter().map(|net| net.parse().unwrap()))
    }

    #[test]
    fn what_is_taken_out_of_a_range_is_excepted_and_its_own_exceptions_come_back() {
        let all = range("10.0.0.0/8", &["10.1.0.0/16"]);
        assert_eq!(
            all.without(&range("10.2.0.0/16", &[])),
            [range("10.0.0.0/8", &["10.1.0.0/16", "10.2.0.0/16"])]
        );
        assert_eq!(
            all.without(&range("10.2.0.0/16", &["10.2.3.0/24"])),
            [range("10.0.0.0/8", &["10.1.0.0/16", "10.2.0.0/16"]), range("10.2.3.0/24", &[])]
        );
        assert_eq!(
            all.without(&range("0.0.0.0/0", &["10.1.2.0/24", "10.9.0.0/16"])),
            [range("10.9.0.0/16", &[])]
        );
        assert_eq!(all.without(&range("192.0.2.0/24", &[])), core::slice::from_ref(&all));
        assert!(all.without(&all).is_empty());
    }

    #[test]
    fn exceptions_can_be_written_as_networks() {
        let nets =
            |range: Range| range.nets(100).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(nets(range("10.0.0.0/30", &["10.0.0.1/32"])), ["10.0.0.0/32", "10.0.0.2/31"]);
        assert_eq!(nets(range("10.0.0.0/30", &[])), ["10.0.0.0/30"]);
        assert_eq!(range("0.0.0.0/0", &["10.0.0.1/32"]).nets(10), None);
    }
}
