//! Events for one who asks, until they have had enough.

use crate::journal::audience::{Audience, Choice, Told};
use hyper::body::Bytes;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};
use tokio::sync::{Semaphore, mpsc};

/// How many may listen at a time.
const LISTENERS: usize = 16;
/// How long a listener may take no line that waits.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes handed over at once, about.
const CHUNK: usize = 16 * 1024;

/// Room for listeners.
pub(super) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LISTENERS)))
    }
}

/// Lines, as they come.
pub(super) struct Stream(mpsc::Receiver<Bytes>);

impl Stream {
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.0.poll_recv(context)
    }
}

impl Streams {
    /// Begins to listen to what is wanted; `None` if there is no room. `confess` makes the line about events that were
    /// lost.
    pub(super) fn open(
        &self,
        audience: &Audience,
        choice: Choice,
        confess: impl Fn(u64) -> String + Send + 'static,
    ) -> Option<Stream> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        let ear = audience.listen();
        let (chunks, stream) = mpsc::channel(1);
        tokio::spawn(async move {
            relay(ear, &choice, confess, &chunks).await;
            drop(permit);
        });
        Some(Stream(stream))
    }
}

/// Hands on what is wanted, until nobody takes it.
async fn relay(
    mut ear: Receiver<Arc<Told>>,
    choice: &Choice,
    confess: impl Fn(u64) -> String,
    chunks: &mpsc::Sender<Bytes>,
) {
    loop {
        let heard = tokio::select! {
            heard = ear.recv() => heard,
            () = chunks.closed() => return,
        };
        let mut chunk = String::new();
        match heard {
            Ok(told) if choice.wants(&told) => chunk.push_str(&told.line),
            Ok(_) => {}
            Err(RecvError::Lagged(events)) => chunk.push_str(&confess(events)),
            Err(RecvError::Closed) => return,
        }
        // What has come meanwhile goes along.
        while chunk.len() < CHUNK {
            match ear.try_recv() {
                Ok(told) if choice.wants(&told) => chunk.push_str(&told.line),
                Ok(_) => {}
                Err(TryRecvError::Lagged(events)) => chunk.push_str(&confess(events)),
                Err(_) => break,
            }
        }
        if chunk.is_empty() {
            continue;
        }
        match tokio::time::timeout(PATIENCE, chunks.send(chunk.into())).await {
            Ok(Ok(())) => {}
            // Gone, or not reading.
            _ => return,
        }
    }
}

/// What a query asks for.
///
/// # Errors
/// If it is not understood: says what there is.
pub(super) fn choice(query: &str) -> Result<Choice, String> {
    let mut choice = Choice::default();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let field = match &*key {
            "verdict" if matches!(&*value, "allow" | "deny") => &mut choice.verdict,
            "verdict" => return Err(format!("`{value}` is no verdict; ask for `allow` or `deny`\n")),
            "workload" if value.split('/').count() == 2 => &mut choice.workload,
            "workload" => return Err(format!("`{value}` names no workload; write `namespace/name`\n")),
            "rule" => &mut choice.rule,
            _ => {
                return Err(format!(
                    "events are not chosen by `{key}`, but by `verdict`, `workload` and `rule`\n"
                ));
            }
        };
        if field.replace(value.into_owned()).is_some() {
            return Err(format!("`{key}` is there twice; ask for one\n"));
        }
    }
    Ok(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_understood_wholly_or_refused() {
        let some = |text: &str| Some(text.to_owned());
        let whole = choice("verdict=deny&workload=default%2Fweb&rule=default/shop/isolate%5B0%5D").unwrap();
        assert_eq!(whole.rule, some("default/shop/isolate[0]"));
        assert_eq!((whole.verdict, whole.workload), (some("deny"), some("default/web")));
        assert_eq!(choice("").unwrap(), Choice::default());
        for wrong in ["verdict=maybe", "workload=web", "port=80", "rule=a&rule=b"] {
            assert!(choice(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_what_is_lost_and_then_goes_on() {
        let audience = Audience::default();
        let streams = Streams::default();
        let mut stream =
            streams.open(&audience, Choice::default(), |events| format!("lost {events}\n")).unwrap();
        let behind = crate::journal::audience::BEHIND as u64;
        for _ in 0..behind + 7 {
            audience.tell(Told { line: "x\n".to_owned(), flow: None });
        }
        let first = stream.0.recv().await.unwrap();
        assert!(first.starts_with(b"lost 7\nx\n"), "{first:?}");
        let mut lines = first.iter().filter(|byte| **byte == b'\n').count() as u64 - 1;
        while lines < behind {
            lines += stream.0.recv().await.unwrap().iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        assert_eq!(lines, behind);
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_and_for_another_when_one_is_gone() {
        let audience = Audience::default();
        let streams = Streams::default();
        let open = || streams.open(&audience, Choice::default(), |_| String::new());
        let mut all: Vec<_> = (0..LISTENERS).map(|_| open().unwrap()).collect();
        assert!(open().is_none());
        all.pop();
        while open().is_none() {
            tokio::task::yield_now().await;
        }
    }
}
