//! The proxy-wasm ABI, version 0.2.1: the only file that speaks it.
//!
//! It is spoken directly rather than through an SDK, because the Rust SDK (0.2.5) panics on every status that it
//! does not expect, cannot send response details, and makes the proxy call into the module for every body,
//! trailer, response and log line. Here a status is a number, and only the callbacks exist that the filter needs.

use std::cell::RefCell;
use std::ptr::null_mut;

use crate::{CallFailed, Filter, Level, Next, Proxy, Refusal};

const PLUGIN_CONFIGURATION: u32 = 7;
const REQUEST_HEADERS: u32 = 0;
const REQUEST_STREAM: u32 = 0;
const COUNTER: u32 = 0;
const NOT_FOUND: u32 = 1;

/// What `proxy_on_request_headers` returns: 0 to go on, 1 to stop.
const CONTINUE: u32 = 0;
const STOP: u32 = 1;

thread_local! {
    /// A module has one thread.
    static FILTER: RefCell<Filter> = const { RefCell::new(Filter::new()) };
}

// The host's functions. Each returns a status: 0, or why it did nothing. Bytes that it returns lie in memory
// that it asked `malloc` for.
#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_property(path: *const u8, size: usize, value: *mut *mut u8, value_size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        most: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, value: *mut *mut u8, value_size: *mut usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_close_stream(stream: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, size: usize, metric: *mut u32) -> u32;
    fn proxy_increment_metric(metric: u32, offset: i64) -> u32;
}

/// Status 0 is success.
fn checked(status: u32) -> Result<(), CallFailed> {
    if status == 0 { Ok(()) } else { Err(CallFailed(status)) }
}

/// Takes over what a host function returns in memory that it asked [`malloc`] for.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, CallFailed> {
    let mut bytes: *mut u8 = null_mut();
    let mut size: usize = 0;
    checked(call(&raw mut bytes, &raw mut size))?;
    if bytes.is_null() || size == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the host asked `malloc` for exactly `size` bytes, filled all of them, and has forgotten the address.
    // `malloc` took them from a `Vec` of bytes whose capacity was `size`.
    Ok(unsafe { Vec::from_raw_parts(bytes, size, size) })
}

/// Envoy, or another proxy that hosts modules.
struct Host;

impl Proxy for Host {
    fn configuration(&self) -> Result<Vec<u8>, CallFailed> {
        // SAFETY: both results are written to live variables of the type that the ABI says.
        returned(|value, size| unsafe {
            proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, usize::MAX, value, size)
        })
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, CallFailed> {
        let path = path.join("\0");
        // SAFETY: the path outlives the call; both results are written to live variables.
        match returned(|value, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), value, size) }) {
            Ok(value) => Ok(Some(value)),
            Err(CallFailed(NOT_FOUND)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set_property(&self, path: &[&str], value: &[u8]) -> Result<(), CallFailed> {
        let path = path.join("\0");
        // SAFETY: path and value outlive the call, which copies them.
        checked(unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
    }

    fn request_headers(&self) -> Result<Vec<u8>, CallFailed> {
        // SAFETY: both results are written to live variables.
        returned(|value, size| unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, value, size) })
    }

    fn respond(&self, refusal: &Refusal) -> Result<(), CallFailed> {
        let Refusal { status, body, details, grpc_status } = refusal;
        let no_headers = 0_u32.to_le_bytes();
        // SAFETY: every text outlives the call, which copies it.
        checked(unsafe {
            proxy_send_local_response(
                *status,
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                no_headers.as_ptr(),
                no_headers.len(),
                *grpc_status,
            )
        })
    }

    fn reset(&self) -> Result<(), CallFailed> {
        // SAFETY: the call takes a number.
        checked(unsafe { proxy_close_stream(REQUEST_STREAM) })
    }

    fn define_counter(&self, name: &str) -> Result<u32, CallFailed> {
        let mut counter = 0;
        // SAFETY: the name outlives the call; the result is written to a live variable.
        checked(unsafe { proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &raw mut counter) })?;
        Ok(counter)
    }

    fn count(&self, counter: u32) -> Result<(), CallFailed> {
        // SAFETY: the call takes numbers.
        checked(unsafe { proxy_increment_metric(counter, 1) })
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        // SAFETY: the message outlives the call, which copies it.
        let _unheard = unsafe { proxy_log(level, message.as_ptr(), message.len()) };
    }
}

/// Lets a callback use the filter. A callback inside another one, which no proxy makes, gets `refused`.
fn with_filter<T>(refused: T, callback: impl FnOnce(&mut Filter) -> T) -> T {
    FILTER.with(|filter| match filter.try_borrow_mut() {
        Ok(mut filter) => callback(&mut filter),
        Err(_) => refused,
    })
}

// What follows is called by the host; the names are the ABI's.

/// Says which version of the ABI this is.
// SAFETY: no other function of the module has this name; the same holds for those below.
#[unsafe(export_name = "proxy_abi_version_0_2_1")]
extern "C" fn version() {}

/// Gives the host room for what it returns.
// SAFETY: as above; the standard library for this target has no `malloc` of its own.
#[unsafe(export_name = "malloc")]
extern "C" fn malloc(size: usize) -> *mut u8 {
    Vec::leak(vec![0_u8; size]).as_mut_ptr()
}

// SAFETY: as above.
#[unsafe(export_name = "proxy_on_context_create")]
extern "C" fn on_context_create(context: u32, parent: u32) {
    with_filter((), |filter| filter.create(context, parent));
}

// SAFETY: as above.
#[unsafe(export_name = "proxy_on_configure")]
extern "C" fn on_configure(context: u32, _size: usize) -> u32 {
    with_filter(0, |filter| u32::from(filter.configure(&Host, context)))
}

// SAFETY: as above.
#[unsafe(export_name = "proxy_on_request_headers")]
extern "C" fn on_request_headers(context: u32, _count: usize, _end_of_stream: u32) -> u32 {
    match with_filter(Next::Stop, |filter| filter.request_headers(&Host, context)) {
        Next::Continue => CONTINUE,
        Next::Stop => STOP,
    }
}

// SAFETY: as above.
#[unsafe(export_name = "proxy_on_delete")]
extern "C" fn on_delete(context: u32) {
    with_filter((), |filter| filter.delete(context));
}
