//! Gateways among workloads.

use bookend_engine::Labels;
use serde_json::{Value, json};

/// The label of the pods of a Gateway of the Gateway API.
const API: &str = "gateway.networking.k8s.io/gateway-name";
/// The label of the class of such a Gateway's pods where it is a waypoint.
const MANAGED: &str = "gateway.istio.io/managed";

/// Proxies that are entered from outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gateway {
    /// Those of a Gateway of the Gateway API, by its name.
    Api(String),
    /// Those of Istio's own kind, by the value of the label `istio`.
    Istio(String),
}

impl Gateway {
    /// The gateway whose pods have these labels, if they are a gateway's (S94). Waypoints are none: the workloads that requests
    /// are for are not their own.
    pub fn of(labels: &Labels) -> Option<Self> {
        if is_waypoint(labels) {
            return None;
        }
        if let Some(name) = labels.get(API) {
            return Some(Self::Api(name.clone()));
        }
        let istio = labels.get("istio")?;
        matches!(istio.as_str(), "ingressgateway" | "egressgateway").then(|| Self::Istio(istio.clone()))
    }

    /// The name of what is written for it.
    pub(super) fn object(&self) -> String {
        match self {
            Self::Api(name) => format!("bookend-gateway-{name}"),
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

    /// The labels that its pods have.
    pub(super) fn labels(&self) -> Value {
        match self {
            Self::Api(name) => json!({ API: name }),
            Self::Istio(value) => json!({ "istio": value }),
        }
    }
}

/// Whether pods with these labels are a waypoint of an ambient mesh.
pub(super) fn is_waypoint(labels: &Labels) -> bool {
    labels.get(MANAGED).is_some_and(|managed| managed.ends_with("mesh-controller"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(labels: &[(&str, &str)]) -> Option<Gateway> {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Gateway::of(&labels.collect())
    }

    #[test]
    fn gateways_are_known_by_their_labels_and_waypoints_are_none() {
        assert_eq!(of(&[("istio", "ingressgateway")]), Some(Gateway::Istio("ingressgateway".to_owned())));
        assert_eq!(of(&[("istio", "pilot")]), None);
        assert_eq!(
            of(&[(API, "public"), ("istio", "ingressgateway")]),
            Some(Gateway::Api("public".to_owned()))
        );
        assert_eq!(of(&[(API, "waypoint"), (MANAGED, "istio.io-mesh-controller")]), None);
        assert_eq!(
            of(&[(API, "public"), (MANAGED, "istio.io-gateway-controller")]),
            Some(Gateway::Api("public".to_owned()))
        );
    }
}
