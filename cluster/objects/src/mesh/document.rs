//! A configuration, as it stands in objects.

use serde_json::{Value, json};

use super::{MOST, MOST_TOGETHER, Mesh, POLICIES, REVISION, Unfit, structured};
use crate::install::{Part, labels};

/// A configuration in both forms that objects have places for.
#[derive(Debug)]
pub(super) struct Document {
    /// As an object, for `pluginConfig`.
    pub(super) object: Value,
    /// As a text.
    pub(super) text: String,
}

impl Document {
    pub(super) fn new(mesh: &Mesh<'_>) -> Result<Self, Unfit> {
        // Never for what this project built; and nothing, which no filter accepts, would be the safe answer.
        let object = serde_json::to_value(mesh.configuration).unwrap_or_default();
        let namespace = || mesh.namespace.to_owned();
        let object =
            structured(&object).map_err(|what| Unfit::Unrepresentable { namespace: namespace(), what })?;
        let text = object.to_string();
        // As a text inside of another one it is longer: every quotation mark needs a backslash.
        let bytes = text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        if bytes > MOST {
            let workloads = mesh.configuration.inventory.workloads();
            let instances = workloads.iter().flat_map(|workload| &workload.instances);
            let program = &mesh.configuration.program;
            return Err(Unfit::TooLarge {
                namespace: namespace(),
                bytes,
                workloads: workloads.len(),
                addresses: instances.map(|instance| instance.addresses.len()).sum(),
                rules: program.rules().len() + program.isolations().len(),
            });
        }
        let gateways = mesh.gateways.len();
        if bytes.saturating_mul(gateways + 1) > MOST_TOGETHER {
            return Err(Unfit::TooMany { namespace: namespace(), bytes, gateways });
        }
        Ok(Self { object, text })
    }
}

/// The metadata of an object that holds a configuration.
pub(super) fn configured(mesh: &Mesh<'_>, name: &str) -> Value {
    let mut metadata = plain(mesh, name);
    if let Some(fields) = metadata.as_object_mut() {
        let revisions = json!({ POLICIES: mesh.policies, REVISION: mesh.configuration.revision });
        fields.insert("annotations".to_owned(), revisions);
    }
    metadata
}

/// The metadata of an object that is the same for every configuration.
pub(super) fn plain(mesh: &Mesh<'_>, name: &str) -> Value {
    json!({ "name": name, "namespace": mesh.namespace, "labels": labels(mesh.install, Part::Filter) })
}
