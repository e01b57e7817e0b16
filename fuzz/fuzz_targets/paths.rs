//! A canonical path is its own canonical form when it is percent-encoded again, and never holds what makes
//! servers disagree.
#![no_main]

use bookend_engine::CanonicalPath;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(path) = CanonicalPath::new(bytes) else { return };
    let text = path.as_str();
    assert!(text.starts_with('/') && !text.contains(['\\', '?', '#', ';', '%', '\0']));
    assert!(!text.contains("//") && !text.split('/').any(|segment| segment == "." || segment == ".."));
    let encoded: String = text.bytes().map(|b| if b == b'/' { "/".to_owned() } else { format!("%{b:02x}") }).collect();
    assert_eq!(CanonicalPath::new(encoded.as_bytes()), Ok(path));
});
