//! Images in a real registry: Debian's docker-registry on this machine, read back with skopeo and by the rules of Istio's agent.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

mod command;
mod documentation;
#[path = "../../../package/tests/shared/fake.rs"]
#[expect(dead_code, reason = "several tests share it, none of which needs all of it")]
mod fake;
mod refusal;
mod resumption;
mod server;
mod shipped;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookend_package::document::{Index, Platform, media};
use bookend_package::enforcer::{self, Build};
use bookend_package::filter::{self, Layout};
use bookend_package::input::Input;
use bookend_package::registry::{Access, Patience, Pushed, Registry, Trouble};
use bookend_package::verify::{Content, Place, verify};
use bookend_package::{Blob, Extras, Package, Progress, Reference, Silent, layout};
use fake::Scratch;
use server::{Server, skopeo};

/// Failures of the moment are put up with for a second or two.
fn access() -> Access {
    let patience = Patience { first: Duration::from_millis(50), ..Patience::default() };
    Access { patience, ..Access::default() }
}

fn filter_image(scratch: &Scratch, layout: Layout, padding: usize) -> Package {
    let path = scratch.write("bookend_filter.wasm", &fake::module(&fake::EXPORTS, &fake::noise(padding)));
    filter::build(&Input::filter(&path).unwrap(), layout, &Extras::default()).unwrap()
}

fn enforcer_image(scratch: &Scratch) -> Package {
    let platforms = [Platform::usual(), "linux/arm64".parse().unwrap()];
    let build = |platform: &Platform| Build::read(platform.clone(), &scratch.platform(platform)).unwrap();
    enforcer::build(&platforms.each_ref().map(build), &Extras::default()).unwrap()
}

async fn push(image: &Package, name: &str, access: Access) -> Result<Pushed, Trouble> {
    let reference: Reference = name.parse().unwrap();
    Registry::connect(&reference, access, Arc::new(Silent)).await?.push(image).await
}

async fn verified(name: &str, access: Access) -> Content {
    let registry = Registry::connect(&name.parse().unwrap(), access, Arc::new(Silent)).await.unwrap();
    verify(Place::Registry(&registry)).await.unwrap().content
}

/// What was told during a push.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn tell(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Progress for Heard {
    fn exists(&self, blob: &Blob) {
        self.tell(format!("exists: {}", blob.what));
    }

    fn mounted(&self, blob: &Blob, from: &str) {
        self.tell(format!("mounted from {from}: {}", blob.what));
    }

    fn resumed(&self, blob: &Blob, bytes: u64) {
        self.tell(format!("resumed at {bytes}: {}", blob.what));
    }

    fn done(&self, blob: &Blob) {
        self.tell(format!("done: {}", blob.what));
    }
}

#[tokio::test]
async fn a_filter_in_every_layout_is_read_back_by_skopeo_and_by_the_rules_of_the_agent() {
    let scratch = Scratch::new("layouts");
    let server = Server::start(&scratch, "");
    for layout in [Layout::OciImage, Layout::DockerImage, Layout::Artifact] {
        let image = filter_image(&scratch, layout, 100);
        let name = server.name(&format!("bookend/filter:{layout}"));
        let pushed = push(&image, &name, access()).await.unwrap();
        let digest = image.descriptor().digest;
        assert_eq!(pushed.reference.to_string(), server.name(&format!("bookend/filter@{digest}")));
        assert!(pushed.sent > 0);
        // What skopeo reads is to the byte what was pushed.
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
        assert_eq!(raw.as_bytes(), &image.root.bytes[..]);
        let Content::Filter { pin, size, .. } = verified(&name, access()).await else {
            unreachable!("a filter")
        };
        let written = std::fs::read(scratch.path().join("bookend_filter.wasm")).unwrap();
        assert_eq!((pin, size), (digest, written.len()));
        if layout != Layout::Artifact {
            let told = skopeo(&["inspect", "--tls-verify=false", &format!("docker://{name}")]);
            let told: serde_json::Value = serde_json::from_str(&told).unwrap();
            assert_eq!(told["Digest"], digest.to_string());
            assert_eq!(told["Labels"]["org.opencontainers.image.title"], "bookend-filter");
        }
        // Nothing is sent twice.
        let again = push(&image, &name, access()).await.unwrap();
        assert_eq!((again.sent, again.reference), (0, pushed.reference));
    }
}

#[tokio::test]
async fn an_enforcer_for_two_platforms_is_copied_by_skopeo_and_has_its_files() {
    let scratch = Scratch::new("platforms");
    let server = Server::start(&scratch, "");
    let image = enforcer_image(&scratch);
    let name = server.name("bookend/enforcer:0.1.0");
    let pushed = push(&image, &name, access()).await.unwrap();
    let Content::Enforcer(platforms) = verified(&pushed.reference.to_string(), access()).await else {
        unreachable!("an enforcer")
    };
    assert_eq!(platforms.keys().map(ToString::to_string).collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
    let copy = format!("oci:{}:copy", scratch.path().join("copy").display());
    skopeo(&["copy", "--all", "--src-tls-verify=false", &format!("docker://{name}"), &copy]);
    let copied = layout::Layout::open(&scratch.path().join("copy")).unwrap();
    let copied = verify(Place::Layout(&copied, None)).await.unwrap();
    assert_eq!(copied.digest, image.descriptor().digest);
    for architecture in ["amd64", "arm64"] {
        let arguments = [
            "--override-arch",
            architecture,
            "inspect",
            "--config",
            "--tls-verify=false",
            &format!("docker://{name}"),
        ];
        let config: serde_json::Value = serde_json::from_str(&skopeo(&arguments)).unwrap();
        assert_eq!(config["architecture"], architecture);
        assert_eq!(config["config"]["User"], "0");
    }
}

#[tokio::test]
async fn a_layout_that_was_written_without_a_network_is_pushed_by_skopeo_as_it_is() {
    let scratch = Scratch::new("offline");
    let server = Server::start(&scratch, "");
    let images = [filter_image(&scratch, Layout::OciImage, 100), enforcer_image(&scratch)];
    let path = scratch.path().join("images");
    layout::write(&images, &path, Default::default(), &Default::default()).unwrap();
    for image in &images {
        let from = format!("oci:{}:{}", path.display(), image.name);
        let name = server.name(&format!("offline/{}:1", image.name));
        skopeo(&["copy", "--all", "--dest-tls-verify=false", &from, &format!("docker://{name}")]);
        let registry = Registry::connect(&name.parse().unwrap(), access(), Arc::new(Silent)).await.unwrap();
        let verified = verify(Place::Registry(&registry)).await.unwrap();
        assert_eq!(verified.digest, image.descriptor().digest);
    }
}

#[tokio::test]
async fn what_is_said_about_an_image_is_listed_for_registries_that_keep_no_list() {
    let scratch = Scratch::new("referrers");
    let server = Server::start(&scratch, "");
    let image = filter_image(&scratch, Layout::OciImage, 100);
    let name = server.name("bookend/filter:1");
    for _ in 0..2 {
        push(&image, &name, access()).await.unwrap();
    }
    let tag = image.descriptor().digest.to_string().replace(':', "-");
    let list = skopeo(&[
        "inspect",
        "--raw",
        "--tls-verify=false",
        &format!("docker://{}", server.name(&format!("bookend/filter:{tag}"))),
    ]);
    let list: Index = serde_json::from_str(&list).unwrap();
    let kinds: Vec<Option<&str>> =
        list.manifests.iter().map(|entry| entry.artifact_type.as_deref()).collect();
    assert_eq!(kinds, [Some(media::CYCLONEDX), Some(media::IN_TOTO)]);
    let said = list.manifests[0].digest;
    let manifest = skopeo(&[
        "inspect",
        "--raw",
        "--tls-verify=false",
        &format!("docker://{}", server.name(&format!("bookend/filter@{said}"))),
    ]);
    assert!(manifest.contains(&image.descriptor().digest.to_string()), "{manifest}");
}

#[tokio::test]
async fn an_image_moves_between_repositories_without_being_sent() {
    let scratch = Scratch::new("mount");
    let server = Server::start(&scratch, "");
    let image = filter_image(&scratch, Layout::OciImage, 1 << 20);
    push(&image, &server.name("test/filter:1"), access()).await.unwrap();
    let heard = Arc::new(Heard::default());
    let mount = Access { mount_from: Some("test/filter".to_owned()), ..access() };
    let reference = server.name("production/filter:1").parse().unwrap();
    let registry = Registry::connect(&reference, mount, Arc::clone(&heard) as _).await.unwrap();
    let pushed = registry.push(&image).await.unwrap();
    assert_eq!(pushed.sent, 0);
    assert!(heard.all().iter().all(|told| told.starts_with("mounted from test/filter")), "{:?}", heard.all());
    assert!(matches!(verified(&server.name("production/filter:1"), access()).await, Content::Filter { .. }));
}
