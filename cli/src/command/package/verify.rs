//! `bookend package verify`

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bookend_package::layout::Layout;
use bookend_package::verify::{Content, Place, Verified, verify};
use bookend_package::{Reference, Silent};
use serde::Serialize;

use super::reach::{self, Reach};
use super::until_interrupted;
use crate::exit::Exit;
use crate::output::{self, Format};

/// Read an image back as Istio's agent and a node will, and say what they get
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  An image in a registry:
    bookend package verify registry.example.com/bookend/filter:0.1.0

  An image in a layout that `--out` has written:
    bookend package verify oci:images:enforcer

Exit codes: 0 it will run; 1 it will not, and why.")]
pub(super) struct Verify {
    /// The image: `registry/repository:tag`, `registry/repository@sha256:…`, or `oci:DIR:NAME` for one in a layout (`oci:FILE.tar:NAME` in an archive)
    #[arg(value_name = "IMAGE")]
    image: String,

    /// How the answer is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    reach: Reach,
}

/// What is in an image, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    image: String,
    digest: String,
    #[serde(flatten)]
    content: Kind,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
enum Kind {
    #[serde(rename_all = "camelCase")]
    Filter {
        sha256: String,
        module: String,
        size: usize,
        interface: &'static str,
    },
    Enforcer {
        platforms: BTreeMap<String, BTreeMap<String, String>>,
    },
}

impl Verify {
    /// Runs the command.
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let verified = match self.image.strip_prefix("oci:") {
            Some(rest) => {
                let (path, name) = match rest.split_once(':') {
                    Some((path, name)) => (path, Some(name)),
                    None => (rest, None),
                };
                let layout = Layout::open(Path::new(path))?;
                until_interrupted(async { Ok(verify(Place::Layout(&layout, name)).await?) })?
            }
            None => {
                let reference: Reference = self.image.parse()?;
                let access = self.reach.access(&reference)?;
                until_interrupted(async {
                    let registry = reach::connect(&reference, &access, Arc::new(Silent)).await?;
                    Ok(verify(Place::Registry(&registry)).await?)
                })?
            }
        };
        match self.output {
            Format::Json => output::print_json(&self.answer(&verified))?,
            Format::Text => output::print(&self.text(&verified))?,
        }
        Ok(Exit::Fine)
    }

    fn answer(&self, verified: &Verified) -> Answer {
        let content = match &verified.content {
            Content::Filter { pin, module, size, interface } => {
                Kind::Filter { sha256: pin.hex(), module: module.to_string(), size: *size, interface }
            }
            Content::Enforcer(platforms) => {
                let files = |files: &BTreeMap<_, bookend_package::Digest>| {
                    files
                        .iter()
                        .map(|(path, digest): (&String, _)| (path.clone(), digest.to_string()))
                        .collect()
                };
                let platforms =
                    platforms.iter().map(|(platform, of)| (platform.to_string(), files(of))).collect();
                Kind::Enforcer { platforms }
            }
        };
        Answer { image: self.image.clone(), digest: verified.digest.to_string(), content }
    }

    fn text(&self, verified: &Verified) -> String {
        let image = &self.image;
        match &verified.content {
            Content::Filter { pin, module, size, interface } => {
                let mut text = format!(
                    "{image} is a filter: Istio's agent takes a module of {size} bytes out of it, for {interface}\n"
                );
                text.push_str(&format!(
                    "  sha256 for a WasmPlugin  {}\n  the module itself        {module}\n",
                    pin.hex()
                ));
                if *pin != verified.digest {
                    text.push_str(&format!(
                        "  it is in an index, {}, by which a WasmPlugin cannot pin it\n",
                        verified.digest
                    ));
                }
                text
            }
            Content::Enforcer(platforms) => {
                let mut text = format!("{image} is an enforcer, {}\n", verified.digest);
                for (platform, files) in platforms {
                    text.push_str(&format!("  {platform}\n"));
                    for (path, digest) in files {
                        text.push_str(&format!("    {digest}  {path}\n"));
                    }
                }
                text
            }
        }
    }
}
