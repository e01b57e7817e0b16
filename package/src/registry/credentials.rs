//! Who one is to a registry.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};

use super::Trouble;
use crate::Reference;

/// Who one is to a registry.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// A token that is exchanged for others.
    Identity(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic",
            Self::Identity(_) => "Identity",
        })
    }
}

impl Credentials {
    /// What `docker login` or `podman login` was told about a registry, itself or by its credential helper; anonymous if nothing.
    ///
    /// # Errors
    /// When there is something and it cannot be used.
    pub fn find(reference: &Reference) -> Result<Self, Trouble> {
        for file in places(|name| std::env::var_os(name).map(PathBuf::from)) {
            if let Some(found) = Self::read(&file, reference)? {
                return Ok(found);
            }
        }
        Ok(Self::Anonymous)
    }

    /// What one file says, if it is there and says something.
    ///
    /// # Errors
    /// When it says something that cannot be used.
    pub fn read(file: &Path, reference: &Reference) -> Result<Option<Self>, Trouble> {
        let trouble = |reason: String| {
            let (registry, file) = (reference.registry().to_owned(), file.to_owned());
            Trouble::Credentials { registry, file, reason }
        };
        let opened = match File::open(file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(trouble(error.to_string())),
        };
        match get_credential_from_reader(BufReader::new(opened), reference.login()) {
            Ok(DockerCredential::UsernamePassword(username, password)) => {
                Ok(Some(Self::Basic { username, password }))
            }
            Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Self::Identity(token))),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
            // So helpers say that they have nothing (docker-credential-helpers, `credentials.ErrCredentialsNotFound`).
            Err(CredentialRetrievalError::HelperFailure { stdout, .. })
                if stdout.contains("credentials not found") =>
            {
                Ok(None)
            }
            Err(CredentialRetrievalError::HelperFailure { helper, stdout, stderr }) => {
                let words = format!("{stdout} {stderr}");
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                Err(trouble(format!("`{helper}` failed: {words}")))
            }
            Err(CredentialRetrievalError::HelperCommunicationError) => Err(trouble(
                "the credential helper that it names cannot be run; is it on the PATH?".to_owned(),
            )),
            Err(error) => Err(trouble(error.to_string().to_lowercase())),
        }
    }
}

/// Where credentials are kept, the first that says something decides: Docker's file, then those of podman and skopeo
/// (containers-auth.json(5)).
fn places(variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let home = variable("HOME");
    let docker = variable("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
    let runtime = variable("XDG_RUNTIME_DIR").map(|directory| directory.join("containers/auth.json"));
    let own = variable("REGISTRY_AUTH_FILE").or(runtime);
    let config = home.map(|home| home.join(".config/containers/auth.json"));
    docker.map(|directory| directory.join("config.json")).into_iter().chain(own).chain(config).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_of_docker_stands_before_the_home_directory() {
        let found = places(|name| match name {
            "HOME" => Some("/srv/a".into()),
            "DOCKER_CONFIG" => Some("/etc/docker-login".into()),
            _ => None,
        });
        let expected = ["/etc/docker-login/config.json", "/srv/a/.config/containers/auth.json"];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn a_password_is_never_printed() {
        let credentials = Credentials::Basic { username: "a".to_owned(), password: "secret".to_owned() };
        assert_eq!(format!("{credentials:?}"), "Basic");
    }
}
