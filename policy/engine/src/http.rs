//! HTTP conditions.

mod grpc;
mod token;
mod value;

use alloc::{string::String, vec::Vec};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Block, Clause, Condition, Connection, Expression, HostPattern, Identity, Location, PathPattern, Request,
    Tokens, Truth, tape::object,
};
pub use grpc::{GrpcMatch, GrpcMatchError};
pub use token::{ClaimMatch, ClaimNameError, TokenMatch};
pub(crate) use token::{Found, integer, scalar};
pub use value::{HeaderMatch, NameError, QueryMatch, ValueMatch};
pub(crate) use value::{header_name, parameter_name};

/// Conditions on an HTTP request; every part that is present must hold (S30).
///
/// The default says nothing, and so holds for every request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpMatch {
    /// Methods, compared byte for byte (RFC 9110, 9.1).
    pub methods: Clause<String>,
    /// Hosts (S50).
    pub hosts: Clause<HostPattern>,
    /// Where the client is, as the proxy finds it (S86): in one of these blocks.
    pub clients: Clause<Block>,
    /// Path patterns.
    pub paths: Clause<PathPattern>,
    /// Conditions on headers, all of which must hold (S51).
    pub headers: Vec<HeaderMatch>,
    /// Conditions on query parameters, all of which must hold (S52).
    pub query: Vec<QueryMatch>,
    /// gRPC methods (S53).
    pub grpc: Clause<GrpcMatch>,
    /// Verified tokens (S54).
    pub jwt: Clause<TokenMatch>,
    /// A comparison between attributes (S55).
    pub when: Option<Expression>,
    /// Conditions none of which may hold (S56).
    pub not: Vec<HttpMatch>,
}

object!(HttpMatch {
    methods: "methods",
    hosts: "hosts",
    clients: "clients",
    paths: "paths",
    headers: "headers",
    query: "query",
    grpc: "grpc",
    jwt: "jwt",
    when: "when",
    not: "not",
});

/// What an observer must read of a request, beyond method, authority and path, so that conditions can be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The header lines.
    pub headers: bool,
    /// The verified tokens.
    pub tokens: bool,
    /// The client's address.
    pub client: bool,
    /// The name that the client asked for in its TLS handshake.
    pub server_name: bool,
}

impl Needs {
    /// What both need.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            headers: self.headers || other.headers,
            tokens: self.tokens || other.tokens,
            client: self.client || other.client,
            server_name: self.server_name || other.server_name,
        }
    }
}

impl HttpMatch {
    /// The parts, those that cost least first.
    pub const PARTS: [Condition; 10] = [
        Condition::Methods,
        Condition::Paths,
        Condition::Hosts,
        Condition::Clients,
        Condition::Grpc,
        Condition::Query,
        Condition::Headers,
        Condition::Jwt,
        Condition::When,
        Condition::Not,
    ];

    /// Whether the conditions hold for `request` on `connection`. What the request lacks, or what servers read
    /// differently, is in doubt.
    pub fn holds(&self, connection: &Connection<'_>, request: &Request<'_>) -> Truth {
        self.judge(connection, request).0
    }

    /// Whether the conditions hold, and the first part that makes it so.
    pub fn judge(&self, connection: &Connection<'_>, request: &Request<'_>) -> (Truth, Condition) {
        if !request.is_bounded() {
            return (Truth::Unknown, Condition::Http);
        }
        let mut result = (Truth::Yes, Condition::Http);
        for part in Self::PARTS {
            let truth = self.part_holds(part, connection, request);
            if truth < result.0 {
                result = (truth, part);
            }
            if truth == Truth::No {
                break;
            }
        }
        result
    }

    /// Whether one of the [`PARTS`](Self::PARTS) holds; what is no part of HTTP conditions always does.
    pub fn part_holds(&self, part: Condition, connection: &Connection<'_>, request: &Request<'_>) -> Truth {
        match part {
            Condition::Methods => self.method_holds(request),
            Condition::Paths => self.path_holds(request),
            Condition::Hosts => self.hosts.holds(|pattern| match request.host() {
                Ok(host) => pattern.holds(host),
                Err(_) => Truth::Unknown,
            }),
            Condition::Clients => {
                let location = request.client().map_or(Location::Unknown, Location::of);
                self.clients.holds(|block| block.holds(location))
            }
            Condition::Grpc => self.grpc.holds(|grpc| grpc.holds(request)),
            Condition::Query => {
                all(&self.query, |query| query.value().holds(&request.parameter(query.name())))
            }
            Condition::Headers => {
                all(&self.headers, |header| header.value().holds(&request.header(header.name())))
            }
            Condition::Jwt => self.token_holds(connection, request),
            Condition::When => {
                self.when.as_ref().map_or(Truth::Yes, |when| self.expression_holds(when, connection, request))
            }
            Condition::Not => all(&self.not, |not| not.holds(connection, request).negated()),
            Condition::From
            | Condition::To
            | Condition::Ports
            | Condition::NotPorts
            | Condition::Http
            | Condition::Proxy => Truth::Yes,
        }
    }

    /// Whether the method condition holds.
    pub fn method_holds(&self, request: &Request<'_>) -> Truth {
        self.methods.holds(|method| match request.method() {
            Some(actual) if actual == method => Truth::Yes,
            // Some servers put methods into capitals before they look at them.
            Some(actual) if !actual.eq_ignore_ascii_case(method) => Truth::No,
            _ => Truth::Unknown,
        })
    }

    /// Whether the path condition holds.
    pub fn path_holds(&self, request: &Request<'_>) -> Truth {
        self.paths.holds(|pattern| match request.path() {
            Ok(path) => pattern.matches(path).into(),
            Err(_) => Truth::Unknown,
        })
    }

    /// Whether one verified token satisfies one of the conditions on tokens.
    fn token_holds(&self, connection: &Connection<'_>, request: &Request<'_>) -> Truth {
        if self.jwt.is_any() {
            return Truth::Yes;
        }
        verified(connection, request).map_or(Truth::Unknown, |tokens| {
            self.jwt.holds(|jwt| Truth::any(tokens, |token| jwt.holds(token)))
        })
    }

    /// Whether the expression holds, with the segments of one of the path patterns that match.
    fn expression_holds(
        &self,
        when: &Expression,
        connection: &Connection<'_>,
        request: &Request<'_>,
    ) -> Truth {
        match (self.paths.alternatives(), request.path()) {
            (Some(patterns), Ok(path)) if !when.segments().is_empty() => Truth::any(patterns, |pattern| {
                Truth::from(pattern.matches(path)).and(when.holds(connection, request, Some((pattern, path))))
            }),
            _ => when.holds(connection, request, None),
        }
    }

    /// What must be read of a request so that the conditions can be judged.
    pub fn needs(&self) -> Needs {
        let own = Needs {
            // A `host` header may contradict the authority.
            headers: !self.headers.is_empty() || !self.grpc.is_any() || !self.hosts.is_any(),
            tokens: !self.jwt.is_any(),
            client: !self.clients.is_any(),
            server_name: false,
        };
        let when = self.when.as_ref().map(Expression::needs).unwrap_or_default();
        self.not.iter().fold(own.and(when), |needs, not| needs.and(not.needs()))
    }
}

impl Clause<HttpMatch> {
    /// Whether one of the alternatives holds, and which part makes it so: [`Condition::Http`] where no single part does.
    pub fn judge(&self, connection: &Connection<'_>, request: &Request<'_>) -> (Truth, Condition) {
        let list = match self.alternatives() {
            None => return (Truth::Yes, Condition::Http),
            Some([only]) => return only.judge(connection, request),
            Some(list) => list,
        };
        let truth = Truth::any(list, |http| http.holds(connection, request));
        let short =
            |part: &Condition| Truth::any(list, |http| http.part_holds(*part, connection, request)) == truth;
        let part = if truth == Truth::Yes { None } else { HttpMatch::PARTS.into_iter().find(short) };
        (truth, part.unwrap_or(Condition::Http))
    }
}

/// The claims of the tokens that were verified; nothing where that cannot be told. Whatever is handed over about a proxy
/// that verifies no tokens may come from anybody (S54).
pub(crate) fn verified<'r>(connection: &Connection<'_>, request: &'r Request<'_>) -> Option<&'r [Value]> {
    let verifies = match &connection.destination.identity {
        Identity::Workload(workload) => workload.jwt,
        Identity::Candidates(list) => !list.is_empty() && list.iter().all(|workload| workload.jwt),
        Identity::Outside | Identity::Account { .. } | Identity::Anonymous | Identity::Claimed(_) => false,
    };
    match request.tokens() {
        Tokens::Verified(tokens) if verifies => Some(tokens),
        Tokens::Verified(_) | Tokens::Unknown => None,
    }
}

/// Whether all of the `items` hold.
fn all<T>(items: &[T], mut truth: impl FnMut(&T) -> Truth) -> Truth {
    Truth::any(items, |item| truth(item).negated()).negated()
}

#[cfg(test)]
mod tests;
