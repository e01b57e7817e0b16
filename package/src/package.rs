//! What is pushed or written: an image, with what is said about it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::document::{Descriptor, Manifest, annotation, media};
use crate::input::Input;
use crate::{Blob, Epoch, Flaw, provenance, sbom};

/// What an image is made with, besides its files.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// When the image says that it was made.
    pub epoch: Epoch,
    /// Annotations of the user, which stand before those that are made.
    pub annotations: BTreeMap<String, String>,
    /// Makes no bill of materials and no statement of provenance.
    pub bare: bool,
}

/// An image, with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct Package {
    /// `filter` or `enforcer`.
    pub name: &'static str,
    /// The document that the image's digest is of: a manifest, or an index.
    pub root: Blob,
    /// The manifests that the index points to; none if the root is a manifest.
    pub manifests: Vec<Blob>,
    /// Configurations and layers.
    pub blobs: Vec<Blob>,
    /// What is said about the image: found by the registry's list of referrers.
    pub referrers: Vec<Referrer>,
}

/// Something that is said about an image, in a document of its own that points to the image.
#[derive(Clone, Debug)]
pub struct Referrer {
    /// What it is: `bill of materials`.
    pub what: &'static str,
    /// Its manifest.
    pub manifest: Blob,
    /// What the manifest points to.
    pub blobs: Vec<Blob>,
}

impl Package {
    /// An image and, unless the extras say otherwise, a bill of materials and a statement of how it was made.
    pub(crate) fn complete(
        mut self,
        inputs: &[&Input],
        parameters: Value,
        extras: &Extras,
    ) -> Result<Self, Flaw> {
        if extras.bare {
            return Ok(self);
        }
        let bill = json(&sbom::bill(self.name, &self.root.descriptor, inputs, extras.epoch))?;
        let statement = json(&provenance::statement(self.name, &self.root.descriptor, inputs, parameters))?;
        self.referrers.push(self.referrer("bill of materials", media::CYCLONEDX, bill, extras)?);
        self.referrers.push(self.referrer("statement of provenance", media::IN_TOTO, statement, extras)?);
        Ok(self)
    }

    /// An artifact about this image (OCI image specification 1.1, "Guidelines for artifact usage").
    fn referrer(
        &self,
        what: &'static str,
        media_type: &str,
        bytes: Bytes,
        extras: &Extras,
    ) -> Result<Referrer, Flaw> {
        let payload = Blob::new(format!("the {what} of the {}", self.name), media_type, bytes);
        let empty = Blob::new("an empty document", media::EMPTY, Bytes::from_static(b"{}"));
        let annotations = BTreeMap::from([(annotation::CREATED.to_owned(), extras.epoch.rfc3339())]);
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media::MANIFEST.to_owned()),
            artifact_type: Some(media_type.to_owned()),
            config: empty.descriptor.clone(),
            layers: vec![payload.descriptor.clone()],
            subject: Some(self.root.descriptor.plain()),
            annotations: annotations.clone(),
        };
        let mut manifest = document(format!("the manifest of the {what}"), media::MANIFEST, &manifest)?;
        // So the list of referrers describes it, by the distribution specification 1.1, "Listing Referrers".
        manifest.descriptor.artifact_type = Some(media_type.to_owned());
        manifest.descriptor.annotations = annotations;
        Ok(Referrer { what, manifest, blobs: vec![empty, payload] })
    }

    /// Everything that is not a document: of the image itself, then of what is said about it; nothing twice.
    pub fn all_blobs(&self) -> impl Iterator<Item = &Blob> {
        let mut seen = std::collections::BTreeSet::new();
        let said = self.referrers.iter().flat_map(|referrer| &referrer.blobs);
        self.blobs.iter().chain(said).filter(move |blob| seen.insert(blob.descriptor.digest))
    }

    /// Every document: manifests before what points to them, the image before what is said about it.
    pub fn documents(&self) -> impl Iterator<Item = &Blob> {
        let said = self.referrers.iter().map(|referrer| &referrer.manifest);
        self.manifests.iter().chain([&self.root]).chain(said)
    }

    /// What points to the image.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.root.descriptor
    }
}

/// A document as a blob.
pub(crate) fn document(what: String, media_type: &str, document: &impl Serialize) -> Result<Blob, Flaw> {
    Ok(Blob::new(what, media_type, json(document)?))
}

/// A document as bytes, always the same: keys are sorted, whatever order the library for JSON was compiled to keep.
pub(crate) fn json(document: &impl Serialize) -> Result<Bytes, Flaw> {
    let value = serde_json::to_value(document).map(sorted);
    let bytes = value
        .and_then(|value| serde_json::to_vec(&value))
        .map_err(|error| Flaw::Unpackable { what: "a document".to_owned(), source: error.into() })?;
    Ok(bytes.into())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|(left, _), (right, _)| left.cmp(right));
            Value::Object(fields.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// What is said of an image in its annotations and in its labels.
pub(crate) fn annotations(title: &str, description: &str, extras: &Extras) -> BTreeMap<String, String> {
    let own = [
        (annotation::CREATED, extras.epoch.rfc3339()),
        (annotation::DESCRIPTION, description.to_owned()),
        (annotation::LICENSES, env!("CARGO_PKG_LICENSE").to_owned()),
        (annotation::TITLE, title.to_owned()),
        (annotation::VERSION, env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let mut all: BTreeMap<String, String> =
        own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    all.extend(extras.annotations.clone());
    all
}
