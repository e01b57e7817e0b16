//! The definitions of Bookend's kinds: what `cluster/crds` holds, which is made from the types of `bookend-api`.

use serde_json::{Value, json};

use super::{Installation, Part, labels};

/// The definitions as YAML, one document each, by the names of their files.
pub const DEFINITIONS: &[(&str, &str)] = &[
    ("policies.yaml", include_str!("../../../crds/policies.yaml")),
    ("clusterpolicies.yaml", include_str!("../../../crds/clusterpolicies.yaml")),
    ("tiers.yaml", include_str!("../../../crds/tiers.yaml")),
    ("networks.yaml", include_str!("../../../crds/networks.yaml")),
    ("hosts.yaml", include_str!("../../../crds/hosts.yaml")),
    ("reportings.yaml", include_str!("../../../crds/reportings.yaml")),
    ("inventories.yaml", include_str!("../../../crds/inventories.yaml")),
    ("enforcers.yaml", include_str!("../../../crds/enforcers.yaml")),
];

/// The definitions, labelled as the installation's.
pub(super) fn definitions(installation: &Installation) -> Vec<Value> {
    installation
        .definitions
        .iter()
        .map(|definition| labelled(definition.clone(), &installation.name))
        .collect()
}

fn labelled(mut definition: Value, install: &str) -> Value {
    if let Some(metadata) = definition.get_mut("metadata").and_then(Value::as_object_mut) {
        let known = metadata.entry("labels").or_insert_with(|| json!({}));
        let mut all = known.as_object().cloned().unwrap_or_default();
        all.extend(labels(install, Part::Definition));
        *known = Value::Object(all);
        // What a generator leaves empty belongs to the server.
        metadata.remove("creationTimestamp");
    }
    if let Some(fields) = definition.as_object_mut() {
        fields.remove("status");
    }
    definition
}
