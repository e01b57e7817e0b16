//! What a field of a source or an operation, or a key of `when`, speaks of.

use super::{
    address, header, host, method, path, peer, port,
    token::{self, Claim},
    values::{Read, Reading, bad, each, inexact},
};
use crate::{
    Code, Span,
    decode::fields::quoted,
    diagnostic::Report,
    document::{Part, Requirement, Spanned},
};

/// An attribute of a connection, a request, or either end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Principal,
    TrustDomain,
    Namespace,
    ServiceAccount,
    SourceIp,
    RemoteIp,
    RequestPrincipal,
    Audience,
    Presenter,
    Claim(Vec<String>),
    Header(String),
    Host,
    Method,
    Path,
    DestinationIp,
    DestinationPort,
    ServerName,
    /// Metadata of a filter of the proxy, by an unstable name.
    Experimental,
}

impl Attribute {
    /// The attribute that a `when` names.
    pub(super) fn of(key: &Spanned<String>, report: &mut Report) -> Option<Self> {
        let (name, inside) = match key.value.split_once('[') {
            Some((name, rest)) => (name, Some(rest)),
            None => (key.value.as_str(), None),
        };
        let plain = match name {
            "source.ip" => Some(Self::SourceIp),
            "remote.ip" => Some(Self::RemoteIp),
            "source.namespace" => Some(Self::Namespace),
            "source.serviceAccount" => Some(Self::ServiceAccount),
            "source.principal" => Some(Self::Principal),
            "request.auth.principal" => Some(Self::RequestPrincipal),
            "request.auth.audiences" => Some(Self::Audience),
            "request.auth.presenter" => Some(Self::Presenter),
            "destination.ip" => Some(Self::DestinationIp),
            "destination.port" => Some(Self::DestinationPort),
            "connection.sni" => Some(Self::ServerName),
            _ => None,
        };
        if let (Some(attribute), None) = (plain, inside) {
            return Some(attribute);
        }
        let inside = inside.and_then(|rest| rest.strip_suffix(']')).filter(|inside| !inside.is_empty());
        match (name, inside) {
            ("request.headers" | "request.experimental.inline.headers", Some(inside)) => {
                Some(Self::Header(inside.to_owned()))
            }
            ("request.auth.claims", Some(inside)) => {
                Some(Self::Claim(inside.split("][").map(str::to_owned).collect()))
            }
            (name, Some(_)) if name.starts_with("experimental.envoy.filters.") => Some(Self::Experimental),
            _ => {
                let message = format!("`{}` is not an attribute", quoted(&key.value));
                report.add(Code::UnknownAttribute, key.span, message, cure(name));
                None
            }
        }
    }

    /// What one of these values means, or, `negated`, none of them.
    pub(super) fn requirement(
        &self,
        span: Span,
        negated: bool,
        values: &[Spanned<String>],
        namespace: &str,
        report: &mut Report,
    ) -> Option<Requirement> {
        let requirement = match self {
            Self::Principal => peer::principals(values, report)?.requirement(span, negated, Part::Principals),
            Self::TrustDomain => {
                peer::trust_domains(values, report)?.requirement(span, negated, Part::TrustDomains)
            }
            Self::Namespace => peer::namespaces(values, report)?.requirement(span, negated, Part::Peers),
            Self::ServiceAccount => {
                peer::service_accounts(values, namespace, report)?.requirement(span, negated, Part::Peers)
            }
            Self::SourceIp => address::sources(values, report)?.requirement(span, negated, Part::Peers),
            Self::DestinationIp => {
                address::blocks(values, report)?.requirement(span, negated, Part::Addresses)
            }
            Self::RemoteIp => address::clients(values, report)?.requirement(span, negated, Part::Requests),
            Self::DestinationPort => port::ports(values, report)?.requirement(span, negated, Part::Ports),
            Self::RequestPrincipal => {
                token::principals(values, report)?.requirement(span, negated, Part::Requests)
            }
            Self::Audience => token::claim(Claim::Audience, values, span, negated, report)?,
            Self::Presenter => token::claim(Claim::Presenter, values, span, negated, report)?,
            Self::Claim(names) => token::claim(Claim::Named(names), values, span, negated, report)?,
            Self::Header(name) => {
                header::header(name, values, span, report).requirement(span, negated, Part::Requests)
            }
            Self::Host => host::hosts(values, report).requirement(span, negated, Part::Requests),
            Self::ServerName => {
                host::server_names(values, report)?.requirement(span, negated, Part::Requests)
            }
            Self::Method => method::methods(values, report)?.requirement(span, negated, Part::Requests),
            Self::Path => path::paths(values, report)?.requirement(span, negated, Part::Requests),
            Self::Experimental => {
                let message = "what a filter of the proxy stores as metadata is not known here";
                inexact(report, span, message, "express it by headers or claims, or leave the condition out");
                Read { found: Vec::new(), unsayable: true }.requirement(span, negated, Part::Requests)
            }
        };
        Some(requirement)
    }
}

/// What to do about a key that is none.
fn cure(name: &str) -> String {
    let cure = match name {
        "destination.namespace" => "put the policy into that namespace",
        "destination.labels" => "write `selector.matchLabels`",
        "destination.name" | "destination.user" => "select the destination by `selector.matchLabels`",
        "request.headers" | "request.auth.claims" => {
            "write what is meant in brackets: `request.headers[x-role]`"
        }
        _ => {
            "the keys are `request.headers[…]`, `request.auth.principal`, `.audiences`, `.presenter` and `.claims[…]`, `source.ip`, `.namespace`, `.serviceAccount` and `.principal`, `remote.ip`, `destination.ip` and `.port`, and `connection.sni`"
        }
    };
    cure.to_owned()
}

/// Reads values of which a wrong one is told by `read` as the reason and the cure.
pub(super) fn refusing<T>(
    values: &[Spanned<String>],
    report: &mut Report,
    read: impl Fn(&str) -> Result<T, (&'static str, String)>,
) -> Option<Read<T>> {
    each(values, |value| match read(&value.value) {
        Ok(found) => Reading::Found(found),
        Err((why, cure)) => {
            bad(report, value.span, format!("`{}` {why}", quoted(&value.value)), cure);
            Reading::Wrong
        }
    })
}
