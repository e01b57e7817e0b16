//! What images are made of, and with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use bookend_package::document::Platform;
use bookend_package::enforcer::Build;
use bookend_package::filter::Layout;
use bookend_package::input::{Input, Part};
use bookend_package::{Epoch, Extras};

/// The filter's module, and how it lies in its image.
#[derive(Debug, clap::Args)]
pub(super) struct Module {
    /// The filter's module; else `bookend_filter.wasm` in the directory `BOOKEND_DIST`, or beside this command
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,

    /// How the module lies in the image; Istio's agent takes all three
    #[arg(long, value_enum, default_value_t)]
    layout: LayoutName,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum LayoutName {
    /// An image of OCI with `plugin.wasm` in its layer; every registry and every tool takes it.
    #[default]
    OciImage,
    /// The same as an image of Docker, for registries that know no other.
    DockerImage,
    /// An artifact of two layers, one of which is the module as it is.
    Artifact,
}

impl Module {
    /// Reads the module.
    pub(super) fn read(&self) -> anyhow::Result<Input> {
        let path = self.wasm.clone().map_or_else(|| found(Path::new(Part::Filter.file())), Ok)?;
        Ok(Input::filter(&path)?)
    }

    pub(super) fn layout(&self) -> Layout {
        match self.layout {
            LayoutName::OciImage => Layout::OciImage,
            LayoutName::DockerImage => Layout::DockerImage,
            LayoutName::Artifact => Layout::Artifact,
        }
    }
}

/// Where the enforcer's files lie.
#[derive(Debug, clap::Args)]
pub(super) struct Platforms {
    /// A platform, and the directory with its static `bookend-enforcer` and `bookend-cni` and with `bookend_ebpf.o`; may be given several times.
    /// Else linux/amd64, from `static` in the directory `BOOKEND_DIST`, or beside this command
    #[arg(long, value_name = "OS/ARCH=DIR", value_parser = platform)]
    platform: Vec<(Platform, PathBuf)>,
}

impl Platforms {
    /// Reads the files of every platform.
    pub(super) fn read(&self) -> anyhow::Result<Vec<Build>> {
        if self.platform.is_empty() {
            return Ok(vec![Build::read(Platform::usual(), &found(Path::new("static"))?)?]);
        }
        let read = |(platform, directory): &(Platform, PathBuf)| Build::read(platform.clone(), directory);
        Ok(self.platform.iter().map(read).collect::<Result<_, _>>()?)
    }
}

fn platform(text: &str) -> Result<(Platform, PathBuf), String> {
    let (platform, directory) = text.split_once('=').ok_or("write it as `linux/amd64=DIR`")?;
    if directory.is_empty() {
        return Err("write it as `linux/amd64=DIR`".to_owned());
    }
    Ok((platform.parse()?, directory.into()))
}

/// What images are made with, besides files.
#[derive(Debug, clap::Args)]
pub(super) struct Making {
    /// Say something more about the images, such as `org.opencontainers.image.source=https://…`; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,

    /// Make no bill of materials and no statement of how the images were made, for registries that take nothing beside images
    #[arg(long)]
    bare: bool,
}

impl Making {
    /// What the images are made with.
    pub(super) fn extras(&self) -> anyhow::Result<Extras> {
        let annotations: BTreeMap<String, String> = self.annotation.iter().cloned().collect();
        Ok(Extras { epoch: self.epoch()?, annotations, bare: self.bare })
    }

    /// When they say that they were made.
    pub(super) fn epoch(&self) -> anyhow::Result<Epoch> {
        let variable = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => Some(text),
            Err(std::env::VarError::NotPresent) => None,
            Err(error) => return Err(error).context("`SOURCE_DATE_EPOCH` is no text"),
        };
        Epoch::read(variable.as_deref()).map_err(|message| anyhow!(message))
    }
}

fn annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as `key=value`".to_owned()),
    }
}

/// Something in the directory `BOOKEND_DIST`, else beside this command.
fn found(name: &Path) -> anyhow::Result<PathBuf> {
    let given = std::env::var_os("BOOKEND_DIST").filter(|value| !value.is_empty()).map(PathBuf::from);
    let beside = || std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let directory =
        given.or_else(beside).context("cannot tell where this command lies; set `BOOKEND_DIST`")?;
    Ok(directory.join(name))
}
