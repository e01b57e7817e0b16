//! `kind: PolicyTest`: what somebody expects of the policies.

use core::net::IpAddr;

use crate::Span;

use super::Spanned;

/// `kind: PolicyTest`.
#[derive(Clone, Debug)]
pub(crate) struct TestDocument {
    /// `None`: its names are looked for everywhere.
    pub(crate) namespace: Option<String>,
    pub(crate) name: Spanned<String>,
    pub(crate) tests: Vec<Test>,
}

/// All tests of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct TestSuite {
    /// Where names without a namespace are looked for first.
    pub namespace: Option<String>,
    /// The document's name.
    pub name: String,
    /// In the order in which they were written; names are unique.
    pub tests: Vec<Test>,
}

impl TestSuite {
    /// Visits every place in it.
    pub(crate) fn places_mut(&mut self, mut visit: impl FnMut(&mut Span)) {
        for test in &mut self.tests {
            visit(&mut test.place);
            visit(&mut test.from.place);
            visit(&mut test.to.place);
            let rules = [
                test.expected.rule.as_mut(),
                match &mut test.audit {
                    Some(ExpectedAudit::Decided { rule, .. }) => rule.as_mut(),
                    Some(ExpectedAudit::None) | None => None,
                },
            ];
            rules.into_iter().flatten().for_each(|rule| visit(&mut rule.place));
        }
    }
}

/// One expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// What it is called, in words.
    pub name: String,
    /// Where the name was written.
    pub place: Span,
    /// Who opens the connection: a workload, a Service, labels, an address, or a principal.
    pub from: Written,
    /// Who accepts it.
    pub to: Written,
    /// The destination's port; `None` where the protocol has none, or where only one can be meant.
    pub port: Option<TestPort>,
    /// Over what.
    pub protocol: TestProtocol,
    /// The SPIFFE id that the source proves, if it is nobody of the inventory.
    pub principal: Option<String>,
    /// Whether the source speaks without mutual TLS.
    pub plaintext: bool,
    /// What travels.
    pub traffic: TestTraffic,
    /// What should become of it.
    pub expected: Expected,
    /// What would become of it if rules in audit mode were enforced; `None`: nothing is expected.
    pub audit: Option<ExpectedAudit>,
}

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// As it was written.
    pub text: String,
    /// Where.
    pub place: Span,
}

/// The destination's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestPort {
    /// 1–65535.
    Number(u16),
    /// A name that the destination's workload gives to a port of its own.
    Name(String),
}

impl core::str::FromStr for TestPort {
    type Err = ();

    /// Reads `80` or `http`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let name = text.len() <= 15
            && text.bytes().any(|byte| byte.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        match text.parse::<u16>() {
            Ok(number @ 1..) if digits && !text.starts_with('0') => Ok(Self::Number(number)),
            _ if name => Ok(Self::Name(text.to_owned())),
            _ => Err(()),
        }
    }
}

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP over IPv4: type and code; an echo request where none was written.
    Icmp(Option<(u8, u8)>),
    /// ICMPv6: type and code.
    Icmpv6(Option<(u8, u8)>),
}

/// What travels.
#[derive(Clone, Debug, PartialEq)]
pub enum TestTraffic {
    /// The packet that opens the connection: only the packet layer is asked.
    Connection,
    /// A TCP stream that is not HTTP.
    Stream,
    /// An HTTP request.
    Request(Box<TestRequest>),
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq)]
pub struct TestRequest {
    /// `GET` where none was written.
    pub method: String,
    /// As it is sent, with its query.
    pub path: String,
    /// The authority; `None`: what the destination was called.
    pub host: Option<String>,
    /// In the order in which they were written; names are lower case.
    pub headers: Vec<(String, String)>,
    /// The claims of every JSON web token that its proxy verified.
    pub claims: Vec<serde_json::Value>,
    /// Where its proxy finds the client to be (S86); `None`: that is not known.
    pub client: Option<IpAddr>,
    /// The name that the client asked for in its TLS handshake (S85).
    pub sni: Option<String>,
}

/// A verdict, and who should decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Whether the traffic should pass.
    pub allow: bool,
    /// The id of the rule or isolation that should decide, or `default-allow`.
    pub rule: Option<Written>,
}

/// What is expected of the decision that audit rules take part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedAudit {
    /// No audit rule decides.
    None,
    /// One does.
    Decided {
        /// Whether the traffic would pass; `None`: either.
        allow: Option<bool>,
        /// The id of the audit rule or isolation.
        rule: Option<Written>,
    },
}
