//! What the attributes of an expression are, for one request.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use serde_json::Value;

use super::{attribute::Attribute, node::Operand};
use crate::{
    CanonicalPath, Connection, Identity, PathPattern, Principal, Request, ServerName, Truth,
    WorkloadIdentity,
    http::{Found, integer, scalar},
    request::Reading,
    text::is_plain,
};

/// What an expression is judged on.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) connection: &'s Connection<'s>,
    pub(super) request: &'s Request<'s>,
    pub(super) token: Token<'s>,
    /// The path pattern that matched, and the path.
    pub(super) segments: Option<(&'s PathPattern, &'s CanonicalPath)>,
}

/// What is known of the request's token.
#[derive(Clone, Copy)]
pub(super) enum Token<'s> {
    /// It cannot be told which token was verified, if any.
    Doubt,
    /// There is none.
    Absent,
    /// The claims of this one.
    One(&'s Value),
}

/// One reading of a value.
#[derive(Clone, Debug)]
pub(super) enum Scalar<'s> {
    Text(Cow<'s, [u8]>),
    Integer(i64),
    Boolean(bool),
    Claim(&'s Value),
}

impl<'s> Scalar<'s> {
    /// Whether two values are equal. A claim has no kind before it is there, so it is compared as what the other side is.
    pub(super) fn equals(&'s self, other: &'s Self) -> Truth {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => (left == right).into(),
            (Self::Boolean(left), Self::Boolean(right)) => (left == right).into(),
            (Self::Claim(claim), Self::Integer(number)) | (Self::Integer(number), Self::Claim(claim)) => {
                integer(claim).map_or(Truth::Unknown, |claim| (claim == *number).into())
            }
            (Self::Claim(claim), Self::Boolean(truth)) | (Self::Boolean(truth), Self::Claim(claim)) => {
                claim.as_bool().map_or(Truth::Unknown, |claim| (claim == *truth).into())
            }
            (Self::Claim(left), Self::Claim(right))
                if core::mem::discriminant(*left) != core::mem::discriminant(*right) =>
            {
                Truth::Unknown
            }
            _ => match (self.written(), other.written()) {
                (Some(left), Some(right)) if is_plain(&left) && is_plain(&right) => (left == right).into(),
                _ => Truth::Unknown,
            },
        }
    }

    /// What it looks like as a text, if it is one, or a claim of one value.
    fn written(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Claim(claim) => Some(match scalar(claim)? {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            }),
            Self::Integer(_) | Self::Boolean(_) => None,
        }
    }

    /// The text, if it is one that can be compared (S49).
    pub(super) fn text(&self) -> Option<&str> {
        let bytes = match self {
            Self::Text(text) => text,
            Self::Claim(Value::String(text)) => text.as_bytes(),
            Self::Claim(_) | Self::Integer(_) | Self::Boolean(_) => return None,
        };
        core::str::from_utf8(bytes).ok().filter(|_| is_plain(bytes))
    }
}

/// Whether a condition holds for all readings of a value: certain only where all agree, and where there is one.
pub(super) fn agreed(readings: &[Scalar<'_>], condition: impl Fn(&Scalar<'_>) -> Truth) -> Truth {
    Truth::agreed(readings.iter().map(condition))
}

impl<'s> Scope<'s> {
    /// Compares two values in all their readings.
    pub(super) fn compare(
        &self,
        left: &'s Operand,
        right: &'s Operand,
        condition: impl Fn(&Scalar<'_>, &Scalar<'_>) -> Truth,
    ) -> Truth {
        let (left, right) = (self.readings(left), self.readings(right));
        agreed(&left, |left| agreed(&right, |right| condition(left, right)))
    }

    /// All readings of a value; none when it is not there or cannot be told.
    pub(super) fn readings(&self, operand: &'s Operand) -> Vec<Scalar<'s>> {
        match operand {
            Operand::Attribute(Attribute::Port) => vec![Scalar::Integer(self.connection.port.into())],
            Operand::Attribute(Attribute::Claim(names)) => match self.claim(names) {
                Found::Value(value) => vec![Scalar::Claim(value)],
                Found::Absent | Found::Doubt => Vec::new(),
            },
            Operand::Attribute(attribute) => match self.reading(attribute) {
                Reading::One(text) => vec![Scalar::Text(text)],
                Reading::Several(texts) => texts.into_iter().map(Scalar::Text).collect(),
                Reading::Absent | Reading::Doubt | Reading::Unclear => Vec::new(),
            },
            written => written.written().into_iter().collect(),
        }
    }

    /// The elements of a claim that is a list.
    pub(super) fn list(&self, operand: &Operand) -> Option<&'s [Value]> {
        match operand {
            Operand::Attribute(Attribute::Claim(names)) => match self.claim(names) {
                Found::Value(Value::Array(list)) => Some(list),
                Found::Value(_) | Found::Absent | Found::Doubt => None,
            },
            _ => None,
        }
    }

    /// Whether an attribute is there.
    pub(super) fn has(&self, attribute: &Attribute) -> Truth {
        match attribute {
            Attribute::Port => Truth::Yes,
            Attribute::Claim(names) => self.claim(names).present(),
            other => self.reading(other).present(),
        }
    }

    /// Whether a claim is `true`.
    pub(super) fn is_true(&self, attribute: &Attribute) -> Truth {
        match attribute {
            Attribute::Claim(names) => match self.claim(names) {
                Found::Value(Value::Bool(truth)) => (*truth).into(),
                Found::Value(_) | Found::Absent | Found::Doubt => Truth::Unknown,
            },
            _ => Truth::Unknown,
        }
    }

    fn claim(&self, names: &[String]) -> Found<'s> {
        match self.token {
            Token::Doubt => Found::Doubt,
            Token::Absent => Found::Absent,
            Token::One(token) => Found::at(token, names.iter().map(String::as_str)),
        }
    }

    /// What an attribute that is a text says.
    fn reading(&self, attribute: &Attribute) -> Reading<'s> {
        match attribute {
            Attribute::Method => self.request.method().map_or(Reading::Doubt, |method| {
                // Some servers put methods into capitals before they look at them (S31).
                let upper = method.to_ascii_uppercase().into_bytes();
                Reading::of([Cow::Borrowed(method.as_bytes()), Cow::Owned(upper)])
            }),
            Attribute::Host => self.request.host().map_or(Reading::Doubt, |host| owned(host.to_string())),
            Attribute::Authority => self.request.authority().map_or(Reading::Doubt, lower),
            Attribute::ServerName => match self.request.server_name() {
                ServerName::Unknown => Reading::Doubt,
                ServerName::Absent => Reading::Absent,
                ServerName::Name(name) => lower(name),
            },
            Attribute::Path => self.request.path().map_or(Reading::Doubt, |path| borrowed(path.as_str())),
            Attribute::Header(name) => self.request.header(name),
            Attribute::Query(name) => self.request.parameter(name),
            Attribute::Segment(name) => self
                .segments
                .and_then(|(pattern, path)| pattern.capture(path, name))
                .map_or(Reading::Doubt, borrowed),
            Attribute::Namespace(end) => match &self.connection.at(*end).identity {
                Identity::Account { namespace, .. } => borrowed(namespace),
                known => workloads(known, &|workload| Some(&workload.namespace)),
            },
            Attribute::ServiceAccount(end) => match &self.connection.at(*end).identity {
                Identity::Account { service_account, .. } => borrowed(service_account),
                known => workloads(known, &|workload| Some(&workload.service_account)),
            },
            Attribute::Label(end, key) => {
                workloads(&self.connection.at(*end).identity, &|workload| workload.labels.get(key))
            }
            Attribute::Principal => principal(self.connection),
            // They are no texts.
            Attribute::Claim(_) | Attribute::Port => Reading::Doubt,
        }
    }
}

fn borrowed(text: &str) -> Reading<'_> {
    Reading::One(Cow::Borrowed(text.as_bytes()))
}

/// What is compared in lower case, whatever it came in.
fn lower(bytes: &[u8]) -> Reading<'static> {
    Reading::One(Cow::Owned(bytes.to_ascii_lowercase()))
}

fn owned(text: String) -> Reading<'static> {
    Reading::One(Cow::Owned(text.into_bytes()))
}

/// Something of a workload, as far as it is known which one it is. Where some candidates have it and others lack it, it is in doubt.
fn workloads<'s>(
    identity: &Identity<'s>,
    // Compiled once for all parts.
    part: &dyn Fn(&'s WorkloadIdentity) -> Option<&'s String>,
) -> Reading<'s> {
    match identity {
        Identity::Outside => Reading::Absent,
        Identity::Workload(workload) => part(workload).map_or(Reading::Absent, |text| borrowed(text)),
        Identity::Candidates(list) => {
            let texts: Vec<_> = list.iter().filter_map(|workload| part(workload)).collect();
            if texts.len() == list.len() && !texts.is_empty() {
                Reading::of(texts.into_iter().map(|text| Cow::Borrowed(text.as_bytes())))
            } else if texts.is_empty() && !list.is_empty() {
                Reading::Absent
            } else {
                Reading::Doubt
            }
        }
        Identity::Account { .. } | Identity::Anonymous | Identity::Claimed(_) => Reading::Doubt,
    }
}

/// The SPIFFE id of the source (S41).
fn principal<'s>(connection: &'s Connection<'s>) -> Reading<'s> {
    let source = &connection.source;
    match (source.principal, &source.identity) {
        (Principal::Verified([]), _) => Reading::Doubt,
        (Principal::Verified(ids), _) => Reading::of(ids.iter().map(|id| Cow::Borrowed(id.as_bytes()))),
        (Principal::Derived { trust_domain }, Identity::Workload(workload)) => {
            owned(workload.spiffe_id(trust_domain))
        }
        (Principal::Derived { .. } | Principal::Open | Principal::Unknown, _) => Reading::Doubt,
    }
}
