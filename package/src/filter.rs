//! The filter's image, in each layout that Istio's agent accepts (<https://github.com/solo-io/wasm/tree/master/spec>).
//!
//! Always a plain manifest and never an index: `sha256` of a WasmPlugin is the digest of the manifest that the agent ends up with.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::archive::{self, Entry};
use crate::document::{Manifest, Platform, annotation, media};
use crate::input::Input;
use crate::package::{annotations, document, json as bytes};
use crate::{Blob, Digest, Extras, Flaw, Package, agent};

/// How the module lies in its image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// An image of OCI, with `plugin.wasm` in its only layer. Every registry, proxy of one, and tool that knows images takes it.
    #[default]
    OciImage,
    /// The same as an image of Docker, for registries that know no other.
    DockerImage,
    /// An artifact of two layers, the module as it is and what it is for.
    Artifact,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OciImage => "oci-image",
            Self::DockerImage => "docker-image",
            Self::Artifact => "artifact",
        })
    }
}

const TITLE: &str = "bookend-filter";
const DESCRIPTION: &str = "Bookend's filter: judges requests and connections in Envoy";

/// Makes the filter's image.
///
/// # Errors
/// When it cannot be packed.
pub fn build(module: &Input, layout: Layout, extras: &Extras) -> Result<Package, Flaw> {
    let annotations = annotations(TITLE, DESCRIPTION, extras);
    let (config, layers, manifest_type, config_type) = match layout {
        Layout::OciImage => {
            image(module, extras, &annotations, media::MANIFEST, media::CONFIG, media::LAYER)?
        }
        Layout::DockerImage => image(
            module,
            extras,
            &annotations,
            media::DOCKER_MANIFEST,
            media::DOCKER_CONFIG,
            media::DOCKER_LAYER,
        )?,
        Layout::Artifact => artifact(module)?,
    };
    let config = Blob::new("the filter's configuration", config_type, bytes(&config)?);
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(manifest_type.to_owned()),
        artifact_type: None,
        config: config.descriptor.clone(),
        layers: layers.iter().map(|layer| layer.descriptor.clone()).collect(),
        subject: None,
        // Manifests of Docker have none.
        annotations: if layout == Layout::DockerImage { BTreeMap::new() } else { annotations },
    };
    let root = document("the filter's manifest".to_owned(), manifest_type, &manifest)?;
    let mut blobs = layers;
    if blobs.iter().all(|layer| layer.descriptor.digest != config.descriptor.digest) {
        blobs.push(config);
    }
    let package = Package { name: "filter", root, manifests: Vec::new(), blobs, referrers: Vec::new() };
    let parameters = json!({
        "layout": layout.to_string(),
        "sourceDateEpoch": extras.epoch.seconds(),
        "annotations": extras.annotations,
    });
    package.complete(&[module], parameters, extras)
}

type Parts = (Value, Vec<Blob>, &'static str, &'static str);

/// One layer, an archive of the module.
fn image(
    module: &Input,
    extras: &Extras,
    labels: &BTreeMap<String, String>,
    manifest: &'static str,
    config: &'static str,
    layer: &'static str,
) -> Result<Parts, Flaw> {
    let packing = Flaw::unpackable("the module");
    let entry = Entry::File(agent::FILE.to_owned(), false, module.bytes());
    let archive = archive::tar(&[entry], extras.epoch).map_err(packing)?;
    let compressed = archive::gzip(&archive).map_err(Flaw::unpackable("the module"))?;
    // The module runs wherever a proxy does, but an image has to say something: what nearly everybody asks for.
    let Platform { architecture, os } = Platform::usual();
    let configuration = json!({
        "created": extras.epoch.rfc3339(),
        "architecture": architecture,
        "os": os,
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&archive)]},
        "history": [{"created": extras.epoch.rfc3339(), "created_by": "bookend package filter"}],
    });
    Ok((configuration, vec![Blob::new("the layer with the module", layer, compressed)], manifest, config))
}

/// The module as it is, and what runs it.
fn artifact(module: &Input) -> Result<Parts, Flaw> {
    let runtime = json!({"type": "envoy_proxy", "abiVersions": ["v0-0.2.1"], "config": {"rootIds": []}});
    let config = Blob::new("what runs the module", media::WASM_CONFIG, bytes(&runtime)?)
        .annotated(annotation::TITLE, "runtime-config.json");
    let module = Blob::new("the module", media::WASM, module.bytes().clone())
        .annotated(annotation::TITLE, "filter.wasm");
    Ok((runtime, vec![config, module], media::MANIFEST, media::WASM_CONFIG))
}
