//! An upload goes on where it stopped.

use std::sync::{Arc, Mutex};

use bookend_package::filter::Layout;
use bookend_package::registry::{Access, Registry};
use bookend_package::verify::Content;
use bookend_package::{Blob, Progress};

use crate::fake::Scratch;
use crate::server::Server;
use crate::{Heard, access, filter_image, verified};

const CHUNK: usize = 256 << 10;

/// Kills the registry when so many bytes are on their way, and starts it again.
struct Outage {
    server: Mutex<Server>,
    at: Mutex<Option<u64>>,
    heard: Heard,
}

impl Progress for Outage {
    fn sent(&self, _: &Blob, bytes: u64) {
        let mut at = self.at.lock().unwrap();
        if at.is_some_and(|at| bytes > at) {
            *at = None;
            let mut server = self.server.lock().unwrap();
            server.kill();
            server.restart();
        }
    }

    fn resumed(&self, blob: &Blob, bytes: u64) {
        self.heard.resumed(blob, bytes);
    }

    fn done(&self, blob: &Blob) {
        self.heard.done(blob);
    }
}

/// Pushes two MiB through an outage, and returns what was told.
async fn through_an_outage(name: &str, at: u64) -> Vec<String> {
    let scratch = Scratch::new(name);
    let server = Server::start(&scratch, "");
    let image = filter_image(&scratch, Layout::Artifact, 2 << 20);
    let reference = server.name("bookend/filter:1");
    let outage =
        Arc::new(Outage { server: Mutex::new(server), at: Mutex::new(Some(at)), heard: Heard::default() });
    let small = Access { chunk: CHUNK, ..access() };
    let registry =
        Registry::connect(&reference.parse().unwrap(), small, Arc::clone(&outage) as _).await.unwrap();
    registry.push(&image).await.unwrap();
    assert!(outage.at.lock().unwrap().is_none(), "there was no outage");
    assert!(matches!(verified(&reference, access()).await, Content::Filter { .. }));
    outage.heard.all()
}

#[tokio::test]
async fn an_upload_goes_on_after_the_registry_was_killed_between_two_pieces() {
    // The first bytes of the fifth piece are asked for, and none has left yet.
    let told = through_an_outage("between", 4 * CHUNK as u64).await;
    assert!(told.contains(&format!("resumed at {}: the module", 4 * CHUNK)), "{told:?}");
    assert_eq!(told.iter().filter(|told| told.starts_with("resumed")).count(), 1, "{told:?}");
}

#[tokio::test]
async fn an_upload_ends_well_after_the_registry_was_killed_in_the_middle_of_a_piece() {
    let told = through_an_outage("middle", (4 * CHUNK + CHUNK / 2) as u64).await;
    assert!(told.iter().any(|told| told.starts_with("resumed")), "{told:?}");
    assert!(told.contains(&"done: the module".to_owned()), "{told:?}");
}
