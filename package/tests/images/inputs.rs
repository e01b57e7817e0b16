//! Files that are not what they should be are refused, with a reason and a cure.

use bookend_package::Extras;
use bookend_package::document::Platform;
use bookend_package::enforcer::{self, Build};
use bookend_package::input::{Input, MOST_BYTES};

use crate::fake::{self, AMD64, ARM64, BPF, EXPORTS, INTERPRETER, LOAD, Scratch};

fn told_of_module(name: &str, bytes: &[u8]) -> String {
    let scratch = Scratch::new(name);
    let path = scratch.write("bookend_filter.wasm", bytes);
    let told = Input::filter(&path).unwrap_err().to_string();
    assert!(told.contains("scripts/build wasm") && told.contains(&path.display().to_string()), "{told}");
    told
}

fn told_of_program(name: &str, file: &str, bytes: &[u8]) -> String {
    let scratch = Scratch::new(name);
    let platform = Platform::usual();
    let directory = scratch.platform(&platform);
    scratch.write(&format!("amd64/{file}"), bytes);
    let told = Build::read(platform, &directory).unwrap_err().to_string();
    assert!(told.contains("scripts/build bpf static") && told.contains(file), "{told}");
    told
}

#[test]
fn a_module_that_no_proxy_would_load_is_refused() {
    let without = |name: &str| {
        let exports: Vec<&str> = EXPORTS.into_iter().filter(|export| *export != name).collect();
        fake::module(&exports, b"")
    };
    let whole = fake::module(&EXPORTS, b"");
    for (bytes, reason) in [
        (b"#!/bin/sh".to_vec(), "does not begin as WebAssembly does"),
        (whole[..whole.len() - 3].to_vec(), "broken at byte"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "is a component"),
        (without("proxy_abi_version_0_2_1"), "is no module for proxies"),
        (without("memory"), "does not export its `memory`"),
        (without("malloc"), "neither `malloc` nor"),
        (without("proxy_on_request_headers"), "is not Bookend's filter"),
    ] {
        let told = told_of_module("module", &bytes);
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn a_program_that_needs_anything_beside_it_is_refused() {
    let dynamic = fake::program(AMD64, &[LOAD, INTERPRETER], b"/lib64/ld-linux-x86-64.so.2\0");
    for (bytes, reason) in [
        (dynamic, "it is not static: it needs the loader `/lib64/ld-linux-x86-64.so.2`"),
        (fake::program(ARM64, &[LOAD], b"a"), "for arm64, not for linux/amd64"),
        (fake::program(AMD64, &[], b"a"), "nothing in it would be loaded"),
        (b"#!/bin/sh".to_vec(), "does not begin as an ELF file does"),
        (fake::program(AMD64, &[LOAD], b"a")[..40].to_vec(), "is broken"),
    ] {
        let told = told_of_program("program", "bookend-enforcer", &bytes);
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn an_object_without_programs_for_the_kernel_is_refused() {
    for (bytes, reason) in [
        (fake::kernel_programs(AMD64, &["classifier", ".BTF"]), "for amd64, not for the kernel's"),
        (fake::kernel_programs(BPF, &[".BTF"]), "no program in it"),
        (fake::kernel_programs(BPF, &["classifier"]), "has no types"),
        (fake::program(BPF, &[LOAD], b"a"), "not a relocatable object"),
    ] {
        let told = told_of_program("object", "bookend_ebpf.o", &bytes);
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn a_file_that_is_missing_is_told_with_what_builds_it() {
    let scratch = Scratch::new("missing");
    let told = Input::filter(&scratch.path().join("none.wasm")).unwrap_err().to_string();
    assert!(told.contains("cannot read the filter's module") && told.contains("--wasm FILE"), "{told}");
    let told = Build::read(Platform::usual(), scratch.path()).unwrap_err().to_string();
    assert!(
        told.contains("cannot read the enforcer") && told.contains("--platform linux/amd64=DIR"),
        "{told}"
    );
}

#[test]
fn a_file_larger_than_the_agent_takes_is_refused_before_it_is_read() {
    let scratch = Scratch::new("large");
    let path = scratch.write("bookend_filter.wasm", b"\0asm\x01\0\0\0");
    // A hole: it takes no room on the disk.
    std::fs::File::options().write(true).open(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
    let told = Input::filter(&path).unwrap_err().to_string();
    assert!(told.contains("268435457 bytes, and no more than 268435456"), "{told}");
}

#[test]
fn a_platform_twice_or_none_makes_no_image() {
    let scratch = Scratch::new("twice");
    let directory = scratch.platform(&Platform::usual());
    let build = Build::read(Platform::usual(), &directory).unwrap();
    let told = enforcer::build(&[build.clone(), build], &Extras::default()).unwrap_err().to_string();
    assert_eq!(told, "the platform `linux/amd64` is named twice; name each once");
    assert!(enforcer::build(&[], &Extras::default()).is_err());
}

/// The files of a build on this machine, if there is one: what is refused above must not refuse what is shipped.
#[test]
fn the_module_and_the_programs_that_are_shipped_are_taken() {
    let Some(dist) = std::env::var_os("BOOKEND_DIST") else {
        // `scripts/test --unit` builds none; the whole of `scripts/test` does.
        return;
    };
    let dist = std::path::Path::new(&dist);
    Input::filter(&dist.join("bookend_filter.wasm")).unwrap();
    let object = std::fs::read(dist.join("bookend_ebpf.o")).unwrap();
    assert_eq!(bookend_package::input::look_kernel_programs(&object), Ok(()));
}
