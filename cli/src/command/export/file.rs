//! Documents in files.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// Writes the documents into one file, or one file each into a directory.
///
/// # Errors
/// When a file or the directory cannot be written.
pub(super) fn write(path: &Path, documents: &[Value], texts: &[String]) -> anyhow::Result<()> {
    let directory = path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/');
    if !directory {
        return put(path, &texts.join("---\n"));
    }
    std::fs::create_dir_all(path)
        .with_context(|| format!("cannot make the directory `{}`", path.display()))?;
    for (document, text) in documents.iter().zip(texts) {
        put(&path.join(format!("{}.yaml", name(document))), text)?;
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

/// `networkpolicy-default-web`: what is unique among documents.
fn name(document: &Value) -> String {
    let parts = ["/kind", "/metadata/namespace", "/metadata/name"];
    let parts = parts.iter().filter_map(|part| document.pointer(part)?.as_str());
    parts.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}
