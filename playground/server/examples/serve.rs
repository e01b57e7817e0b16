//! `serve PAGE [FILE...]`: what `bookend playground --page PAGE -f FILE...` serves, without the rest of that command, which takes minutes to
//! compile: for whoever works on the page.

use std::path::{Path, PathBuf};

use anyhow::Context;
use bookend_playground_server::{Page, Server, Shelf, Volume};

/// The files of the command line.
struct Named(Vec<PathBuf>);

impl Shelf for Named {
    fn volumes(&self) -> anyhow::Result<Vec<Volume>> {
        let volume = |path: &PathBuf| Volume { name: path.display().to_string(), path: path.clone() };
        Ok(self.0.iter().map(volume).collect())
    }

    fn replace(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(path, text)?)
    }

    fn most(&self) -> usize {
        16 << 20
    }

    fn best_effort(&self) -> bool {
        false
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let page = arguments.next().context("usage: serve PAGE [FILE...]")?;
    let files: Vec<PathBuf> = arguments.collect();
    let shelf = (!files.is_empty()).then_some(Named(files));
    let server = Server::listen(0, Page::read(&page)?, shelf).await?;
    println!("{}", server.url());
    server.serve().await;
    Ok(())
}
