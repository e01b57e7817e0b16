//! An end of a rule: the endpoints of the policy, or whoever is at the other end.

use super::{
    context::SET_LABEL,
    form::{Formula, TooLarge},
    meaning::Meaning,
    selection::Selection,
};
use crate::{
    Code, Span,
    diagnostic::Report,
    dialect::Selector,
    document::{Behind, CalicoEntity, IpVersion, NetworksDocument, PeerDocument, Spanned},
    limit,
    lower::Surroundings,
};
use bookend_engine::{Block, IpNet, Ipv4Net, Ipv6Net};
use core::net::{Ipv4Addr, Ipv6Addr};

/// Reads ends of rules and what policies apply to.
pub(super) struct Ends<'e> {
    pub(super) surroundings: &'e Surroundings,
    /// The namespace of the policy.
    pub(super) own: Option<&'e str>,
    pub(super) report: &'e mut Report,
    /// The places of selectors of which it was said already that something cannot be said.
    pub(super) told: Vec<Span>,
    /// How many peers the rules mean so far: alternatives, each as often as it has exceptions, and once more.
    pub(super) meant: usize,
    /// Whether something of a selector could not be said.
    pub(super) inexact: bool,
}

/// The most peers of all rules of a policy together, but for addresses that they write out: whatever a selector is multiplied by, a
/// policy of a tenant takes some tens of megabytes.
pub(super) const MEANT: usize = 40_000;

/// Whoever is meant; `None`: everybody. Nobody where the list is empty.
pub(super) type Meant = Option<Vec<PeerDocument>>;

impl Ends<'_> {
    /// The workloads that `selector` means. What cannot be said holds for everybody, if that is `wide`, and for nobody otherwise.
    pub(super) fn selections(&mut self, selector: &Spanned<Selector>, wide: bool) -> Option<Vec<Selection>> {
        let unsayable = if wide { Formula::Always } else { Formula::Never };
        let context = &self.surroundings.calico;
        let mut meaning = Meaning { context, unsayable, inexact: false, asks_accounts: false };
        let formula = meaning.of(&selector.value, false);
        let (inexact, asks_accounts) = (meaning.inexact, meaning.asks_accounts);
        self.inexact |= inexact;
        if inexact && self.tells(selector.span) {
            let message = "names of service accounts are compared as a whole only";
            let cure = "name the accounts by `==` or `in`; with `--best-effort` the rest is read, and nothing more is allowed";
            self.report.add(Code::InexactCalico, selector.span, message, cure);
        }
        let undescribed = self.surroundings.calico.undescribed.as_ref().filter(|_| asks_accounts);
        if let Some((namespace, name)) = undescribed
            && self.tells(selector.span)
        {
            let message = format!(
                "nobody says which labels the service account `{namespace}/{name}` has, so it has none"
            );
            let cure = "add the manifests of all ServiceAccounts";
            self.report.add(Code::AccountLabels, selector.span, message, cure);
        }
        match formula.alternatives() {
            Ok(alternatives) => {
                let own = self.own;
                let read = alternatives.iter().filter_map(|list| Selection::of(list, own, selector.span));
                Some(read.collect())
            }
            Err(TooLarge) => {
                let message = "the selector has more than 128 alternatives when it is multiplied out";
                let cure = "write several policies or rules, each with a part of it";
                self.report.add(Code::SelectorTooLarge, selector.span, message, cure);
                None
            }
        }
    }

    /// Whether nothing was said about the selector at `span` yet.
    fn tells(&mut self, span: Span) -> bool {
        let new = !self.told.contains(&span);
        self.told.push(span);
        new
    }

    /// Whoever is at an end: among the endpoints of `policy`, where they are at that end, and as `entity` says.
    pub(super) fn peers(
        &mut self,
        policy: Option<&Spanned<Selector>>,
        entity: &CalicoEntity,
        wide: bool,
    ) -> Option<Meant> {
        let mut alternatives: Vec<PeerDocument> = Vec::new();
        match (policy, &entity.selector) {
            (Some(policy), None) if policy.value == Selector::All => {
                alternatives.push(PeerDocument::any(entity.span))
            }
            (Some(policy), None) => {
                alternatives.extend(self.selections(policy, wide)?.into_iter().map(Selection::peer));
            }
            (None, None) => alternatives.push(PeerDocument::any(entity.span)),
            (policy, Some(selector)) => {
                let both = match policy {
                    None => selector.clone(),
                    Some(policy) => {
                        let value = policy.value.clone().and(selector.value.clone());
                        Spanned { value, span: selector.span }
                    }
                };
                alternatives.extend(self.selections(&both, wide)?.into_iter().map(Selection::peer));
                let base = match policy {
                    None => vec![PeerDocument::any(entity.span)],
                    Some(policy) => self.selections(policy, wide)?.into_iter().map(Selection::peer).collect(),
                };
                let sets = self.sets(&selector.value);
                self.within_limit(
                    alternatives.len().saturating_add(base.len().saturating_mul(sets.len())),
                    entity,
                )?;
                for name in sets {
                    let value = NetworksDocument::Named(Spanned { value: name, span: selector.span });
                    alternatives.extend(
                        base.iter()
                            .cloned()
                            .map(|peer| PeerDocument { network: Some(value.clone()), ..peer }),
                    );
                }
            }
        }
        let not = self.not(entity, wide)?;
        self.within_limit(not.len(), entity)?;
        self.meant =
            self.meant.saturating_add(alternatives.len().saturating_mul(not.len().saturating_add(1)));
        if self.meant > MEANT {
            self.refuse_multiplied(entity.span);
            return None;
        }
        alternatives.iter_mut().for_each(|peer| peer.not.extend(not.iter().cloned()));
        let alternatives = if entity.nets.is_empty() {
            alternatives
        } else {
            self.within(&alternatives, &entity.nets, limit::PEERS + 1)
        };
        self.within_limit(alternatives.len(), entity)?;
        let everybody = matches!(alternatives.as_slice(), [only] if says_nothing(only));
        Some((!everybody).then_some(alternatives))
    }

    /// Refuses more kinds of peers than a rule may have.
    fn within_limit(&mut self, count: usize, entity: &CalicoEntity) -> Option<()> {
        if count > limit::PEERS {
            let message = format!("the rule means {count} kinds of peers, and {} are the most", limit::PEERS);
            self.report.add(Code::SelectorTooLarge, entity.span, message, "divide it into several rules");
            return None;
        }
        Some(())
    }

    /// Refuses a policy whose rules mean too many peers together.
    pub(super) fn refuse_multiplied(&mut self, span: Span) {
        let message = format!(
            "up to here the rules of the policy mean {} kinds of peers together, each with its exceptions, and {MEANT} are the most",
            self.meant
        );
        self.report.add(
            Code::SelectorTooLarge,
            span,
            message,
            "divide the policy, or write simpler selectors",
        );
    }

    /// The names of the sets that a selector means.
    fn sets(&self, selector: &Selector) -> Vec<String> {
        let networks = self.surroundings.networks.iter();
        let meant =
            networks.filter(|(_, network)| network.labels.contains_key(SET_LABEL)).filter(|(_, network)| {
                let label =
                    |key: &str| network.labels.get(key).filter(|_| key != SET_LABEL).map(String::as_str);
                selector.holds(&label)
            });
        meant.map(|(name, _)| name.clone()).collect()
    }

    /// Who is not meant.
    fn not(&mut self, entity: &CalicoEntity, wide: bool) -> Option<Vec<PeerDocument>> {
        let blocks = entity.not_nets.iter().filter_map(|net| block(net.value, net.span));
        let mut not: Vec<PeerDocument> = blocks.collect();
        if let Some(selector) = &entity.not_selector {
            // What is left out here is let in.
            not.extend(self.selections(selector, !wide)?.into_iter().map(Selection::peer));
            not.extend(self.sets(&selector.value).into_iter().map(|name| {
                let network = NetworksDocument::Named(Spanned { value: name, span: selector.span });
                PeerDocument { network: Some(network), ..PeerDocument::any(selector.span) }
            }));
        }
        Some(not)
    }

    /// The same peers, as far as they lie in one of the `nets`; the first of them, where it is at least `most`.
    fn within(&self, peers: &[PeerDocument], nets: &[Spanned<IpNet>], most: usize) -> Vec<PeerDocument> {
        let mut within = Vec::new();
        for peer in peers {
            if within.len() >= most {
                break;
            }
            let Some(NetworksDocument::Named(name)) = &peer.network else {
                within.extend(nets.iter().filter_map(|net| {
                    let block = block(net.value, net.span)?.block;
                    Some(PeerDocument { block, ..peer.clone() })
                }));
                continue;
            };
            let blocks = self.surroundings.networks.get(&name.value).map(|network| network.blocks.as_slice());
            for block in blocks.unwrap_or_default() {
                for shared in nets.iter().filter_map(|net| shared(block, net.value)) {
                    let block = Some(Spanned { value: shared, span: name.span });
                    within.push(PeerDocument { block, network: None, ..peer.clone() });
                }
            }
        }
        within
    }
}

/// Whether a peer is everybody.
fn says_nothing(peer: &PeerDocument) -> bool {
    peer.workloads.is_none() && peer.block.is_none() && peer.network.is_none() && peer.not.is_empty()
}

/// The addresses of a block that are in `net` too.
fn shared(block: &Block, net: IpNet) -> Option<Block> {
    let mut nets = block.nets();
    let whole = nets.next()?;
    let smaller = if net.contains(&whole) {
        whole
    } else if whole.contains(&net) {
        net
    } else {
        return None;
    };
    let except: Vec<IpNet> = nets.collect();
    if except.iter().any(|gone| gone.contains(&smaller)) {
        return None;
    }
    Block::new(smaller, except.into_iter().filter(|gone| smaller.contains(gone)).collect()).ok()
}

/// Everybody in a block.
pub(super) fn block(net: IpNet, span: Span) -> Option<PeerDocument> {
    // Blocks were checked when they were read.
    let value = Block::new(net, Vec::new()).ok()?;
    Some(PeerDocument { block: Some(Spanned { value, span }), ..PeerDocument::any(span) })
}

/// Whoever is behind a Service.
pub(super) fn behind<'b>(behind: impl Iterator<Item = &'b Behind>, span: Span) -> Vec<PeerDocument> {
    let mut nets: Vec<IpNet> = behind.map(|behind| IpNet::from(behind.address)).collect();
    nets.sort_unstable();
    nets.dedup();
    nets.into_iter().filter_map(|net| block(net, span)).collect()
}

/// The same peers at addresses of one version only.
pub(super) fn of_version(peers: Meant, version: IpVersion, span: Span) -> Vec<PeerDocument> {
    let (own, other) = {
        let v4 = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));
        let v6 = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0));
        if version == IpVersion::V4 { (v4, v6) } else { (v6, v4) }
    };
    let narrowed = |peer: PeerDocument| match (&peer.block, &peer.network) {
        (Some(block), _) => {
            let first = block.value.nets().next()?;
            own.contains(&first).then_some(peer)
        }
        (None, None) => {
            let block = block(own, span)?.block;
            Some(PeerDocument { block, ..peer })
        }
        (None, Some(_)) => {
            let mut not = peer.not.clone();
            not.extend(block(other, span));
            Some(PeerDocument { not, ..peer })
        }
    };
    peers.unwrap_or_else(|| vec![PeerDocument::any(span)]).into_iter().filter_map(narrowed).collect()
}
