//! Reading back what lies in a registry.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::{Asked, Registry, Trouble};
use crate::document::{Descriptor, media};
use crate::input::MOST_BYTES;
use crate::{Blob, Digest};

impl Registry {
    /// A manifest or an index, by its tag or its digest.
    ///
    /// # Errors
    /// When it is not there, or is another than its digest says.
    pub async fn manifest(&self, name: &str) -> Result<Blob, Trouble> {
        let accepted =
            [media::MANIFEST, media::INDEX, media::DOCKER_MANIFEST, media::DOCKER_INDEX].join(", ");
        let what = format!("{}{}{name}", self.reference.name(), if name.contains(':') { '@' } else { ':' });
        let asked =
            Asked::new(Method::GET, self.url(&format!("manifests/{name}"))?, &what).header(ACCEPT, &accepted);
        let answer = self.ask(&asked).await?;
        if !answer.status.is_success() {
            return Err(self.trouble(&asked, &answer));
        }
        let media_type = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        if let Ok(expected) = name.parse() {
            self.compare(&what, &answer.body, expected)?;
        }
        Ok(Blob::new(what, &media_type, answer.body))
    }

    /// A blob.
    ///
    /// # Errors
    /// When it is not there, too large, or another than its digest says.
    pub async fn blob(&self, descriptor: &Descriptor) -> Result<Bytes, Trouble> {
        let digest = descriptor.digest;
        if descriptor.size > MOST_BYTES {
            let reason = format!(
                "it has a layer of {} bytes, more than the {MOST_BYTES} that are taken",
                descriptor.size
            );
            return Err(self.garbage(reason));
        }
        let mut asked = Asked::new(Method::GET, self.url(&format!("blobs/{digest}"))?, digest.to_string());
        asked.most = descriptor.size;
        let answer = self.ask(&asked).await?;
        if !answer.status.is_success() {
            return Err(self.trouble(&asked, &answer));
        }
        self.compare(&digest.to_string(), &answer.body, digest)?;
        Ok(answer.body)
    }

    fn compare(&self, what: &str, bytes: &[u8], expected: Digest) -> Result<(), Trouble> {
        let found = Digest::of(bytes);
        if found == expected {
            return Ok(());
        }
        let (registry, what) = (self.reference.registry().to_owned(), what.to_owned());
        Err(Trouble::OtherDigest { registry, what, expected, found })
    }
}
