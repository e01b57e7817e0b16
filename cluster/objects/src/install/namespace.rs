//! The namespace of an installation.

use serde_json::{Value, json};

use super::{Installation, Part, labels};

/// The namespace: labelled so that its pods may be what enforcers have to be, and so that Istio leaves it alone.
pub(super) fn namespace(installation: &Installation) -> Value {
    let mut labels = labels(&installation.name, Part::Common);
    for profile in ["enforce", "audit", "warn"] {
        labels.insert(format!("pod-security.kubernetes.io/{profile}"), json!("privileged"));
    }
    labels.insert("istio-injection".to_owned(), json!("disabled"));
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": installation.namespace, "labels": labels },
    })
}
