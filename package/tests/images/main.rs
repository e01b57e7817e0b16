//! What images are made of, and that the same files always make the same.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

#[path = "../shared/fake.rs"]
#[expect(dead_code, reason = "several tests share it, none of which needs all of it")]
mod fake;
mod inputs;
mod layouts;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::time::{Duration, SystemTime};

use bookend_package::document::{Manifest, Platform, media};
use bookend_package::enforcer::{self, Build};
use bookend_package::filter::{self, Layout};
use bookend_package::input::Input;
use bookend_package::{Blob, Digest, Epoch, Extras, Package};
use fake::Scratch;
use flate2::read::GzDecoder;

const LAYOUTS: [Layout; 3] = [Layout::OciImage, Layout::DockerImage, Layout::Artifact];

fn filter_image(scratch: &Scratch, layout: Layout, extras: &Extras) -> Package {
    let path = scratch.write("bookend_filter.wasm", &fake::module(&fake::EXPORTS, b"some bytes"));
    filter::build(&Input::filter(&path).unwrap(), layout, extras).unwrap()
}

fn arm64() -> Platform {
    "linux/arm64".parse().unwrap()
}

fn enforcer_image(scratch: &Scratch, platforms: &[Platform], extras: &Extras) -> Package {
    let build = |platform: &Platform| Build::read(platform.clone(), &scratch.platform(platform)).unwrap();
    let builds: Vec<Build> = platforms.iter().map(build).collect();
    enforcer::build(&builds, extras).unwrap()
}

fn blob(package: &Package, digest: Digest) -> &Blob {
    package.all_blobs().chain(package.documents()).find(|blob| blob.descriptor.digest == digest).unwrap()
}

/// Path, mode, owner, time and content of each entry.
fn entries(layer: &[u8]) -> Vec<(String, u32, u64, u64, Vec<u8>)> {
    let mut archive = tar::Archive::new(GzDecoder::new(layer));
    let read = |entry: std::io::Result<tar::Entry<'_, GzDecoder<&[u8]>>>| {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        (
            path,
            header.mode().unwrap(),
            header.uid().unwrap() + header.gid().unwrap(),
            header.mtime().unwrap(),
            bytes,
        )
    };
    archive.entries().unwrap().map(read).collect()
}

#[test]
fn the_same_files_make_the_same_digests_wherever_and_whenever() {
    let (first, second) = (Scratch::new("first"), Scratch::new("second"));
    let extras = Extras::default();
    for layout in LAYOUTS {
        let image = filter_image(&first, layout, &extras);
        let again = filter_image(&second, layout, &extras);
        assert_eq!(image.descriptor(), again.descriptor());
    }
    let platforms = [Platform::usual(), arm64()];
    let image = enforcer_image(&first, &platforms, &extras);
    // Files that were touched, and platforms in another order.
    for file in ["bookend-enforcer", "bookend-cni", "bookend_ebpf.o"] {
        let file = File::options().append(true).open(first.path().join("amd64").join(file)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400)).unwrap();
    }
    let [usual, other] = platforms.clone();
    let builds = [other, usual].map(|platform| {
        let directory = first.path().join(&platform.architecture);
        Build::read(platform, &directory).unwrap()
    });
    let again = enforcer::build(&builds, &extras).unwrap();
    assert_eq!(image.descriptor(), again.descriptor());
    let said = |image: &Package| {
        image.referrers.iter().map(|one| one.manifest.descriptor.clone()).collect::<Vec<_>>()
    };
    assert_eq!(said(&image), said(&again));
    assert_ne!(image.descriptor(), enforcer_image(&second, &platforms[..1], &extras).descriptor());
}

/// A digest that changes means that images of one version can be told apart by who made them: a new compressor, a new order
/// of fields. Change it with the version.
#[test]
fn the_digests_are_those_of_this_version() {
    let scratch = Scratch::new("golden");
    let extras = Extras { bare: true, ..Extras::default() };
    let digests: BTreeMap<String, String> = LAYOUTS
        .iter()
        .map(|&layout| {
            (layout.to_string(), filter_image(&scratch, layout, &extras).descriptor().digest.to_string())
        })
        .chain([(
            "enforcer".to_owned(),
            enforcer_image(&scratch, &[Platform::usual(), arm64()], &extras).descriptor().digest.to_string(),
        )])
        .collect();
    let expected = include_str!("digests.txt").lines().filter_map(|line| line.split_once(' '));
    let expected: BTreeMap<String, String> =
        expected.map(|(name, digest)| (name.to_owned(), digest.trim().to_owned())).collect();
    assert_eq!(digests, expected);
}

#[test]
fn the_epoch_changes_times_and_nothing_else() {
    let scratch = Scratch::new("epoch");
    let epoch = Epoch::read(Some("1750000000")).unwrap();
    let image = enforcer_image(&scratch, &[Platform::usual()], &Extras { epoch, ..Extras::default() });
    let zero = enforcer_image(&scratch, &[Platform::usual()], &Extras::default());
    let layer = |image: &Package| entries(&image.blobs[0].bytes);
    assert!(layer(&image).iter().all(|entry| entry.3 == 1_750_000_000));
    let timeless = |image: &Package| {
        layer(image)
            .into_iter()
            .map(|(path, mode, owner, _, bytes)| (path, mode, owner, bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(timeless(&image), timeless(&zero));
}

#[test]
fn the_enforcer_has_its_three_files_and_nothing_else() {
    let scratch = Scratch::new("nothing-else");
    let image = enforcer_image(&scratch, &[Platform::usual()], &Extras::default());
    let found = entries(&image.blobs[0].bytes);
    let paths: Vec<(&str, u32, u64)> =
        found.iter().map(|(path, mode, owner, ..)| (path.as_str(), *mode, *owner)).collect();
    let expected = [
        ("usr/", 0o755, 0),
        ("usr/lib/", 0o755, 0),
        ("usr/lib/bookend/", 0o755, 0),
        ("usr/lib/bookend/bookend-cni", 0o755, 0),
        ("usr/lib/bookend/bookend-enforcer", 0o755, 0),
        ("usr/lib/bookend/bookend_ebpf.o", 0o644, 0),
    ];
    assert_eq!(paths, expected);
    assert_eq!(found[4].4, fs::read(scratch.path().join("amd64/bookend-enforcer")).unwrap());
}

/// Another implementation of the specification reads what this one writes.
#[test]
fn every_document_is_one_of_the_specification() {
    use oci_spec::image::{ImageConfiguration, ImageIndex, ImageManifest};
    let scratch = Scratch::new("specification");
    let extras = Extras {
        annotations: BTreeMap::from([(
            "org.opencontainers.image.source".to_owned(),
            "https://example.com/a".to_owned(),
        )]),
        ..Extras::default()
    };
    let platforms = [Platform::usual(), arm64()];
    let image = enforcer_image(&scratch, &platforms, &extras);
    let index = ImageIndex::from_reader(&image.root.bytes[..]).unwrap();
    let annotations = index.annotations().clone().unwrap();
    assert_eq!(annotations["org.opencontainers.image.source"], "https://example.com/a");
    assert_eq!(annotations["org.opencontainers.image.licenses"], "Apache-2.0");
    for (entry, platform) in index.manifests().iter().zip(["amd64", "arm64"]) {
        assert_eq!(entry.platform().as_ref().unwrap().architecture().to_string(), platform);
        let manifest = blob(&image, entry.digest().to_string().parse().unwrap());
        assert_eq!(entry.size(), manifest.bytes.len() as u64);
        let manifest = ImageManifest::from_reader(&manifest.bytes[..]).unwrap();
        let config = blob(&image, manifest.config().digest().to_string().parse().unwrap());
        let config = ImageConfiguration::from_reader(&config.bytes[..]).unwrap();
        assert_eq!(config.architecture().to_string(), platform);
        let run = config.config().clone().unwrap();
        assert_eq!(run.entrypoint().clone().unwrap(), ["/usr/lib/bookend/bookend-enforcer"]);
        assert_eq!(run.user().as_deref(), Some("0"));
        assert_eq!(config.rootfs().diff_ids().len(), 1);
    }
    for layout in LAYOUTS {
        let image = filter_image(&scratch, layout, &extras);
        let manifest = ImageManifest::from_reader(&image.root.bytes[..]).unwrap();
        let present: BTreeSet<String> =
            image.all_blobs().map(|blob| blob.descriptor.digest.to_string()).collect();
        let pointed = manifest.layers().iter().chain([manifest.config()]);
        assert!(
            pointed.map(|descriptor| descriptor.digest().to_string()).all(|digest| present.contains(&digest))
        );
    }
}

#[test]
fn what_is_said_about_an_image_points_to_it_and_names_its_files() {
    let scratch = Scratch::new("said");
    let image = enforcer_image(&scratch, &[Platform::usual(), arm64()], &Extras::default());
    let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let mut kinds = Vec::new();
    for referrer in &image.referrers {
        let manifest: Manifest = serde_json::from_slice(&referrer.manifest.bytes).unwrap();
        assert_eq!(manifest.subject.unwrap(), *image.descriptor());
        kinds.push(manifest.artifact_type.unwrap());
        assert_eq!(manifest.config.media_type, media::EMPTY);
    }
    assert_eq!(kinds, [media::CYCLONEDX, media::IN_TOTO]);
    let bill = read(&image.referrers[0].blobs[1].bytes);
    let components = bill["components"].as_array().unwrap();
    let names: BTreeSet<&str> = components.iter().filter_map(|one| one["bom-ref"].as_str()).collect();
    for file in [
        "file:linux/amd64/bookend-enforcer",
        "file:linux/arm64/bookend-cni",
        "file:linux/amd64/bookend_ebpf.o",
    ] {
        assert!(names.contains(file), "{file}");
    }
    assert!(names.iter().any(|name| name.starts_with("crate:aya@")), "{names:?}");
    // Whatever depends on something depends on something that is there.
    for dependency in bill["dependencies"].as_array().unwrap() {
        for on in dependency["dependsOn"].as_array().unwrap() {
            assert!(names.contains(on.as_str().unwrap()), "{on}");
        }
    }
    let statement = read(&image.referrers[1].blobs[1].bytes);
    assert_eq!(statement["subject"][0]["digest"]["sha256"], image.descriptor().digest.hex());
    let built = &statement["predicate"]["buildDefinition"]["resolvedDependencies"];
    assert_eq!(built.as_array().unwrap().len(), 6);
    let enforcer = Digest::of(&fs::read(scratch.path().join("amd64/bookend-enforcer")).unwrap());
    assert_eq!(built[0]["digest"]["sha256"], enforcer.hex());
}

#[test]
fn a_bare_image_is_the_same_image_without_what_is_said_about_it() {
    let scratch = Scratch::new("bare");
    let whole = filter_image(&scratch, Layout::OciImage, &Extras::default());
    let bare = filter_image(&scratch, Layout::OciImage, &Extras { bare: true, ..Extras::default() });
    assert_eq!(whole.descriptor(), bare.descriptor());
    assert!(bare.referrers.is_empty());
}
