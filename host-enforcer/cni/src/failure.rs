//! Why a call failed, as a runtime is told it.

use serde_json::json;

/// What kind of failure it is, in the numbers of the CNI specification ("Error").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// The version of the specification is not spoken.
    Version,
    /// A variable is missing or wrong.
    Environment,
    /// Something cannot be read.
    Io,
    /// The configuration is no JSON object.
    Undecodable,
    /// The configuration says what it must not.
    Configuration,
    /// It may go well later.
    Later,
    /// The plugin is not available (1.1.0).
    Unavailable,
    /// The enforcer refuses for a reason of its own.
    Other(u32),
}

/// The first number that the specification leaves to plugins.
const OWN: u32 = 100;

impl Code {
    fn number(self) -> u32 {
        match self {
            Self::Version => 1,
            Self::Environment => 4,
            Self::Io => 5,
            Self::Undecodable => 6,
            Self::Configuration => 7,
            Self::Later => 11,
            Self::Unavailable => 50,
            Self::Other(number) => OWN.max(number),
        }
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    code: Code,
    reason: String,
    cure: String,
}

impl Failure {
    pub(crate) fn new(code: Code, reason: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), cure: cure.into() }
    }

    /// The error object. Runtimes show `msg`, and `details` behind it.
    pub(crate) fn text(&self, version: &str) -> String {
        json!({ "cniVersion": version, "code": self.code.number(), "msg": self.reason, "details": self.cure })
            .to_string()
    }
}
