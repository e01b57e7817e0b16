//! What Envoy calls.
//!
//! Envoy looks these functions up by their names when the library is loaded, and refuses it if one is missing that it demands;
//! so some are here that have nothing to do. No panic leaves any of them.
//!
//! A policy is made by `.._config_new` and handed to Envoy as a pointer, which Envoy hands back with everything that belongs to
//! it, and for the last time to `.._config_destroy`, when nothing belongs to it any more.

pub(crate) mod http;
pub(crate) mod network;

use std::ffi::{c_char, c_void};

use crate::abi::{Buffer, Scope, VERSION};
use crate::barrier::contained;
use crate::policy::Policy;

/// Something of ours that Envoy keeps for us, unread.
type Ours = *const c_void;

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    VERSION.as_ptr()
}

/// Reads a configuration. Null refuses it.
///
/// # Safety
/// `configuration` is lent by Envoy to the hook that is running.
unsafe fn configure(scope: Scope, configuration: Buffer) -> Ours {
    // SAFETY: the caller's word.
    let bytes = unsafe { configuration.bytes() };
    match contained(|| Policy::read(scope, bytes)).flatten() {
        Some(policy) => Box::into_raw(Box::new(policy)).cast_const().cast(),
        None => std::ptr::null(),
    }
}

/// Forgets a policy.
///
/// # Safety
/// `policy` was made by [`configure`] and is not used again, or is null.
unsafe fn forget(policy: Ours) {
    if policy.is_null() {
        return;
    }
    contained(|| {
        // SAFETY: the caller's word: this is the box that `configure` let go, and nobody else has it.
        drop(unsafe { Box::from_raw(policy.cast_mut().cast::<Policy>()) });
    });
}
