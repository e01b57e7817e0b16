//! The present, as objects say it.

use k8s_openapi::jiff::Timestamp;

/// The present in RFC 3339, to the second: as `metav1.Time`.
pub fn moment() -> String {
    format!("{:.0}", Timestamp::now())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_present_has_seconds() {
        let now = super::moment();
        assert!(now.ends_with('Z') && now.len() == "2026-01-01T00:00:00Z".len(), "{now}");
    }
}
