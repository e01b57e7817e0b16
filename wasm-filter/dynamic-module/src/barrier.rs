//! Where panics end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi::{LogLevel, log};

// What unwinds is part of the library. As a library of its own it would have to be where Envoy is, and the smallest images have
// none.
#[link(name = "gcc_eh", kind = "static", modifiers = "+whole-archive,-bundle")]
unsafe extern "C" {}

/// Calls `work`, and answers nothing if it panics. To unwind into Envoy would end it, with all its traffic.
///
/// What a panic may leave half done is a desk, and a desk is replaced then; see [`Policy`](crate::policy::Policy).
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(panic) => {
            let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            // Dropping what was thrown may panic as well.
            std::mem::forget(panic);
            log(
                LogLevel::Error,
                &format!("bookend: this is a mistake of the filter, which refuses: {message}"),
            );
            None
        }
    }
}
