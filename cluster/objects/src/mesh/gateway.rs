//! Gateways among workloads.

use bookend_engine::Labels;
use serde_json::{Value, json};

/// The label of the pods of a Gateway of the Gateway API.
const API: &str = "gateway.networking.k8s.io/gateway-name";
/// The label by which Istio's own kind finds its pods, as it is usually chosen.
const ISTIO: &str = "istio";
/// What names of objects for gateways of the Gateway API begin with, behind `bookend-`.
const PREFIX: &str = "gateway-";

/// Proxies that are entered from outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gateway {
    /// Those of a Gateway of the Gateway API, by its name.
    Api(String),
    /// Those of Istio's own kind, by the value of the label `istio`.
    Istio(String),
}

impl Gateway {
    /// The gateway whose pods have these labels; they are known to be some gateway's. Nothing where no label says which, or objects could not
    /// be called after it.
    pub fn of(labels: &Labels) -> Option<Self> {
        let named = |key: &str| labels.get(key).filter(|name| is_name(name)).cloned();
        if labels.contains_key(API) {
            return named(API).map(Self::Api);
        }
        named(ISTIO).filter(|name| !name.starts_with(PREFIX)).map(Self::Istio)
    }

    /// The label that its pods have: key and value.
    pub fn label(&self) -> (&'static str, &str) {
        match self {
            Self::Api(name) => (API, name),
            Self::Istio(value) => (ISTIO, value),
        }
    }

    /// The name of what is written for it.
    pub(super) fn object(&self) -> String {
        match self {
            Self::Api(name) => format!("bookend-{PREFIX}{name}"),
            Self::Istio(value) => format!("bookend-{value}"),
        }
    }

    /// How a WasmPlugin means it.
    pub(super) fn target(&self) -> (&'static str, Value) {
        match self {
            Self::Api(name) => (
                "targetRefs",
                json!([{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name }]),
            ),
            Self::Istio(_) => ("selector", json!({ "matchLabels": self.labels() })),
        }
    }

    /// The same label, as a selector says it.
    pub(super) fn labels(&self) -> Value {
        let (key, value) = self.label();
        json!({ key: value })
    }
}

/// Whether objects may be called so (RFC 1123; labels may have capitals and underscores too).
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [text.bytes().next(), text.bytes().last()];
    text.len() <= 63
        && ends.into_iter().all(|end| end.is_some_and(plain))
        && text
            .split('.')
            .all(|part| part.bytes().next().is_some_and(plain) && part.bytes().last().is_some_and(plain))
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(labels: &[(&str, &str)]) -> Option<Gateway> {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Gateway::of(&labels.collect())
    }

    #[test]
    fn gateways_are_called_after_their_labels() {
        let istio = |value: &str| Some(Gateway::Istio(value.to_owned()));
        let api = |name: &str| Some(Gateway::Api(name.to_owned()));
        assert_eq!(of(&[("istio", "ingressgateway")]), istio("ingressgateway"));
        assert_eq!(of(&[("istio", "ingress")]), istio("ingress"));
        assert_eq!(of(&[(API, "public"), ("istio", "ingressgateway")]), api("public"));
        assert_eq!(of(&[("app", "door")]), None);
    }

    #[test]
    fn what_no_object_could_be_called_is_left_out_and_no_two_have_one_name() {
        for wrong in ["", "Public", "a_b", "-a", "a.", "a..b"] {
            assert_eq!(of(&[(API, wrong), ("istio", "ingressgateway")]), None, "{wrong}");
            assert_eq!(of(&[("istio", wrong)]), None, "{wrong}");
        }
        assert_eq!(of(&[("istio", "gateway-public")]), None, "the Gateway `public` has that name");
    }
}
