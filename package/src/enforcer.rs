//! The enforcer's image: three files and nothing else, for one platform or several.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::archive::{self, Entry};
use crate::document::{Descriptor, Index, Manifest, Platform, media};
use crate::input::{Input, Part};
use crate::package::{annotations, document, json as bytes};
use crate::{Blob, Digest, Extras, Flaw, Package};

/// The directory of the files in the image. The kernel's programs lie beside the enforcer, where it looks for them.
pub const DIRECTORY: &str = "usr/lib/bookend";

/// What is in the image, and whether it can be run.
pub const FILES: [(Part, bool); 3] = [(Part::Enforcer, true), (Part::Cni, true), (Part::Programs, false)];

const TITLE: &str = "bookend-enforcer";
const DESCRIPTION: &str = "Bookend's enforcer: judges packets in the kernel of a node";

/// The files of one platform.
#[derive(Clone, Debug)]
pub struct Build {
    platform: Platform,
    files: Vec<(Input, bool)>,
}

impl Build {
    /// Reads the files of a platform from their directory.
    ///
    /// # Errors
    /// When one is missing, or is not what it should be.
    pub fn read(platform: Platform, directory: &Path) -> Result<Self, Flaw> {
        let read = |&(part, executable): &(Part, bool)| {
            Ok((Input::program(part, directory, &platform)?, executable))
        };
        let files = FILES.iter().map(read).collect::<Result<_, Flaw>>()?;
        Ok(Self { platform, files })
    }

    /// Where it runs.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }
}

/// Makes the enforcer's image: an index with a manifest for each platform.
///
/// # Errors
/// When there is no platform, or one twice, or something cannot be packed.
pub fn build(builds: &[Build], extras: &Extras) -> Result<Package, Flaw> {
    let mut builds: Vec<&Build> = builds.iter().collect();
    builds.sort_by(|left, right| left.platform.cmp(&right.platform));
    if builds.is_empty() {
        let message = "an image of the enforcer needs a platform; name one by `--platform linux/amd64=DIR`";
        return Err(Flaw::Senseless(message.to_owned()));
    }
    if let Some(&[twice, _]) =
        builds.windows(2).find(|pair| matches!(pair, [a, b] if a.platform == b.platform))
    {
        let message = format!("the platform `{}` is named twice; name each once", twice.platform);
        return Err(Flaw::Senseless(message));
    }
    let annotations = annotations(TITLE, DESCRIPTION, extras);
    let mut package = Package {
        name: "enforcer",
        root: empty()?,
        manifests: Vec::new(),
        blobs: Vec::new(),
        referrers: Vec::new(),
    };
    let mut entries = Vec::new();
    for build in &builds {
        let (manifest, blobs) = image(build, extras, &annotations)?;
        entries.push(Descriptor { platform: Some(build.platform.clone()), ..manifest.descriptor.clone() });
        package.manifests.push(manifest);
        package.blobs.extend(blobs);
    }
    let index = Index { annotations, ..Index::new(entries) };
    package.root = document("the enforcer's index".to_owned(), media::INDEX, &index)?;
    let inputs: Vec<&Input> =
        builds.iter().flat_map(|build| build.files.iter().map(|(file, _)| file)).collect();
    let parameters = json!({
        "platforms": builds.iter().map(|build| build.platform.to_string()).collect::<Vec<_>>(),
        "sourceDateEpoch": extras.epoch.seconds(),
        "annotations": extras.annotations,
    });
    package.complete(&inputs, parameters, extras)
}

/// An index of nothing.
fn empty() -> Result<Blob, Flaw> {
    document("the enforcer's index".to_owned(), media::INDEX, &Index::new(Vec::new()))
}

/// The image of one platform.
fn image(
    build: &Build,
    extras: &Extras,
    labels: &BTreeMap<String, String>,
) -> Result<(Blob, [Blob; 2]), Flaw> {
    let what = format!("the enforcer's layer for {}", build.platform);
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut path = String::new();
    for name in DIRECTORY.split('/') {
        path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        entries.push(Entry::Directory(path.clone()));
    }
    for (file, executable) in &build.files {
        entries.push(Entry::File(format!("{DIRECTORY}/{}", file.name()), *executable, file.bytes()));
    }
    let archive = archive::tar(&entries, extras.epoch).map_err(Flaw::unpackable(&what))?;
    let layer = archive::gzip(&archive).map_err(Flaw::unpackable(&what))?;
    let layer = Blob::new(what, media::LAYER, layer);
    let config = json!({
        "created": extras.epoch.rfc3339(),
        "architecture": build.platform.architecture,
        "os": build.platform.os,
        "config": {
            // It opens network namespaces and loads programs into the kernel, which only root may.
            "User": "0",
            "Env": [format!("PATH=/{DIRECTORY}")],
            "Entrypoint": [format!("/{DIRECTORY}/{}", Part::Enforcer.file())],
            "WorkingDir": "/",
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&archive)]},
        "history": [{"created": extras.epoch.rfc3339(), "created_by": "bookend package enforcer"}],
    });
    let config = Blob::new(
        format!("the enforcer's configuration for {}", build.platform),
        media::CONFIG,
        bytes(&config)?,
    );
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media::MANIFEST.to_owned()),
        artifact_type: None,
        config: config.descriptor.clone(),
        layers: vec![layer.descriptor.clone()],
        subject: None,
        annotations: labels.clone(),
    };
    let manifest =
        document(format!("the enforcer's manifest for {}", build.platform), media::MANIFEST, &manifest)?;
    Ok((manifest, [layer, config]))
}
