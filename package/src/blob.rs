//! Content that a manifest points to.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::Digest;
use crate::document::Descriptor;

/// Content, and how it is pointed to.
#[derive(Clone, Debug)]
pub struct Blob {
    /// What it is, for people: `the module`, `the layer of linux/amd64`.
    pub what: String,
    /// How a manifest points to it.
    pub descriptor: Descriptor,
    /// The content.
    pub bytes: Bytes,
}

impl Blob {
    /// Content of a media type.
    pub fn new(what: impl Into<String>, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let descriptor = Descriptor {
            media_type: media_type.to_owned(),
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            platform: None,
            annotations: BTreeMap::new(),
        };
        Self { what: what.into(), descriptor, bytes }
    }

    /// With an annotation on whatever points to it.
    #[must_use]
    pub fn annotated(mut self, key: &str, value: &str) -> Self {
        self.descriptor.annotations.insert(key.to_owned(), value.to_owned());
        self
    }
}
