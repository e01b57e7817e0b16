//! Peers of a NetworkPolicy, and what peers of all kinds share.

use super::{selector, values::mapping};
use crate::{
    Code, Span,
    decode::{block, container::present, fields::Fields, fields::optional},
    diagnostic::Report,
    document::{Entity, NamespacesDocument, PeerDocument, Spanned, WorkloadsDocument},
    yaml::Node,
};
use bookend_engine::{Block, Clause, LabelMatch};

/// An element of `from` or `to`. Both selectors together mean pods that one means in namespaces that the other means.
pub(super) fn network_policy(node: &Node, report: &mut Report) -> Option<PeerDocument> {
    let mut fields = mapping(node, "peer", report)?;
    let (pods_node, spaces_node) =
        (present(&mut fields, "podSelector"), present(&mut fields, "namespaceSelector"));
    let pods = optional(pods_node.map(|node| selector::selector(node, "pod selector", report)));
    let spaces = optional(spaces_node.map(|node| {
        let selector = selector::selector(node, "namespace selector", report)?;
        Some(selector::namespaces(node.span, selector))
    }));
    let block_node = present(&mut fields, "ipBlock");
    let block = optional(block_node.map(|node| ip_block(node, report)));
    let (place, unknown) = (fields.place(), fields.has_unknown());
    fields.finish(report);
    let (pods, spaces, block) = (pods?, spaces?, block?);
    if unknown {
        return None;
    }
    match (pods, spaces, block) {
        (None, None, Some(block)) => Some(within(node.span, block)),
        (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            let span = block_node.map_or(place, |node| node.span);
            let message = "`ipBlock` stands beside a selector, which the API does not take";
            report.add(Code::Conflict, span, message, "write it as a peer of its own");
            None
        }
        (None, None, None) => {
            let cure =
                "add `podSelector`, `namespaceSelector` or `ipBlock`; to mean everybody, leave the list out";
            report.add(Code::BadPeer, node.span, "the peer says nothing", cure);
            None
        }
        (pods, spaces, None) => {
            let spaces = spaces.unwrap_or(NamespacesDocument::Own);
            Some(workloads(selector::pods(node.span, spaces, pods.unwrap_or_default())))
        }
    }
}

/// `ipBlock`.
fn ip_block(node: &Node, report: &mut Report) -> Option<Spanned<Block>> {
    let mut fields = mapping(node, "IP block", report)?;
    let (cidr, except) = (fields.required("cidr", report), present(&mut fields, "except"));
    // An empty list takes nothing away.
    let except =
        except.filter(|node| !matches!(&node.value, crate::yaml::Value::Sequence(items) if items.is_empty()));
    let block = cidr.and_then(|cidr| block::block(cidr, except, report));
    let unknown = fields.has_unknown();
    fields.finish(report);
    block.filter(|_| !unknown).map(|value| Spanned { value, span: node.span })
}

/// Pods of all namespaces that a selector means: `namespaceSelector` and `podSelector`. Both have to be there where the API
/// wants `both`, else the first may be left out to mean every namespace.
pub(super) fn namespaced_pods(node: &Node, both: bool, report: &mut Report) -> Option<WorkloadsDocument> {
    let mut fields = mapping(node, "pods selector", report)?;
    let spaces = match present(&mut fields, "namespaceSelector") {
        Some(node) => {
            let selector = selector::selector(node, "namespace selector", report);
            selector.map(|selector| selector::namespaces(node.span, selector))
        }
        None if both => missing(&fields, "namespaceSelector", report),
        None => Some(everywhere(node.span)),
    };
    let pods = match present(&mut fields, "podSelector") {
        Some(node) => selector::selector(node, "pod selector", report),
        None => missing(&fields, "podSelector", report),
    };
    let unknown = fields.has_unknown();
    fields.finish(report);
    let (spaces, pods) = (spaces?, pods?);
    (!unknown).then(|| selector::pods(node.span, spaces, pods))
}

/// All pods of the namespaces that a selector means.
pub(super) fn all_pods(node: &Node, report: &mut Report) -> Option<WorkloadsDocument> {
    let spaces = selector::selector(node, "namespace selector", report)?;
    Some(selector::pods(node.span, selector::namespaces(node.span, spaces), LabelMatch::default()))
}

fn missing<T>(fields: &Fields<'_>, name: &str, report: &mut Report) -> Option<T> {
    let message = format!("the pods selector has no `{name}`");
    report.add(Code::MissingField, fields.place(), message, format!("add `{name}: {{}}` to mean all"));
    None
}

fn everywhere(span: Span) -> NamespacesDocument {
    NamespacesDocument::Labelled(Spanned { value: LabelMatch::default(), span })
}

/// A peer of these pods.
pub(super) fn workloads(workloads: WorkloadsDocument) -> PeerDocument {
    PeerDocument { workloads: Some(workloads.clone()), ..PeerDocument::any(workloads.span) }
}

/// A peer of these addresses.
pub(super) fn within(span: Span, block: Spanned<Block>) -> PeerDocument {
    PeerDocument { block: Some(block), ..PeerDocument::any(span) }
}

/// The addresses of all nodes.
pub(super) fn nodes(span: Span) -> PeerDocument {
    let entities = Clause::one_of(vec![Spanned { value: Entity::Node, span }]).unwrap_or(Clause::Any);
    PeerDocument { entities, ..PeerDocument::any(span) }
}
