//! Pushing a package.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, StatusCode};

use super::upload::Way;
use super::{Asked, Payload, Registry, Trouble};
use crate::document::{Descriptor, Index, media};
use crate::{Blob, Digest, Package, Reference};

/// What a push came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The image, by its digest.
    pub reference: Reference,
    /// How many bytes of content were sent.
    pub sent: u64,
    /// How many blobs were there already, or were taken from another repository.
    pub spared: usize,
}

impl Registry {
    /// Pushes a package under the reference's tag, and looks whether it is there.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub async fn push(&self, package: &Package) -> Result<Pushed, Trouble> {
        let (mut sent, mut spared) = (0, 0);
        for blob in package.all_blobs() {
            match self.provide(blob).await? {
                Way::Sent => sent += blob.descriptor.size,
                Way::Existed | Way::Mounted => spared += 1,
            }
        }
        for manifest in &package.manifests {
            self.put(manifest, &manifest.descriptor.digest.to_string()).await?;
        }
        let digest = package.descriptor().digest;
        let name = self.reference.tag().map_or_else(|| digest.to_string(), str::to_owned);
        self.put(&package.root, &name).await?;
        for referrer in &package.referrers {
            let manifest = &referrer.manifest;
            let lists = self.put(manifest, &manifest.descriptor.digest.to_string()).await?;
            if !lists {
                self.list(digest, &manifest.descriptor).await?;
            }
        }
        self.manifest(&digest.to_string()).await?;
        Ok(Pushed { reference: self.reference.pinned(digest), sent, spared })
    }

    /// Puts a document under a tag or its digest, and says whether the registry keeps the list of referrers itself
    /// (distribution specification, "Pushing Manifests with Subject").
    async fn put(&self, document: &Blob, name: &str) -> Result<bool, Trouble> {
        let url = self.url(&format!("manifests/{name}"))?;
        let asked = Asked::new(Method::PUT, url, &document.what)
            .header(CONTENT_TYPE, &document.descriptor.media_type)
            .body(Payload::Whole(document.bytes.clone()));
        let answer = self.ask(&asked).await?;
        if !answer.status.is_success() {
            return Err(self.trouble(&asked, &answer));
        }
        let found = answer.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        if let Some(found) = found.filter(|found| *found != document.descriptor.digest) {
            return Err(Trouble::OtherDigest {
                registry: self.reference.registry().to_owned(),
                what: document.what.clone(),
                expected: document.descriptor.digest,
                found,
            });
        }
        self.progress.document(&document.what, name);
        Ok(answer.headers.contains_key("oci-subject"))
    }

    /// Adds to the list of an image's referrers, which a registry that knows none keeps as an index under a tag
    /// (distribution specification, "Referrers Tag Schema").
    async fn list(&self, subject: Digest, entry: &Descriptor) -> Result<(), Trouble> {
        let tag = subject.to_string().replace(':', "-");
        let url = self.url(&format!("manifests/{tag}"))?;
        let asked = Asked::new(Method::GET, url, "the list of what is said about the image")
            .header(ACCEPT, media::INDEX);
        let answer = self.ask(&asked).await?;
        let mut index = match answer.status {
            StatusCode::NOT_FOUND => Index::new(Vec::new()),
            status if status.is_success() => serde_json::from_slice(&answer.body).map_err(|error| {
                self.garbage(format!("its list `{tag}` of what is said about the image is broken: {error}"))
            })?,
            _ => return Err(self.trouble(&asked, &answer)),
        };
        if index.manifests.iter().any(|other| other.digest == entry.digest) {
            return Ok(());
        }
        index.manifests.push(entry.clone());
        let bytes = serde_json::to_vec(&index).map_err(|error| self.garbage(error.to_string()))?;
        let list = Blob::new("the list of what is said about the image", media::INDEX, bytes);
        self.put(&list, &tag).await.map(|_| ())
    }
}
