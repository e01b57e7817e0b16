//! Why the filter cannot decide.

use crate::CallFailed;

/// Why a request cannot be judged. It is refused then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An attribute that every judgement needs is absent.
    #[error("the proxy has no attribute `{attribute}`")]
    Absent {
        /// The attribute's path, joined by dots.
        attribute: String,
    },
    /// The proxy would not hand out an attribute.
    #[error("the attribute `{attribute}` cannot be read: {cause}")]
    Unreadable {
        /// The attribute's path, joined by dots.
        attribute: String,
        /// What the proxy said.
        cause: CallFailed,
    },
    /// An attribute has another form than it should.
    #[error("the attribute `{attribute}` is not {expected}")]
    Malformed {
        /// The attribute's path, joined by dots.
        attribute: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The proxy would not hand out the request's headers.
    #[error("the request's headers cannot be read: {0}")]
    HeadersUnreadable(CallFailed),
    /// The headers are not serialized as pairs, or a pseudo-header comes twice.
    #[error("the request's headers make no sense")]
    HeadersMalformed,
    /// The request belongs to a plugin that was never configured.
    #[error("the filter has no configuration for this request")]
    NotConfigured,
}

impl Fault {
    /// A name for access logs, without spaces.
    pub fn code(&self) -> &str {
        match self {
            Self::Absent { attribute }
            | Self::Unreadable { attribute, .. }
            | Self::Malformed { attribute, .. } => attribute,
            Self::HeadersUnreadable(_) | Self::HeadersMalformed => "request.headers",
            Self::NotConfigured => "configuration",
        }
    }
}
