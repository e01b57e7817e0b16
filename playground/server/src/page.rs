//! The files of the page.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};

/// What the page is made of, from when this library was compiled; empty if it was compiled without.
static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Where the head of the page tells of files: the build leaves this mark.
const MARK: &str = "<!-- bookend:files -->";

/// The element that tells the page where its files are.
const FILES: &str = r#"<meta name="bookend-files" content="api/files">"#;

/// What a page is made of.
#[derive(Debug)]
pub struct Page {
    files: BTreeMap<String, Vec<u8>>,
}

impl Page {
    /// The page that is in this program.
    ///
    /// # Errors
    /// When it was compiled without one.
    pub fn built_in() -> anyhow::Result<Self> {
        let files = BUILT_IN.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        let page = Self { files: files.collect() };
        if page.files.is_empty() {
            bail!(
                "this program was compiled without the playground's page; make it with `scripts/build playground host`, or name the \
                 directory of a page with `--page`"
            );
        }
        Ok(page)
    }

    /// The page in a directory.
    ///
    /// # Errors
    /// When it cannot be read, and when there is no page in it.
    pub fn read(directory: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        collect(directory, "", &mut files)?;
        if !files.contains_key("index.html") {
            bail!(
                "there is no `index.html` in `{}`; name a directory that `scripts/build playground` made",
                directory.display()
            );
        }
        Ok(Self { files })
    }

    /// With files of somebody's: the page is told where to ask for them.
    #[must_use]
    pub fn with_files(mut self) -> Self {
        if let Some(index) = self.files.get_mut("index.html") {
            let text = String::from_utf8_lossy(index);
            let told = match text.contains(MARK) {
                true => text.replacen(MARK, FILES, 1),
                false => text.replacen("</head>", &format!("{FILES}</head>"), 1),
            };
            *index = told.into_bytes();
        }
        self
    }

    /// A file, and its type; the page itself has the empty name.
    pub(crate) fn file(&self, name: &str) -> Option<(&'static str, &[u8])> {
        let name = if name.is_empty() { "index.html" } else { name };
        let bytes = self.files.get(name)?;
        Some((kind(name), bytes))
    }
}

fn collect(directory: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    let unreadable = || format!("cannot read the page in `{}`", directory.display());
    for entry in directory.read_dir().with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, std::fs::read(entry.path()).with_context(unreadable)?);
        }
    }
    Ok(())
}

/// The type of a file, by the end of its name.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "json" | "map" | "webmanifest" => "application/json",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" | "md" | "yaml" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_a_page_or_says_that_it_has_none() {
        match option_env!("BOOKEND_PLAYGROUND") {
            Some(_) => assert!(Page::built_in().unwrap().file("").is_some()),
            None => assert!(Page::built_in().unwrap_err().to_string().contains("scripts/build playground")),
        }
    }
}
