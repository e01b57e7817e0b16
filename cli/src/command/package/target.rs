//! Where images go.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use bookend_package::registry::{Access, Pushed};
use bookend_package::{Epoch, Package, Reference, layout};

use super::answer::{Answer, Entry};
use super::reach::{self, Reach};
use super::report::Report;
use super::until_interrupted;
use crate::exit::{Exit, Stopped};
use crate::output::{self, Format};

/// The tag of images that are given none.
const TAG: &str = env!("CARGO_PKG_VERSION");

/// Where images go.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Push to this repository of a registry, under this tag; without a tag, under the version of this command
    #[arg(long, value_name = "REGISTRY/REPOSITORY:TAG", required_unless_present_any = ["out", "dry_run"])]
    push: Option<Reference>,

    /// Write an OCI image layout into this new directory, or into this new archive if it ends in `.tar`
    #[arg(long, value_name = "DIR|FILE.tar", conflicts_with = "push")]
    out: Option<PathBuf>,

    /// Make and check the images, print their digests, and push or write nothing
    #[arg(long)]
    dry_run: bool,

    /// How the answer is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    /// Take what is there already from this repository of the same registry instead of sending it, such as when an image moves from test to production
    #[arg(long, value_name = "REPOSITORY", help_heading = "Registry")]
    mount_from: Option<String>,

    /// How many MiB are sent at once; storage behind some registries takes no fewer than 5
    #[arg(long, value_name = "MIB", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Registry")]
    chunk: u16,

    #[command(flatten)]
    reach: Reach,
}

impl Target {
    /// Pushes or writes images, and prints what they are called. Several have names below the repository.
    pub(super) fn deliver(&self, images: &[Package], epoch: Epoch, several: bool) -> anyhow::Result<Exit> {
        if let Some(digest) = self.push.as_ref().and_then(Reference::digest) {
            let message = format!(
                "an image is pushed under a tag, and its digest is what comes of it; leave out `@{digest}`"
            );
            return Err(Stopped::usage(message));
        }
        let reference = |image: &Package| {
            let named = self.push.clone()?.or_tag(TAG);
            Some(if several { named.below(image.name) } else { named })
        };
        let pushed: Vec<Option<Pushed>> = match (&self.push, &self.out) {
            _ if self.dry_run => images.iter().map(|_| None).collect(),
            (Some(named), _) => {
                let access = self.access(named)?;
                let references: Vec<Reference> = images.iter().filter_map(reference).collect();
                until_interrupted(push(images, &references, &access))?.into_iter().map(Some).collect()
            }
            (None, Some(path)) => {
                write(images, path, epoch)?;
                images.iter().map(|_| None).collect()
            }
            (None, None) => images.iter().map(|_| None).collect(),
        };
        let entries = images.iter().zip(&pushed).map(|(image, pushed)| {
            Entry::new(image, reference(image).as_ref(), pushed.as_ref(), self.out.as_deref())
        });
        let answer = Answer { images: entries.collect() };
        match self.output {
            Format::Json => output::print_json(&answer)?,
            Format::Text => output::print(&answer.text())?,
        }
        Ok(Exit::Fine)
    }

    fn access(&self, named: &Reference) -> anyhow::Result<Access> {
        let access = self.reach.access(named)?;
        Ok(Access { mount_from: self.mount_from.clone(), chunk: usize::from(self.chunk) << 20, ..access })
    }
}

async fn push(images: &[Package], references: &[Reference], access: &Access) -> anyhow::Result<Vec<Pushed>> {
    let report = Arc::new(Report::new());
    let mut pushed = Vec::new();
    for (image, reference) in images.iter().zip(references) {
        let registry = reach::connect(reference, access, Arc::clone(&report) as _).await?;
        pushed.push(registry.push(image).await?);
    }
    Ok(pushed)
}

/// Writes a layout; an interruption ends that without leaving anything behind.
fn write(images: &[Package], path: &Path, epoch: Epoch) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot watch for interruptions here")?;
    let stop = Arc::new(AtomicBool::new(false));
    let (images, path, stopped) = (images.to_vec(), path.to_owned(), Arc::clone(&stop));
    runtime.block_on(async {
        let mut work = tokio::task::spawn_blocking(move || layout::write(&images, &path, epoch, &stopped));
        let done = tokio::select! {
            done = &mut work => done,
            _ = tokio::signal::ctrl_c() => {
                stop.store(true, Ordering::Relaxed);
                work.await
            }
        };
        Ok(done.context("writing ended early")??)
    })
}
