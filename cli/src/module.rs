//! The filter's module: the `.wasm` that proxies load.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use bookend_harness::Module;

/// Its file name, as `scripts/build` makes it.
const FILE: &str = "bookend_filter.wasm";

/// Loads the module that was named, or finds it: in the directory `BOOKEND_DIST`, else beside this command.
///
/// # Errors
/// When there is none, and when it is no module.
pub(crate) fn load(named: Option<&Path>) -> anyhow::Result<Module> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => find()?,
    };
    let shown = path.display();
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read the filter's module `{shown}`"))?;
    Module::load(&bytes).with_context(|| format!("cannot load the filter's module `{shown}`"))
}

fn find() -> anyhow::Result<PathBuf> {
    let given = std::env::var_os("BOOKEND_DIST").filter(|value| !value.is_empty()).map(PathBuf::from);
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let places: Vec<PathBuf> =
        given.into_iter().chain(beside).map(|directory| directory.join(FILE)).collect();
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let looked: Vec<_> = places.iter().map(|path| format!("`{}`", path.display())).collect();
        anyhow!(
            "there is no filter module at {}; build it with `scripts/build`, or name it with `--module`",
            looked.join(" or ")
        )
    })
}
