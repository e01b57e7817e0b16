//! `pods/log`: what containers are said to have written.
//!
//! Source: `k8s.io/api/core/v1` (`PodLogOptions`). Read are `container`, `follow`, `tailLines` and `timestamps`; every line is taken to be new
//! enough for `sinceSeconds`.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use tokio::sync::mpsc::{self, Sender};

use super::body::Answer;
use super::kind::Kind;
use super::refusal::{Outcome, Refusal};
use super::route::{Place, Query};
use super::shared::{Shared, locked};
use super::{ApiServer, clock};

/// A container: namespace, pod, name.
type Container = (String, String, String);

/// The lines of each container, with the time of each.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    lines: BTreeMap<Container, Vec<(String, String)>>,
}

/// Answers with what was written, and with `follow` with what will be.
pub(crate) fn open(
    shared: &Arc<Shared>,
    kind: &Kind,
    place: &Place,
    query: &Query,
) -> Outcome<Response<Answer>> {
    let pod = shared.store().get("pods", &place.namespace, &place.name);
    let pod = pod.ok_or_else(|| Refusal::not_found(kind, &place.name))?;
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<_> = containers.filter_map(|one| one.get("name").and_then(Value::as_str)).collect();
    let wanted = query.get("container").map_or("", String::as_str);
    let name = match (wanted, names.as_slice()) {
        ("", [only]) => *only,
        ("", _) => {
            let (pod, names) = (&place.name, names.join(" "));
            let why = format!("a container name must be specified for pod {pod}, choose one of: [{names}]");
            return Err(Refusal::bad_request(why));
        }
        (wanted, names) if names.contains(&wanted) => wanted,
        (wanted, _) => {
            let why = format!("container {wanted} is not valid for pod {}", place.name);
            return Err(Refusal::bad_request(why));
        }
    };
    let container = (place.namespace.clone(), place.name.clone(), name.to_owned());
    let yes = |key: &str| query.get(key).is_some_and(|value| matches!(value.as_str(), "true" | "1"));
    let last = query.get("tailLines").and_then(|lines| lines.parse().ok());
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(tell(Arc::clone(shared), container, last, yes("timestamps"), yes("follow"), sender));
    let mut response = Response::new(Answer::Stream(receiver));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

async fn tell(
    shared: Arc<Shared>,
    container: Container,
    last: Option<usize>,
    timed: bool,
    follow: bool,
    sender: Sender<io::Result<Bytes>>,
) {
    let mut signal = shared.signal();
    let mut told = None;
    loop {
        // Seen before the lines are read, so that none is missed in between.
        signal.borrow_and_update();
        let lines = locked(&shared.logs).lines.get(&container).cloned().unwrap_or_default();
        let start = told.unwrap_or_else(|| lines.len().saturating_sub(last.unwrap_or(usize::MAX)));
        for (time, line) in lines.get(start..).unwrap_or_default() {
            let text = if timed { format!("{time} {line}\n") } else { format!("{line}\n") };
            if sender.send(Ok(text.into())).await.is_err() {
                return;
            }
        }
        told = Some(lines.len());
        if !follow {
            return;
        }
        tokio::select! {
            changed = signal.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
    }
}

impl ApiServer {
    /// Lets a container have written a line, which those who follow its log are told at once.
    pub fn write_log(&self, namespace: &str, pod: &str, container: &str, line: &str) {
        let container = (namespace.to_owned(), pod.to_owned(), container.to_owned());
        let line = (clock::now(), line.to_owned());
        locked(&self.shared.logs).lines.entry(container).or_default().push(line);
        self.shared.tell(|_| {});
    }
}
