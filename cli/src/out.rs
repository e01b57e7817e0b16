//! Documents that a command makes: printed, or written into files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::exit::Stopped;
use crate::output::{self, Format};

/// Where documents are written.
#[derive(Debug, clap::Args)]
pub(crate) struct Out {
    /// Write into this file; or, if it is a directory or ends in `/`, into a file for each document
    #[arg(long = "out", value_name = "FILE|DIR")]
    path: Option<PathBuf>,
}

/// A document to be written.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its kind, its namespace if it has one, and its name.
    pub(crate) title: Vec<String>,
    /// With a line end.
    pub(crate) text: String,
}

impl Out {
    /// Refuses what says two things, before anything is read.
    ///
    /// # Errors
    /// When documents are to be in files, and in the answer too.
    pub(crate) fn check(&self, format: Format) -> anyhow::Result<()> {
        if self.path.is_some() && format == Format::Json {
            let message = "`--out` is for YAML; with `--output json` everything is in the answer";
            return Err(Stopped::usage(message));
        }
        Ok(())
    }

    /// Writes the documents where they are wanted.
    ///
    /// # Errors
    /// When a file, the directory or the output cannot be written.
    pub(crate) fn write(&self, pages: &[Page]) -> anyhow::Result<()> {
        let joined = || pages.iter().map(|page| page.text.as_str()).collect::<Vec<_>>().join("---\n");
        let Some(path) = &self.path else { return output::print(&joined()) };
        if !(path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/')) {
            return put(path, &joined());
        }
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot make the directory `{}`", path.display()))?;
        let mut used = BTreeSet::new();
        pages.iter().try_for_each(|page| put(&path.join(file(page, &mut used)), &page.text))
    }
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

/// `networkpolicy-default-web.yaml`. `a-b/c` and `a/b-c` would be one file, so a number tells them apart.
fn file(page: &Page, used: &mut BTreeSet<String>) -> String {
    let stem = page.title.join("-").to_lowercase().replace('/', "-");
    let numbered = (2..).map(|number: usize| format!("{stem}-{number}"));
    let free = std::iter::once(stem.clone()).chain(numbered).find(|name| !used.contains(name));
    let name = free.unwrap_or(stem);
    used.insert(name.clone());
    format!("{name}.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_document_is_written_over_another() {
        let page = |namespace: &str, name: &str| Page {
            title: ["NetworkPolicy", namespace, name].map(str::to_owned).into(),
            text: String::new(),
        };
        let mut used = BTreeSet::new();
        assert_eq!(file(&page("a-b", "c"), &mut used), "networkpolicy-a-b-c.yaml");
        assert_eq!(file(&page("a", "b-c"), &mut used), "networkpolicy-a-b-c-2.yaml");
    }
}
