//! `pods/portforward`: bytes between a client and a port of a pod, over a web socket.
//!
//! Source: `k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go`: of each port an even channel has the data and an odd one
//! errors; both begin with the port's number, little end first.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::{Request, Response, StatusCode};

use super::body::Answer;
use super::kind::Kind;
use super::refusal::{Outcome, Refusal};
use super::route::{Place, Query};
use super::shared::{Shared, locked};

mod channel;

/// Where ports of pods really are: (namespace, pod, port) → address. An empty pod is every pod of the namespace.
#[derive(Debug, Default)]
pub(crate) struct Forwards {
    pub(crate) to: BTreeMap<(String, String, u16), SocketAddr>,
}

impl Forwards {
    fn find(&self, namespace: &str, pod: &str, port: u16) -> Option<SocketAddr> {
        let key = |pod: &str| (namespace.to_owned(), pod.to_owned(), port);
        self.to.get(&key(pod)).or_else(|| self.to.get(&key(""))).copied()
    }
}

const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/// Answers with an upgrade, after which bytes flow.
pub(crate) fn open(
    shared: &Arc<Shared>,
    kind: &Kind,
    place: &Place,
    query: &Query,
    request: Request<Incoming>,
) -> Outcome<Response<Answer>> {
    let pod = shared.store().get("pods", &place.namespace, &place.name);
    let pod = pod.ok_or_else(|| Refusal::not_found(kind, &place.name))?;
    let phase = pod.pointer("/status/phase").and_then(serde_json::Value::as_str).unwrap_or_default();
    let ports: Vec<u16> = query
        .get("ports")
        .map(|ports| ports.split(',').filter_map(|port| port.parse().ok()).collect())
        .unwrap_or_default();
    if ports.is_empty() {
        return Err(Refusal::bad_request("query parameter \"ports\" is required"));
    }
    let header = |name: &HeaderName| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let key = request.headers().get("sec-websocket-key").cloned();
    let Some(key) = key.filter(|_| header(&UPGRADE).eq_ignore_ascii_case("websocket")) else {
        return Err(Refusal::bad_request("unable to upgrade: missing upgrade headers in request"));
    };
    if phase != "Running" {
        let why = format!("unable to forward port because pod is not running. Current status={phase}");
        return Err(Refusal::bad_request(why));
    }
    let offered = header(&SEC_WEBSOCKET_PROTOCOL);
    let chosen = PROTOCOLS.into_iter().find(|known| offered.split(',').any(|one| one.trim() == *known));
    let chosen = chosen.ok_or_else(|| Refusal::bad_request("no known subprotocol was offered"))?;
    let forwards = locked(&shared.forwards);
    let targets: Vec<_> =
        ports.iter().map(|&port| (port, forwards.find(&place.namespace, &place.name, port))).collect();
    drop(forwards);
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            channel::carry(upgraded, &targets).await;
        }
    });
    let mut response = Response::new(Answer::Whole(None));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(chosen));
    if let Ok(accept) = accept.parse() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(response)
}
