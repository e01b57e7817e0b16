//! References to images.

use std::fmt;

/// A reference to an image, as far as it says which one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The reference without tag and digest.
    pub repository: String,
    /// The tag, if it has one.
    pub tag: Option<String>,
    /// The digest, such as `sha256:…`, if it has one.
    pub digest: Option<String>,
}

/// A reference that does not say which image is meant, or is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpinned {
    /// It has no digest, so that tomorrow it may be another image.
    NoDigest,
    /// It is no reference.
    Malformed,
}

impl Image {
    /// Reads a reference: `registry/repository[:tag][@sha256:digest]`.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Self, Unpinned> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let hexadecimal = |digest: &str| {
            digest.strip_prefix("sha256:").is_some_and(|hex| {
                hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            })
        };
        // A colon before the last slash belongs to a port.
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((before, tag)) if !tag.contains('/') => (before, Some(tag)),
            _ => (rest, None),
        };
        let sound = |text: &str, more: &[u8]| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        };
        let repository_is_sound = repository.split('/').all(|part| sound(part, b"._-:[]"));
        let tag_is_sound = tag.is_none_or(|tag| sound(tag, b"._-") && tag.len() <= 128);
        if !repository_is_sound || !tag_is_sound || digest.is_some_and(|digest| !hexadecimal(digest)) {
            return Err(Unpinned::Malformed);
        }
        Ok(Self {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// Reads a reference that says by its digest which image is meant.
    ///
    /// # Errors
    /// When it is none, or has no digest.
    pub fn pinned(text: &str) -> Result<Self, Unpinned> {
        let image = Self::read(text)?;
        if image.digest.is_some() { Ok(image) } else { Err(Unpinned::NoDigest) }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn only_a_digest_says_which_image_is_meant() {
        let text = format!("registry.example:5000/bookend/enforcer:1.2@{DIGEST}");
        let image = Image::pinned(&text).unwrap();
        assert_eq!(image.repository, "registry.example:5000/bookend/enforcer");
        assert_eq!((image.tag.as_deref(), image.digest.as_deref()), (Some("1.2"), Some(DIGEST)));
        assert_eq!(image.to_string(), text);
        assert_eq!(Image::pinned("registry.example:5000/bookend/enforcer:1.2"), Err(Unpinned::NoDigest));
        assert_eq!(Image::pinned("bookend"), Err(Unpinned::NoDigest));
    }

    #[test]
    fn what_is_no_reference_is_told_apart() {
        for text in ["", "a b", "a@sha256:12", "a:b c", "https://a/b", "a/", "a:", &format!("a@{DIGEST}0")] {
            assert_eq!(Image::read(text), Err(Unpinned::Malformed), "{text}");
        }
    }
}
