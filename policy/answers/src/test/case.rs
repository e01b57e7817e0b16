//! Tests with everybody they name.

use bookend_lang::{Code, Diagnostic, Span, Test, TestProtocol, TestSuite, TestTraffic, Written};

use crate::documents::Documents;
use crate::request::Request;
use crate::subject::{Directory, Subject};
use crate::traffic::{Family, Message, Payload, Traffic, Transport, implied};

/// A test, and who is meant.
pub(super) struct Case<'c> {
    pub(super) suite: &'c TestSuite,
    pub(super) test: &'c Test,
    pub(super) from: Subject<'c>,
    pub(super) to: Subject<'c>,
    pub(super) traffic: Traffic,
}

/// The tests whose `suite/name` contains the text of `filter`.
///
/// # Errors
/// What is wrong with all of those that name nobody, or no port.
pub(super) fn cases<'c>(
    documents: &'c Documents,
    directory: &Directory<'c>,
    filter: Option<&str>,
) -> Result<Vec<Case<'c>>, Vec<Diagnostic>> {
    let mut cases = Vec::new();
    let mut wrong = Vec::new();
    for suite in &documents.compiled.tests {
        for test in &suite.tests {
            if filter.is_some_and(|text| !title(suite, test).contains(text)) {
                continue;
            }
            match case(suite, test, documents, directory) {
                Ok(case) => cases.push(case),
                Err(diagnostics) => wrong.extend(diagnostics),
            }
        }
    }
    if wrong.is_empty() { Ok(cases) } else { Err(wrong) }
}

/// `suite/name`.
pub(super) fn title(suite: &TestSuite, test: &Test) -> String {
    format!("{}/{}", suite_title(suite), test.name)
}

/// The namespace, if there is one, and the name of the document.
pub(super) fn suite_title(suite: &TestSuite) -> String {
    match &suite.namespace {
        Some(namespace) => format!("{namespace}/{}", suite.name),
        None => suite.name.clone(),
    }
}

fn case<'c>(
    suite: &'c TestSuite,
    test: &'c Test,
    documents: &'c Documents,
    directory: &Directory<'c>,
) -> Result<Case<'c>, Vec<Diagnostic>> {
    let namespace = suite.namespace.as_deref();
    let mut unsound = Vec::new();
    let mut find = |written: &Written, principal: Option<&str>, dialled: bool| {
        let found = match dialled {
            true => directory.dialled(namespace, &written.text),
            false => directory.resolve_in(namespace, &written.text),
        };
        let found = found.and_then(|subject| subject.proving(principal));
        found.map_err(|error| unsound.push(wrong(written.place, &error))).ok()
    };
    let (from, to) = (find(&test.from, test.principal.as_deref(), false), find(&test.to, None, true));
    let (Some(from), Some(to)) = (from, to) else { return Err(unsound) };
    let (transport, family, message) = transport(test.protocol);
    let port = match &test.port {
        None if transport.has_ports() => match implied(&to, &documents.compiled) {
            None => {
                let message = format!("the test does not say which port of `{}`", test.to.text);
                let cure = format!("write it behind the name: `to: {}:80`", test.to.text);
                return Err(vec![diagnostic(test.to.place, message, cure)]);
            }
            port => port,
        },
        port => port.clone(),
    };
    let payload = match &test.traffic {
        TestTraffic::Connection => Payload::Packet,
        TestTraffic::Stream => Payload::Stream,
        TestTraffic::Request(request) => Payload::Request(Request::from(request.as_ref())),
    };
    let traffic = Traffic {
        transport,
        family,
        port,
        message,
        payload,
        plaintext: test.plaintext,
        called: test.to.text.clone(),
        dialled: None,
    };
    Ok(Case { suite, test, from, to, traffic })
}

fn transport(protocol: TestProtocol) -> (Transport, Option<Family>, Option<Message>) {
    let message = |message: Option<(u8, u8)>| message.map(|(kind, code)| Message { kind, code });
    match protocol {
        TestProtocol::Tcp => (Transport::Tcp, None, None),
        TestProtocol::Udp => (Transport::Udp, None, None),
        TestProtocol::Sctp => (Transport::Sctp, None, None),
        TestProtocol::Icmp(asked) => (Transport::Icmp, Some(Family::V4), message(asked)),
        TestProtocol::Icmpv6(asked) => (Transport::Icmpv6, Some(Family::V6), message(asked)),
    }
}

/// An error that says what is wrong and, after a semicolon, what to do.
pub(super) fn wrong(place: Span, error: &anyhow::Error) -> Diagnostic {
    let text = format!("{error:#}");
    match text.split_once("; ") {
        Some((message, cure)) => diagnostic(place, message.to_owned(), cure.to_owned()),
        None => diagnostic(place, text, "ask about somebody else, or add what is missing".to_owned()),
    }
}

pub(super) fn diagnostic(place: Span, message: String, cure: String) -> Diagnostic {
    Diagnostic { code: Code::BadTest, span: place, message, cure, related: None, tolerated: false }
}
