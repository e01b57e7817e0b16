//! Envoy's interface of dynamic modules: what of it is used, and nothing else.
//!
//! The declarations follow `source/extensions/dynamic_modules/abi/abi.h` of Envoy 1.40, interface version
//! [`VERSION`]. Envoy compares that version only to warn; what holds a module to its Envoy is the symbols. This library
//! is linked so that all of them are looked up when it is loaded, so an Envoy that lacks one refuses it then.
//! From 1.40 on Envoy promises that a function keeps its name, its parameters and what they mean.
//!
//! Rules of that interface which everything here relies on:
//!
//! * A pointer that Envoy hands to a hook stands for an object that lives at least until the hook returns.
//! * Bytes that Envoy lends stay where they are until the hook returns, or until what they belong to is changed. Nothing here
//!   changes what is also read: no header is touched, and the keys that are written are never asked for.
//! * Envoy copies what it is given before a callback returns.

use std::ffi::{CStr, c_void};

mod connection;
mod metrics;
mod stream;

pub(crate) use connection::Connection;
pub(crate) use metrics::{Counter, Gauge, Reporter, Scope};
pub(crate) use stream::{Attribute, Stream};

/// The version of the interface, which a module answers when it is loaded.
pub(crate) const VERSION: &CStr = c"v0.2.0";

/// Bytes of Envoy's, or of ours: `envoy_dynamic_module_type_envoy_buffer` and `.._module_buffer`, which are alike.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buffer {
    pointer: *const u8,
    length: usize,
}

/// A header: `envoy_dynamic_module_type_envoy_http_header` and `.._module_http_header`, which are alike.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) name: Buffer,
    pub(crate) value: Buffer,
}

/// How loud a log line is: `envoy_dynamic_module_type_log_level`.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Info = 2,
    Warn = 3,
    Error = 4,
}

unsafe extern "C" {
    fn envoy_dynamic_module_callback_log(level: u32, message: Buffer);
    fn envoy_dynamic_module_callback_log_enabled(level: u32) -> bool;
    fn envoy_dynamic_module_callback_get_concurrency() -> u32;
}

impl Buffer {
    const NOTHING: Self = Self { pointer: std::ptr::null(), length: 0 };

    /// Bytes that are lent to Envoy.
    pub(crate) fn lend(bytes: &[u8]) -> Self {
        Self { pointer: bytes.as_ptr(), length: bytes.len() }
    }

    /// What Envoy lent.
    ///
    /// # Safety
    /// It came from Envoy, within the hook that `'h` stands for.
    pub(crate) unsafe fn bytes<'h>(self) -> &'h [u8] {
        if self.pointer.is_null() || self.length == 0 {
            return &[];
        }
        // SAFETY: Envoy lends this many bytes at this address until the hook ends.
        unsafe { std::slice::from_raw_parts(self.pointer, self.length) }
    }
}

impl Header {
    const NOTHING: Self = Self { name: Buffer::NOTHING, value: Buffer::NOTHING };
}

/// Writes a line into Envoy's log, under its logger `dynamic_modules`.
pub(crate) fn log(level: LogLevel, message: &str) {
    // SAFETY: the message outlives the call, and any thread may log.
    unsafe {
        if envoy_dynamic_module_callback_log_enabled(level as u32) {
            envoy_dynamic_module_callback_log(level as u32, Buffer::lend(message.as_bytes()));
        }
    }
}

/// How many workers Envoy has. Asked only by the main thread, while something is configured.
pub(crate) fn workers() -> usize {
    // SAFETY: it has no parameters; that this is the main thread is the caller's word, as Envoy configures only there.
    let count = unsafe { envoy_dynamic_module_callback_get_concurrency() };
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What Envoy says of an object: a pointer of its own, handed back unread.
pub(crate) type Envoy = *mut c_void;
