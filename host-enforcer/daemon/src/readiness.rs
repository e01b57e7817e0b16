//! Descriptors that are waited for.

use crate::failure::{Failure, cannot};
use std::os::fd::{AsFd, AsRawFd};
use tokio::io::unix::AsyncFd;

/// `source`, to be waited for in order to do `what`.
///
/// # Errors
/// If the kernel cannot wait for such a descriptor.
pub(crate) fn readiness<T: AsFd + AsRawFd>(source: T, what: &str) -> Result<AsyncFd<T>, Failure> {
    // SAFETY: every `T` here owns the one descriptor it returns and keeps it open for as long as it lives.
    unsafe { AsyncFd::register(source) }.map_err(|error| cannot(what, &error))
}
