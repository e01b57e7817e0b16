//! What Istio's agent takes out of images, of Bookend and of others.

use std::collections::BTreeMap;
use std::io::Write;

use bookend_package::agent::{self, Refusal};
use bookend_package::document::{Manifest, media};
use bookend_package::{Blob, Extras};
use bytes::Bytes;

use crate::fake::{self, Scratch};
use crate::{LAYOUTS, filter_image};

/// An image of some layers, and what the agent makes of it.
fn taken(media_type: Option<&str>, layers: &[(&str, Vec<u8>)]) -> Result<Bytes, Refusal> {
    let blobs: Vec<Blob> =
        layers.iter().map(|(media_type, bytes)| Blob::new("a layer", media_type, bytes.clone())).collect();
    let manifest = Manifest {
        schema_version: 2,
        media_type: media_type.map(str::to_owned),
        artifact_type: None,
        config: Blob::new("a configuration", media::CONFIG, "{}").descriptor,
        layers: blobs.iter().map(|blob| blob.descriptor.clone()).collect(),
        subject: None,
        annotations: BTreeMap::new(),
    };
    let wanted = agent::wanted(&manifest);
    let fetched = blobs.iter().filter(|blob| wanted.contains(&&blob.descriptor));
    agent::module(&manifest, &fetched.map(|blob| (blob.descriptor.digest, blob.bytes.clone())).collect())
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn module() -> Vec<u8> {
    fake::module(&fake::EXPORTS, b"")
}

#[test]
fn the_agent_takes_the_module_out_of_every_layout() {
    let scratch = Scratch::new("agent");
    for layout in LAYOUTS {
        let image = filter_image(&scratch, layout, &Extras::default());
        let manifest: Manifest = serde_json::from_slice(&image.root.bytes).unwrap();
        let blobs = image.blobs.iter().map(|blob| (blob.descriptor.digest, blob.bytes.clone())).collect();
        let module = agent::module(&manifest, &blobs).unwrap();
        assert_eq!(module, std::fs::read(scratch.path().join("bookend_filter.wasm")).unwrap());
    }
}

#[test]
fn the_module_may_lie_in_any_directory_of_the_last_layer() {
    let layers =
        [(media::LAYER, archive(&[("x", b"y")])), (media::LAYER, archive(&[("a/b/plugin.wasm", &module())]))];
    assert_eq!(taken(None, &layers), Ok(module().into()));
    let docker = [(media::DOCKER_LAYER, archive(&[("plugin.wasm", &module())]))];
    assert_eq!(taken(Some(media::DOCKER_MANIFEST), &docker), Ok(module().into()));
}

#[test]
fn an_artifact_may_stand_where_an_image_holds_nothing() {
    let layers = [(media::WASM, module()), (media::LAYER, archive(&[("other", b"")]))];
    assert_eq!(taken(None, &layers), Ok(module().into()));
}

#[test]
fn images_that_the_agent_does_not_know_are_refused_as_it_refuses_them() {
    let wasm = archive(&[("plugin.wasm", &module())]);
    let mut torn = wasm.clone();
    torn.truncate(40);
    let mut zstd = Vec::new();
    zstd.write_all(b"\x28\xb5\x2f\xfd").unwrap();
    for (media_type, layers, reason) in [
        (None, vec![], "it has no layer"),
        (None, vec![(media::WASM, module())], "1 layers, where exactly two"),
        (
            None,
            vec![("application/wasm", module()), (media::WASM_CONFIG, vec![])],
            "has no layer `application/vnd.module.wasm",
        ),
        (None, vec![(media::WASM, module()), ("a", vec![]), ("b", vec![])], "3 layers, where exactly two"),
        (
            None,
            vec![("application/vnd.oci.image.layer.v1.tar+zstd", zstd)],
            "its last layer is `application/vnd.oci.image.layer.v1.tar+zstd`",
        ),
        (
            None,
            vec![(media::DOCKER_LAYER, wasm.clone())],
            "not `application/vnd.oci.image.layer.v1.tar+gzip`",
        ),
        (
            None,
            vec![(media::LAYER, wasm.clone()), (media::LAYER, archive(&[("a", b"")]))],
            "no `plugin.wasm` in its last layer",
        ),
        (None, vec![(media::LAYER, torn)], "its last layer is no archive"),
        (
            Some(media::DOCKER_MANIFEST),
            vec![(media::LAYER, wasm)],
            "not `application/vnd.docker.image.rootfs.diff.tar.gzip`",
        ),
        (
            None,
            vec![(media::LAYER, archive(&[("plugin.wasm", b"text")]))],
            "4 bytes out of the image that are no WebAssembly",
        ),
    ] {
        let told = taken(media_type, &layers).unwrap_err().to_string();
        assert!(told.contains(reason), "{told}");
    }
}
