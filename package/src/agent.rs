//! What Istio's agent does with an image that a WasmPlugin names: which module it takes out of it, or why none.
//!
//! The rules are those of istio/istio, pkg/wasm, `imagefetcher.go` and `cache.go`.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;

use crate::Digest;
use crate::document::{Descriptor, Manifest, media};
use crate::input::MOST_BYTES;

/// The file that is looked for in a layer that is an archive; in any directory.
pub const FILE: &str = "plugin.wasm";

/// Why the agent takes no module out of an image. A proxy whose agent does not stays without the filter, and refuses everything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither way of reading the image finds a module.
    #[error("Istio's agent finds no module in the image: as an image, {image}; as an artifact, {artifact}")]
    Neither {
        /// What is wrong with it as an image of OCI.
        image: String,
        /// What is wrong with it as an artifact.
        artifact: String,
    },
    /// An image of Docker has no module.
    #[error("Istio's agent finds no module in the image: {0}")]
    Docker(String),
    /// What it finds is no module.
    #[error(
        "Istio's agent takes {found} bytes out of the image that are no WebAssembly; push the filter again with `bookend package filter`"
    )]
    NotWasm {
        /// How many bytes it finds.
        found: usize,
    },
}

/// The layers that the agent may fetch, of which it reads at most one.
#[must_use]
pub fn wanted(manifest: &Manifest) -> Vec<&Descriptor> {
    let last = manifest.layers.last();
    let raw = manifest.layers.iter().find(|layer| layer.media_type == media::WASM);
    let archive =
        last.filter(|layer| [media::LAYER, media::DOCKER_LAYER].contains(&layer.media_type.as_str()));
    archive.into_iter().chain(raw).collect()
}

/// The module that the agent takes out of an image, given its manifest and the layers that are [`wanted`].
///
/// # Errors
/// When it takes none.
pub fn module(manifest: &Manifest, layers: &BTreeMap<Digest, Bytes>) -> Result<Bytes, Refusal> {
    let docker = manifest.media_type.as_deref() == Some(media::DOCKER_MANIFEST);
    let module = if docker {
        image(manifest, layers, media::DOCKER_LAYER).map_err(Refusal::Docker)?
    } else {
        match image(manifest, layers, media::LAYER) {
            Ok(module) => module,
            Err(image) => {
                artifact(manifest, layers).map_err(|artifact| Refusal::Neither { image, artifact })?
            }
        }
    };
    if module.len() >= 8 && module.starts_with(b"\0asm") {
        Ok(module)
    } else {
        Err(Refusal::NotWasm { found: module.len() })
    }
}

/// The last layer is an archive with the module.
fn image(manifest: &Manifest, layers: &BTreeMap<Digest, Bytes>, media_type: &str) -> Result<Bytes, String> {
    let last = manifest.layers.last().ok_or("it has no layer")?;
    if last.media_type != media_type {
        return Err(format!("its last layer is `{}`, not `{media_type}`", last.media_type));
    }
    let bytes = layers.get(&last.digest).ok_or("its last layer is missing")?;
    let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_ref()).take(MOST_BYTES + 1));
    for entry in archive.entries().map_err(|error| format!("its last layer is no archive: {error}"))? {
        let entry =
            entry.map_err(|error| format!("its last layer is no archive compressed with gzip: {error}"))?;
        let path = entry.path_bytes();
        if path.rsplit(|&byte| byte == b'/').next() != Some(FILE.as_bytes()) {
            continue;
        }
        let size = entry.size();
        if size > MOST_BYTES {
            return Err(format!(
                "`{FILE}` in it has {size} bytes, more than the {MOST_BYTES} that are taken"
            ));
        }
        let mut module = Vec::new();
        entry
            .take(MOST_BYTES)
            .read_to_end(&mut module)
            .map_err(|error| format!("`{FILE}` in its last layer breaks off: {error}"))?;
        if module.len() as u64 != size {
            return Err(format!("`{FILE}` in its last layer breaks off after {} bytes", module.len()));
        }
        return Ok(module.into());
    }
    Err(format!("there is no `{FILE}` in its last layer"))
}

/// One of exactly two layers is the module as it is.
fn artifact(manifest: &Manifest, layers: &BTreeMap<Digest, Bytes>) -> Result<Bytes, String> {
    if manifest.layers.len() != 2 {
        return Err(format!("it has {} layers, where exactly two are asked for", manifest.layers.len()));
    }
    let raw = manifest.layers.iter().find(|layer| layer.media_type == media::WASM);
    let raw = raw.ok_or_else(|| format!("it has no layer `{}`", media::WASM))?;
    if raw.size > MOST_BYTES {
        return Err(format!("the module has {} bytes, more than the {MOST_BYTES} that are taken", raw.size));
    }
    Ok(layers.get(&raw.digest).ok_or("the layer of the module is missing")?.clone())
}
