//! The policy of the demo: documents on disk, compiled, and copies of them that can be edited.

use std::fs;
use std::path::{Path, PathBuf};

use bookend_lang::{Compiled, Refused, Source, compile};

use crate::envoy::Filter;
use crate::error::{Doing, Error, Result};

/// Policy and inventory files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// Files with policies.
    pub policies: Vec<PathBuf>,
    /// Files that say which workloads exist and where.
    pub inventories: Vec<PathBuf>,
}

impl Documents {
    /// The example's, below the root of a checkout.
    pub fn bookinfo(checkout: &Path) -> Self {
        let example = checkout.join("examples/bookinfo");
        Self {
            policies: vec![example.join("policy.yaml")],
            inventories: vec![example.join("bookinfo.yaml"), example.join("inventory.yaml")],
        }
    }

    /// The example's workloads, and other policies: files, or directories of `*.yaml`, `*.yml` and `*.json`.
    ///
    /// # Errors
    /// If a directory cannot be read, or holds no policies.
    pub fn other(checkout: &Path, policies: &[PathBuf]) -> Result<Self> {
        let mut files = Vec::new();
        for path in policies {
            if path.is_dir() {
                files.extend(listed(path)?);
            } else {
                files.push(path.clone());
            }
        }
        Ok(Self { policies: files, ..Self::bookinfo(checkout) })
    }

    /// Copies the policies into `directory`, so that they can be edited; the inventory stays where it is.
    pub fn copied(&self, directory: &Path) -> Result<Self> {
        let copy = |from: &PathBuf| {
            let name =
                from.file_name().ok_or_else(|| Error::new(format!("`{}` is no file", from.display())))?;
            let to = directory.join(name);
            fs::copy(from, &to).doing(format!("copy `{}`", from.display()))?;
            Ok(to)
        };
        let policies = self.policies.iter().map(copy).collect::<Result<_>>()?;
        Ok(Self { policies, inventories: self.inventories.clone() })
    }

    /// All texts, policies first.
    pub fn sources(&self) -> Result<Vec<Source>> {
        self.policies
            .iter()
            .chain(&self.inventories)
            .map(|path| {
                let bytes = fs::read(path).doing(format!("read `{}`", path.display()))?;
                Ok(Source::new(path.display().to_string(), bytes))
            })
            .collect()
    }

    /// Compiles them; the inner result tells documents that are refused, which is an outcome the demo shows.
    pub fn compile(&self) -> Result<std::result::Result<Compiled, Refused>> {
        Ok(compile(&self.sources()?))
    }

    /// Compiles documents that are meant to be in order.
    ///
    /// # Errors
    /// If they are refused, with the first reason and its place.
    pub fn compiled(&self) -> Result<Compiled> {
        let sources = self.sources()?;
        compile(&sources).map_err(|refused| {
            let first = refused.diagnostics.first().map(|diagnostic| diagnostic.line(&sources).to_string());
            Error::new(format!("the policy is refused: {}", first.unwrap_or_default()))
        })
    }

    /// Makes replacements in the first policy, all in one step: a reader sees the old or the new file.
    ///
    /// # Errors
    /// If a text to be replaced does not occur exactly once: then the edit would not mean what its author thought.
    pub fn edit(&self, replacements: &[[&str; 2]]) -> Result<()> {
        let path = self.policies.first().ok_or_else(|| Error::new("there is no policy to edit"))?;
        let mut text = fs::read_to_string(path).doing(format!("read `{}`", path.display()))?;
        for [from, to] in replacements {
            if text.matches(from).count() != 1 {
                return Err(Error::new(format!("`{from}` does not occur once in `{}`", path.display())));
            }
            text = text.replace(from, to);
        }
        let next = path.with_extension("next");
        fs::write(&next, text).doing(format!("write `{}`", next.display()))?;
        fs::rename(&next, path).doing(format!("replace `{}`", path.display()))
    }
}

/// The documents in a directory, in the order of their names.
fn listed(directory: &Path) -> Result<Vec<PathBuf>> {
    let doing = || format!("read the directory `{}`", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).doing(doing())? {
        let path = entry.doing(doing())?.path();
        if path.extension().is_some_and(|it| it == "yaml" || it == "yml" || it == "json") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Error::new(format!("the directory `{}` holds no policies", directory.display()))
            .cure("name one with `*.yaml`, `*.yml` or `*.json` files"));
    }
    Ok(files)
}

/// The filter with the configuration that `compiled` becomes. It names the rule also of what it allows, and to the client.
pub fn filter(module: &Path, compiled: &Compiled) -> Result<Filter> {
    let mut configuration = compiled.configuration();
    configuration.settings.access_log.allowed = true;
    configuration.settings.answers.rule = true;
    let json = configuration.to_json().doing("write the filter's configuration")?;
    let configuration = String::from_utf8(json).doing("write the filter's configuration as text")?;
    Ok(Filter { module: module.to_owned(), configuration, outbound: None })
}
