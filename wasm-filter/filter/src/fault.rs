//! Why the filter cannot decide.

use crate::proxy::{Attribute, CallFailed, HeadersError};

/// Why a stream cannot be judged. It is refused then.
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
    /// The headers are not serialized as pairs, a pseudo-header comes twice, or one comes behind a header.
    #[error("the request's headers make no sense")]
    HeadersMalformed,
    /// The stream belongs to a plugin that was never configured, or to none that is known.
    #[error("the filter has no configuration for this stream")]
    NotConfigured,
    /// A connection's handshake, or its first byte, did not come in time.
    #[error("nothing told in time who the peer is")]
    Silent,
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
            Self::Silent => "peer",
        }
    }

    pub(crate) fn absent(attribute: Attribute) -> Self {
        Self::Absent { attribute: attribute.path().join(".") }
    }

    pub(crate) fn malformed(attribute: Attribute, expected: &'static str) -> Self {
        Self::Malformed { attribute: attribute.path().join("."), expected }
    }

    pub(crate) fn unreadable(attribute: Attribute, cause: CallFailed) -> Self {
        Self::Unreadable { attribute: attribute.path().join("."), cause }
    }
}

impl From<HeadersError> for Fault {
    fn from(error: HeadersError) -> Self {
        match error {
            HeadersError::Unreadable(cause) => Self::HeadersUnreadable(cause),
            HeadersError::Malformed => Self::HeadersMalformed,
        }
    }
}
