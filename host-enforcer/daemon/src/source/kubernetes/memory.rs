//! The last good versions of policies, kept over restarts.

use crate::say::say;
use bookend_cluster::view::{Good, View};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file with the last good versions of policies.
pub(super) struct Memory {
    path: PathBuf,
    /// Which good versions are kept ([`View::goods`]).
    kept: Option<u64>,
}

impl Memory {
    /// One in the directory `state`.
    pub(super) fn new(state: &Path) -> Self {
        Self { path: state.join("policies.json"), kept: None }
    }

    /// What was kept; nothing if there is no such file, or it is not to be read, which is said.
    pub(super) fn load(&self) -> Good {
        let read = std::fs::read(&self.path).and_then(|text| Ok(serde_json::from_slice(&text)?));
        read.unwrap_or_else(|error| {
            if error.kind() != std::io::ErrorKind::NotFound {
                say(&format!(
                    "cannot read `{}`: {error}; an invalid policy has no past",
                    self.path.display()
                ));
            }
            Good::default()
        })
    }

    /// Keeps what is good by now, if that may be anything else than what was kept.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn keep(&mut self, view: &View) -> std::io::Result<()> {
        if self.kept == Some(view.goods()) {
            return Ok(());
        }
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let text = serde_json::to_vec(&view.good()).map_err(std::io::Error::other)?;
        let draft = self.path.with_extension("new");
        let mut file = std::fs::File::create(&draft)?;
        file.write_all(&text)?;
        // Whole, or as it was before, also after the machine was switched off.
        file.sync_all()?;
        std::fs::rename(draft, &self.path)?;
        if let Some(directory) = self.path.parent() {
            std::fs::File::open(directory)?.sync_all()?;
        }
        self.kept = Some(view.goods());
        Ok(())
    }
}
