//! A cluster's API server, connected.

mod discovery;
mod forward;
mod logs;
mod objects;
mod permission;

pub use self::discovery::Version;
pub use self::forward::Stream;
pub use self::permission::Permission;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use serde::de::DeserializeOwned;

use crate::trouble::Asked;
use crate::{Access, Kind, Trouble, kinds};

/// How long an answer may take. Whoever watches is told nothing for longer than that, and has another limit.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster's API server. Clones share one pool of connections.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    place: Arc<Place>,
}

struct Place {
    server: String,
    context: Option<String>,
    namespace: String,
}

impl Cluster {
    /// Reads the kubeconfig or what the pod was given, and prepares to ask. Nothing is sent yet, except by programs that the
    /// kubeconfig names to get credentials. Must be called within tokio.
    ///
    /// # Errors
    /// When the kubeconfig makes no sense, or certificates or credentials cannot be had.
    pub async fn connect(access: &Access) -> Result<Self, Trouble> {
        let config = access.config().await?;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let place =
            Place { server, context: access.context.clone(), namespace: config.default_namespace.clone() };
        let asked =
            Asked { server: &place.server, verb: "get", kind: &kinds::NAMESPACE, namespace: None, name: "" };
        let client = Client::try_from(config).map_err(|error| asked.failed(error))?;
        Ok(Self { client, place: Arc::new(place) })
    }

    /// The server's address.
    pub fn server(&self) -> &str {
        &self.place.server
    }

    /// The context that was asked for.
    pub fn context(&self) -> Option<&str> {
        self.place.context.as_deref()
    }

    /// The namespace that the kubeconfig or the pod names; else `default`.
    pub fn namespace(&self) -> &str {
        &self.place.namespace
    }

    /// For what speaks to the server in other ways than this: watching, electing.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// What is asked, for the sentence about what came of it.
    pub(crate) fn asked<'a>(
        &'a self,
        verb: &'a str,
        kind: &'a Kind,
        namespace: Option<&'a str>,
        name: &'a str,
    ) -> Asked<'a> {
        Asked { server: self.server(), verb, kind, namespace, name }
    }

    /// Sends a request, and reads the answer.
    async fn send<T: DeserializeOwned>(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
        asked: &Asked<'_>,
    ) -> Result<T, Trouble> {
        let request = request.map_err(|error| asked.failed(kube::Error::BuildRequest(error)))?;
        self.within(self.client.request(request), asked).await
    }

    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, kube::Error>>,
        asked: &Asked<'_>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(|error| asked.failed(error)),
            Err(_) => Err(asked.timed_out(PATIENCE)),
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("server", &self.place.server).finish_non_exhaustive()
    }
}
