//! Puts the page into the library, if it was built: what is in the directory `BOOKEND_PLAYGROUND`.
//!
//! Whoever compiles without it gets a library that has no page, and says so when it is asked for one.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=BOOKEND_PLAYGROUND");
    let mut table = String::from("&[\n");
    if let Some(page) = env::var_os("BOOKEND_PLAYGROUND").map(PathBuf::from) {
        println!("cargo::rerun-if-changed={}", page.display());
        let mut files = Vec::new();
        walk(&page, &mut files)?;
        files.sort();
        for file in files {
            println!("cargo::rerun-if-changed={}", file.display());
            let name = file.strip_prefix(&page).unwrap_or(&file).display().to_string();
            let file = file.canonicalize()?.display().to_string();
            let _ = writeln!(table, "({name:?}, include_bytes!({file:?})),");
        }
    }
    table.push_str("]\n");
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    fs::write(Path::new(&out).join("page.rs"), table)
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let missing = |error| io::Error::other(format!("BOOKEND_PLAYGROUND: {}: {error}", directory.display()));
    for entry in directory.read_dir().map_err(missing)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
