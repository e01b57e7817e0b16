//! What `scripts/build` made.

use std::path::PathBuf;

use anyhow::Context;

/// A built artifact: in `BOOKEND_DIST`, else beside the running executable.
///
/// # Errors
/// When it is not there.
pub(crate) fn artifact(name: &str) -> anyhow::Result<PathBuf> {
    let directory = match std::env::var_os("BOOKEND_DIST") {
        Some(directory) => PathBuf::from(directory),
        None => {
            let executable = std::env::current_exe().context("where is this program?")?;
            executable.parent().map(PathBuf::from).unwrap_or_default()
        }
    };
    let path = directory.join(name);
    anyhow::ensure!(
        path.is_file(),
        "`{name}` is not in `{}`: run scripts/build, and set `BOOKEND_DIST` to the directory it fills",
        directory.display()
    );
    Ok(path)
}
