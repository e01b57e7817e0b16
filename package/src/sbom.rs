//! The bill of materials: CycloneDX 1.6 in JSON (<https://cyclonedx.org/docs/1.6/json/>).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::Epoch;
use crate::crates::{CNI, Crate, EBPF, ENFORCER, FILTER};
use crate::document::Descriptor;
use crate::input::{Input, Part};

/// What an image is made of: its files, and the crates that each is linked of.
///
/// The crates are those of the sources from which this command was built; that the files were built from the same is not
/// checked, and the document says so.
pub(crate) fn bill(name: &str, image: &Descriptor, inputs: &[&Input], epoch: Epoch) -> Value {
    let mut components = BTreeMap::new();
    let mut dependencies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let image_ref = format!("image:{name}");
    for input in inputs {
        let file_ref = format!("file:{}", input.place());
        let file = json!({
            "type": "file",
            "bom-ref": file_ref,
            "name": input.name(),
            "hashes": [{"alg": "SHA-256", "content": input.digest().hex()}],
        });
        components.insert(file_ref.clone(), file);
        dependencies.entry(image_ref.clone()).or_default().insert(file_ref.clone());
        let crates = linked(input.part());
        for one in crates {
            components.insert(reference(one), component(one));
            let used = one.dependencies.iter().filter_map(|&index| crates.get(index)).map(reference);
            dependencies.entry(reference(one)).or_default().extend(used);
        }
        dependencies.entry(file_ref).or_default().extend(crates.first().map(reference));
    }
    let dependencies: Vec<Value> =
        dependencies.into_iter().map(|(from, to)| json!({"ref": from, "dependsOn": to})).collect();
    let property = "the crates are those of the sources that `bookend package` was built from; Rust's standard library is linked besides";
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": epoch.rfc3339(),
            "tools": {"components": [{"type": "application", "name": "bookend", "version": env!("CARGO_PKG_VERSION")}]},
            "component": {
                "type": "container",
                "bom-ref": image_ref,
                "name": format!("bookend-{name}"),
                "version": env!("CARGO_PKG_VERSION"),
                "hashes": [{"alg": "SHA-256", "content": image.digest.hex()}],
                "licenses": [{"expression": env!("CARGO_PKG_LICENSE")}],
            },
            "properties": [{"name": "dev.bookend:completeness", "value": property}],
        },
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies,
    })
}

fn linked(part: Part) -> &'static [Crate] {
    match part {
        Part::Filter => FILTER,
        Part::Enforcer => ENFORCER,
        Part::Cni => CNI,
        Part::Programs => EBPF,
    }
}

fn reference(one: &Crate) -> String {
    format!("crate:{}@{}", one.name, one.version)
}

fn component(one: &Crate) -> Value {
    let mut fields = vec![
        ("type", json!("library")),
        ("bom-ref", json!(reference(one))),
        ("name", json!(one.name)),
        ("version", json!(one.version)),
    ];
    if !one.license.is_empty() {
        fields.push(("licenses", json!([{"expression": one.license}])));
    }
    // Only what lies in the registry has a name there.
    if let Some(checksum) = one.checksum {
        fields.push(("purl", json!(format!("pkg:cargo/{}@{}", one.name, one.version))));
        fields.push(("hashes", json!([{"alg": "SHA-256", "content": checksum}])));
    }
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_linked_of_crates_with_licenses_and_checksums() {
        for (name, crates) in [
            ("bookend-filter", FILTER),
            ("bookend-enforcer", ENFORCER),
            ("bookend-cni", CNI),
            ("bookend-ebpf", EBPF),
        ] {
            assert_eq!(crates.first().map(|first| first.name), Some(name));
            for one in crates {
                assert!(!one.license.is_empty() && !one.license.contains('/'), "{one:?}");
                assert_eq!(one.checksum.is_none(), one.name.starts_with("bookend-"), "{one:?}");
                assert!(one.dependencies.iter().all(|&index| index < crates.len()), "{one:?}");
            }
        }
    }

    #[test]
    fn what_is_used_only_to_build_or_to_test_is_not_linked() {
        for name in ["proptest", "insta", "cc", "syn", "windows-sys", "wasmtime"] {
            assert!(
                [FILTER, ENFORCER, CNI, EBPF].iter().all(|crates| crates.iter().all(|one| one.name != name)),
                "{name}"
            );
        }
    }
}
