//! How far a push has come, for people.

use std::time::Duration;

use bookend_package::{Blob, Progress};

use crate::bars::Bytes;

/// A bar for each blob, and a line for what is done.
pub(super) struct Report {
    bytes: Bytes,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { bytes: Bytes::new() }
    }
}

impl Progress for Report {
    fn exists(&self, blob: &Blob) {
        self.bytes.say(&format!("{} is there already", blob.what));
    }

    fn mounted(&self, blob: &Blob, from: &str) {
        self.bytes.say(&format!("{} is taken from `{from}`", blob.what));
    }

    fn sent(&self, blob: &Blob, bytes: u64) {
        self.bytes.at(&blob.what, bytes, blob.descriptor.size);
    }

    fn resumed(&self, blob: &Blob, bytes: u64) {
        let size = blob.descriptor.size;
        self.bytes.say(&match bytes {
            0 => format!("{} is sent again from its beginning", blob.what),
            bytes => format!("{} goes on after {bytes} of {size} bytes", blob.what),
        });
    }

    fn done(&self, blob: &Blob) {
        self.bytes.say(&format!("{}: {} bytes sent", blob.what, blob.descriptor.size));
    }

    fn waits(&self, reason: &str, pause: Duration) {
        self.bytes.say(&format!("trying again in {:.1} s: {reason}", pause.as_secs_f64()));
    }
}
