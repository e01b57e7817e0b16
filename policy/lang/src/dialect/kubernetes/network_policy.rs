//! `NetworkPolicy` (networking.k8s.io/v1).

use super::{
    peer, port,
    rule::{self, Rule},
    selector,
    values::{described, items, mapping},
};
use crate::{
    Code, Span,
    decode::{
        container::present,
        fields::{Fields, word},
        name,
    },
    diagnostic::Report,
    document::{IsolateDocument, NamespacesDocument, PeerDocument, PolicyDocument, RuleDocument, Spanned},
    lower::NETWORK_TIER,
    yaml::Node,
};
use bookend_engine::{Action, End, LabelMatch, Mode, PortMatch};

/// Reads a NetworkPolicy.
pub(super) fn network_policy(fields: Fields<'_>, report: &mut Report) -> Option<PolicyDocument> {
    network_policy_with(fields, &[], report)
}

/// Reads one whose spec has further fields, which somebody else reads.
pub(in super::super) fn network_policy_with(
    mut fields: Fields<'_>,
    others: &[&'static str],
    report: &mut Report,
) -> Option<PolicyDocument> {
    let metadata = name::metadata(&mut fields, report)
        .filter(|metadata| described(metadata.labels, metadata.annotations, report));
    let spec =
        fields.required("spec", report).and_then(|node| mapping(node, "spec of the NetworkPolicy", report));
    fields.get("status");
    fields.finish(report);
    let mut spec = spec?;
    for other in others {
        spec.get(other);
    }
    let pods_node = present(&mut spec, "podSelector");
    let pods = match pods_node {
        // The API reads none as an empty one.
        None => Some(LabelMatch::default()),
        Some(node) => selector::selector(node, "pod selector", report),
    };
    let pods_span = pods_node.map_or(spec.place(), |node| node.span);
    let types = items(&mut spec, "policyTypes", report, |node, report| {
        word(node, "policyTypes", &[("Ingress", End::Destination), ("Egress", End::Source)], report)
    });
    let ingress = rules(&mut spec, End::Destination, report);
    let egress = rules(&mut spec, End::Source, report);
    let unknown = spec.has_unknown();
    let places = [spec.key("ingress"), spec.key("egress")];
    spec.finish(report);
    let (metadata, pods, types, ingress, egress) = (metadata?, pods?, types?, ingress?, egress?);
    if unknown {
        return None;
    }
    // Where nothing is said, Ingress is meant, and Egress if there is a rule for it.
    let types = types.filter(|types| !types.is_empty()).unwrap_or_else(|| match egress.as_slice() {
        [] => vec![End::Destination],
        [..] => vec![End::Destination, End::Source],
    });
    let workloads = selector::pods(pods_span, NamespacesDocument::Own, pods);
    let own = peer::workloads(workloads.clone());
    let mut all = Vec::new();
    let both = [(End::Destination, ingress), (End::Source, egress)];
    for ((end, written), place) in both.into_iter().zip(places) {
        if types.contains(&end) {
            let rules = written.into_iter().enumerate();
            all.extend(rules.map(|(index, rule)| rule.lower(end, index, own.clone())));
        } else if !written.is_empty() {
            let field = rule::field(end);
            let message =
                format!("`{field}` is not applied, because `policyTypes` leaves that direction out");
            let cure = "add the direction to `policyTypes`, or remove the rules";
            report.add(Code::LeftOutDirection, place, message, cure);
        }
    }
    let isolate = IsolateDocument {
        workloads,
        ingress: types.contains(&End::Destination),
        egress: types.contains(&End::Source),
        mode: Mode::Enforce,
    };
    let tier = Spanned { value: NETWORK_TIER.to_owned(), span: metadata.name.span };
    let name = Spanned { value: format!("networkpolicy.{}", metadata.name.value), span: metadata.name.span };
    let namespace = Some(metadata.namespace);
    Some(PolicyDocument { namespace, name, tier: Some(tier), isolate: vec![isolate], rules: all })
}

/// A rule as it is written.
struct Written {
    place: Span,
    /// Empty: everybody.
    peers: Vec<PeerDocument>,
    /// Empty: everything.
    ports: Vec<Spanned<PortMatch>>,
}

impl Written {
    fn lower(self, end: End, index: usize, own: PeerDocument) -> RuleDocument {
        let name = Spanned { value: format!("{}[{index}]", rule::field(end)), span: self.place };
        let rule =
            Rule { name, action: Action::Allow, priority: 0, end, peers: self.peers, ports: self.ports };
        rule.lower(own)
    }
}

/// `ingress` or `egress`. No rules and an empty list of them are the same: nobody is let in.
fn rules(spec: &mut Fields<'_>, end: End, report: &mut Report) -> Option<Vec<Written>> {
    let (what, field) = match end {
        End::Destination => ("ingress rule", "from"),
        End::Source => ("egress rule", "to"),
    };
    let read = items(spec, rule::field(end), report, |node, report| written(node, what, field, report));
    read.map(Option::unwrap_or_default)
}

/// A rule. Peers or ports that are left out, and empty lists of them, mean everything.
fn written(node: &Node, what: &'static str, field: &'static str, report: &mut Report) -> Option<Written> {
    let mut fields = mapping(node, what, report)?;
    let place = fields.place();
    let peers = items(&mut fields, field, report, peer::network_policy);
    let ports = items(&mut fields, "ports", report, port::network_policy);
    let unknown = fields.has_unknown();
    fields.finish(report);
    let (peers, ports) = (peers?.unwrap_or_default(), ports?.unwrap_or_default());
    (!unknown).then_some(Written { place, peers, ports })
}
