//! Peers, selectors and ports to trees.

use super::tree::Tree;
use crate::document::{
    Entity, NamespacesDocument, NetworksDocument, PeerDocument, Spanned, WorkloadsDocument,
};
use bookend_engine::{Block, Clause, LabelExpression, LabelMatch, Labels, PortMatch, Protocol};

/// The entries of a mapping, of which some are left out.
pub(super) type Entries = Vec<(String, Tree)>;

pub(super) fn push(entries: &mut Entries, key: &str, value: Option<Tree>) {
    entries.extend(value.map(|value| (key.to_owned(), value)));
}

/// A list without what was in it before; nothing where it is empty.
pub(super) fn list(items: impl IntoIterator<Item = Tree>) -> Option<Tree> {
    let mut list: Vec<Tree> = Vec::new();
    for item in items {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    (!list.is_empty()).then_some(Tree::List(list))
}

/// A list of what a clause names; nothing where it names nothing.
pub(super) fn clause<T>(clause: &Clause<T>, mut item: impl FnMut(&T) -> Tree) -> Option<Tree> {
    list(clause.alternatives()?.iter().map(&mut item))
}

/// An element of `from`, `to` or `not`, of a policy that lies in `own`.
pub(super) fn peer(peer: &PeerDocument, own: Option<&str>) -> Tree {
    let PeerDocument { span: _, workloads, block, network, principals, entities, not } = peer;
    let mut entries = Entries::new();
    push(&mut entries, "workloads", workloads.as_ref().map(|selector| self::workloads(selector, own)));
    if let Some(block) = block {
        entries.extend(self::block(&block.value));
    }
    match network {
        None => {}
        Some(NetworksDocument::Named(name)) => push(&mut entries, "network", Some(Tree::text(&name.value))),
        Some(NetworksDocument::Labelled(labels)) => {
            push(&mut entries, "networks", Some(labelled(&labels.value)));
        }
    }
    push(&mut entries, "principals", clause(principals, |pattern| Tree::text(pattern.as_str())));
    push(&mut entries, "entities", clause(entities, |entity| Tree::text(self::entity(entity.value))));
    push(&mut entries, "not", list(not.iter().map(|peer| self::peer(peer, own))));
    Tree::Map(entries)
}

fn entity(entity: Entity) -> &'static str {
    match entity {
        Entity::World => "world",
        Entity::Cluster => "cluster",
        Entity::Node => "node",
        Entity::KubeApiserver => "kube-apiserver",
    }
}

/// `cidr`, and `except` where there is one.
pub(super) fn block(block: &Block) -> Entries {
    let mut nets = block.nets().map(|net| Tree::text(net.to_string()));
    let mut entries = Entries::new();
    push(&mut entries, "cidr", nets.next());
    push(&mut entries, "except", list(nets));
    entries
}

/// `workloads: {…}` of a policy that lies in `own`, whose name is left out.
pub(super) fn workloads(selector: &WorkloadsDocument, own: Option<&str>) -> Tree {
    let WorkloadsDocument { span: _, namespaces, labels, expressions, service_accounts, proxied } = selector;
    let mut entries = Entries::new();
    match namespaces {
        NamespacesDocument::Own => {}
        NamespacesDocument::Named(name) if own == Some(name.value.as_str()) => {}
        NamespacesDocument::Named(name) => push(&mut entries, "namespace", Some(Tree::text(&name.value))),
        // Where nothing is said, every namespace is meant (S38).
        NamespacesDocument::Labelled(Spanned { value, .. }) if own.is_none() && value.is_any() => {}
        NamespacesDocument::Labelled(Spanned { value, .. }) => {
            push(&mut entries, "namespaces", Some(labelled(value)));
        }
    }
    entries.extend(conditions(labels, expressions));
    push(&mut entries, "serviceAccounts", clause(service_accounts, |account| Tree::text(account)));
    push(&mut entries, "proxy", proxied.map(|wanted| Tree::Plain(wanted.to_string())));
    Tree::Map(entries)
}

fn labelled(wanted: &LabelMatch) -> Tree {
    Tree::Map(conditions(&wanted.labels, &wanted.expressions))
}

/// `labels` and `matchExpressions`. That a label has one of one value is said as a label.
fn conditions(labels: &Labels, expressions: &[LabelExpression]) -> Entries {
    let mut labels = labels.clone();
    let mut written = Vec::new();
    for expression in expressions {
        // As it is serialized, it is written.
        let serde_json::Value::Object(fields) = serde_json::to_value(expression).unwrap_or_default() else {
            continue;
        };
        let field = |name: &str| fields.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let (key, operator) = (field("key"), field("operator"));
        let values: Vec<&str> = fields
            .get("values")
            .and_then(serde_json::Value::as_array)
            .map(|values| values.iter().filter_map(serde_json::Value::as_str).collect())
            .unwrap_or_default();
        if let ("In", [only], false) = (operator, values.as_slice(), labels.contains_key(key)) {
            labels.insert(key.to_owned(), (*only).to_owned());
            continue;
        }
        let mut entries = Entries::new();
        push(&mut entries, "key", Some(Tree::text(key)));
        push(&mut entries, "operator", Some(Tree::text(operator)));
        push(&mut entries, "values", list(values.into_iter().map(Tree::text)));
        written.push(Tree::Map(entries));
    }
    let mut entries = Entries::new();
    let labels: Entries = labels.into_iter().map(|(key, value)| (key, Tree::Text(value))).collect();
    push(&mut entries, "labels", (!labels.is_empty()).then_some(Tree::Map(labels)));
    push(&mut entries, "matchExpressions", list(written));
    entries
}

/// An element of `ports` or `notPorts`.
pub(super) fn port(port: &PortMatch) -> Tree {
    let protocol = port.protocol();
    let mut entries = Entries::new();
    match port {
        PortMatch::Named(named) => push(&mut entries, "port", Some(Tree::text(&named.name))),
        PortMatch::Range(range) if (range.first(), range.last()) == (0, u16::MAX) => {}
        PortMatch::Range(range) if protocol.is_icmp() => {
            let ([kind, first], [_, last]) = (range.first().to_be_bytes(), range.last().to_be_bytes());
            push(&mut entries, "type", Some(Tree::number(kind)));
            push(&mut entries, "code", (first == last).then(|| Tree::number(first)));
        }
        PortMatch::Range(range) => {
            push(&mut entries, "port", Some(Tree::number(range.first())));
            push(
                &mut entries,
                "endPort",
                (range.first() != range.last()).then(|| Tree::number(range.last())),
            );
        }
    }
    let plain = protocol == Protocol::Tcp && entries.len() == 1;
    let everything = entries.is_empty();
    if let (true, [(_, port)]) = (plain, entries.as_slice()) {
        return port.clone();
    }
    if protocol != Protocol::Tcp || everything {
        // Protocol comes before type and code, and behind ports.
        let place = if protocol.is_icmp() { 0 } else { entries.len() };
        entries.insert(place, ("protocol".to_owned(), Tree::text(protocol.name())));
    }
    Tree::Map(entries)
}
