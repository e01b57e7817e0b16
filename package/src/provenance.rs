//! How an image was made: an in-toto statement with a SLSA predicate (<https://slsa.dev/spec/v1.0/provenance>).

use serde_json::{Value, json};

use crate::document::Descriptor;
use crate::input::Input;

/// What `bookend package` put together, of which files.
///
/// Nobody signs it: it says what was done, and proves nothing to whom does not trust where it lies. Nor does it say how the
/// files themselves were compiled. It names no time, machine or run, so that the same files give the same statement.
pub(crate) fn statement(name: &str, image: &Descriptor, inputs: &[&Input], parameters: Value) -> Value {
    let materials: Vec<Value> = inputs
        .iter()
        .map(|input| json!({"name": input.place(), "digest": {"sha256": input.digest().hex()}}))
        .collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": format!("bookend-{name}"), "digest": {"sha256": image.digest.hex()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://bookend.dev/package/v1",
                "externalParameters": parameters,
                "internalParameters": {
                    "signed": false,
                    "scope": "the packing of finished files into an image; how the files were compiled is not told",
                },
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": {
                    "id": "https://bookend.dev/package",
                    "version": {"bookend": env!("CARGO_PKG_VERSION")},
                },
            },
        },
    })
}
