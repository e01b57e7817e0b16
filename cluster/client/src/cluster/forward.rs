//! A stream to a port of a pod, through the API server.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Cluster;
use crate::{Trouble, kinds};

/// A stream of bytes to a port of a pod. It ends when it is dropped.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Cluster {
    /// Connects to a port of a pod, as `kubectl port-forward` does.
    ///
    /// # Errors
    /// See [`Trouble`]. That nobody listens at the port is only known when something is read: then the stream ends.
    pub async fn forward(&self, namespace: &str, pod: &str, port: u16) -> Result<Box<dyn Stream>, Trouble> {
        let asked = self.asked("create", &kinds::POD_PORT_FORWARD, Some(namespace), pod);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let ports = [port];
        let mut forwarder = self.within(pods.portforward(pod, &ports), &asked).await?;
        match forwarder.take_stream(port) {
            Some(stream) => Ok(Box::new(stream)),
            None => Err(Trouble::Garbage { what: asked.object(), reason: "there is no stream".to_owned() }),
        }
    }
}
