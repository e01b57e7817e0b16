//! A registry that says no: a sentence with the cure.

use std::sync::Arc;

use bookend_package::filter::Layout;
use bookend_package::registry::{Access, Credentials, Registry, Trouble};
use bookend_package::verify::{Content, Place, verify};
use bookend_package::{Reference, Silent};

use crate::fake::Scratch;
use crate::server::{AUTH, Server, free_port};
use crate::{access, filter_image, push, verified};

fn basic(password: &str) -> Credentials {
    Credentials::Basic { username: "bookend".to_owned(), password: password.to_owned() }
}

#[tokio::test]
async fn tls_and_a_password_are_asked_for_and_given() {
    let scratch = Scratch::new("tls");
    let server = Server::start_tls(&scratch, AUTH, &["localhost"]);
    let image = filter_image(&scratch, Layout::OciImage, 100);
    let name = server.name("bookend/filter:1");
    let trusted = || Access { ca_file: Some(scratch.path().join("ca.pem")), ..access() };
    let told = |result: Result<_, Trouble>| {
        result.map(|_: bookend_package::registry::Pushed| ()).unwrap_err().to_string()
    };

    let good = Access { credentials: basic("secret"), ..trusted() };
    push(&image, &name, good.clone()).await.unwrap();
    assert!(matches!(verified(&name, good).await, Content::Filter { .. }));

    let wrong = told(push(&image, &name, Access { credentials: basic("guess"), ..trusted() }).await);
    assert!(
        wrong.contains("does not accept the password") && wrong.contains("check the one of `bookend`"),
        "{wrong}"
    );
    let nobody = told(push(&image, &name, trusted()).await);
    assert!(nobody.contains("wants to know who asks") && nobody.contains("docker login"), "{nobody}");
    let stranger = told(push(&image, &name, access()).await);
    assert!(
        stranger.contains("nobody who is trusted here has signed it") && stranger.contains("`--ca-file`"),
        "{stranger}"
    );
    let plain = told(push(&image, &name, Access { plain_http: true, ..access() }).await);
    assert!(plain.contains("speaks TLS; leave out `--plain-http`"), "{plain}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_accepted() {
    let scratch = Scratch::new("name");
    let server = Server::start_tls(&scratch, "", &["registry.example.com"]);
    let image = filter_image(&scratch, Layout::OciImage, 100);
    let name = format!("localhost:{}/bookend/filter:1", server.port());
    let access = Access { ca_file: Some(scratch.path().join("ca.pem")), ..access() };
    let told = push(&image, &name, access).await.unwrap_err().to_string();
    assert!(told.contains("it is for another name"), "{told}");
}

#[tokio::test]
async fn plain_http_is_spoken_to_this_machine_or_when_it_is_said() {
    let scratch = Scratch::new("plain");
    let server = Server::start(&scratch, "");
    let image = filter_image(&scratch, Layout::OciImage, 100);
    push(&image, &server.name("bookend/filter:1"), access()).await.unwrap();
    // The same registry, by an address that is not known to be this machine's.
    let name = format!("0.0.0.0:{}/bookend/filter:1", server.port());
    let told = push(&image, &name, access()).await.unwrap_err().to_string();
    assert!(told.contains("does not speak TLS") && told.contains("`--plain-http`"), "{told}");
    push(&image, &name, Access { plain_http: true, ..access() }).await.unwrap();
}

#[tokio::test]
async fn a_registry_that_takes_nothing_says_so() {
    let scratch = Scratch::new("readonly");
    let server = Server::start(&scratch, "readonly");
    let image = filter_image(&scratch, Layout::OciImage, 100);
    let told = push(&image, &server.name("bookend/filter:1"), access()).await.unwrap_err().to_string();
    assert!(told.contains("takes nothing") && told.contains("read-only or a mirror"), "{told}");
}

#[tokio::test]
async fn nobody_at_all_is_told_after_some_attempts() {
    let scratch = Scratch::new("nobody");
    let image = filter_image(&scratch, Layout::OciImage, 100);
    let name = format!("127.0.0.1:{}/bookend/filter:1", free_port());
    let told = push(&image, &name, access()).await.unwrap_err().to_string();
    assert!(told.contains("cannot reach the registry") && told.contains("check its name and port"), "{told}");
}

#[tokio::test]
async fn an_image_that_is_not_there_is_told_by_its_name() {
    let scratch = Scratch::new("unknown");
    let server = Server::start(&scratch, "");
    let reference: Reference = server.name("bookend/filter:none").parse().unwrap();
    let registry = Registry::connect(&reference, access(), Arc::new(Silent)).await.unwrap();
    let told = verify(Place::Registry(&registry)).await.unwrap_err().to_string();
    assert!(told.contains("has no `127.0.0.1") && told.contains("bookend/filter:none"), "{told}");
    assert!(told.contains("whether it was pushed"), "{told}");
}
