//! What an expression can speak of.

use alloc::{string::String, vec::Vec};

use super::ExpressionFault;
use crate::{
    End,
    http::{header_name, parameter_name},
};

/// An attribute of a request, its token, or an end of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Method,
    Host,
    /// The authority as it was sent, in lower case (S85).
    Authority,
    Path,
    /// The name is in lower case.
    Header(String),
    Query(String),
    /// A named segment of the path pattern that matched.
    Segment(String),
    /// The names that lead to it; never empty.
    Claim(Vec<String>),
    Namespace(End),
    ServiceAccount(End),
    Label(End, String),
    /// Of the source: nobody else proves one (S59).
    Principal,
    /// Of the destination.
    Port,
    /// The name that the client asked for in its TLS handshake, in lower case (S85).
    ServerName,
}

impl Attribute {
    /// The attribute that is reached from `root` by these names.
    pub(super) fn of(root: &str, names: Vec<String>) -> Result<Self, ExpressionFault> {
        let mut texts = names.iter().map(String::as_str);
        let path = [root, texts.next().unwrap_or_default()].join(".");
        let rest: Vec<&str> = texts.collect();
        let end = if root == "source" { End::Source } else { End::Destination };
        // One comparison with each of them: nested ones would be three times as much code.
        Ok(match (path.as_str(), rest.as_slice()) {
            ("request.method", []) => Self::Method,
            ("request.host", []) => Self::Host,
            ("request.authority", []) => Self::Authority,
            ("request.path", []) => Self::Path,
            ("request.headers", [name]) => Self::Header(header_name(name)?),
            ("request.query", [name]) => {
                parameter_name(name)?;
                Self::Query(String::from(*name))
            }
            ("jwt.claims", [_, ..]) => Self::Claim(names.into_iter().skip(1).collect()),
            ("source.namespace" | "destination.namespace", []) => Self::Namespace(end),
            ("source.serviceAccount" | "destination.serviceAccount", []) => Self::ServiceAccount(end),
            ("source.labels" | "destination.labels", [key]) => Self::Label(end, String::from(*key)),
            ("source.principal", []) => Self::Principal,
            ("destination.port", []) => Self::Port,
            ("connection.sni", []) => Self::ServerName,
            (_, []) if root == "path" => {
                names.into_iter().next().map_or_else(unknown, |name| Ok(Self::Segment(name)))?
            }
            _ => return unknown(),
        })
    }
}

fn unknown() -> Result<Attribute, ExpressionFault> {
    Err(ExpressionFault::UnknownAttribute)
}
