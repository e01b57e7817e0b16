//! What a container writes, as it writes it.

use futures::io::{AsyncBufRead, AsyncBufReadExt};
use futures::stream::{self, BoxStream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use super::Cluster;
use crate::{Trouble, kinds};

impl Cluster {
    /// The lines that a container of a pod writes, each behind the time at which it was written, from `past` seconds ago on and
    /// for as long as it is there. Lines of more than `longest` bytes, that time included, are left out: whoever writes there decides how
    /// long they are, and must not decide how much memory this takes.
    ///
    /// # Errors
    /// See [`Trouble`]. An item of the stream is an error where it breaks off.
    pub async fn logs(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        past: u32,
        longest: usize,
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
        let lines = stream::unfold(Some(reader), move |reader| {
            let what = what.clone();
            async move {
                let mut reader = reader?;
                match next(&mut reader, longest).await {
                    Ok(Some(line)) => Some((Ok(line), Some(reader))),
                    Ok(None) => None,
                    Err(error) => {
                        let reason = format!("it breaks off: {error}");
                        Some((Err(Trouble::Garbage { what, reason }), None))
                    }
                }
            }
        });
        Ok(lines.boxed())
    }
}

/// The next line of at most `longest` bytes, without its end. Never more than that is kept.
async fn next(reader: &mut (impl AsyncBufRead + Unpin), longest: usize) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let bytes = reader.fill_buf().await?;
        if bytes.is_empty() {
            let whole = !line.is_empty() && !too_long;
            return Ok(whole.then(|| String::from_utf8_lossy(&line).into_owned()));
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        too_long |= line.len() + part.len() > longest;
        if !too_long {
            line.extend_from_slice(part);
        }
        let read = end.map_or(bytes.len(), |end| end + 1);
        reader.consume_unpin(read);
        if end.is_none() {
            continue;
        }
        if !std::mem::take(&mut too_long) {
            let text = String::from_utf8_lossy(&line);
            return Ok(Some(text.strip_suffix('\r').unwrap_or(&text).to_owned()));
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_without_end_costs_no_memory_and_hides_nothing_behind_it() {
        let text = format!("one\r\n{}\ntwo\n\nthree", "x".repeat(100_000));
        let mut reader = futures::io::BufReader::with_capacity(7, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next(&mut reader, 5).await.unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["one", "two", "", "three"]);
        let mut endless = futures::io::BufReader::new(&b"123456"[..]);
        assert_eq!(next(&mut endless, 5).await.unwrap(), None);
    }
}
