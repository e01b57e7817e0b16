//! `kind: PeerAuthentication`.

use std::collections::BTreeSet;

use super::{
    conjunction::Condition,
    fold,
    mesh::Mesh,
    target,
    values::{bad, field},
};
use crate::{
    Code, Span,
    decode::{
        fields::{Fields, quoted, word, wrong_type},
        name,
    },
    diagnostic::Report,
    document::{
        Encryption, NamespacesDocument, PeerAuthenticationDocument, PeerDocument, PolicyDocument,
        RuleDocument, Spanned, TlsMode, WorkloadsDocument,
    },
    yaml::{Node, Value},
};
use bookend_engine::{
    Action, Clause, Ends, LabelExpression, Labels, Mode, PortMatch, PrincipalPattern, Protocol,
};

/// What the pods of gateways from Istio's charts have in their label `istio`. What comes from outside the mesh enters there,
/// whatever peers in the mesh must do.
const GATEWAYS: [&str; 2] = ["ingressgateway", "egressgateway"];
/// The label that the pods of gateways of the Gateway API have, as Istio sets it.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// Reads a document.
pub(super) fn peer_authentication(
    mut fields: Fields<'_>,
    report: &mut Report,
) -> Option<PeerAuthenticationDocument> {
    let metadata = name::metadata(&mut fields, report).and_then(|metadata| {
        name::described(metadata.labels, metadata.annotations, report)?;
        Some(metadata)
    });
    let spec = field(&mut fields, "spec");
    fields.get("status");
    fields.finish(report);
    let (labels, mode, ports) = match spec {
        None => (Some(Labels::new()), Some(None), Some(Vec::new())),
        Some(node) => {
            let mut spec = Fields::of(node, "policy's spec", report)?;
            let labels = field(&mut spec, "selector")
                .map_or(Some(Labels::new()), |node| target::selector(node, report));
            let mode = field(&mut spec, "mtls").map_or(Some(None), |node| tls(node, report));
            let ports = field(&mut spec, "portLevelMtls");
            if let (Some(node), Some(true)) = (ports, labels.as_ref().map(Labels::is_empty)) {
                bad(
                    report,
                    node.span,
                    "`portLevelMtls` needs a `selector`",
                    "name the workloads that it is for",
                );
                return None;
            }
            let ports = ports.map_or(Some(Vec::new()), |node| self::ports(node, report));
            let unknown = spec.has_unknown();
            spec.finish(report);
            (labels.filter(|_| !unknown), mode, ports)
        }
    };
    let metadata = metadata?;
    let encryption =
        Encryption { namespace: metadata.namespace, labels: labels?, mode: mode?, ports: ports? };
    Some(PeerAuthenticationDocument { name: metadata.name, encryption })
}

/// `mtls`: a mode, if one is said.
fn tls(node: &Node, report: &mut Report) -> Option<Option<TlsMode>> {
    let mut fields = Fields::of(node, "mtls", report)?;
    let words = [
        ("UNSET", None),
        ("DISABLE", Some(TlsMode::Disable)),
        ("PERMISSIVE", Some(TlsMode::Permissive)),
        ("STRICT", Some(TlsMode::Strict)),
    ];
    let mode = field(&mut fields, "mode").map_or(Some(None), |node| word(node, "mode", &words, report));
    let unknown = fields.has_unknown();
    fields.finish(report);
    mode.filter(|_| !unknown)
}

/// `portLevelMtls`: modes by ports of workloads, not of Services.
fn ports(node: &Node, report: &mut Report) -> Option<Vec<(u16, Option<TlsMode>)>> {
    let Value::Mapping(entries) = &node.value else {
        wrong_type(node, "portLevelMtls", "a mapping", report);
        return None;
    };
    let mut sound = true;
    let mut found = Vec::new();
    for entry in entries {
        let port =
            entry.key.parse::<u16>().ok().filter(|port| *port > 0 && !entry.key.starts_with(['+', '0']));
        if port.is_none() {
            let message = format!("`{}` is not a port", quoted(&entry.key));
            bad(report, entry.key_span, message, "write a number from 1 to 65535");
        }
        match (port, tls(&entry.value, report)) {
            (Some(port), Some(mode)) => found.push((port, mode)),
            _ => sound = false,
        }
    }
    sound.then_some(found)
}

/// What the policy of a PeerAuthentication is called.
pub(crate) fn peer_authentication_name(name: &str) -> String {
    format!("peerauthentication.{name}")
}

/// What a document means in a mesh: where peers must prove who they are, those who do not are denied.
pub(crate) fn peer_policy(
    document: &PeerAuthenticationDocument,
    mesh: &Mesh,
    report: &mut Report,
) -> PolicyDocument {
    let (own, span) = (&document.encryption, document.name.span);
    let name = Spanned { value: peer_authentication_name(&document.name.value), span };
    let mut rules = Vec::new();
    if mesh.is_root(&own.namespace) && !own.labels.is_empty() {
        let message = "a PeerAuthentication of the root namespace that has a `selector` is for nobody";
        let cure = "put it into the namespace of these workloads";
        report.add(Code::IstioNeverMatches, span, message, cure);
    } else {
        let mode = own.mode.unwrap_or_else(|| mesh.inherited(own));
        let of = |wanted: bool| -> Vec<u16> {
            let ports =
                own.ports.iter().filter(|(_, port)| (port.unwrap_or(mode) == TlsMode::Strict) == wanted);
            ports.map(|(port, _)| *port).collect()
        };
        let (strict, others) = (of(true), of(false));
        // One that says nothing itself leaves it to that of the namespace, or of the mesh.
        let says = own.mode.is_some() || !own.labels.is_empty();
        if mode == TlsMode::Strict && says {
            rules.push(rule("mtls", span, destinations(own, mesh, span), (&[], &others)));
        } else if mode != TlsMode::Strict && !strict.is_empty() {
            rules.push(rule("portLevelMtls", span, destinations(own, mesh, span), (&strict, &[])));
        }
    }
    mesh.housed((&own.namespace, false), name, Vec::new(), rules)
}

/// The workloads behind proxies that nothing more special is for. Gateways are among them only where they are selected.
fn destinations(own: &Encryption, mesh: &Mesh, span: Span) -> PeerDocument {
    let expressions = if own.labels.is_empty() { no_gateway() } else { Vec::new() };
    let workloads =
        WorkloadsDocument { expressions, proxied: Some(true), ..fold::workloads(span, &own.labels) };
    let elsewhere = mesh.encryption.iter().filter(|other| {
        let inside = mesh.is_root(&own.namespace) || other.namespace == own.namespace;
        let special = if other.labels.is_empty() {
            other.mode.is_some() && other.namespace != own.namespace
        } else {
            own.labels.is_empty()
        };
        inside && special && !mesh.is_root(&other.namespace)
    });
    let mut seen = BTreeSet::new();
    let not =
        elsewhere.filter(|other| seen.insert((&other.namespace, &other.labels))).map(|other| PeerDocument {
            workloads: Some(WorkloadsDocument {
                namespaces: NamespacesDocument::Named(Spanned { value: other.namespace.clone(), span }),
                ..fold::workloads(span, &other.labels)
            }),
            ..PeerDocument::any(span)
        });
    PeerDocument { workloads: Some(workloads), not: not.collect(), ..PeerDocument::any(span) }
}

/// What holds for workloads that are no gateways.
fn no_gateway() -> Vec<LabelExpression> {
    let values = Clause::one_of(GATEWAYS.map(str::to_owned).into());
    let chart = values.map(|values| LabelExpression::NotIn { key: "istio".to_owned(), values });
    let api = LabelExpression::DoesNotExist { key: GATEWAY_NAME.to_owned() };
    chart.into_iter().chain([api]).collect()
}

/// Denies whoever proves nothing.
fn rule(name: &str, span: Span, to: PeerDocument, (some, not): (&[u16], &[u16])) -> RuleDocument {
    let anybody = PrincipalPattern::parse("spiffe://*").map_or(Clause::Any, Clause::only);
    let proven = PeerDocument { principals: anybody, ..PeerDocument::any(span) };
    let ports = |list: &[u16]| -> Vec<Spanned<PortMatch>> {
        let port = |port: &u16| PortMatch::range(Protocol::Tcp, *port, *port).ok();
        list.iter().filter_map(port).map(|value| Spanned { value, span }).collect()
    };
    RuleDocument {
        name: Spanned { value: name.to_owned(), span },
        action: Action::Deny,
        priority: 0,
        mode: Mode::Enforce,
        at: Ends { source: false, destination: true },
        at_span: None,
        from: Clause::only(PeerDocument::none_of(vec![proven])),
        to: Clause::only(to),
        ports: Clause::one_of(ports(some)).unwrap_or(Clause::Any),
        not_ports: ports(not),
        http: Clause::Any,
        http_span: None,
        answer: None,
        limits: None,
    }
}
