//! The filter lets pass only what it understood: whatever a proxy hands over.
//!
//! An input is what the proxy says, divided by lines that hold `--`: its header pairs, its metadata, the labels of the
//! workload, its namespace and account, the text about the peer, the first name of its certificate, and where it arrived. What
//! is missing at the end the proxy does not know.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::LazyLock;

use bookend_engine::{CanonicalPath, HeaderLine};
use bookend_filter::arrival::Arrival;
use bookend_filter::{
    Attribute, CallFailed, Fault, Filter, HeadersError, Host, Label, Level, Metric, Next, Proxy, Refusal,
    headers, tokens,
};
use bookend_lang::{Source, compile};
use serde_json::{Map, Value};

use crate::seed::pairs;

/// What is between two parts of an input.
pub const DIVIDER: &[u8] = b"\n--\n";

/// Who alone may ask for anything, and what.
const PEER: &str = "spiffe://cluster.local/ns/default/sa/web";
const SUBJECT: &[u8] = b"alice";

const DOCUMENTS: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: p }
spec:
  isolate: [{ workloads: {}, directions: [ingress] }]
  allow:
  - name: open
    from: [{ principals: ["spiffe://cluster.local/ns/default/sa/web"] }]
    to: [{ workloads: { labels: { app: shop } } }]
    ports: [8080]
    http:
    - { methods: [GET], hosts: [shop.test], paths: ["/open/{*}"], headers: [{ name: x-role, exact: admin }],
        jwt: [{ subject: alice }] }
---
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: i }
spec:
  workloads:
  - name: shop
    serviceAccount: shop
    labels: { app: shop }
    proxy: true
    jwt: true
    instances: [{ addresses: [10.0.0.1] }]
  - { name: web, serviceAccount: web, labels: { app: web }, instances: [{ addresses: [10.0.0.2] }] }
"#;

static CONFIGURATION: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let compiled = compile(&[Source::new("policy", DOCUMENTS)]).expect("sound documents");
    compiled.configuration().to_json().expect("it was compiled")
});

/// * At an isolated workload a request passes only where method, path, role, subject, peer, port and label are found again
///   in the bytes.
/// * A request that does not pass is answered, in one word for access logs and on one line of JSON for the log. Nothing about a
///   connection lets a stream pass there.
/// * Pairs that are read are what they were made of.
pub fn law(bytes: &[u8]) {
    let said = Said::new(bytes);
    if let Some(read) = headers::pairs(said.headers()) {
        assert!(said.headers().is_empty() || pairs(&read) == said.headers(), "pairs");
    }
    let mut filter = Filter::new();
    filter.create(1, 0);
    assert!(filter.configure(&said, 1), "the configuration is sound");
    filter.create(2, 1);
    let next = filter.request_headers(&said, 2);
    if said.part(3) == b"default" {
        filter.create(3, 1);
        assert_eq!(filter.new_connection(&said, 3), Next::Stop);
        assert_eq!(filter.downstream_data(&said, 3), Next::Stop);
    }
    let done = said.done.borrow();
    for line in &done.lines {
        assert!(!line.contains(char::is_control), "a log line has control characters: {line:?}");
        assert!(!line.starts_with('{') || serde_json::from_str::<Value>(line).is_ok(), "no JSON: {line:?}");
    }
    match next {
        Next::Stop => {
            let (status, details) = done.refusal.as_ref().expect("a request that does not pass is answered");
            assert!(*status == 403 && details.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        Next::Continue => {
            assert!(done.refusal.is_none(), "answered as well");
            said.passed();
        }
    }
}

struct Said<'a> {
    parts: Vec<&'a [u8]>,
    done: RefCell<Done>,
}

#[derive(Default)]
struct Done {
    /// Status and details.
    refusal: Option<(u16, String)>,
    lines: Vec<String>,
}

impl<'a> Said<'a> {
    fn new(mut bytes: &'a [u8]) -> Self {
        let mut parts = Vec::new();
        while let Some(end) = bytes.windows(DIVIDER.len()).position(|window| window == DIVIDER) {
            parts.push(&bytes[..end]);
            bytes = &bytes[end + DIVIDER.len()..];
        }
        parts.push(bytes);
        Self { parts, done: RefCell::default() }
    }

    fn headers(&self) -> &'a [u8] {
        self.parts[0]
    }

    fn part(&self, number: usize) -> &'a [u8] {
        self.parts.get(number).copied().unwrap_or_default()
    }

    /// What must be so where the one rule allows. Elsewhere nothing is isolated.
    fn passed(&self) {
        if self.part(3) != b"default" {
            return;
        }
        let lines = headers::pairs(self.headers()).expect("pairs");
        let values = |wanted: &str| {
            let named = lines.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
            named.map(|(_, value)| *value).collect::<Vec<_>>()
        };
        assert_eq!(values(":method"), [b"GET"]);
        let [path] = values(":path")[..] else { panic!("one path") };
        let path = CanonicalPath::new(path).expect("a canonical path");
        assert!(path.as_str().starts_with("/open/") && path.segments().count() == 2, "{}", path.as_str());
        let roles = values("x-role");
        assert!(!roles.is_empty() && roles.iter().all(|role| *role == b"admin"), "{roles:?}");
        assert!(self.part(1).windows(SUBJECT.len()).any(|window| window == SUBJECT), "a token of alice");
        let labels = headers::pairs(self.part(2)).expect("labels");
        assert_eq!(labels.iter().rfind(|(key, _)| *key == b"app"), Some(&(&b"app"[..], &b"shop"[..])));
        let arrival = self.parts.get(5).filter(|text| !text.is_empty()).map(|text| Arrival::parse(text));
        match arrival {
            Some(arrival) => {
                let arrival = arrival.expect("a text that is understood");
                assert_eq!(
                    (arrival.uri_sans.as_slice(), arrival.destination.port()),
                    (&[PEER.to_owned()][..], 8080)
                );
            }
            None => {
                assert_eq!(self.part(6), PEER.as_bytes());
                assert!(self.part(7).ends_with(b":8080"));
            }
        }
    }
}

impl Proxy for Said<'_> {
    fn attribute(&self, attribute: Attribute) -> Result<Option<Cow<'_, [u8]>>, CallFailed> {
        let part = match attribute {
            Attribute::Peer => self.parts.get(5).filter(|text| !text.is_empty()),
            Attribute::FirstUriSan => self.parts.get(6),
            Attribute::Destination => self.parts.get(7),
            Attribute::TlsVersion | Attribute::Client | Attribute::ServerName | Attribute::Upstream => None,
        };
        Ok(part.map(|part| Cow::Borrowed(*part)))
    }

    fn request_headers<T>(&self, read: impl FnOnce(Result<&[HeaderLine<'_>], HeadersError>) -> T) -> T {
        match headers::pairs(self.headers()) {
            Some(lines) => read(Ok(&lines)),
            None => read(Err(HeadersError::Malformed)),
        }
    }

    fn verified(&self) -> Result<Map<String, Value>, Fault> {
        tokens::entries(self.property(&[tokens::METADATA]))
    }

    fn attach(&self, _label: Label, _text: &str) -> Result<(), CallFailed> {
        Ok(())
    }

    fn respond(&self, refusal: &Refusal<'_>) -> Result<(), CallFailed> {
        self.done.borrow_mut().refusal = Some((refusal.status, refusal.details.to_owned()));
        Ok(())
    }

    fn reset(&self) -> Result<(), CallFailed> {
        unreachable!("every answer could be sent")
    }

    fn close(&self, _details: &str) -> Result<(), CallFailed> {
        Ok(())
    }

    fn second(&self) -> u64 {
        0
    }

    fn log(&self, _level: Level, line: &str) {
        self.done.borrow_mut().lines.push(line.to_owned());
    }
}

impl Host for Said<'_> {
    fn configuration(&self) -> Result<Vec<u8>, CallFailed> {
        Ok(CONFIGURATION.clone())
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, CallFailed> {
        let number = match path {
            ["metadata"] => 1,
            ["xds", "node", "metadata", "LABELS"] => 2,
            ["xds", "node", "metadata", "NAMESPACE"] => 3,
            ["xds", "node", "metadata", "SERVICE_ACCOUNT"] => 4,
            _ => return Ok(None),
        };
        Ok(self.parts.get(number).map(|part| part.to_vec()))
    }

    fn turn_to(&self, _context: u32) -> Result<(), CallFailed> {
        Ok(())
    }

    fn resume(&self) -> Result<(), CallFailed> {
        unreachable!("nothing waits")
    }

    fn tick_every(&self, _milliseconds: u32) -> Result<(), CallFailed> {
        Ok(())
    }

    fn define(&self, _kind: Metric, _name: &str) -> Result<u32, CallFailed> {
        Ok(1)
    }

    fn add(&self, _counter: u32, _count: u64) -> Result<(), CallFailed> {
        Ok(())
    }

    fn set(&self, _gauge: u32, _value: u64) -> Result<(), CallFailed> {
        Ok(())
    }
}
