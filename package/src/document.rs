//! The documents of the OCI image specification 1.1, as far as images of Bookend have them.
//!
//! They are written with their fields sorted: equal documents are equal bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// Media types, each with where it comes from.
pub mod media {
    /// An image manifest of OCI.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An image index of OCI.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// A configuration of OCI.
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// A layer of OCI: a tar archive compressed with gzip.
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// `{}`, where something must be pointed to and there is nothing (OCI image specification, "Guidance for an empty descriptor").
    pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// An image manifest of Docker, version 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// An index of Docker, called a list of manifests.
    pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// A configuration of Docker.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// A layer of Docker: a tar archive compressed with gzip.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// A WebAssembly module as it is (the WASM artifact image specification of solo-io/wasm).
    pub const WASM: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
    /// What runs a WebAssembly module, and by which interface (the same specification).
    pub const WASM_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
    /// A bill of materials of CycloneDX in JSON (registered with IANA).
    pub const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
    /// A statement of in-toto, not signed (registered with IANA).
    pub const IN_TOTO: &str = "application/vnd.in-toto+json";
}

/// Keys of annotations that the OCI image specification defines.
pub mod annotation {
    /// When it was made.
    pub const CREATED: &str = "org.opencontainers.image.created";
    /// What it is.
    pub const DESCRIPTION: &str = "org.opencontainers.image.description";
    /// Its licenses, as an SPDX expression.
    pub const LICENSES: &str = "org.opencontainers.image.licenses";
    /// The name by which an image layout knows it.
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// Its title; of a layer, its file name.
    pub const TITLE: &str = "org.opencontainers.image.title";
    /// Its version.
    pub const VERSION: &str = "org.opencontainers.image.version";
}

/// How content is pointed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// What kind of artifact it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The same content, with nothing said of it but what it is.
    #[must_use]
    pub fn plain(&self) -> Self {
        let Self { media_type, digest, size, .. } = self;
        Self {
            media_type: media_type.clone(),
            digest: *digest,
            size: *size,
            artifact_type: None,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// A manifest of an image or of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u8,
    /// What this document is; old ones of OCI do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What kind of artifact it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Several manifests under one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u8,
    /// What this document is; old ones of OCI do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// An index of OCI.
    #[must_use]
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media::INDEX.to_owned()),
            manifests,
            annotations: BTreeMap::new(),
        }
    }
}

/// An operating system and a processor, as Go names them: `linux/amd64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// `linux`.
    pub os: String,
}

impl Platform {
    /// Where most clusters run, and what Istio's agent takes of an index.
    #[must_use]
    pub fn usual() -> Self {
        Self { architecture: "amd64".to_owned(), os: "linux".to_owned() }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

impl FromStr for Platform {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "linux/amd64" | "linux/arm64" => {
                let architecture = text.trim_start_matches("linux/").to_owned();
                Ok(Self { architecture, os: "linux".to_owned() })
            }
            _ => Err("a platform is `linux/amd64` or `linux/arm64`"),
        }
    }
}
