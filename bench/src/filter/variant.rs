//! What is measured: an Envoy with one filter, or none.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use bookend_testenv::Stand;
use bookend_testenv::envoy::Verifier;
use bookend_testenv::envoy::plugin::{self, Dynamic, Layer, Wasm};
use serde_json::{Value, json};

use super::rules::{self, Kind, Rules};

/// The address of every listener; the port tells the variants apart.
const FIRST_PORT: u16 = 20_000;

/// The same for the administration interfaces.
const FIRST_ADMIN_PORT: u16 = 30_000;

/// The filter that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// None; what everything else is compared with.
    Nothing,
    /// Only the filter that records who the peer is, which Bookend needs in front of it.
    Facts(Layer),
    /// A filter that does nothing, by somebody who follows the SDK's examples.
    DoNothing,
    /// Bookend's module.
    Module(Rules),
    /// Bookend as a shared object.
    Native(Rules),
    /// Envoy's own RBAC filter.
    Rbac(Rules),
    /// probe
    Probe(&'static str),
}

/// What Envoy's access log says of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessLog {
    /// There is none.
    Off,
    /// The status.
    Plain,
    /// The status and the rule behind it.
    Rule,
}

/// An Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) subject: Subject,
    pub(super) access_log: AccessLog,
    /// Whether every request carries a token that Envoy verifies before the filter.
    pub(super) token: bool,
}

/// What variants are made of, in one stand.
pub(super) struct Parts {
    pub(super) module: PathBuf,
    pub(super) native: Option<PathBuf>,
    pub(super) do_nothing: PathBuf,
    pub(super) tls: bool,
    /// Where the facts are recorded for Bookend.
    pub(super) facts: Layer,
    pub(super) verifier: Verifier,
    /// The transport socket of every listener.
    pub(super) transport: Value,
}

impl Variant {
    /// A variant without access log and token.
    pub(super) fn of(subject: Subject) -> Self {
        Self { subject, access_log: AccessLog::Off, token: false }
    }

    /// The variant without a filter that this one is compared with.
    pub(super) fn base(self) -> Self {
        let access_log = if self.access_log == AccessLog::Off { AccessLog::Off } else { AccessLog::Plain };
        Self { subject: Subject::Nothing, access_log, token: self.token }
    }

    /// The rules in force.
    pub(super) fn rules(self) -> Option<Rules> {
        match self.subject {
            Subject::Module(rules) | Subject::Native(rules) | Subject::Rbac(rules) => Some(rules),
            Subject::Nothing | Subject::Facts(_) | Subject::DoNothing | Subject::Probe(_) => None,
        }
    }

    /// Who asks for what: what the rules are about. Nothing else would be let pass.
    pub(super) fn asked(self) -> Rules {
        self.rules().unwrap_or(Rules { kind: Kind::Path, count: 1 })
    }

    /// How the table calls it.
    pub(super) fn name(self) -> String {
        let subject = match self.subject {
            Subject::Nothing => "no filter".to_owned(),
            Subject::Facts(Layer::Http) => "facts, at every request".to_owned(),
            Subject::Facts(Layer::Network) => "facts, once a connection".to_owned(),
            Subject::Probe(p) => format!("probe {}", p.rsplit('/').next().unwrap_or_default()),
            Subject::DoNothing => "wasm that does nothing".to_owned(),
            Subject::Module(rules) => format!("Bookend wasm, {}", rules.name()),
            Subject::Native(rules) => format!("Bookend native, {}", rules.name()),
            Subject::Rbac(rules) => format!("Envoy RBAC, {}", rules.name()),
        };
        let log = match self.access_log {
            AccessLog::Off => "",
            AccessLog::Plain => ", access log",
            AccessLog::Rule => ", access log with rules",
        };
        let token = if self.token { ", token verified" } else { "" };
        format!("{subject}{log}{token}")
    }

    /// Where the `number`th variant listens.
    pub(super) fn address(number: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, FIRST_PORT + number).into()
    }

    /// The bootstrap of the `number`th variant.
    ///
    /// # Errors
    /// When the rules do not compile.
    pub(super) fn bootstrap(self, number: u16, parts: &Parts) -> anyhow::Result<Value> {
        let own = rules::OWN;
        Ok(plugin::bootstrap(
            (Ipv4Addr::LOCALHOST, FIRST_ADMIN_PORT + number).into(),
            ("default", own, &json!({ "app": own, "version": "v1" })),
            &[self.listener(number, parts)?],
            &[],
        ))
    }

    fn listener(self, number: u16, parts: &Parts) -> anyhow::Result<Value> {
        let facts = match self.subject {
            Subject::Facts(layer) => Some(layer),
            Subject::Module(_) | Subject::Native(_) => Some(parts.facts),
            Subject::Probe(_) => Some(Layer::Network),
            Subject::Nothing | Subject::DoNothing | Subject::Rbac(_) => None,
        };
        let mut network = Vec::new();
        let mut http = Vec::new();
        match facts {
            Some(Layer::Network) => network.push(plugin::facts_of_connections()),
            Some(Layer::Http) if std::env::var_os("OLD").is_some() => {
                http.push(bookend_testenv::envoy::facts())
            }
            Some(Layer::Http) => http.push(plugin::facts_of_requests()),
            None => {}
        }
        if self.token {
            http.push(cached(parts.verifier.filter()));
        }
        http.extend(self.filter(parts)?);
        network.push(plugin::manager(&http, &self.options()));
        let mut chain = json!({ "filters": network });
        if let (Some(chain), true) = (chain.as_object_mut(), parts.tls) {
            chain.insert("transport_socket".to_owned(), parts.transport.clone());
        }
        let address = plugin::address(Self::address(number));
        Ok(json!({ "name": "inbound", "address": address, "filter_chains": [chain] }))
    }

    fn filter(self, parts: &Parts) -> anyhow::Result<Option<Value>> {
        Ok(match self.subject {
            Subject::Nothing | Subject::Facts(_) => None,
            Subject::Probe(p) => Some(Wasm::new(p, "").filter(Layer::Http)),
            Subject::DoNothing => Some(Wasm::new(&parts.do_nothing, "").filter(Layer::Http)),
            Subject::Module(rules) => {
                Some(Wasm::new(&parts.module, self.configuration(rules)?).filter(Layer::Http))
            }
            Subject::Native(rules) => parts
                .native
                .as_ref()
                .map(|module| {
                    let module = module.clone();
                    let configuration = self.configuration(rules)?;
                    anyhow::Ok(
                        Dynamic { module, name: "bookend".to_owned(), configuration }.filter(Layer::Http),
                    )
                })
                .transpose()?,
            Subject::Rbac(rules) => Some(json!({
                "name": "envoy.filters.http.rbac",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                    "rules": { "action": "ALLOW", "policies": rules.policies()? },
                },
            })),
        })
    }

    /// What Bookend gets.
    fn configuration(self, rules: Rules) -> anyhow::Result<String> {
        let mut configuration = rules.configuration()?;
        configuration.settings.access_log.allowed = self.access_log == AccessLog::Rule;
        Ok(String::from_utf8(configuration.to_json()?)?)
    }

    /// Istio's settings for inbound requests; Envoy answers for itself.
    fn options(self) -> Value {
        let format = match self.access_log {
            AccessLog::Off => None,
            AccessLog::Plain => Some(json!({ "code": "%RESPONSE_CODE%" })),
            AccessLog::Rule => {
                Some(json!({ "code": "%RESPONSE_CODE%", "rule": "%FILTER_STATE(wasm.bookend.rule:PLAIN)%" }))
            }
        };
        let access_log = format.map(|format| {
            json!({
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                    "path": "/dev/null",
                    "log_format": { "json_format": format },
                },
            })
        });
        json!({
            "normalize_path": true,
            "use_remote_address": false,
            "stream_idle_timeout": "0s",
            "access_log": access_log.into_iter().collect::<Vec<_>>(),
            "route_config": { "virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }],
            }] },
        })
    }
}

/// The filter that verifies tokens, but it remembers those that it has verified: checking signatures is not what is measured.
fn cached(mut verifier: Value) -> Value {
    let providers = verifier.pointer_mut("/typed_config/providers").and_then(Value::as_object_mut);
    for provider in providers.into_iter().flat_map(|providers| providers.values_mut()) {
        if let Some(provider) = provider.as_object_mut() {
            provider.insert("jwt_cache_config".to_owned(), json!({ "jwt_cache_size": 100 }));
        }
    }
    verifier
}

impl Parts {
    /// The modules that `scripts/build` made, where Envoy may read them.
    ///
    /// # Errors
    /// If the module or the filter that does nothing is not there.
    pub(super) fn of(stand: &Stand, tls: bool, facts: Layer, verifier: Verifier) -> anyhow::Result<Self> {
        let own = stand.authority().issue(&format!("spiffe://cluster.local/ns/default/sa/{}", rules::OWN))?;
        Ok(Self {
            module: stand.module("bookend_filter.wasm")?,
            native: stand.module("libbookend_filter.so").ok(),
            do_nothing: stand.module("bookend_bench_do_nothing.wasm")?,
            tls,
            facts,
            verifier,
            transport: plugin::server_tls(&own, stand.authority().certificate(), &["http/1.1"]),
        })
    }
}
