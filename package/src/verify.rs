//! Reading an image back as those do who will run it.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;

use crate::document::{Descriptor, Index, Manifest, Platform, media};
use crate::input::{self, MOST_BYTES, Part};
use crate::layout::Layout;
use crate::registry::{Registry, Trouble};
use crate::{Blob, Digest, Flaw, agent, enforcer};

/// Where an image lies.
#[derive(Clone, Copy)]
pub enum Place<'p> {
    /// In a registry.
    Registry(&'p Registry),
    /// In an image layout, under a name if there are several.
    Layout(&'p Layout, Option<&'p str>),
}

/// An image that will run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The digest of the document that was asked for.
    pub digest: Digest,
    /// What is in it.
    pub content: Content,
}

/// What is in an image that will run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A filter.
    Filter {
        /// What a WasmPlugin's `sha256` has to be: the digest of the manifest that the agent ends up with.
        pin: Digest,
        /// The digest of the module itself.
        module: Digest,
        /// How many bytes the module has.
        size: usize,
        /// The version of proxy-wasm that it is written for.
        interface: &'static str,
    },
    /// An enforcer, with the digests of its files for each platform.
    Enforcer(BTreeMap<Platform, BTreeMap<String, Digest>>),
}

/// Why an image will not run.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The registry does not give it.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// The image layout does not have it.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// Istio's agent takes no module out of it.
    #[error(transparent)]
    Agent(#[from] agent::Refusal),
    /// It is something else.
    #[error("`{name}` is no image of Bookend: {reason}; push it again with `bookend package`")]
    Other {
        /// What was looked at.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Place<'_> {
    async fn root(self) -> Result<Blob, Unfit> {
        match self {
            Self::Registry(registry) => {
                let reference = registry.reference();
                let digest = reference.digest().map(|digest| digest.to_string());
                Ok(registry.manifest(digest.as_deref().or(reference.tag()).unwrap_or("latest")).await?)
            }
            Self::Layout(layout, name) => {
                let descriptor = layout.image(name)?;
                let bytes = layout.content(&descriptor)?;
                Ok(Blob::new(name.unwrap_or("the image"), &descriptor.media_type, bytes))
            }
        }
    }

    async fn manifest(self, descriptor: &Descriptor) -> Result<Manifest, Unfit> {
        let bytes = match self {
            Self::Registry(registry) => registry.manifest(&descriptor.digest.to_string()).await?.bytes,
            Self::Layout(layout, _) => layout.content(descriptor)?,
        };
        manifest(&descriptor.digest.to_string(), &bytes)
    }

    async fn content(self, descriptor: &Descriptor) -> Result<Bytes, Unfit> {
        match self {
            Self::Registry(registry) => Ok(registry.blob(descriptor).await?),
            Self::Layout(layout, _) => Ok(layout.content(descriptor)?),
        }
    }
}

/// Reads an image back: a filter by the rules of Istio's agent, an enforcer by those of an image that starts from nothing.
///
/// # Errors
/// When it will not run.
pub async fn verify(place: Place<'_>) -> Result<Verified, Unfit> {
    let root = place.root().await?;
    let (name, digest) = (&root.what, root.descriptor.digest);
    let is_index = [media::INDEX, media::DOCKER_INDEX].contains(&root.descriptor.media_type.as_str());
    if !is_index {
        let content = filter(place, digest, &manifest(name, &root.bytes)?, name).await?;
        return Ok(Verified { digest, content });
    }
    let index: Index = serde_json::from_slice(&root.bytes)
        .map_err(|error| other(name, format!("its index is broken: {error}")))?;
    let mut platforms = BTreeMap::new();
    for entry in &index.manifests {
        let Some(platform) = &entry.platform else { continue };
        let manifest = place.manifest(entry).await?;
        // Of an index, the agent takes what runs on most machines; but nobody can pin that by the digest of the index.
        if index.manifests.len() == 1
            && let Ok(content) = filter(place, entry.digest, &manifest, name).await
        {
            return Ok(Verified { digest, content });
        }
        platforms.insert(platform.clone(), files(place, platform, &manifest, name).await?);
    }
    if platforms.is_empty() {
        return Err(other(name, "its index names no platform".to_owned()));
    }
    Ok(Verified { digest, content: Content::Enforcer(platforms) })
}

/// What the agent takes out of an image.
async fn filter(place: Place<'_>, pin: Digest, manifest: &Manifest, name: &str) -> Result<Content, Unfit> {
    let mut layers = BTreeMap::new();
    for descriptor in agent::wanted(manifest) {
        layers.insert(descriptor.digest, place.content(descriptor).await?);
    }
    let module = agent::module(manifest, &layers)?;
    let interface = input::module_interface(&module)
        .map_err(|reason| other(name, format!("Istio's agent takes a module out of it, but {reason}")))?;
    Ok(Content::Filter { pin, module: Digest::of(&module), size: module.len(), interface })
}

/// The files of an enforcer's image: those that there have to be, and no others.
async fn files(
    place: Place<'_>,
    platform: &Platform,
    manifest: &Manifest,
    name: &str,
) -> Result<BTreeMap<String, Digest>, Unfit> {
    let wrong = |reason: String| other(name, format!("for {platform}, {reason}"));
    let [layer] = manifest.layers.as_slice() else {
        return Err(wrong(format!("it has {} layers and not one", manifest.layers.len())));
    };
    let packed = place.content(layer).await?;
    let unpacked = unpack(&packed).map_err(|error| wrong(format!("its layer is no archive: {error}")))?;
    let mut files = BTreeMap::new();
    for (part, _) in enforcer::FILES {
        let path = format!("{}/{}", enforcer::DIRECTORY, part.file());
        let bytes = unpacked.get(&path).ok_or_else(|| wrong(format!("there is no `/{path}`")))?;
        let looked = match part {
            Part::Programs => input::look_kernel_programs(bytes),
            Part::Enforcer | Part::Cni | Part::Filter => input::look_program(bytes, platform),
        };
        looked.map_err(|reason| wrong(format!("of `/{path}`: {reason}")))?;
        files.insert(format!("/{path}"), Digest::of(bytes));
    }
    match unpacked.keys().find(|path| !files.contains_key(&format!("/{path}"))) {
        Some(path) => Err(wrong(format!("there is also `/{path}`, which does not belong there"))),
        None => Ok(files),
    }
}

/// The files in a compressed archive.
fn unpack(packed: &[u8]) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut archive = tar::Archive::new(GzDecoder::new(packed).take(3 * MOST_BYTES));
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(path, bytes);
    }
    Ok(files)
}

fn manifest(name: &str, bytes: &[u8]) -> Result<Manifest, Unfit> {
    serde_json::from_slice(bytes).map_err(|error| other(name, format!("its manifest is broken: {error}")))
}

fn other(name: &str, reason: String) -> Unfit {
    Unfit::Other { name: name.to_owned(), reason }
}
