//! Registries that are busy, cut connections, ask for tokens or answer nonsense: scripted ones, on this machine.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

#[path = "../shared/fake.rs"]
#[expect(dead_code, reason = "several tests share it, none of which needs all of it")]
mod fake;
mod server;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bookend_package::filter::{self, Layout};
use bookend_package::input::Input;
use bookend_package::registry::{Access, Credentials, Patience, Pushed, Registry, Trouble};
use bookend_package::{Extras, Package, Progress};
use fake::Scratch;
use server::{Asked, Reply, Server};

fn access() -> Access {
    let patience =
        Patience { first: Duration::from_millis(5), longest: Duration::from_secs(2), ..Patience::default() };
    Access { plain_http: true, patience, ..Access::default() }
}

fn image(name: &str, padding: usize) -> Package {
    let scratch = Scratch::new(name);
    let path = scratch.write("bookend_filter.wasm", &fake::module(&fake::EXPORTS, &fake::noise(padding)));
    filter::build(&Input::filter(&path).unwrap(), Layout::Artifact, &Extras::default()).unwrap()
}

/// The reasons why something was tried again.
#[derive(Default)]
struct Waits(Mutex<Vec<String>>);

impl Progress for Waits {
    fn waits(&self, reason: &str, _: Duration) {
        self.0.lock().unwrap().push(reason.to_owned());
    }
}

async fn push(server: &Server, image: &Package, access: Access) -> (Result<Pushed, Trouble>, Vec<String>) {
    let waits = Arc::new(Waits::default());
    let reference = server.name("bookend/filter:1").parse().unwrap();
    let pushed = match Registry::connect(&reference, access, Arc::clone(&waits) as _).await {
        Ok(registry) => registry.push(image).await,
        Err(trouble) => Err(trouble),
    };
    let reasons = waits.0.lock().unwrap().clone();
    (pushed, reasons)
}

/// What a push says that fails.
async fn told(server: &Server, image: &Package, access: Access) -> String {
    push(server, image, access).await.0.unwrap_err().to_string()
}

#[tokio::test]
async fn failures_of_the_moment_are_tried_again_wherever_they_come() {
    let image = image("moment", 100_000);
    for status in [429, 500, 502, 503, 504] {
        for (method, path) in [
            ("GET", "/v2/"),
            ("HEAD", "/blobs/"),
            ("POST", "/uploads/"),
            ("PATCH", "/uploads/"),
            ("PUT", "/uploads/"),
            ("PUT", "/manifests/"),
        ] {
            let server = Server::start().await;
            server.fail(method, path, 2, Reply::new(status));
            let small = Access { chunk: 30_000, ..access() };
            let (pushed, waits) = push(&server, &image, small).await;
            pushed.unwrap();
            assert_eq!(waits.len(), 2, "{method} {path} {status}: {waits:?}");
        }
    }
}

#[tokio::test]
async fn connections_that_are_cut_are_made_again() {
    let image = image("cut", 100_000);
    for (method, path) in [
        ("HEAD", "/blobs/"),
        ("POST", "/uploads/"),
        ("PATCH", "/uploads/"),
        ("PUT", "/manifests/"),
        ("GET", "/manifests/1"),
    ] {
        let server = Server::start().await;
        server.fail(method, path, 2, Reply::cut());
        let (pushed, _) = push(&server, &image, Access { chunk: 30_000, ..access() }).await;
        pushed.unwrap();
    }
}

#[tokio::test]
async fn a_registry_that_says_when_is_asked_then_and_not_before() {
    let image = image("when", 100);
    let server = Server::start().await;
    server.fail("POST", "/uploads/", 1, Reply::new(429).header("Retry-After", "1"));
    let begun = Instant::now();
    push(&server, &image, access()).await.0.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // For longer than anybody wants to wait.
    server.fail("POST", "/uploads/", 1, Reply::new(429).header("Retry-After", "3600"));
    server.forget();
    let told = told(&server, &image, access()).await;
    assert!(told.contains("asked too often") && told.contains("try again in 3600 s"), "{told}");
}

#[tokio::test]
async fn patience_ends() {
    let image = image("patience", 100);
    let server = Server::start().await;
    let words = r#"{"errors": [{"code": "UNAVAILABLE", "message": "the disk is full\u001b[2J"}]}"#;
    server.fail("POST", "/uploads/", usize::MAX, Reply::new(503).body(words));
    let (pushed, waits) = push(&server, &image, access()).await;
    let told = pushed.unwrap_err().to_string();
    assert!(
        told.contains(r#"it says "UNAVAILABLE, the disk is full[2J" (503)"#)
            && told.contains("look into its log"),
        "{told}"
    );
    assert_eq!(waits.len(), 5);
}

#[tokio::test]
async fn every_refusal_is_a_sentence_with_its_cure() {
    let image = image("refusal", 100_000);
    for (method, path, reply, sentence) in [
        ("POST", "/uploads/", Reply::new(403), "ask its owner for the right to push"),
        (
            "POST",
            "/uploads/",
            Reply::new(404).body(r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#),
            "some registries want a repository to be made",
        ),
        ("POST", "/uploads/", Reply::new(405), "read-only or a mirror"),
        ("PUT", "/uploads/", Reply::new(413), "raise the limit of the proxy in front of it"),
        (
            "PUT",
            "/manifests/",
            Reply::new(400)
                .body(r#"{"errors":[{"code":"MANIFEST_INVALID","message":"unknown media type"}]}"#),
            "`--bare` leaves out",
        ),
        ("POST", "/uploads/", Reply::new(202), "does not say where an upload goes on"),
        ("GET", "/v2/", Reply::new(404).body("<html>"), "there is nothing at `/v2/`"),
        (
            "PUT",
            "/manifests/",
            Reply::new(201).header("Docker-Content-Digest", &format!("sha256:{}", "0".repeat(64))),
            "trust nothing of it",
        ),
        ("GET", "/manifests/sha256:", Reply::new(200).body("{}"), "trust nothing of it"),
        ("GET", "/manifests/sha256-", Reply::new(200).body("[]"), "is broken"),
        ("GET", "/manifests/sha256:", Reply::new(200).body(" ".repeat(5 << 20)), "more than 4194304 bytes"),
    ] {
        let server = Server::start().await;
        server.fail(method, path, usize::MAX, reply);
        let told = told(&server, &image, access()).await;
        assert!(told.contains(sentence), "{method} {path}: {told}");
    }
}

#[tokio::test]
async fn a_registry_that_takes_no_pieces_gets_the_whole() {
    let image = image("pieces", 100_000);
    let server = Server::start().await;
    server.fail("PATCH", "/uploads/", usize::MAX, Reply::new(416));
    push(&server, &image, Access { chunk: 30_000, ..access() }).await.0.unwrap();
    let whole = server.asked().into_iter().filter(|asked| asked.method == "PUT" && asked.body > 100_000);
    assert_eq!(whole.count(), 1);
}

#[tokio::test]
async fn a_token_is_fetched_with_a_password_and_shown_to_the_registry_alone() {
    let image = image("token", 100);
    let server = Server::start().await;
    server.demand_token("bookend:secret");
    let credentials = Credentials::Basic { username: "bookend".to_owned(), password: "secret".to_owned() };
    push(&server, &image, Access { credentials, ..access() }).await.0.unwrap();
    let asked = server.asked();
    let fetched: Vec<&Asked> = asked.iter().filter(|asked| asked.path.starts_with("/token")).collect();
    assert_eq!(fetched.len(), 1, "a token is kept");
    assert!(
        fetched[0].path.contains("service=test&scope=repository%3Abookend%2Ffilter%3Apull%2Cpush"),
        "{}",
        fetched[0].path
    );
    assert!(
        asked.iter().skip(3).all(|asked| asked.authorization.as_deref() == Some("Bearer a-token")),
        "{asked:?}"
    );

    server.forget();
    let credentials = Credentials::Basic { username: "bookend".to_owned(), password: "guess".to_owned() };
    let told = told(&server, &image, Access { credentials, ..access() }).await;
    assert!(told.contains("does not accept the password"), "{told}");
}

#[tokio::test]
async fn a_token_of_docker_login_is_exchanged() {
    let image = image("identity", 100);
    let server = Server::start().await;
    server.demand_token("unused:unused");
    let credentials = Credentials::Identity("kept".to_owned());
    push(&server, &image, Access { credentials, ..access() }).await.0.unwrap();
    let asked = server.asked();
    let exchange = asked.iter().find(|asked| asked.path.starts_with("/token")).unwrap();
    assert_eq!(exchange.method, "POST");
    assert!(
        exchange.text.contains("grant_type=refresh_token") && exchange.text.contains("refresh_token=kept"),
        "{}",
        exchange.text
    );
}

#[tokio::test]
async fn storage_elsewhere_gets_the_bytes_and_no_password() {
    let image = image("elsewhere", 100);
    let (server, storage) = (Server::start().await, Server::start().await);
    server.demand_token("bookend:secret");
    server.store_at(&storage);
    let credentials = Credentials::Basic { username: "bookend".to_owned(), password: "secret".to_owned() };
    push(&server, &image, Access { credentials, ..access() }).await.0.unwrap();
    let stored = storage.asked();
    assert!(!stored.is_empty() && stored.iter().all(|asked| asked.authorization.is_none()), "{stored:?}");
}

#[tokio::test]
async fn a_registry_that_keeps_the_list_of_referrers_is_left_to_it() {
    let image = image("list", 100);
    let server = Server::start().await;
    server.keep_lists();
    push(&server, &image, access()).await.0.unwrap();
    assert!(server.asked().iter().all(|asked| !asked.path.contains("/manifests/sha256-")));
    // An image that carries nothing besides itself.
    assert_eq!(
        server
            .asked()
            .iter()
            .filter(|asked| asked.method == "PUT" && asked.path.contains("/manifests/"))
            .count(),
        3
    );
}
