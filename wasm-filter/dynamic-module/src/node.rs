//! Who the proxy is itself.
//!
//! Envoy's interface does not tell its node, so a filter in front, `set_filter_state`, writes what of its metadata is needed
//! into filter state, once for each connection or for each request:
//!
//! ```json
//! { "NAMESPACE": "%TYPED_CEL(xds.node.metadata.NAMESPACE)%",
//!   "SERVICE_ACCOUNT": "%TYPED_CEL(xds.node.metadata.SERVICE_ACCOUNT)%",
//!   "LABELS": "%TYPED_CEL(xds.node.metadata.LABELS)%" }
//! ```
//!
//! A node never changes, so a policy reads it once, from the first traffic that it sees.

use bookend_engine::{Labels, OwnWorkload};
use bookend_filter::Fault;
use serde_json::{Map, Value};

/// The key of the filter state.
pub(crate) const KEY: &str = "bookend.node";

/// Reads what the filter in front wrote. All of it has to be known: without its labels, a deny rule about them would not hold.
///
/// # Errors
/// What is missing, and what has another form.
pub(crate) fn workload(text: &[u8]) -> Result<OwnWorkload, Fault> {
    let node: Map<String, Value> =
        serde_json::from_slice(text).map_err(|_| malformed("", "a JSON object"))?;
    let required = |name: &'static str| match node.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null) => Err(Fault::Absent { attribute: attribute(name) }),
        Some(_) => Err(malformed(name, "text")),
    };
    Ok(OwnWorkload {
        namespace: required("NAMESPACE")?,
        service_account: required("SERVICE_ACCOUNT")?,
        labels: match node.get("LABELS") {
            Some(Value::Object(labels)) => read_labels(labels)?,
            None | Some(Value::Null) => return Err(Fault::Absent { attribute: attribute("LABELS") }),
            Some(_) => return Err(malformed("LABELS", "a map of text to text")),
        },
    })
}

fn read_labels(labels: &Map<String, Value>) -> Result<Labels, Fault> {
    let mut read = Labels::new();
    for (name, value) in labels {
        let Value::String(value) = value else { return Err(malformed("LABELS", "a map of text to text")) };
        read.insert(name.clone(), value.clone());
    }
    Ok(read)
}

/// What is missing when there is no such filter state at all.
pub(crate) fn unknown() -> Fault {
    Fault::Absent { attribute: attribute("") }
}

fn malformed(name: &str, expected: &'static str) -> Fault {
    Fault::Malformed { attribute: attribute(name), expected }
}

fn attribute(name: &str) -> String {
    let dot = if name.is_empty() { "" } else { "." };
    ["filter_state.", KEY, dot, name].concat()
}
