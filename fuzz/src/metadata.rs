//! Metadata that is read is what was written, and nothing else is read.

use bookend_filter::metadata::namespace;
use serde_json::{Map, Value};

use crate::seed::{entry, written};

const NAMESPACE: &str = "envoy.filters.http.jwt_authn";

/// * What is read is read the same when it is written anew.
/// * What is cut off in the middle of an entry is not read.
pub fn law(bytes: &[u8]) {
    let Ok(found) = namespace(bytes, NAMESPACE) else { return };
    assert_eq!(namespace(&rewritten(&found), NAMESPACE).as_ref(), Ok(&found));
    for end in 0..bytes.len().min(512) {
        // Whole entries may be missing; half a one may not be taken for a whole one.
        if let Ok(part) = namespace(&bytes[..end], NAMESPACE) {
            assert!(part == found || part.is_empty(), "cut at {end}: {part:?} of {found:?}");
        }
    }
}

fn rewritten(found: &Map<String, Value>) -> Vec<u8> {
    let entries: Vec<u8> = found.iter().flat_map(|(key, value)| entry(key, &written(value))).collect();
    entry(NAMESPACE, &entries)
}
