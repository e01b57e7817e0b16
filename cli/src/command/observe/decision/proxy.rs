//! What a filter tells.

use serde::Deserialize;

use super::super::envoy::Said;
use super::{Asked, Audit, Decision, Layer, Told, Verdict};

/// What a filter writes.
#[derive(Deserialize)]
struct ProxyLine {
    bookend: String,
    verdict: Option<Verdict>,
    rule: Option<String>,
    fault: Option<String>,
    reason: Option<String>,
    end: Option<String>,
    layer: Option<String>,
    method: Option<String>,
    host: Option<String>,
    path: Option<String>,
    peer: Option<Peer>,
    destination: Option<String>,
    port: Option<u16>,
    audit: Option<Audit>,
    lines: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Peer {
    address: Option<String>,
    #[serde(default)]
    principals: Vec<String>,
}

impl Told {
    /// What a line in the log of the proxy of `pod` (`namespace/name`) says, whose workload is called `workload`; nothing, if
    /// it is none of the filter's.
    pub(in super::super) fn proxy(line: &str, pod: &str, workload: &str) -> Option<Self> {
        let said = Said::read(line)?;
        let read: ProxyLine = serde_json::from_str(&said.text).ok()?;
        match (read.bookend.as_str(), read.verdict) {
            ("suppressed", _) => {
                return Some(Self::Lost(read.lines.unwrap_or_default(), format!("proxy {pod}")));
            }
            ("decision", Some(_)) => {}
            _ => return None,
        }
        let peer = read.peer.unwrap_or_default();
        let other = peer.principals.first().map(|id| in_words(id)).or(peer.address);
        let outward = read.end.as_deref() == Some("source");
        let (from, to) = if outward {
            (workload.to_owned(), read.destination.unwrap_or_else(|| "?".to_owned()))
        } else {
            (other.unwrap_or_else(|| "?".to_owned()), workload.to_owned())
        };
        let http = read.layer.as_deref() == Some("http");
        let request = Asked { method: read.method, host: read.host, path: read.path };
        Some(Self::Decision(Box::new(Decision {
            time: said.time.to_owned(),
            layer: Layer::Proxy,
            at: pod.to_owned(),
            verdict: read.verdict.unwrap_or(Verdict::Deny),
            reason: read
                .fault
                .map(|fault| read.reason.map_or(fault.clone(), |reason| format!("{fault}: {reason}"))),
            rule: read.rule,
            audit: read.audit,
            from,
            to,
            protocol: Some(if http { "http" } else { "tcp" }.to_owned()),
            port: read.port,
            request: Some(request).filter(|request| request.method.is_some() || request.path.is_some()),
            observed: false,
        })))
    }
}

/// A SPIFFE id of Istio as `namespace/account`; others as they are.
fn in_words(id: &str) -> String {
    let path = id.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')).map(|(_, path)| path);
    match path.map(|path| path.split('/').collect::<Vec<_>>()).as_deref() {
        Some(["ns", namespace, "sa", account]) => format!("{namespace}/{account}"),
        _ => id.to_owned(),
    }
}
