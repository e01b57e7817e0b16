//! Peers of egress rules: pods, nodes, networks and domain names.

use super::{Form, peer};
use crate::{
    Code,
    decode::{
        block,
        fields::{Fields, quoted, string},
    },
    diagnostic::Report,
    dialect::kubernetes::{
        selector,
        values::{counted, only},
    },
    document::{PeerDocument, Spanned},
    yaml::Node,
};
use bookend_engine::{Action, Block};

/// Peers, as far as they can be said.
#[derive(Default)]
pub(super) struct Peers {
    exact: Vec<PeerDocument>,
    /// What stands for those that cannot, and means them and more; `None`: everybody.
    wider: Vec<Option<PeerDocument>>,
    /// Whether there is one that has no named ports.
    nameless: bool,
}

impl Peers {
    pub(super) fn exact(exact: Vec<PeerDocument>) -> Self {
        Self { exact, ..Self::default() }
    }

    pub(super) fn all(list: Vec<Self>) -> Self {
        list.into_iter().fold(Self::default(), |mut all, one| {
            all.exact.extend(one.exact);
            all.wider.extend(one.wider);
            all.nameless |= one.nameless;
            all
        })
    }

    pub(super) const fn has_nameless(&self) -> bool {
        self.nameless
    }

    /// What is left of a rule with these peers, if anything is. Where something cannot be said, an allow rule loses it, a deny
    /// rule means more, and a pass rule denies, as the API asks for (it fails closed). No peers mean everybody.
    pub(super) fn narrowed(self, action: Action) -> Option<(Action, Vec<PeerDocument>)> {
        let Self { mut exact, wider, .. } = self;
        if wider.is_empty() {
            return Some((action, exact));
        }
        if action == Action::Allow {
            return (!exact.is_empty()).then_some((action, exact));
        }
        let wider: Option<Vec<_>> = wider.into_iter().collect();
        let peers = wider.map(|wider| {
            exact.extend(wider);
            exact
        });
        Some((Action::Deny, peers.unwrap_or_default()))
    }
}

/// An element of `to`.
pub(super) fn peer(form: Form, node: &Node, report: &mut Report) -> Option<Peers> {
    let names: &[&'static str] = match form {
        Form::Cluster | Form::Admin => &["namespaces", "pods", "nodes", "networks", "domainNames"],
        Form::Baseline => &["namespaces", "pods", "nodes", "networks"],
    };
    let (name, inner) = only(node, "peer", names, report)?;
    match name {
        "namespaces" => Some(Peers::exact(vec![peer::workloads(peer::all_pods(inner, report)?)])),
        "pods" => {
            let pods = peer::namespaced_pods(inner, form.wants_both_selectors(), report)?;
            Some(Peers::exact(vec![peer::workloads(pods)]))
        }
        "nodes" => nodes(inner, report),
        "networks" => networks(node, report),
        _ => domain_names(node, report),
    }
}

/// Nodes by their labels. An empty selector means all, whose addresses the inventory knows; their labels it does not.
fn nodes(node: &Node, report: &mut Report) -> Option<Peers> {
    let selector = selector::selector(node, "node selector", report)?;
    let (all, nameless) = (peer::nodes(node.span), true);
    if selector.labels.is_empty() && selector.expressions.is_empty() {
        return Some(Peers { exact: vec![all], nameless, ..Peers::default() });
    }
    let message = "which nodes have these labels is not known to a policy";
    let cure = "write `nodes: {}`, or their addresses in `networks`; with `--best-effort` it means none of them, and all of \
                them where they are denied";
    report.add(Code::InexactKubernetes, node.span, message, cure);
    Some(Peers { wider: vec![Some(all)], nameless, ..Peers::default() })
}

/// `networks`.
fn networks(node: &Node, report: &mut Report) -> Option<Peers> {
    let mut fields = Fields::of(node, "peer", report)?;
    let read = counted(&mut fields, "networks", (true, 25), report, |node, report| {
        let net = block::net(node, "networks", report)?;
        let block = Block::new(net.value, Vec::new()).ok()?;
        Some(peer::within(node.span, Spanned { value: block, span: node.span }))
    });
    Some(Peers { exact: read?.unwrap_or_default(), nameless: true, ..Peers::default() })
}

/// `domainNames`. Which addresses a name has is not known here, and to whom, and how long.
fn domain_names(node: &Node, report: &mut Report) -> Option<Peers> {
    let mut fields = Fields::of(node, "peer", report)?;
    let place = fields.key("domainNames");
    let names = counted(&mut fields, "domainNames", (true, 25), report, domain_name)?;
    let first = names.unwrap_or_default().into_iter().next()?;
    let message = format!("which addresses `{}` has is not known to a policy", quoted(&first));
    let cure = "write the addresses in `networks`; with `--best-effort` the names mean nobody, and everybody where they \
                are denied";
    report.add(Code::InexactKubernetes, place, message, cure);
    Some(Peers { wider: vec![None], nameless: true, ..Peers::default() })
}

/// A name, or `*.` and a name.
fn domain_name(node: &Node, report: &mut Report) -> Option<String> {
    let name = string(node, "domainNames", report)?;
    let bare = name.value.strip_prefix("*.").unwrap_or(&name.value);
    let label = |label: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        ends(label.chars().next())
            && ends(label.chars().next_back())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    if !bare.contains('.') || !bare.split('.').all(label) {
        let message = format!("`{}` is not a domain name", quoted(&name.value));
        report.add(Code::BadName, name.span, message, "write it like `example.org` or `*.example.org`");
        return None;
    }
    Some(name.value)
}
