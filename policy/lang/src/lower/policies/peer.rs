//! Peers: names resolved to addresses, and the namespaces filled in.

use std::collections::BTreeMap;

use super::super::Surroundings;
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{Entity, NamespacesDocument, NetworksDocument, PeerDocument, Spanned, WorkloadsDocument},
};
use bookend_engine::{Block, Clause, IpNet, NamespaceMatch, PeerMatch, Selector};

/// What peers are lowered with.
pub(super) struct Lowering<'l> {
    pub(super) surroundings: &'l Surroundings,
    /// The policy's own namespace, if it has one.
    pub(super) namespace: Option<&'l str>,
    pub(super) report: &'l mut Report,
    /// Each selector that is met, and where.
    pub(super) selectors: &'l mut Vec<(Selector, Span)>,
}

impl Lowering<'_> {
    /// `from` or `to`.
    pub(super) fn clause(mut self, clause: &Clause<PeerDocument>) -> Option<Clause<PeerMatch>> {
        let Some(list) = clause.alternatives() else { return Some(Clause::Any) };
        Clause::one_of(self.list(list)?).ok()
    }

    /// Peers of which each may be several: never fewer than there are documents.
    fn list(&mut self, documents: &[PeerDocument]) -> Option<Vec<PeerMatch>> {
        let read: Vec<_> = documents.iter().map(|document| self.peer(document)).collect();
        let lists: Option<Vec<_>> = read.into_iter().collect();
        Some(lists?.into_iter().flatten().collect())
    }

    /// The alternatives that a peer means together.
    fn peer(&mut self, document: &PeerDocument) -> Option<Vec<PeerMatch>> {
        let workloads = document.workloads.as_ref().map(|written| {
            let selector = selector(written.clone(), self.namespace);
            self.selectors.push((selector.clone(), written.span));
            selector
        });
        let network = document.network.as_ref().map(|network| self.network(network));
        let entities = self.entities(&document.entities);
        let not = self.list(&document.not);
        let network = match network {
            None => None,
            Some(read) => Some(read?),
        };
        let mut own =
            PeerMatch { principals: document.principals.clone(), not: not?, ..PeerMatch::default() };
        own.workloads = workloads;
        // Every list of blocks must hold, so an address lies in all of them.
        let block = document.block.as_ref().map(|block| vec![block.value.clone()]);
        for blocks in [block, network].into_iter().flatten() {
            // A network without addresses, of which there is a warning already.
            let Ok(blocks) = Clause::one_of(blocks) else { return Some(vec![nobody()]) };
            own.blocks = match both(&own.blocks, &blocks) {
                Ok(blocks) => blocks,
                Err(nothing) => return self.nothing(nothing, document.span),
            };
        }
        let Some(entities) = entities? else { return Some(vec![own]) };
        let mut alternatives = Vec::new();
        for entity in entities {
            match narrowed(&own, entity) {
                Ok(alternative) => alternatives.push(alternative),
                Err(Nothing::Disjoint) => {}
                Err(Nothing::TooMany) => return self.nothing(Nothing::TooMany, document.span),
            }
        }
        match alternatives.is_empty() {
            true => self.nothing(Nothing::Disjoint, document.span),
            false => Some(alternatives),
        }
    }

    fn nothing(&mut self, nothing: Nothing, span: Span) -> Option<Vec<PeerMatch>> {
        match nothing {
            // Addresses of nodes and networks come and go; what was written is as sensible as it was.
            Nothing::Disjoint if self.surroundings.passing => Some(vec![nobody()]),
            Nothing::Disjoint => self.disjoint(span),
            Nothing::TooMany => {
                let message = format!("what the peer says divides into more than {MAX_SHARED} blocks");
                let cure = "name fewer networks in one peer, or networks of fewer blocks";
                self.report.add(Code::TooMany, span, message, cure);
                None
            }
        }
    }

    fn disjoint<T>(&mut self, span: Span) -> Option<T> {
        let message = "no address lies in all that the peer says";
        let cure = "write several entries in the list to mean any of them";
        self.report.add(Code::NeverHolds, span, message, cure);
        None
    }

    /// The addresses of networks (S42).
    fn network(&mut self, document: &NetworksDocument) -> Option<Vec<Block>> {
        match document {
            NetworksDocument::Named(name) => {
                let found = self.surroundings.networks.get(&name.value);
                if found.is_none() {
                    let message = format!("there is no network `{}`", name.value);
                    let cure =
                        super::similar(&name.value, self.surroundings.networks.keys().map(String::as_str))
                            .unwrap_or_else(|| "describe it in a `Network` document".to_owned());
                    self.report.add(Code::UnknownNetwork, name.span, message, cure);
                }
                found.map(|network| network.blocks.clone())
            }
            NetworksDocument::Labelled(Spanned { value: labels, span }) => {
                let chosen = self.surroundings.networks.values().filter(|n| labels.holds(&n.labels));
                let blocks: Vec<Block> = chosen.flat_map(|network| network.blocks.iter().cloned()).collect();
                if blocks.is_empty() {
                    let message = "no network has these labels, so nobody is meant";
                    let cure = "check the labels, or describe the network in a `Network` document";
                    self.report.add(Code::NoNetwork, *span, message, cure);
                }
                Some(blocks)
            }
        }
    }

    /// What the entities mean together (S43); `None` inside if none are written.
    fn entities(&mut self, written: &Clause<Spanned<Entity>>) -> Option<Option<Vec<PeerMatch>>> {
        let Some(list) = written.alternatives() else { return Some(None) };
        let read: Vec<_> = list.iter().map(|entity| self.entity(entity)).collect();
        let all: Option<Vec<_>> = read.into_iter().collect();
        Some(Some(all?.into_iter().flatten().collect()))
    }

    fn entity(&mut self, entity: &Spanned<Entity>) -> Option<Vec<PeerMatch>> {
        let surroundings = self.surroundings;
        let (name, field, blocks) = match entity.value {
            Entity::Cluster => return Some(self.cluster()),
            Entity::World => return Some(vec![PeerMatch::none_of(self.cluster())]),
            Entity::Node => ("node", "nodes", &surroundings.nodes),
            Entity::KubeApiserver => ("kube-apiserver", "kubeApiserver", &surroundings.kube_apiserver),
        };
        let Ok(blocks) = Clause::one_of(blocks.clone()) else {
            if surroundings.passing && entity.value == Entity::Node {
                return Some(vec![nobody()]);
            }
            let message = format!("nobody says which addresses `{name}` has");
            let cure = format!("add `{field}` to an `Inventory`");
            self.report.add(Code::UnknownEntity, entity.span, message, cure);
            return None;
        };
        Some(vec![PeerMatch { blocks, ..PeerMatch::default() }])
    }

    /// Every workload, and every address that belongs to the cluster.
    fn cluster(&self) -> Vec<PeerMatch> {
        let mut cluster = vec![PeerMatch::workloads(Selector::all(NamespaceMatch::any()))];
        if let Ok(blocks) = Clause::one_of(self.surroundings.cluster.clone()) {
            cluster.push(PeerMatch { blocks, ..PeerMatch::default() });
        }
        cluster
    }
}

/// Nobody at all.
fn nobody() -> PeerMatch {
    PeerMatch::none_of(vec![PeerMatch::default()])
}

/// A selector without a namespace means the policy's own (S11), or every one (S38).
pub(super) fn selector(document: WorkloadsDocument, namespace: Option<&str>) -> Selector {
    let WorkloadsDocument { namespaces, labels, expressions, service_accounts, proxied, .. } = document;
    let namespaces = match namespaces {
        NamespacesDocument::Own => {
            namespace.map_or_else(NamespaceMatch::any, |own| NamespaceMatch::Named(own.to_owned()))
        }
        NamespacesDocument::Named(name) => NamespaceMatch::Named(name.value),
        NamespacesDocument::Labelled(labels) => NamespaceMatch::Labelled(labels.value),
    };
    Selector { namespaces, labels, expressions, service_accounts, proxied }
}

/// The most blocks that two lists of blocks may have in common. Two Networks of the largest size, of which one lies in the
/// other, have a tenth.
const MAX_SHARED: usize = 100_000;

/// Why two lists of blocks give none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nothing {
    /// No address is in both.
    Disjoint,
    /// There are more than [`MAX_SHARED`].
    TooMany,
}

/// `own`, as far as it is an `entity` too. The selector of an entity is every workload, so it adds only that there is
/// one.
fn narrowed(own: &PeerMatch, entity: PeerMatch) -> Result<PeerMatch, Nothing> {
    let mut both_of = own.clone();
    both_of.workloads = both_of.workloads.or(entity.workloads);
    both_of.blocks = both(&own.blocks, &entity.blocks)?;
    both_of.not.extend(entity.not);
    Ok(both_of)
}

/// The addresses in both lists.
fn both(a: &Clause<Block>, b: &Clause<Block>) -> Result<Clause<Block>, Nothing> {
    let (Some(a_list), Some(b_list)) = (a.alternatives(), b.alternatives()) else {
        return Ok(if a.is_any() { b.clone() } else { a.clone() });
    };
    // By their first addresses, because the product of two lists may be a hundred million pairs.
    let mut by_net: BTreeMap<IpNet, Vec<&Block>> = BTreeMap::new();
    for block in b_list {
        by_net.entry(cidr(block)).or_default().push(block);
    }
    let mut found = Vec::new();
    for block in a_list {
        let net = cidr(block);
        let around = (0..net.prefix_len()).filter_map(|length| by_net.get(&wider(net, length)?));
        let inside = by_net.range(net..).take_while(|(other, _)| net.contains(&other.addr())).map(|(_, b)| b);
        for other in around.chain(inside).flatten() {
            found.extend(shared(block, other));
            if found.len() > MAX_SHARED {
                return Err(Nothing::TooMany);
            }
        }
    }
    Clause::one_of(found).map_err(|_| Nothing::Disjoint)
}

/// A block without its exceptions.
fn cidr(block: &Block) -> IpNet {
    // There always is a first one.
    block.nets().next().unwrap_or_default()
}

/// The block of this prefix length around `net`.
fn wider(net: IpNet, length: u8) -> Option<IpNet> {
    IpNet::new(net.addr(), length).ok().map(|net| net.trunc())
}

/// The addresses in both blocks: those of the smaller one, without what either excepts.
fn shared(a: &Block, b: &Block) -> Option<Block> {
    let nets = |block: &Block| {
        let mut nets = block.nets();
        nets.next().map(|cidr| (cidr, nets.collect::<Vec<IpNet>>()))
    };
    let ((a, a_except), (b, b_except)) = (nets(a)?, nets(b)?);
    let cidr = if a.contains(&b) {
        b
    } else if b.contains(&a) {
        a
    } else {
        return None;
    };
    let mut except: Vec<IpNet> = a_except.into_iter().chain(b_except).collect();
    if except.iter().any(|net| net.contains(&cidr)) {
        return None;
    }
    except.retain(|net| cidr.contains(net));
    except.sort_unstable();
    except.dedup();
    Block::new(cidr, except).ok()
}

/// Whether somebody among `peers` may be a workload of `namespace`, or, without one, a workload at all.
pub(super) fn may_lie_in(peers: &Clause<PeerMatch>, namespace: Option<&str>) -> bool {
    let own = |selector: &Selector| match (&selector.namespaces, namespace) {
        (NamespaceMatch::Named(name), Some(own)) => name == own,
        _ => true,
    };
    // A peer that excludes every workload there is.
    let excludes = |peer: &PeerMatch| {
        let only_namespaces = peer.blocks.is_any() && peer.principals.is_any() && peer.not.is_empty();
        peer.workloads.as_ref().map_or(only_namespaces, |selector| {
            let every = match &selector.namespaces {
                NamespaceMatch::Named(name) => namespace == Some(name),
                NamespaceMatch::Labelled(labels) => labels.is_any(),
            };
            only_namespaces
                && every
                && selector.labels.is_empty()
                && selector.expressions.is_empty()
                && selector.service_accounts.is_any()
                && selector.proxied.is_none()
        })
    };
    peers.alternatives().is_none_or(|list| {
        list.iter().any(|peer| peer.workloads.as_ref().is_none_or(own) && !peer.not.iter().any(excludes))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(cidr: &str, except: &[&str]) -> Block {
        Block::new(cidr.parse().unwrap(), except.iter().map(|net| net.parse().unwrap()).collect()).unwrap()
    }

    #[test]
    fn blocks_share_the_smaller_one_without_what_either_excepts() {
        let wide = block("10.0.0.0/8", &["10.1.0.0/16", "10.2.3.0/24"]);
        assert_eq!(shared(&wide, &block("10.2.0.0/16", &[])), Some(block("10.2.0.0/16", &["10.2.3.0/24"])));
        assert_eq!(shared(&block("10.1.2.0/24", &[]), &wide), None);
        assert_eq!(shared(&wide, &block("192.0.2.0/24", &[])), None);
        assert_eq!(shared(&wide, &block("::/0", &[])), None);
        let other = block("10.0.0.0/8", &["10.1.0.0/16", "10.9.0.0/16"]);
        let except = ["10.1.0.0/16", "10.2.3.0/24", "10.9.0.0/16"];
        assert_eq!(shared(&wide, &other), Some(block("10.0.0.0/8", &except)));
    }

    #[test]
    fn lists_of_blocks_share_what_lies_in_both_however_it_nests() {
        let list =
            |cidrs: &[&str]| Clause::one_of(cidrs.iter().map(|net| block(net, &[])).collect()).unwrap();
        let a = list(&["10.0.0.0/8", "192.0.2.0/24", "203.0.113.7/32", "2001:db8::/32", "198.51.100.0/24"]);
        let b =
            list(&["10.1.0.0/16", "10.0.0.0/8", "192.0.0.0/16", "203.0.113.0/24", "::/0", "198.51.101.0/24"]);
        let expected = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "203.0.113.7/32", "2001:db8::/32"];
        assert_eq!(both(&a, &b), Ok(list(&expected)));
        assert_eq!(both(&a, &list(&["172.16.0.0/12"])), Err(Nothing::Disjoint));
        assert_eq!(both(&a, &Clause::Any), Ok(a.clone()));
    }

    #[test]
    fn lists_that_share_too_much_are_refused_without_work() {
        let hosts = |count: u32| -> Vec<Block> {
            (0..count)
                .map(|n| {
                    Block::new(format!("10.0.{}.{}/32", n / 256, n % 256).parse().unwrap(), vec![]).unwrap()
                })
                .collect()
        };
        let many = Clause::one_of(hosts(10_000)).unwrap();
        assert_eq!(both(&many, &many), Ok(many.clone()));
        let whole: Vec<Block> = (0..20).map(|n| block("10.0.0.0/8", &[&format!("10.9.{n}.0/24")])).collect();
        assert_eq!(both(&Clause::one_of(whole).unwrap(), &many), Err(Nothing::TooMany));
    }
}
