//! Watching a decision being made.

use crate::{Decision, End, Isolation, Plane, Rule, Truth};

/// A part of a rule that can fail to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// `from`.
    From,
    /// `to`.
    To,
    /// `ports`, or the protocol.
    Ports,
    /// `notPorts`.
    NotPorts,
    /// The methods of every alternative in `http`.
    Methods,
    /// The paths of every alternative in `http`.
    Paths,
    /// Its hosts.
    Hosts,
    /// Where its client is.
    Clients,
    /// Its gRPC methods.
    Grpc,
    /// Its query parameters.
    Query,
    /// Its headers.
    Headers,
    /// Its tokens.
    Jwt,
    /// Its expression.
    When,
    /// What must not hold of it.
    Not,
    /// `http` as a whole: parts of it hold, but never in one alternative; or the traffic is not HTTP.
    Http,
    /// The destination has no Bookend filter that could judge `http` (S9).
    Proxy,
}

impl Condition {
    /// The field of the rule, as written in a document.
    pub fn field(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To => "to",
            Self::Ports => "ports",
            Self::NotPorts => "notPorts",
            Self::Methods => "http.methods",
            Self::Paths => "http.paths",
            Self::Hosts => "http.hosts",
            Self::Clients => "http.clientCidrs",
            Self::Grpc => "http.grpc",
            Self::Query => "http.query",
            Self::Headers => "http.headers",
            Self::Jwt => "http.jwt",
            Self::When => "http.when",
            Self::Not => "http.not",
            Self::Http | Self::Proxy => "http",
        }
    }
}

/// How a rule fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It decided; a pass rule: its tier is left.
    Decided,
    /// It decided in doubt about this condition: a deny rule that cannot be evaluated denies (S3). A pass rule: both
    /// continuations count (S35).
    DecidedInDoubt(Condition),
    /// It was passed over because this condition does not hold, or, for an allow rule, is in doubt.
    Missed(Condition, Truth),
    /// A deny or pass rule with HTTP conditions, at the packet layer: the request will tell (S5, S35).
    LeftToTheRequest,
}

/// Watches a decision. The filter decides with [`NoTrace`], everybody who explains with
/// [`Explanation`](crate::Explanation); it is the same decision.
pub trait Trace {
    /// Whether it wants to see every rule tried, also those that an index says cannot match.
    const EXHAUSTIVE: bool = true;

    /// A rule that governs `end` was tried.
    fn rule(&mut self, end: End, rule: &Rule, outcome: Outcome);
    /// An isolation that covers `end` applied, or is in doubt.
    fn isolation(&mut self, end: End, isolation: &Isolation);

    /// A plane decided at `end` (S83). Whoever is [`EXHAUSTIVE`](Self::EXHAUSTIVE) hears of all that speak of the connection.
    fn plane(&mut self, end: End, plane: Plane, decision: &Decision<'_>) {
        let _ = (end, plane, decision);
    }
}

/// Watches nothing, at no cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    const EXHAUSTIVE: bool = false;

    fn rule(&mut self, _: End, _: &Rule, _: Outcome) {}
    fn isolation(&mut self, _: End, _: &Isolation) {}
}
