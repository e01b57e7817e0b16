//! Why the enforcer does not run: one sentence with a cure, and an exit code.

use crate::kernel::KernelError;

/// The exit code for "it failed".
pub const FAILED: u8 = 1;
/// The exit code for "the policy or the inventory is invalid".
pub const INVALID: u8 = 4;

/// A reason to end, for whoever started the enforcer.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What is wrong and what to do about it.
    pub message: String,
    /// The exit code of the process.
    pub code: u8,
}

impl Failure {
    /// A failure of the host or of the way the enforcer was started.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: FAILED }
    }

    /// An invalid policy or inventory.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: INVALID }
    }
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<bookend_controller::Failed> for Failure {
    fn from(failed: bookend_controller::Failed) -> Self {
        Self::new(failed.to_string())
    }
}

/// What could not be done, and why.
pub(crate) fn cannot(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("cannot {what}: {error}"))
}
