//! Modules of WebAssembly, as a proxy looks at them before it runs one.

use wasmparser::{Encoding, ExternalKind, Parser, Payload};

/// The versions of proxy-wasm that Envoy runs, newest first: a module exports the one that it is written for
/// (proxy-wasm-cpp-host, `src/wasm.cc`).
const VERSIONS: [(&str, &str); 3] = [
    ("proxy_abi_version_0_2_1", "proxy-wasm 0.2.1"),
    ("proxy_abi_version_0_2_0", "proxy-wasm 0.2.0"),
    ("proxy_abi_version_0_1_0", "proxy-wasm 0.1.0"),
];

/// The version of proxy-wasm that a module is written for.
///
/// # Errors
/// With the reason why no proxy would load it.
pub(super) fn look(bytes: &[u8]) -> Result<&'static str, String> {
    if !bytes.starts_with(b"\0asm") {
        return Err("it does not begin as WebAssembly does".to_owned());
    }
    let mut exports: Vec<(String, ExternalKind)> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| broken(&error))? {
            Payload::Version { encoding: Encoding::Component, .. } => {
                return Err("it is a component, and proxies load modules".to_owned());
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(|error| broken(&error))?;
                    exports.push((export.name.to_owned(), export.kind));
                }
            }
            _ => {}
        }
    }
    let has =
        |name: &str, kind| exports.iter().any(|(other, other_kind)| other == name && *other_kind == kind);
    let version = VERSIONS.iter().find(|(export, _)| has(export, ExternalKind::Func));
    let Some((_, version)) = version else {
        return Err("it exports no `proxy_abi_version_…`, so it is no module for proxies".to_owned());
    };
    // What Envoy asks every module for, whatever it is for.
    if !has("memory", ExternalKind::Memory) {
        return Err("it does not export its `memory`".to_owned());
    }
    if !["malloc", "proxy_on_memory_allocate"].iter().any(|name| has(name, ExternalKind::Func)) {
        return Err(
            "it exports neither `malloc` nor `proxy_on_memory_allocate`, so no proxy could tell it anything"
                .to_owned(),
        );
    }
    // Bookend's judges requests and connections; the same module is loaded for both.
    for name in [
        "proxy_on_context_create",
        "proxy_on_configure",
        "proxy_on_request_headers",
        "proxy_on_new_connection",
    ] {
        if !has(name, ExternalKind::Func) {
            return Err(format!("it does not export `{name}`, so it is not Bookend's filter"));
        }
    }
    Ok(version)
}

fn broken(error: &wasmparser::BinaryReaderError) -> String {
    format!("it is broken at byte {}: {}", error.offset(), error.message())
}
