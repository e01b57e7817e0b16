//! WasmPlugin and TrafficExtension: the filter of requests.

use serde_json::{Map, Value, json};

use super::document::{Document, configured};
use super::{Gateway, Means, Mesh};

/// The name of the object for sidecars.
const NAME: &str = "bookend";

/// One for the sidecars of the namespace, and one for each gateway.
pub(super) fn objects<'m>(mesh: &Mesh<'m>, document: &Document) -> Vec<(Option<&'m Gateway>, Value)> {
    let sidecars = (!mesh.root).then(|| (None, object(mesh, document, None)));
    let gateways = mesh.gateways.iter().map(|gateway| (Some(gateway), object(mesh, document, Some(gateway))));
    sidecars.into_iter().chain(gateways).collect()
}

fn object(mesh: &Mesh<'_>, document: &Document, gateway: Option<&Gateway>) -> Value {
    let name = gateway.map_or_else(|| NAME.to_owned(), Gateway::object);
    let mut spec = Map::new();
    spec.extend(gateway.map(|gateway| {
        let (field, target) = gateway.target();
        (field.to_owned(), target)
    }));
    // Behind what verifies tokens; before Istio's own policies and everything else that has a phase of its own.
    spec.insert("phase".to_owned(), json!("AUTHZ"));
    // Higher is earlier.
    spec.insert("priority".to_owned(), json!(1000));
    let mode = if gateway.is_some() { "CLIENT" } else { "SERVER" };
    spec.insert("match".to_owned(), json!([{ "mode": mode }]));
    let module = module(mesh, document);
    let kind = match mesh.means {
        Means::TrafficExtension => {
            spec.insert("wasm".to_owned(), Value::Object(module));
            "TrafficExtension"
        }
        _ => {
            spec.extend(module);
            "WasmPlugin"
        }
    };
    json!({
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": kind,
        "metadata": configured(mesh, &name),
        "spec": spec,
    })
}

fn module(mesh: &Mesh<'_>, document: &Document) -> Map<String, Value> {
    let mut module = Map::from_iter([
        ("type".to_owned(), json!("HTTP")),
        ("url".to_owned(), json!(mesh.pull.url())),
        ("imagePullPolicy".to_owned(), json!("IfNotPresent")),
        ("pluginName".to_owned(), json!(NAME)),
        ("failStrategy".to_owned(), json!("FAIL_CLOSE")),
        ("pluginConfig".to_owned(), document.object.clone()),
    ]);
    module.extend(mesh.pull.sha256().map(|sha256| ("sha256".to_owned(), json!(sha256))));
    module.extend(mesh.pull.secret.as_ref().map(|secret| ("imagePullSecret".to_owned(), json!(secret))));
    module
}

impl super::Pull {
    /// Where proxies find the module.
    pub(super) fn url(&self) -> String {
        format!("oci://{}", self.image)
    }

    /// The digest of the image's manifest, as hexadecimal digits.
    pub(super) fn sha256(&self) -> Option<&str> {
        self.image.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:"))
    }
}
