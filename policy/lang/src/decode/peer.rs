//! Peers: who opens a connection, and who accepts it.

use super::{
    block::block,
    fields::{Fields, distinct, into_list, optional, quoted, text, word},
    name, selector,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{Entity, NetworksDocument, PeerDocument, Spanned},
    limit,
    yaml::{Entry, Node},
};
use bookend_engine::{Clause, End, PrincipalPattern};

/// An element of `from` or `to`, or, at `depth` of more than 0, of the `not` of one.
pub(super) fn peer(node: &Node, end: End, depth: usize, report: &mut Report) -> Option<PeerDocument> {
    let mut fields = Fields::of(node, "peer", report)?;
    let workloads = optional(fields.get("workloads").map(|node| selector::workloads(node, report)));
    let (cidr, except) = (fields.get("cidr"), fields.get("except"));
    let block = match (cidr, except) {
        (None, None) => Some(None),
        (Some(cidr), except) => {
            block(cidr, except, report).map(|value| Some(Spanned { value, span: cidr.span }))
        }
        (None, Some(node)) => {
            let cure = "add `cidr`; to except from anything else, write `not`";
            report.add(Code::BadPeer, node.span, "`except` needs the `cidr` it is taken from", cure);
            None
        }
    };
    let network = network(fields.get("network"), fields.get("networks"), report);
    let principals_node = fields.get("principals");
    let principals = distinct(principals_node, "principals", limit::VALUES, report, principal);
    let principals = match (principals_node, end) {
        (Some(_), End::Destination) => {
            let message = "`principals` cannot tell who accepts a connection";
            let cure = "name the destination by `workloads` or `cidr`";
            report.add(Code::PrincipalOfDestination, fields.key("principals"), message, cure);
            None
        }
        _ => principals,
    };
    let entities = distinct(fields.get("entities"), "entities", limit::VALUES, report, |node, report| {
        let value = word(node, "entities", &ENTITIES, report)?;
        Some(Spanned { value, span: node.span })
    });
    let not = not(fields.get("not"), end, depth, report);
    let (place, unknown) = (fields.place(), fields.has_unknown());
    let sound = all_entities(&entities, report);
    fields.finish_with(elsewhere, report);
    let peer = PeerDocument {
        span: node.span,
        workloads: workloads?,
        block: block?,
        network: network?,
        principals: principals?,
        entities: entities?,
        not: not?,
    };
    let empty = peer.workloads.is_none()
        && peer.block.is_none()
        && peer.network.is_none()
        && peer.principals.is_any()
        && peer.entities.is_any()
        && peer.not.is_empty();
    if empty {
        // What it says instead is refused already.
        if !unknown {
            let cure = match depth {
                0 => "add `workloads`, `cidr` or another part; to mean everybody, leave the list out",
                _ => "add `workloads`, `cidr` or another part, or remove it: nobody is not anybody",
            };
            report.add(Code::BadPeer, place, "the peer says nothing", cure);
        }
        return None;
    }
    (sound && !unknown).then_some(peer)
}

/// The entities by name (S43).
const ENTITIES: [(&str, Entity); 4] = [
    ("world", Entity::World),
    ("cluster", Entity::Cluster),
    ("node", Entity::Node),
    ("kube-apiserver", Entity::KubeApiserver),
];

/// Refuses `world` beside `cluster`: together they are everybody.
fn all_entities(entities: &Option<Clause<Spanned<Entity>>>, report: &mut Report) -> bool {
    let list = entities.as_ref().and_then(|clause| clause.alternatives()).unwrap_or_default();
    let named = |entity| list.iter().find(|given| given.value == entity);
    let (Some(world), Some(cluster)) = (named(Entity::World), named(Entity::Cluster)) else { return true };
    let message = "`world` and `cluster` together are everybody";
    let cure = "leave `entities` out to mean everybody";
    report.add_related(Code::Conflict, world.span, message, cure, (cluster.span, "everybody else"));
    false
}

/// `network` or `networks`.
fn network(
    named: Option<&Node>,
    labelled: Option<&Node>,
    report: &mut Report,
) -> Option<Option<NetworksDocument>> {
    match (named, labelled) {
        (None, None) => Some(None),
        (Some(node), None) => {
            let name = name::name(node, "network", 253, report)?;
            Some(Some(NetworksDocument::Named(name)))
        }
        (None, Some(node)) => {
            let selector = selector::labelled_selector(node, "networks selector", report)?;
            if selector.value.labels.is_empty() && selector.value.expressions.is_empty() {
                let cure = "say `labels` or `matchExpressions`, or name one by `network`";
                report.add(Code::EmptyMapping, node.span, "`networks` is an empty mapping", cure);
                return None;
            }
            Some(Some(NetworksDocument::Labelled(selector)))
        }
        (Some(first), Some(second)) => {
            let message = "the peer says both `network` and `networks`";
            let related = (first.span, "one network, by name");
            report.add_related(Code::Conflict, second.span, message, "keep one of them", related);
            None
        }
    }
}

/// `not`: peers none of whom is meant.
fn not(node: Option<&Node>, end: End, depth: usize, report: &mut Report) -> Option<Vec<PeerDocument>> {
    let Some(node) = node else { return Some(Vec::new()) };
    if depth >= limit::NOT_DEPTH {
        let message = format!("`not` is nested more than {} deep", limit::NOT_DEPTH);
        report.add(Code::TooMany, node.span, message, "say it without so many of them");
        return None;
    }
    let list =
        distinct(Some(node), "not", limit::PEERS, report, |node, report| peer(node, end, depth + 1, report));
    list.map(into_list)
}

/// A SPIFFE id, or the start or the end of one (S41).
fn principal(node: &Node, report: &mut Report) -> Option<PrincipalPattern> {
    let text = text(node, "principals", limit::PRINCIPAL, report)?;
    let bad = |report: &mut Report, cause: &str, cure: &str| -> Option<PrincipalPattern> {
        let message = format!("`{}` {cause}", quoted(&text.value));
        report.add(Code::BadPrincipal, text.span, message, cure);
        None
    };
    let pattern = text.value.as_str();
    let (suffix, prefix) = (pattern.strip_prefix('*'), pattern.strip_suffix('*'));
    let (fixed, whole_start) = match (prefix, suffix) {
        _ if pattern == "*" => {
            return bad(
                report,
                "would be everybody who proves anything",
                "name a trust domain: `spiffe://example.org/*`, or write `spiffe://*` for all of them",
            );
        }
        (Some(_), Some(_)) => return bad(report, "has a `*` at both ends", "keep one of them"),
        (None, None) => (pattern, true),
        (Some(prefix), None) => (prefix, true),
        (None, Some(suffix)) => (suffix, false),
    };
    if fixed.contains('*') {
        return bad(report, "has a `*` inside", "write it at the end or at the start");
    }
    // SPIFFE-ID, 2.1 to 2.3: lower-case trust domain, path of segments, no query, fragment, encoding or port.
    let segment = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':');
    if !fixed.chars().all(segment) {
        let cure = "a SPIFFE id has letters, digits, `.`, `-`, `_` and `/`";
        return bad(report, "holds what no SPIFFE id has", cure);
    }
    if !whole_start {
        let (colon, dots) =
            (fixed.contains(':'), doubtful_segments(fixed.strip_prefix('/').unwrap_or(fixed), true));
        return match (colon, dots || fixed.ends_with('/')) {
            (true, _) => bad(report, "is not the end of a path", "write `*/…`, or the whole id"),
            (_, true) => bad(report, "has an empty or dot segment", "write a path such as `*/sa/web`"),
            _ => PrincipalPattern::parse(pattern).ok(),
        };
    }
    if pattern == "spiffe://*" {
        // Everybody who proves a SPIFFE id, of whatever trust domain.
        return PrincipalPattern::parse(pattern).ok();
    }
    let Some(rest) = fixed.strip_prefix("spiffe://") else {
        return bad(report, "is not a SPIFFE id", "write it like `spiffe://example.org/ns/shop/sa/web`");
    };
    let (domain, path) = rest.split_once('/').map_or((rest, None), |(domain, path)| (domain, Some(path)));
    let domain_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    if domain.is_empty() || domain.len() > 255 || !domain.chars().all(domain_char) {
        return bad(report, "has no sound trust domain", "write it in lower case: `spiffe://example.org/…`");
    }
    match path {
        None if prefix.is_some() => bad(
            report,
            "would let a longer trust domain in",
            "end the trust domain with `/`: `spiffe://example.org/*`",
        ),
        Some(path) if path.contains(':') => bad(report, "holds what no SPIFFE id has", "remove the `:`"),
        Some(path) if doubtful_segments(path, prefix.is_some()) => {
            bad(report, "has an empty or dot segment", "remove it")
        }
        _ => PrincipalPattern::parse(pattern).ok(),
    }
}

/// Whether a path has a segment that no SPIFFE id has. The last one of a prefix may still be empty, or grow.
fn doubtful_segments(path: &str, open: bool) -> bool {
    let count = path.split('/').count();
    path.split('/').enumerate().any(|(index, segment)| {
        let grows = open && index + 1 == count;
        !grows && matches!(segment, "" | "." | "..")
    })
}

/// The cure for what stands in a peer and belongs into its selector, or is called otherwise in Kubernetes.
fn elsewhere(entry: &Entry) -> Option<String> {
    match entry.key.as_str() {
        field @ ("namespace" | "namespaces" | "labels" | "matchExpressions" | "serviceAccounts") => {
            Some(format!("put it into a selector: `workloads: {{ {field}: … }}`"))
        }
        "podSelector" | "namespaceSelector" => {
            Some("write `workloads: { namespace: …, labels: … }`".to_owned())
        }
        "ipBlock" => Some("write `cidr` and `except` themselves".to_owned()),
        _ => None,
    }
}
