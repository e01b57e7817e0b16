//! What a server serves, and how old it is.

use std::fmt;

use serde::Deserialize;

use super::Cluster;
use crate::{Kind, Trouble, kinds};

/// The version of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second one.
    pub minor: u32,
    /// As the cluster says it, such as `v1.33.4-gke.1`.
    pub text: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    major: String,
    minor: String,
    git_version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    kind: String,
}

impl Cluster {
    /// The server's version. This is the least that a server answers, so it also tells whether there is one.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn version(&self) -> Result<Version, Trouble> {
        let asked = self.asked("get", &kinds::NAMESPACE, None, "");
        let told: Told = self.read("/version", &asked).await?;
        let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok();
        match (number(&told.major), number(&told.minor)) {
            (Some(major), Some(minor)) => Ok(Version { major, minor, text: told.git_version }),
            _ => Err(Trouble::Garbage {
                what: "its version".to_owned(),
                reason: format!("`{}.{}` are no numbers", told.major, told.minor),
            }),
        }
    }

    /// Whether the server serves a kind.
    ///
    /// # Errors
    /// See [`Trouble`]; that it does not is no error.
    pub async fn serves(&self, kind: &Kind) -> Result<bool, Trouble> {
        let asked = self.asked("list", kind, None, "");
        let root = if kind.group.is_empty() { "/api" } else { "/apis" };
        let path = format!("{root}/{}", kind.api_version());
        match self.read::<Resources>(&path, &asked).await {
            Ok(list) => {
                Ok(list.resources.iter().any(|each| each.name == kind.plural && each.kind == kind.kind))
            }
            Err(trouble) if trouble.is_absent() => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        asked: &crate::trouble::Asked<'_>,
    ) -> Result<T, Trouble> {
        let request = http::Request::get(path).body(Vec::new());
        let request = request.map_err(|error| asked.failed(kube::Error::HttpError(error)))?;
        self.within(self.client.request(request), asked).await
    }
}
