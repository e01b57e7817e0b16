//! Two real Envoys in two network namespaces with the same addresses: in one Envoy's own filters judge, as Istio would have
//! configured them, in the other Bookend's. Everything before and behind the judge is the same.

use std::path::PathBuf;

use bookend_testenv::certificate::Identity;
use bookend_testenv::envoy::plugin::{self, Layer, Wasm};
use bookend_testenv::token::Signer;
use bookend_testenv::{Running, Stand};
use serde_json::{Value, json};

use crate::client::Credentials;
use crate::generate::Set;
use crate::pilot::{self, For, Mistake};
use crate::policy::{LABELS, NAMESPACE};
use crate::world::{HTTP_PORTS, ISSUERS, PEERS, STREAM_PORTS, destination, tokens};

/// The header of an answer that says why it was given.
pub(crate) const DETAILS: &str = "x-details";

const SERVER: &str = "spiffe://cluster.local/ns/default/sa/server";

/// A place for an Envoy.
pub(crate) struct Site {
    pub(crate) stand: Stand,
}

/// Who judges.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Judge<'j> {
    /// Envoy's own filters; the translation of a set may hold a mistake.
    Native(&'j [Option<Mistake>]),
    /// Bookend's filter, with a configuration for each set.
    Bookend(&'j [String]),
}

/// What both sites share: who signs.
pub(crate) struct Trust {
    authority: String,
    server: Identity,
    key_set: Value,
    pub(crate) credentials: Credentials,
}

impl Trust {
    pub(crate) fn new(stand: &Stand) -> Self {
        let signer = Signer::new().unwrap();
        let issue = |id: &str| stand.authority().issue(id).unwrap();
        let identities = PEERS.iter().map(|peer| peer.spiffe_id().map(|id| issue(&id)));
        let claims = tokens();
        let mut written: Vec<String> = claims.iter().map(|claims| signer.sign(claims).unwrap()).collect();
        // Behind them those that nobody signed.
        written.push(bookend_testenv::token::unsigned(&claims[0]));
        written.push(bookend_testenv::token::tampered(&written[0], &claims[1]));
        Self {
            authority: stand.authority().certificate().to_owned(),
            server: issue(SERVER),
            key_set: signer.key_set(),
            credentials: Credentials::new(identities.collect(), written),
        }
    }
}

impl Site {
    pub(crate) fn new(name: &str) -> Self {
        let stand = Stand::new(name).unwrap();
        // Whole blocks are here, so that no address needs a command of its own.
        stand
            .namespace()
            .ip("route add local 10.20.0.0/16 dev lo\nroute add local 10.30.0.0/16 dev lo\n")
            .unwrap();
        Self { stand }
    }

    /// Starts an Envoy that answers for every set.
    pub(crate) fn start(&self, trust: &Trust, sets: &[Set], judge: Judge<'_>) -> Running {
        let module =
            matches!(judge, Judge::Bookend(_)).then(|| self.stand.module("bookend_filter.wasm").unwrap());
        let listeners: Vec<Value> = sets
            .iter()
            .enumerate()
            .map(|(number, set)| {
                let filters = Filters::new(set, number, judge, module.as_ref());
                listener(trust, number, &filters)
            })
            .collect();
        let labels: serde_json::Map<String, Value> =
            LABELS.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let node = (NAMESPACE, "server", &Value::Object(labels));
        let bootstrap = plugin::bootstrap("127.0.0.1:15000".parse().unwrap(), node, &listeners, &[]);
        self.stand.start_with(&bootstrap, &["--concurrency", "1", "--log-level", "error"]).unwrap()
    }
}

/// The filters that judge.
struct Filters {
    /// Before all others, among network filters.
    facts: Vec<Value>,
    requests: Vec<Value>,
    streams: Vec<Value>,
}

impl Filters {
    fn new(set: &Set, number: usize, judge: Judge<'_>, module: Option<&PathBuf>) -> Self {
        match judge {
            Judge::Native(mistakes) => {
                let mistake = mistakes.get(number).copied().flatten();
                Self {
                    facts: Vec::new(),
                    requests: pilot::filters(&set.policies, For::Requests, mistake),
                    streams: pilot::filters(&set.policies, For::Streams, mistake),
                }
            }
            Judge::Bookend(configurations) => {
                let wasm = Wasm::new(module.unwrap(), configurations[number].clone());
                Self {
                    facts: vec![plugin::facts_of_connections()],
                    requests: vec![wasm.filter(Layer::Http)],
                    streams: vec![wasm.filter(Layer::Network)],
                }
            }
        }
    }
}

/// A workload's inbound listener, as Istio sets it up where plaintext is permitted.
fn listener(trust: &Trust, set: usize, filters: &Filters) -> Value {
    let [first, rest @ ..] = &[HTTP_PORTS, STREAM_PORTS].concat()[..] else { panic!("there are ports") };
    let mut chains = Vec::new();
    for tls in [true, false] {
        for port in HTTP_PORTS {
            chains.push(chain(
                trust,
                port,
                tls,
                [&filters.facts[..], &[manager(trust, &filters.requests)]].concat(),
            ));
        }
        for port in STREAM_PORTS {
            chains.push(chain(trust, port, tls, [&filters.facts[..], &filters.streams, &[echo()]].concat()));
        }
    }
    json!({
        "name": format!("set-{set}"),
        "address": plugin::address(destination(set, *first)),
        "additional_addresses":
            rest.iter().map(|port| json!({ "address": plugin::address(destination(set, *port)) })).collect::<Vec<_>>(),
        "listener_filters": [{
            "name": "envoy.filters.listener.tls_inspector",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
            },
        }],
        "filter_chains": chains,
    })
}

fn chain(trust: &Trust, port: u16, tls: bool, filters: Vec<Value>) -> Value {
    let transport = if tls { "tls" } else { "raw_buffer" };
    let mut chain = json!({
        "filter_chain_match": { "destination_port": port, "transport_protocol": transport },
        "filters": filters,
    });
    if let (true, Some(chain)) = (tls, chain.as_object_mut()) {
        let socket = plugin::server_tls(&trust.server, &trust.authority, &[]);
        chain.insert("transport_socket".to_owned(), socket);
    }
    chain
}

/// Says what it hears.
fn echo() -> Value {
    json!({
        "name": "envoy.filters.network.echo",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo" },
    })
}

/// Istio's settings for what comes in (`pilot/pkg/networking/core`: `buildSidecarInboundHTTPOpts`), and an answer to
/// everything that is let pass.
fn manager(trust: &Trust, judges: &[Value]) -> Value {
    let filters = [&[verifier(trust)], judges].concat();
    plugin::manager(
        &filters,
        &json!({
            "server_name": "istio-envoy",
            "use_remote_address": false,
            "forward_client_cert_details": "APPEND_FORWARD",
            "set_current_client_cert_details": { "subject": true, "dns": true, "uri": true },
            "normalize_path": true,
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "upgrade_configs": [{ "upgrade_type": "websocket" }],
            "stream_idle_timeout": "0s",
            "delayed_close_timeout": "0s",
            "local_reply_config": { "mappers": [{
                "filter": { "status_code_filter": { "comparison": {
                    "op": "GE", "value": { "default_value": 100, "runtime_key": "bookend.every" },
                } } },
                "headers_to_add": [{ "header": { "key": DETAILS, "value": "%RESPONSE_CODE_DETAILS%" } }],
            }] },
            "route_config": { "virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [{ "match": { "prefix": "" }, "direct_response": { "status": 200 } }],
            }] },
        }),
    )
}

/// What verifies tokens, as a RequestAuthentication with several issuers has it (`pilot/pkg/security/authn`): any of
/// them, or none that is there is bad.
fn verifier(trust: &Trust) -> Value {
    let mut providers = serde_json::Map::new();
    let (mut any, mut all) = (Vec::new(), Vec::new());
    for (number, issuer) in ISSUERS.iter().enumerate() {
        let name = format!("origins-{number}");
        let provider = json!({ "provider_name": name });
        providers.insert(
            name,
            json!({
                "issuer": issuer,
                "local_jwks": { "inline_string": trust.key_set.to_string() },
                "payload_in_metadata": "payload",
                "normalize_payload_in_metadata": { "space_delimited_claims": ["scope", "permission"] },
            }),
        );
        all.push(json!({ "requires_any": { "requirements": [provider, { "allow_missing": {} }] } }));
        any.push(provider);
    }
    any.push(json!({ "requires_all": { "requirements": all } }));
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": providers,
            "rules": [{ "match": { "prefix": "/" }, "requires": { "requires_any": { "requirements": any } } }],
            "bypass_cors_preflight": true,
        },
    })
}
