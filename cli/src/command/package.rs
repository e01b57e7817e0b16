//! `bookend package`

mod answer;
mod making;
mod reach;
mod report;
mod target;
mod verify;

use anyhow::Context;
use bookend_package::{Package as Image, enforcer, filter};
use clap::Subcommand;

use self::making::{Making, Module, Platforms};
use self::target::Target;
use self::verify::Verify;
use crate::exit::Exit;

/// Make images of the filter and the enforcer, and push them to a registry
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Make images of the filter and the enforcer, and push them to a registry, without a container engine.

The filter becomes an image that Istio's agent takes a module out of; the enforcer one that a DaemonSet runs. Both are made of files \
that were built before (`scripts/build`), and depend on nothing else: the same files give the same digest, whenever and wherever. Beside \
each lies a bill of materials (CycloneDX) and a statement of how it was made (in-toto, SLSA; nobody signs it).

What is printed on standard output pins an image by its digest, for `bookend deploy`.",
    after_long_help = "\
Examples:
  Push both, as registry.example.com/bookend/filter and registry.example.com/bookend/enforcer:
    bookend package all --push registry.example.com/bookend:0.1.0

  Push the filter, and deploy exactly what was pushed:
    filter=$(bookend package filter --push registry.example.com/bookend/filter:0.1.0)
    bookend deploy --filter-image \"$filter\" ...

  Write both into a directory, without any network, and copy them later with another tool:
    bookend package all --out images
    skopeo copy oci:images:filter docker://registry.example.com/bookend/filter:0.1.0

  See what a registry holds, as Istio's agent and a node will:
    bookend package verify registry.example.com/bookend/filter:0.1.0

Who one is to the registry: `--username` and `--password-stdin`, or else what `docker login` or `podman login` keeps.
SOURCE_DATE_EPOCH says when the images say that they were made; 1970 without it."
)]
pub(crate) struct Package {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Filter(FilterImage),
    Enforcer(EnforcerImage),
    All(AllImages),
    Verify(Verify),
}

/// Make an image of the filter, as Istio's agent takes it
#[derive(Debug, clap::Args)]
struct FilterImage {
    #[command(flatten)]
    module: Module,

    #[command(flatten)]
    making: Making,

    #[command(flatten)]
    target: Target,
}

/// Make an image of the enforcer, for one platform or several
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  For two platforms, each built into a directory of its own:
    bookend package enforcer --platform linux/amd64=dist/amd64 --platform linux/arm64=dist/arm64 \\
      --push registry.example.com/bookend/enforcer:0.1.0

In the image are /usr/lib/bookend/bookend-enforcer, /usr/lib/bookend/bookend-cni and /usr/lib/bookend/bookend_ebpf.o, and nothing else: \
no shell, no libraries. Programs that are not static are refused.")]
struct EnforcerImage {
    #[command(flatten)]
    platforms: Platforms,

    #[command(flatten)]
    making: Making,

    #[command(flatten)]
    target: Target,
}

/// Make both images; pushed, each lies below the repository that is named: `/filter` and `/enforcer`
#[derive(Debug, clap::Args)]
struct AllImages {
    #[command(flatten)]
    module: Module,

    #[command(flatten)]
    platforms: Platforms,

    #[command(flatten)]
    making: Making,

    #[command(flatten)]
    target: Target,
}

impl Package {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        match &self.what {
            What::Filter(FilterImage { module, making, target }) => {
                target.deliver(&[filter_image(module, making)?], making.epoch()?, false)
            }
            What::Enforcer(EnforcerImage { platforms, making, target }) => {
                target.deliver(&[enforcer_image(platforms, making)?], making.epoch()?, false)
            }
            What::All(AllImages { module, platforms, making, target }) => {
                let images = [filter_image(module, making)?, enforcer_image(platforms, making)?];
                target.deliver(&images, making.epoch()?, true)
            }
            What::Verify(verify) => verify.run(),
        }
    }
}

fn filter_image(module: &Module, making: &Making) -> anyhow::Result<Image> {
    Ok(filter::build(&module.read()?, module.layout(), &making.extras()?)?)
}

fn enforcer_image(platforms: &Platforms, making: &Making) -> anyhow::Result<Image> {
    Ok(enforcer::build(&platforms.read()?, &making.extras()?)?)
}

/// Runs something that waits for the network, until it is done or interrupted.
fn until_interrupted<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot wait for a network here")?.block_on(async {
        tokio::select! {
            result = work => result,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted; what was sent stays in the registry, and is not sent again next time")),
        }
    })
}
