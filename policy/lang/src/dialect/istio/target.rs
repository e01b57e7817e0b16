//! Which workloads a policy is for.

use super::values::{bad, field, inexact, written};
use crate::{
    Code, Span,
    decode::{
        fields::{Fields, list, quoted, string},
        name,
    },
    diagnostic::Report,
    document::Targets,
    yaml::Node,
};
use bookend_engine::Labels;

/// The label that pods of a Gateway have (Gateway API, GEP-1762).
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// The API group of Gateway.
const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

/// `selector`, `targetRef` and `targetRefs`, of which one may be written.
pub(super) fn targets(spec: &mut Fields<'_>, report: &mut Report) -> Option<Targets> {
    let (selector, single, several) =
        (field(spec, "selector"), field(spec, "targetRef"), field(spec, "targetRefs"));
    let said: Vec<&Node> = [selector, single, several].into_iter().flatten().collect();
    if let [first, second, ..] = said.as_slice() {
        let message = "the policy says twice what it is for";
        let cure = "keep one of `selector` and `targetRefs`";
        report.add_related(Code::Conflict, second.span, message, cure, (first.span, "said first here"));
        return None;
    }
    match (selector, single, several) {
        (Some(node), ..) => {
            let labels = vec![self::selector(node, report)?];
            Some(Targets { span: node.span, labels, named: false, unsayable: false })
        }
        (_, Some(node), _) => references(node.span, &[reference(node, report)?]),
        (.., Some(node)) => {
            let read: Vec<_> =
                list(node, "targetRefs", report)?.iter().map(|node| reference(node, report)).collect();
            references(node.span, &read.into_iter().collect::<Option<Vec<_>>>()?)
        }
        _ => Some(everything(spec.span)),
    }
}

/// `selector: { matchLabels: … }`.
pub(super) fn selector(node: &Node, report: &mut Report) -> Option<Labels> {
    let mut fields = Fields::of(node, "selector", report)?;
    let labels = field(&mut fields, "matchLabels")
        .map_or(Some(Labels::new()), |node| name::labels(node, "matchLabels", report));
    let unknown = fields.has_unknown();
    fields.finish(report);
    labels.filter(|_| !unknown)
}

/// Every workload.
pub(super) fn everything(span: Span) -> Targets {
    Targets { span, labels: vec![Labels::new()], named: false, unsayable: false }
}

/// Several references mean all that any of them means.
fn references(span: Span, read: &[Option<Labels>]) -> Option<Targets> {
    let unsayable = read.iter().any(Option::is_none);
    let labels = read.iter().flatten().cloned().collect();
    Some(Targets { span, labels, named: true, unsayable })
}

/// An element of `targetRefs`: labels of the workloads that it means, if that can be said.
fn reference(node: &Node, report: &mut Report) -> Option<Option<Labels>> {
    let mut fields = Fields::of(node, "reference", report)?;
    let group = written(fields.get("group"))
        .map_or(Some(String::new()), |node| string(node, "group", report).map(|group| group.value));
    let kind = fields.required("kind", report).and_then(|node| string(node, "kind", report));
    let name = fields.required("name", report).and_then(|node| name::name(node, "name", 253, report));
    let namespace = written(fields.get("namespace"))
        .map_or(Some(String::new()), |node| string(node, "namespace", report).map(|name| name.value));
    let unknown = fields.has_unknown();
    fields.finish(report);
    let (group, kind, name, namespace) = (group?, kind?, name?, namespace?);
    if !namespace.is_empty() {
        bad(report, node.span, "a policy refers to its own namespace only", "remove `namespace`");
        return None;
    }
    let found = match (group.as_str(), kind.value.as_str()) {
        (GATEWAY_GROUP, "Gateway") => Some(Labels::from([(GATEWAY_NAME.to_owned(), name.value)])),
        ("" | "core", "Service")
        | (GATEWAY_GROUP, "GatewayClass" | "HTTPRoute" | "GRPCRoute")
        | ("networking.istio.io", "ServiceEntry") => {
            let message = format!(
                "a policy for a `{}` holds at the proxy that serves it, and which requests pass there is not known",
                kind.value
            );
            let cure = "select the workloads behind it: `selector: { matchLabels: … }`";
            inexact(report, kind.span, message, cure);
            None
        }
        (group, _) => {
            let message = format!(
                "Istio attaches no policy to a `{}` of the group `{}`",
                quoted(&kind.value),
                quoted(group)
            );
            let cure = "write `group: gateway.networking.k8s.io` and `kind: Gateway`, or use a `selector`";
            bad(report, kind.span, message, cure);
            return None;
        }
    };
    (!unknown).then_some(found)
}
