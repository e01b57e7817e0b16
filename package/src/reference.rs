//! Names of images in registries.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::Digest;

/// `registry.example.com/bookend/filter:0.1.0@sha256:…`: where an image lies, under which tag, and which it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no name of an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no name of an image: {reason}")]
pub struct BadReference {
    text: String,
    reason: String,
}

/// The registry of Docker, which has another address than its name.
const DOCKER_HUB: &str = "docker.io";

impl Reference {
    /// The host of the registry, with the port if it is said.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Where the registry is reached.
    #[must_use]
    pub fn host(&self) -> &str {
        if self.registry == DOCKER_HUB { "registry-1.docker.io" } else { &self.registry }
    }

    /// Under which name `docker login` keeps what it was told.
    #[must_use]
    pub fn login(&self) -> &str {
        if self.registry == DOCKER_HUB { "https://index.docker.io/v1/" } else { &self.registry }
    }

    /// The repository in the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if there is one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if there is one.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Registry and repository.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same repository, with this tag if it has none.
    #[must_use]
    pub fn or_tag(mut self, tag: &str) -> Self {
        self.tag.get_or_insert_with(|| tag.to_owned());
        self
    }

    /// A repository below this one, with the same tag.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self { repository: format!("{}/{name}", self.repository), ..self.clone() }
    }

    /// Exactly this image: `repository@sha256:…`.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// Whether the registry is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = match self.registry.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => self.registry.split(':').next().unwrap_or_default(),
        };
        host == "localhost"
            || host == "::1"
            || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let bad = |reason: &str| BadReference { text: text.to_owned(), reason: reason.to_owned() };
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(bad(&format!("leave out `{scheme}://`, and write `{rest}`")));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|error| bad(&format!("{error}")))?)),
            None => (text, None),
        };
        let Some((registry, rest)) = rest.split_once('/') else {
            return Err(bad("it names no registry; write it as `registry.example.com/bookend:0.1.0`"));
        };
        let registry = registry.to_lowercase();
        if !(registry.contains(['.', ':']) || registry == "localhost") {
            let reason = format!(
                "`{registry}` is no host, so it names no registry; write `{DOCKER_HUB}/{text}` for the registry of Docker"
            );
            return Err(bad(&reason));
        }
        let host_character =
            |character: char| character.is_ascii_alphanumeric() || ".:-[]_".contains(character);
        if !registry.chars().all(host_character) {
            return Err(bad("the registry is a host and maybe a port: `registry.example.com:5000`"));
        }
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (rest, None),
        };
        if !repository.split('/').all(is_component) || repository.len() > 255 {
            return Err(bad(
                "a repository is of lower-case letters, digits, and single `.`, `_` or `-` between them, parted by `/`",
            ));
        }
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err(bad(
                "a tag is of at most 128 letters, digits, `_`, `.` and `-`, and does not begin with the last two",
            ));
        }
        let official = registry == DOCKER_HUB && !repository.contains('/');
        let repository = if official { format!("library/{repository}") } else { repository.to_owned() };
        Ok(Self { registry, repository, tag, digest })
    }
}

/// A part of a repository's name (OCI distribution specification, "Pulling manifests").
fn is_component(part: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = part.bytes().next().is_some_and(letter) && part.bytes().next_back().is_some_and(letter);
    let joined = part.split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit());
    let joints =
        |joint: &str| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-');
    ends && joined.into_iter().all(joints)
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_as_it_is_written() {
        let digest = Digest::of(b"");
        for text in [
            "registry.example.com/bookend/filter".to_owned(),
            "registry.example.com:5000/bookend/filter:0.1.0".to_owned(),
            "localhost/a".to_owned(),
            "[::1]:5000/a/b-c/d__e:v1.2-rc.3".to_owned(),
            format!("127.0.0.1:5000/a@{digest}"),
            format!("127.0.0.1:5000/a:x@{digest}"),
        ] {
            let read = text.parse::<Reference>();
            assert_eq!(read.map(|reference| reference.to_string()), Ok(text));
        }
    }

    #[test]
    fn what_names_no_image_is_refused_with_a_cure() {
        for (text, cure) in [
            ("oci://registry.example.com/a:1", "leave out `oci://`, and write `registry.example.com/a:1`"),
            ("filter:1", "write it as `registry.example.com/bookend:0.1.0`"),
            ("bookend/filter", "write `docker.io/bookend/filter`"),
            ("registry.example.com/Filter", "lower-case"),
            ("registry.example.com/a//b", "lower-case"),
            ("registry.example.com/a..b", "lower-case"),
            ("registry.example.com/", "lower-case"),
            ("registry.example.com/a:", "a tag is"),
            ("registry.example.com/a:-x", "a tag is"),
            ("registry.example.com/a@sha256:12", "64 hex digits"),
            ("user@registry.example.com/a", "64 hex digits"),
            ("regis try.example.com/a", "a host and maybe a port"),
        ] {
            let told = text.parse::<Reference>().unwrap_err().to_string();
            assert!(told.contains(cure), "{told}");
        }
    }

    #[test]
    fn the_registry_of_docker_has_another_address() {
        let reference: Reference = "docker.io/bookend:1".parse().unwrap();
        assert_eq!((reference.host(), reference.repository()), ("registry-1.docker.io", "library/bookend"));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, loopback) in [
            ("localhost:5000/a", true),
            ("127.0.0.2:5000/a", true),
            ("[::1]:5000/a", true),
            ("127.0.0.1.example.com/a", false),
            ("localhost.example.com/a", false),
            ("10.0.0.1:5000/a", false),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().is_loopback(), loopback, "{text}");
        }
    }
}
