//! Who the proxy is itself.

use bookend_engine::{Labels, OwnWorkload};

use crate::proxy::CallFailed;
use crate::{Fault, headers};

/// Where a proxy's metadata is in its attributes: `node` was its place before Envoy 1.33.
pub const NODES: [&[&str]; 2] = [&["xds", "node", "metadata"], &["node", "metadata"]];

/// Asks for the workload that the proxy serves, as its bootstrap says: `NAMESPACE`, `SERVICE_ACCOUNT` and `LABELS` in its
/// node's metadata, as Istio writes them. All of it has to be known: without its labels, a deny rule about them would not
/// hold.
///
/// `property` reads an attribute by its path, as Envoy names and serializes it: a map as pairs.
///
/// # Errors
/// Metadata that is absent or malformed.
pub fn own_workload(
    property: impl Fn(&[&str]) -> Result<Option<Vec<u8>>, CallFailed>,
) -> Result<OwnWorkload, Fault> {
    let [current, former] = NODES;
    let read = |path: &[&str]| {
        property(path).map_err(|cause| Fault::Unreadable { attribute: path.join("."), cause })
    };
    let text = |path: &[&str]| match read(path)? {
        Some(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| malformed(path, "text")),
        None => Ok(None),
    };
    let required = |node: &[&str], name| {
        let path = [node, &[name]].concat();
        text(&path)?.filter(|text| !text.is_empty()).ok_or_else(|| absent(&path))
    };
    let named = |node: &[&str]| read(&[node, &["NAMESPACE"]].concat()).map(|name| name.is_some());
    // What is missing everywhere is missing at its present place.
    let node = if !named(current)? && named(former)? { former } else { current };
    Ok(OwnWorkload {
        namespace: required(node, "NAMESPACE")?,
        service_account: required(node, "SERVICE_ACCOUNT")?,
        labels: labels(&[node, &["LABELS"]].concat(), read)?,
    })
}

fn labels(path: &[&str], read: impl Fn(&[&str]) -> Result<Option<Vec<u8>>, Fault>) -> Result<Labels, Fault> {
    let wrong = || malformed(path, "a map of text to text");
    let bytes = read(path)?.ok_or_else(|| absent(path))?;
    let mut labels = Labels::new();
    for (key, value) in headers::pairs(&bytes).ok_or_else(wrong)? {
        let text = |bytes: &[u8]| str::from_utf8(bytes).map(str::to_owned).map_err(|_| wrong());
        labels.insert(text(key)?, text(value)?);
    }
    Ok(labels)
}

fn absent(path: &[&str]) -> Fault {
    Fault::Absent { attribute: path.join(".") }
}

fn malformed(path: &[&str], expected: &'static str) -> Fault {
    Fault::Malformed { attribute: path.join("."), expected }
}
