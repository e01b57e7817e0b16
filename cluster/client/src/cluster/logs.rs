//! What a container writes, as it writes it.

use futures::io::AsyncBufReadExt;
use futures::stream::{BoxStream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use super::Cluster;
use crate::{Trouble, kinds};

impl Cluster {
    /// The lines that a container of a pod writes, each behind the time at which it was written, from `past` seconds ago on and
    /// for as long as it is there.
    ///
    /// # Errors
    /// See [`Trouble`]. An item of the stream is an error where it breaks off.
    pub async fn logs(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        past: u32,
    ) -> Result<BoxStream<'static, Result<String, Trouble>>, Trouble> {
        let asked = self.asked("get", &kinds::POD_LOG, Some(namespace), pod);
        let pods: Api<Pod> = Api::namespaced(self.client().clone(), namespace);
        let wanted = LogParams {
            container: Some(container.to_owned()),
            follow: true,
            since_seconds: Some(past.into()),
            timestamps: true,
            ..LogParams::default()
        };
        let reader = self.within(pods.log_stream(pod, &wanted), &asked).await?;
        let what = asked.object();
        let lines = reader.lines().map(move |line| {
            line.map_err(|error| Trouble::Garbage {
                what: what.clone(),
                reason: format!("it breaks off: {error}"),
            })
        });
        Ok(lines.boxed())
    }
}
