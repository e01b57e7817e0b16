//! Who is told how far things have come.

use std::time::Duration;

use crate::Blob;

/// Who is told how far a push has come. Every method does nothing unless it is written.
pub trait Progress: Send + Sync {
    /// The registry has a blob already.
    fn exists(&self, blob: &Blob) {
        let _ = blob;
    }

    /// The registry has taken a blob from another repository.
    fn mounted(&self, blob: &Blob, from: &str) {
        let _ = (blob, from);
    }

    /// So many bytes of a blob are handed to the network. Less than before if some have to be sent again.
    fn sent(&self, blob: &Blob, bytes: u64) {
        let _ = (blob, bytes);
    }

    /// The upload of a blob goes on after the registry said that it has so many bytes; 0 if it begins anew.
    fn resumed(&self, blob: &Blob, bytes: u64) {
        let _ = (blob, bytes);
    }

    /// A blob is whole in the registry.
    fn done(&self, blob: &Blob) {
        let _ = blob;
    }

    /// A document is in the registry, under a tag or a digest.
    fn document(&self, what: &str, name: &str) {
        let _ = (what, name);
    }

    /// Something failed and is tried again after a while; the reason is a sentence.
    fn waits(&self, reason: &str, pause: Duration) {
        let _ = (reason, pause);
    }
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}
