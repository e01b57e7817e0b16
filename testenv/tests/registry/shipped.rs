//! The images as they are shipped: of the files that `scripts/build` makes, and run as a node runs them, with nothing else around.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bookend_package::document::Manifest;
use serde_json::Value;

use crate::command::dist;
use crate::fake::Scratch;
use crate::server::{Server, skopeo};

/// Packages what is shipped; what is printed on standard output.
fn package(scratch: &Scratch, arguments: &[&str]) -> String {
    let mut command = Command::new(dist().join("bookend"));
    command.arg("package").args(arguments).current_dir(scratch.path()).env("BOOKEND_DIST", dist());
    command.env_remove("SOURCE_DATE_EPOCH").env("HOME", scratch.path()).env("DOCKER_CONFIG", scratch.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The files of an image in a directory as skopeo writes it, unpacked.
fn unpack(image: &Path, root: &Path) {
    std::fs::create_dir(root).unwrap();
    let manifest: Manifest =
        serde_json::from_slice(&std::fs::read(image.join("manifest.json")).unwrap()).unwrap();
    for layer in &manifest.layers {
        let digest = layer.digest.to_string();
        let blob = image.join(digest.strip_prefix("sha256:").unwrap());
        let unpacked =
            Command::new("tar").arg("-xzf").arg(blob).arg("-C").arg(root).status().expect("tar is there");
        assert!(unpacked.success());
    }
}

/// Runs a program of an image, with the image's root as its own.
fn run(root: &Path, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("/usr/sbin/chroot");
    command.arg(root).arg(program).args(arguments).env_clear().envs(variables.iter().copied());
    command.stdin(Stdio::null()).output().expect("chroot is there")
}

#[test]
fn the_image_of_the_enforcer_needs_nothing_of_the_machine_that_it_runs_on() {
    let scratch = Scratch::new("shipped");
    let server = Server::start(&scratch, "");
    let name = server.name("bookend/enforcer:shipped");
    let pushed = package(&scratch, &["enforcer", "--push", &name]);
    let again = package(&scratch, &["enforcer", "--dry-run"]);
    assert!(pushed.trim().ends_with(again.trim()), "{pushed} is not {again}");

    let image = scratch.path().join("image");
    let (from, to) = (format!("docker://{}", pushed.trim()), format!("dir:{}", image.display()));
    skopeo(&["copy", "--src-tls-verify=false", &from, &to]);
    let root = scratch.path().join("root");
    unpack(&image, &root);
    let mut files: Vec<PathBuf> = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => directories.push(entry.path()),
                false => files.push(entry.path().strip_prefix(&root).unwrap().to_owned()),
            }
        }
    }
    files.sort();
    let inside = ["bookend-cni", "bookend-enforcer", "bookend_ebpf.o"];
    assert_eq!(files, inside.map(|name| Path::new("usr/lib/bookend").join(name)));

    let told = run(&root, "/usr/lib/bookend/bookend-enforcer", &["--version"], &[]);
    assert!(told.status.success(), "{told:?}");
    let version = String::from_utf8(told.stdout).unwrap();
    assert!(version.starts_with(concat!("bookend-enforcer ", env!("CARGO_PKG_VERSION"))), "{version}");
    let told = run(&root, "/usr/lib/bookend/bookend-cni", &[], &[("CNI_COMMAND", "VERSION")]);
    let told: Value =
        serde_json::from_slice(&told.stdout).unwrap_or_else(|error| panic!("{error}: {told:?}"));
    assert!(told["supportedVersions"].as_array().unwrap().iter().any(|version| version == "1.0.0"), "{told}");
    let object = std::fs::read(root.join("usr/lib/bookend/bookend_ebpf.o")).unwrap();
    assert_eq!(object, std::fs::read(dist().join("bookend_ebpf.o")).unwrap());
}

#[test]
fn the_image_of_the_filter_has_the_module_that_is_tested() {
    let scratch = Scratch::new("shipped-filter");
    let server = Server::start(&scratch, "");
    let name = server.name("bookend/filter:shipped");
    let pushed = package(&scratch, &["filter", "--push", &name]);
    let image = scratch.path().join("image");
    let (from, to) = (format!("docker://{}", pushed.trim()), format!("dir:{}", image.display()));
    skopeo(&["copy", "--src-tls-verify=false", &from, &to]);
    let root = scratch.path().join("root");
    unpack(&image, &root);
    let module = std::fs::read(root.join("plugin.wasm")).unwrap();
    assert!(module == std::fs::read(dist().join("bookend_filter.wasm")).unwrap(), "another module");
}
