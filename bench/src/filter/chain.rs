//! The bootstraps of the measured Envoys.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context as _;
use bookend_testenv::envoy::Verifier;
use bookend_testenv::envoy::plugin::{self, Dynamic, Layer, Wasm};
use bookend_testenv::{Stand, requirement};
use serde_json::{Value, json};

use super::rules::{self, Rules};
use super::variant::{AccessLog, Subject, Variant};

/// The ports of the listeners tell the variants apart.
const FIRST_PORT: u16 = 20_000;

/// The same for the administration interfaces.
const FIRST_ADMIN_PORT: u16 = 30_000;

const MODULE: &str = "bookend_filter.wasm";
const NATIVE: &str = "libbookend_filter.so";
const DO_NOTHING: &str = "bookend_bench_do_nothing.wasm";

/// What the Envoys of one stand are made of.
pub(super) struct Parts {
    module: PathBuf,
    native: Option<PathBuf>,
    do_nothing: PathBuf,
    /// The transport socket of every listener; plaintext without one.
    transport: Option<Value>,
    /// Where the facts are recorded for Bookend.
    facts: Layer,
    verifier: Verifier,
}

impl Parts {
    /// The modules that `scripts/build` made, where Envoy may read them.
    ///
    /// # Errors
    /// If the module or the filter that does nothing is not there.
    pub(super) fn of(stand: &Stand, tls: bool, facts: Layer, verifier: Verifier) -> anyhow::Result<Self> {
        let authority = stand.authority();
        let own = authority.issue(&format!("spiffe://cluster.local/ns/default/sa/{}", rules::OWN))?;
        Ok(Self {
            module: stand.module(MODULE)?,
            native: requirement::artifact(NATIVE).ok().map(|_| stand.module(NATIVE)).transpose()?,
            do_nothing: stand.module(DO_NOTHING)?,
            transport: tls.then(|| plugin::server_tls(&own, authority.certificate(), &["http/1.1"])),
            facts,
            verifier,
        })
    }

    /// Whether the shared object was built.
    pub(super) fn native(&self) -> bool {
        self.native.is_some()
    }

    /// The size of the module, in bytes.
    pub(super) fn module_size(&self) -> anyhow::Result<u64> {
        Ok(std::fs::metadata(&self.module)?.len())
    }

    /// Bookend's filter with these rules, for discovery.
    ///
    /// # Errors
    /// When the rules do not compile.
    pub(super) fn typed(&self, rules: Rules) -> anyhow::Result<Value> {
        Ok(Wasm::new(&self.module, configuration(rules, AccessLog::Off)?).typed(Layer::Http))
    }

    fn filter(&self, variant: Variant) -> anyhow::Result<Option<Value>> {
        Ok(Some(match variant.subject {
            Subject::Nothing | Subject::Facts(_) => return Ok(None),
            Subject::DoNothing => Wasm::new(&self.do_nothing, "").filter(Layer::Http),
            Subject::Module(rules) => {
                Wasm::new(&self.module, configuration(rules, variant.access_log)?).filter(Layer::Http)
            }
            Subject::Native(rules) => Dynamic {
                module: self.native.clone().context("the shared object is not built")?,
                name: "bookend".to_owned(),
                configuration: configuration(rules, variant.access_log)?,
            }
            .filter(Layer::Http),
            Subject::Rbac(rules) => json!({
                "name": "envoy.filters.http.rbac",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                    "rules": { "action": "ALLOW", "policies": rules.policies()? },
                },
            }),
        }))
    }
}

impl Variant {
    /// Where the `number`th Envoy of a stand listens.
    pub(super) fn address(number: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, FIRST_PORT + number).into()
    }

    /// The bootstrap of the `number`th Envoy of a stand.
    ///
    /// # Errors
    /// When the rules do not compile.
    pub(super) fn bootstrap(self, number: u16, parts: &Parts) -> anyhow::Result<Value> {
        let filter = parts.filter(self)?;
        Ok(self.bootstrap_with(number, parts, filter))
    }

    /// The same, with another filter in the place of its own.
    pub(super) fn bootstrap_with(self, number: u16, parts: &Parts, filter: Option<Value>) -> Value {
        let own = rules::OWN;
        plugin::bootstrap(
            (Ipv4Addr::LOCALHOST, FIRST_ADMIN_PORT + number).into(),
            ("default", own, &json!({ "app": own, "version": "v1" })),
            &[self.listener(number, parts, filter)],
            &[],
        )
    }

    fn listener(self, number: u16, parts: &Parts, filter: Option<Value>) -> Value {
        let facts = match self.subject {
            Subject::Facts(layer) => Some(layer),
            Subject::Module(_) | Subject::Native(_) => Some(parts.facts),
            Subject::Nothing | Subject::DoNothing | Subject::Rbac(_) => None,
        };
        let mut network = Vec::new();
        let mut http = Vec::new();
        if let Subject::Native(_) = self.subject {
            network.push(plugin::node_of_connections());
        }
        match facts {
            Some(Layer::Network) => network.push(plugin::facts_of_connections()),
            Some(Layer::Http) => http.push(plugin::facts_of_requests()),
            None => {}
        }
        if self.token {
            http.push(remembering(parts.verifier.filter()));
        }
        http.extend(filter);
        network.push(plugin::manager(&http, &self.options()));
        let mut chain = json!({ "filters": network });
        if let (Some(chain), Some(transport)) = (chain.as_object_mut(), &parts.transport) {
            chain.insert("transport_socket".to_owned(), transport.clone());
        }
        json!({ "name": "inbound", "address": plugin::address(Self::address(number)), "filter_chains": [chain] })
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

/// What Bookend gets.
fn configuration(rules: Rules, access_log: AccessLog) -> anyhow::Result<String> {
    let mut configuration = rules.configuration()?;
    configuration.settings.access_log.allowed = access_log == AccessLog::Rule;
    Ok(String::from_utf8(configuration.to_json()?)?)
}

/// The filter that verifies tokens, but it remembers those that it has verified: checking signatures is not what is measured.
fn remembering(mut verifier: Value) -> Value {
    let providers = verifier.pointer_mut("/typed_config/providers").and_then(Value::as_object_mut);
    for provider in providers.into_iter().flat_map(|providers| providers.values_mut()) {
        if let Some(provider) = provider.as_object_mut() {
            provider.insert("jwt_cache_config".to_owned(), json!({ "jwt_cache_size": 100 }));
        }
    }
    verifier
}
