//! What Envoy's access log says.

use serde_json::Value;

/// A line about a request or a connection.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// The request's number, or the peer's address and port.
    pub(super) case: String,
    pub(super) status: u32,
    pub(super) details: String,
    pub(super) rule: Option<String>,
    pub(super) audit: Option<String>,
}

impl Line {
    /// What the log is made of, beside what names the case.
    pub(super) const FORMAT: [(&str, &str); 4] = [
        ("status", "%RESPONSE_CODE%"),
        ("details", "%RESPONSE_CODE_DETAILS%"),
        ("rule", "%FILTER_STATE(wasm.bookend.rule:PLAIN)%"),
        ("audit", "%FILTER_STATE(wasm.bookend.audit:PLAIN)%"),
    ];

    /// Reads a line; nothing if it is not whole yet.
    pub(super) fn read(text: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(text).ok()?;
        let text =
            |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned).filter(|text| text != "-");
        Some(Self {
            case: text("case")?,
            status: json
                .get("status")
                .and_then(Value::as_u64)
                .and_then(|code| code.try_into().ok())
                .unwrap_or_default(),
            details: text("details").unwrap_or_default(),
            rule: text("rule"),
            audit: text("audit"),
        })
    }

    /// Whether the filter was asked: all else was refused before.
    pub(super) fn reached_the_filter(&self) -> bool {
        self.details.starts_with("bookend_") || self.details == "direct_response"
    }
}
