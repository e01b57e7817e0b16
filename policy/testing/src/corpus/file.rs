//! The files of cases, with the inventory of each.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};

/// The file of the inventory that sections without one of their own take place in: the nearest, from their directory upward.
const INVENTORY: &str = "inventory";

/// A file of cases.
pub(super) struct File {
    /// Its name without the ending, and before it the directories it is in.
    pub(super) topic: String,
    pub(super) text: String,
    /// The text of the inventory.
    pub(super) inventory: String,
}

/// Every `.yaml` in `directory` and below, in the order of their names.
pub(super) fn all(directory: &Path) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    collect(directory, "", None, &mut files)?;
    Ok(files)
}

fn collect(
    directory: &Path,
    prefix: &str,
    inventory: Option<&str>,
    files: &mut Vec<File>,
) -> anyhow::Result<()> {
    let (mut texts, mut below) = (BTreeMap::new(), BTreeMap::new());
    let entries =
        std::fs::read_dir(directory).with_context(|| format!("cannot list `{}`", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if path.is_dir() {
            below.insert(stem.to_owned(), path);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read `{}`", path.display()))?;
            texts.insert(stem.to_owned(), text);
        }
    }
    let own = texts.remove(INVENTORY);
    let inventory = own.as_deref().or(inventory);
    for (stem, text) in texts {
        let inventory = inventory
            .with_context(|| format!("there is no `{INVENTORY}.yaml` in `{}`", directory.display()))?;
        files.push(File { topic: format!("{prefix}{stem}"), text, inventory: inventory.to_owned() });
    }
    for (stem, path) in below {
        let before = files.len();
        collect(&path, &format!("{prefix}{stem}/"), inventory, files)?;
        ensure!(files.len() > before, "there are no cases in `{}`", path.display());
    }
    Ok(())
}
