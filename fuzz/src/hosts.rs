//! A host is read alike however it is written, and patterns mean what they say of it.
//!
//! An input is a pattern and an authority, a line each.

use bookend_engine::{Host, HostPattern, Truth};

use crate::first_line;

/// * A host that is certain is the same in capitals, and reads as it is written; it holds nothing that separates.
/// * A pattern of exactly this host holds; one below it does not.
/// * A pattern that holds says how the host ends, or which it is.
pub fn law(bytes: &[u8]) {
    let (pattern, authority) = first_line(bytes);
    let pattern = str::from_utf8(pattern).ok().and_then(|text| HostPattern::parse(text).ok());
    if let Some(pattern) = &pattern {
        let json = serde_json::to_string(pattern).expect("it is text");
        assert_eq!(&serde_json::from_str::<HostPattern>(&json).expect("it was just written"), pattern);
    }
    let Ok(host) = Host::new(authority) else { return };
    let name = host.to_string();
    assert!(!name.is_empty() && !name.contains(['@', '/', '%', ' ', ',', '*']) && name.is_ascii());
    assert_eq!(name, name.to_ascii_lowercase());
    assert_eq!(Host::new(&authority.to_ascii_uppercase()).as_ref(), Ok(&host));
    assert_eq!(Host::new(name.as_bytes()).expect("it is a host").to_string(), name);

    let exact = HostPattern::parse(&name).expect("a host is a pattern");
    assert_eq!(exact.holds(&host), Truth::Yes, "{name}");
    if let Ok(below) = HostPattern::parse(&format!("*.{name}")) {
        assert_eq!(below.holds(&host), Truth::No, "*.{name}");
        let sub = Host::new(&[b"a.", authority].concat()).expect("a label before a name");
        assert_eq!((below.holds(&sub), exact.holds(&sub)), (Truth::Yes, Truth::No), "a.{name}");
    }
    if let Some(pattern) = pattern {
        let text = pattern.as_str().to_ascii_lowercase();
        let means = match text.strip_prefix("*.") {
            Some(base) => {
                let base = base.split(':').next().unwrap_or_default();
                name.len() > base.len() + 1 && name.ends_with(&format!(".{base}"))
            }
            // The name may be written in another form only if it is an address.
            None => Host::new(text.as_bytes()).expect("it is a host").to_string() == name,
        };
        match pattern.holds(&host) {
            Truth::No => assert!(!means || text != name, "{text} on {name}"),
            Truth::Yes | Truth::Unknown => assert!(means, "{text} on {name}"),
        }
    }
}
