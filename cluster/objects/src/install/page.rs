//! Objects as files: plain YAML, and a base for kustomize.

use std::fmt;

use serde_json::{Value, json};

use super::Installation;

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its path, below the directory that everything is written into.
    pub path: String,
    /// What is in it, with a line end.
    pub text: String,
}

/// That something cannot be written as YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritable(pub(super) String);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write an object as YAML: {}", self.0)
    }
}

impl std::error::Error for Unwritable {}

/// Everything that is applied, in files whose names are in the order in which they have to be: definitions, what enforces,
/// policies.
///
/// # Errors
/// When an object cannot be written as YAML.
pub fn pages(installation: &Installation, policies: &[Value]) -> Result<Vec<Page>, Unwritable> {
    let definitions = installation.definitions();
    let mut rest = vec![installation.namespace()];
    rest.extend(installation.access());
    rest.extend(installation.admission());
    rest.extend(installation.workloads());
    let named =
        [("00-crds.yaml", definitions), ("10-bookend.yaml", rest), ("20-policies.yaml", policies.to_vec())];
    let pages = named.into_iter().filter(|(_, objects)| !objects.is_empty());
    pages.map(|(path, objects)| Ok(Page { path: path.to_owned(), text: documents(&objects)? })).collect()
}

/// The same, as a base that kustomize builds upon.
///
/// # Errors
/// As [`pages`].
pub fn base(installation: &Installation, policies: &[Value]) -> Result<Vec<Page>, Unwritable> {
    let mut pages = pages(installation, policies)?;
    let resources: Vec<_> = pages.iter().map(|page| page.path.clone()).collect();
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
    });
    pages.push(Page { path: "kustomization.yaml".to_owned(), text: document(&kustomization)? });
    Ok(pages)
}

/// Several objects in one text.
///
/// # Errors
/// When one of them cannot be written as YAML.
pub fn documents(objects: &[Value]) -> Result<String, Unwritable> {
    let texts: Result<Vec<_>, _> = objects.iter().map(document).collect();
    Ok(texts?.join("---\n"))
}

/// An object as YAML, with a line end.
///
/// # Errors
/// When it cannot be written so.
pub fn document(object: &Value) -> Result<String, Unwritable> {
    let mut text = serde_saphyr::to_string(object).map_err(|error| Unwritable(error.to_string()))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}
