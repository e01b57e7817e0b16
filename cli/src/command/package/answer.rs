//! What is printed about images that were made.

use std::path::Path;

use bookend_package::registry::Pushed;
use bookend_package::{Package, Reference};
use serde::Serialize;

/// All images.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    pub(super) images: Vec<Entry>,
}

/// An image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// `filter` or `enforcer`.
    name: &'static str,
    /// What pins it: `repository@sha256:…`, or the digest alone if it was not pushed.
    reference: String,
    digest: String,
    media_type: String,
    /// The tag under which it was pushed, or would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    /// Where it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<String>,
    /// What is said about it.
    referrers: Vec<Referrer>,
    /// How many bytes of content were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    artifact_type: String,
    digest: String,
}

impl Entry {
    pub(super) fn new(
        image: &Package,
        reference: Option<&Reference>,
        pushed: Option<&Pushed>,
        out: Option<&Path>,
    ) -> Self {
        let digest = image.descriptor().digest;
        let referrer = |one: &bookend_package::Referrer| Referrer {
            artifact_type: one.manifest.descriptor.artifact_type.clone().unwrap_or_default(),
            digest: one.manifest.descriptor.digest.to_string(),
        };
        Self {
            name: image.name,
            reference: reference.map_or_else(|| digest.to_string(), |named| named.pinned(digest).to_string()),
            digest: digest.to_string(),
            media_type: image.descriptor().media_type.clone(),
            tag: reference.and_then(Reference::tag).map(str::to_owned),
            layout: out.map(|path| format!("{}:{}", path.display(), image.name)),
            referrers: image.referrers.iter().map(referrer).collect(),
            sent: pushed.map(|pushed| pushed.sent),
        }
    }
}

impl Answer {
    /// One image is its reference alone, so that it can be given to another command; of several, each has its name before it.
    pub(super) fn text(&self) -> String {
        match self.images.as_slice() {
            [only] => format!("{}\n", only.reference),
            several => several.iter().map(|one| format!("{:<9} {}\n", one.name, one.reference)).collect(),
        }
    }
}
