//! `bookend playground`

use std::path::{Path, PathBuf};

use anyhow::Context;
use bookend_lang::MAX_SOURCE_BYTES;
use bookend_playground_server::{Page, Server, Shelf, Volume};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::fmt::replace;
use crate::exit::{Exit, Stopped};
use crate::output::{self, Format};
use crate::sources::Files;

/// Look at policies in a browser
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Look at policies in a browser: mistakes under the text as it is typed, who can talk to whom as a graph, and what becomes of \
a request at every point that judges it, by the same engine.

The page is inside this command and is served on this machine alone, at an address that nobody can guess; it speaks to nobody else. \
Files that are named are read again when they change on disk. They are written only when `Save` is chosen on the page, and only if they did \
not change on disk meanwhile. Without files the page begins with its examples.

Whoever knows the address may read and write these files, so it is printed and given to nobody. Interrupt the command (ctrl-C) to end it.",
    after_long_help = "\
Examples:
  Look at Bookinfo's policy:
    bookend playground -f examples/bookinfo

  Try something without any files:
    bookend playground

  At a port of your choice, to reach it through `ssh -L 8080:127.0.0.1:8080`:
    bookend playground -f policies -i manifests --port 8080

Exit code: 0 when it is interrupted.",
    // Without files it begins with its examples.
    mut_arg("files", |files| files.required(false))
)]
pub(crate) struct Playground {
    #[command(flatten)]
    files: Option<Files>,

    /// The port to listen at; any that is free if it is 0
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// Serve the page in this directory instead of the one in this command
    #[arg(long, value_name = "DIRECTORY")]
    page: Option<PathBuf>,

    /// How to print where the page is
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Where the page is, for programs.
#[derive(Serialize)]
struct Answer {
    url: String,
}

impl Playground {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        if self.files.as_ref().is_some_and(Files::names_standard_input) {
            let message = "standard input is read once and cannot be saved; name files for the playground";
            return Err(Stopped::usage(message));
        }
        let page = match &self.page {
            Some(directory) => Page::read(directory)?,
            None => Page::built_in()?,
        };
        let shelf = self.files.clone().map(Named);
        if let Some(Named(files)) = &shelf {
            // A name that is misspelt is an error here, and no empty page.
            files.read()?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.serve(page, shelf))
    }

    async fn serve(&self, page: Page, shelf: Option<Named>) -> anyhow::Result<Exit> {
        let wait = |kind| signal(kind).context("cannot wait for signals");
        let (mut interrupted, mut ended) = (wait(SignalKind::interrupt())?, wait(SignalKind::terminate())?);
        let server = Server::listen(self.port, page, shelf).await?;
        let url = server.url();
        match self.output {
            Format::Json => output::print_json(&Answer { url })?,
            Format::Text => {
                output::print(&format!("{url}\n"))?;
                output::print_error("the playground is there until ctrl-C; open it in a browser\n");
            }
        }
        tokio::select! {
            () = server.serve() => {}
            _ = interrupted.recv() => {}
            _ = ended.recv() => {}
        }
        Ok(Exit::Fine)
    }
}

/// The files that the command line names.
struct Named(Files);

impl Shelf for Named {
    fn volumes(&self) -> anyhow::Result<Vec<Volume>> {
        let volume = |path: PathBuf| Volume { name: path.display().to_string(), path };
        Ok(self.0.paths()?.into_iter().map(volume).collect())
    }

    fn replace(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        replace(path, text)
    }

    fn most(&self) -> usize {
        MAX_SOURCE_BYTES
    }

    fn best_effort(&self) -> bool {
        self.0.options().best_effort
    }
}
