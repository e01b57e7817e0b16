//! Envoy, through the proxy-wasm SDK: the only file that speaks it.
//!
//! Of the SDK's host calls only those are used that return bytes and a result. Two are declared here instead, because
//! the SDK's own lose what is needed: its answers carry no response details, and its header map panics on bytes that
//! are no pairs or names that are not UTF-8.

use std::cell::RefCell;
use std::ptr::null_mut;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, LogLevel, MetricType, Status};

use crate::{CallFailed, Filter, Level, Next, Proxy, Refusal};

/// The request's headers, among the ABI's header maps.
const REQUEST_HEADERS: u32 = 0;

thread_local! {
    /// A module has one thread.
    static FILTER: RefCell<Filter> = const { RefCell::new(Filter::new()) };
}

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(Plugin { id }));
}}

/// The filter as it stands in one place of the proxy's configuration.
struct Plugin {
    id: u32,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        with_filter(false, |filter| filter.configure(&Host, self.id))
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        with_filter((), |filter| filter.create(id, self.id));
        Some(Box::new(Stream { id }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        with_filter((), |filter| filter.delete(self.id));
    }
}

/// One request.
struct Stream {
    id: u32,
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        match with_filter(Next::Stop, |filter| filter.request_headers(&Host, self.id)) {
            Next::Continue => Action::Continue,
            Next::Stop => Action::Pause,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        with_filter((), |filter| filter.delete(self.id));
    }
}

/// Lets a callback use the filter. A callback inside another one, which no proxy makes, gets `refused`.
fn with_filter<T>(refused: T, callback: impl FnOnce(&mut Filter) -> T) -> T {
    FILTER.with(|filter| match filter.try_borrow_mut() {
        Ok(mut filter) => callback(&mut filter),
        Err(_) => refused,
    })
}

// The results are numbers here, because a proxy may answer with a status that the SDK's enumeration does not know.
#[link(wasm_import_module = "env")]
unsafe extern "C" {
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
}

/// Status 0 is success.
fn checked(status: u32) -> Result<(), CallFailed> {
    if status == 0 { Ok(()) } else { Err(CallFailed(status)) }
}

impl From<Status> for CallFailed {
    fn from(status: Status) -> Self {
        Self(status as u32)
    }
}

/// Envoy, or another proxy that hosts modules.
struct Host;

impl Proxy for Host {
    fn configuration(&self) -> Result<Vec<u8>, CallFailed> {
        Ok(hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX)?.unwrap_or_default())
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, CallFailed> {
        Ok(hostcalls::get_property(path.to_vec())?)
    }

    fn set_property(&self, path: &[&str], value: &[u8]) -> Result<(), CallFailed> {
        Ok(hostcalls::set_property(path.to_vec(), Some(value))?)
    }

    fn request_headers(&self) -> Result<Vec<u8>, CallFailed> {
        let mut bytes: *mut u8 = null_mut();
        let mut size: usize = 0;
        // SAFETY: both results are written to live variables.
        checked(unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, &raw mut bytes, &raw mut size) })?;
        if bytes.is_null() || size == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: the host asked the SDK's allocator for exactly `size` bytes, which took them from a `Vec` of that
        // capacity; it filled all of them, and has forgotten the address.
        Ok(unsafe { Vec::from_raw_parts(bytes, size, size) })
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
        Ok(hostcalls::reset_http_request()?)
    }

    fn define_counter(&self, name: &str) -> Result<u32, CallFailed> {
        Ok(hostcalls::define_metric(MetricType::Counter, name)?)
    }

    fn count(&self, counter: u32) -> Result<(), CallFailed> {
        Ok(hostcalls::increment_metric(counter, 1)?)
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let _unheard = hostcalls::log(level, message);
    }
}
