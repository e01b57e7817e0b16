//! Envoy, through the proxy-wasm ABI 0.2.1: the only file that speaks it.
//!
//! Not by way of the SDK for Rust. That one panics where a proxy answers with a status that it does not expect, loses the details of
//! answers, decides for each plugin whether it is for HTTP or for TCP, and exports callbacks that this filter has no use for:
//! each would cost every request a call, and all together are as large as a third of the filter. What is exported here is
//! all that a proxy calls; it does without the others.
//!
//! Statuses are numbers, because a proxy may answer with any. Addresses and sizes are 32 bits wide on both sides.

mod memory;

use std::borrow::Cow;
use std::cell::RefCell;

use bookend_engine::HeaderLine;
use serde_json::{Map, Value};

use crate::filter::{Filter, Host, Metric};
use crate::proxy::{Attribute, CallFailed, HeadersError, Label, Level, Proxy};
use crate::{Fault, Next, Refusal, headers, tokens};
use memory::{Handed, taken};

/// The request's headers, among the ABI's header maps.
const REQUEST_HEADERS: u32 = 0;

/// The plugin's configuration, among the ABI's buffers.
const PLUGIN_CONFIGURATION: u32 = 7;

/// Among the ABI's metrics.
const COUNTER: u32 = 0;
const GAUGE: u32 = 1;

/// Among the ABI's streams.
const HTTP_REQUEST: u32 = 0;
const DOWNSTREAM: u32 = 2;

/// Numbers of connections that were counted are smaller.
const COUNTED: u64 = 1 << 40;

/// The status of what is wrong on this side, when the ABI would call it a bad argument.
const BAD_ARGUMENT: u32 = 2;

/// Goes on with the next filter.
const CONTINUE: u32 = 0;

/// Stops everything of an HTTP request, its body too. After a mere 1, Envoy may go on with the first byte of the body
/// (`allow_on_headers_stop_iteration`).
const STOP_REQUEST: u32 = 4;

/// Stops a connection's bytes here.
const STOP_CONNECTION: u32 = 1;

thread_local! {
    /// A module has one thread.
    static FILTER: RefCell<Filter> = const { RefCell::new(Filter::new()) };
}

/// Lets a callback use the filter. A callback inside another one, which no proxy makes, gets `refused`.
fn with_filter<T>(refused: T, callback: impl FnOnce(&mut Filter) -> T) -> T {
    FILTER.with(|filter| match filter.try_borrow_mut() {
        Ok(mut filter) => callback(&mut filter),
        Err(_) => refused,
    })
}

/// Says which version of the ABI this is, by its name.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// The first call: there is nothing to prepare. Nothing here panics; should anything ever, the module traps, and the proxy says so
/// and does as its failure policy says.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {}

/// A plugin, which has no parent, or a stream of a plugin.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    with_filter((), |filter| filter.create(context, parent));
}

/// Nonzero accepts the configuration.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(plugin: u32, _size: usize) -> u32 {
    with_filter(false, |filter| filter.configure(&Envoy, plugin)).into()
}

/// Time passed for a plugin.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(plugin: u32) {
    with_filter((), |filter| filter.tick(&Envoy, plugin));
}

/// The headers of a request arrived.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _headers: usize, _end_of_stream: u32) -> u32 {
    match with_filter(Next::Stop, |filter| filter.request_headers(&Envoy, context)) {
        Next::Continue => CONTINUE,
        Next::Stop => STOP_REQUEST,
    }
}

/// A connection was accepted.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_new_connection(context: u32) -> u32 {
    on_connection(|filter| filter.new_connection(&Envoy, context))
}

/// Bytes of a connection arrived.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_downstream_data(context: u32, _size: usize, _end_of_stream: u32) -> u32 {
    on_connection(|filter| filter.downstream_data(&Envoy, context))
}

fn on_connection(callback: impl FnOnce(&mut Filter) -> Next) -> u32 {
    match with_filter(Next::Stop, callback) {
        Next::Continue => CONTINUE,
        Next::Stop => STOP_CONNECTION,
    }
}

/// The context will not be heard of again.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    with_filter((), |filter| filter.delete(&Envoy, context));
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, message_size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, value: *mut *mut u8, value_size: *mut usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: u32,
    ) -> u32;
    fn proxy_close_stream(stream: u32) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, metric: *mut u32) -> u32;
    fn proxy_increment_metric(metric: u32, offset: i64) -> u32;
    fn proxy_record_metric(metric: u32, value: u64) -> u32;
}

/// Status 0 is success.
fn checked(status: u32) -> Result<(), CallFailed> {
    if status == 0 { Ok(()) } else { Err(CallFailed(status)) }
}

/// An attribute by its path, whose segments are divided by NULs.
fn property(path: &str) -> Result<Option<Handed>, CallFailed> {
    // SAFETY: the path outlives the call, and both results are written to live variables.
    taken(|value, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), value, size) })
}

/// Envoy, or another proxy that hosts modules.
struct Envoy;

impl Proxy for Envoy {
    fn attribute(&self, attribute: Attribute) -> Result<Option<Cow<'_, [u8]>>, CallFailed> {
        Ok(self.property(attribute.path())?.map(Cow::Owned))
    }

    fn connection(&self) -> Option<u64> {
        let bytes = property("connection_id").ok()??;
        let number = <[u8; 8]>::try_from(&*bytes).ok().map(u64::from_le_bytes)?;
        // Connections of TCP are counted from zero. Those of QUIC have a hash of what their client may choose, which is no number
        // that nobody else has.
        (number < COUNTED).then_some(number)
    }

    fn request_headers<T>(&self, read: impl FnOnce(Result<&[HeaderLine<'_>], HeadersError>) -> T) -> T {
        // SAFETY: both results are written to live variables.
        let call = |value: *mut *mut u8, size: *mut usize| unsafe {
            proxy_get_header_map_pairs(REQUEST_HEADERS, value, size)
        };
        let bytes = match taken(call) {
            Ok(bytes) => bytes,
            Err(failed) => return read(Err(HeadersError::Unreadable(failed))),
        };
        match headers::pairs(bytes.as_deref().unwrap_or_default()) {
            Some(lines) => read(Ok(&lines)),
            None => read(Err(HeadersError::Malformed)),
        }
    }

    fn verified(&self) -> Result<Map<String, Value>, Fault> {
        tokens::entries(self.property(&[tokens::METADATA]))
    }

    fn attach(&self, label: Label, text: &str) -> Result<(), CallFailed> {
        let path = label.name();
        // SAFETY: both texts outlive the call, which copies them.
        checked(unsafe { proxy_set_property(path.as_ptr(), path.len(), text.as_ptr(), text.len()) })
    }

    fn respond(&self, refusal: &Refusal<'_>) -> Result<(), CallFailed> {
        let Refusal { status, body, headers, details, grpc_status } = *refusal;
        let headers = headers::serialized(headers).ok_or(CallFailed(BAD_ARGUMENT))?;
        // SAFETY: every text outlives the call, which copies it.
        checked(unsafe {
            proxy_send_local_response(
                status.into(),
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                headers.as_ptr(),
                headers.len(),
                grpc_status,
            )
        })
    }

    fn reset(&self) -> Result<(), CallFailed> {
        // SAFETY: numbers only.
        checked(unsafe { proxy_close_stream(HTTP_REQUEST) })
    }

    fn close(&self, _details: &str) -> Result<(), CallFailed> {
        // SAFETY: numbers only.
        checked(unsafe { proxy_close_stream(DOWNSTREAM) })
    }

    fn second(&self) -> u64 {
        let mut time = 0;
        // SAFETY: the result is written to a live variable.
        let _unknown = unsafe { proxy_get_current_time_nanoseconds(&raw mut time) };
        time / 1_000_000_000
    }

    fn log(&self, level: Level, line: &str) {
        let level = match level {
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        // SAFETY: the line outlives the call, which copies it.
        let _unheard = unsafe { proxy_log(level, line.as_ptr(), line.len()) };
    }
}

impl Host for Envoy {
    fn configuration(&self) -> Result<Vec<u8>, CallFailed> {
        // SAFETY: both results are written to live variables.
        let call = |value: *mut *mut u8, size: *mut usize| unsafe {
            proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, usize::MAX, value, size)
        };
        Ok(taken(call)?.map(Handed::into_vec).unwrap_or_default())
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, CallFailed> {
        Ok(property(&path.join("\0"))?.map(Handed::into_vec))
    }

    fn turn_to(&self, context: u32) -> Result<(), CallFailed> {
        // SAFETY: numbers only.
        checked(unsafe { proxy_set_effective_context(context) })
    }

    fn resume(&self) -> Result<(), CallFailed> {
        // SAFETY: numbers only.
        checked(unsafe { proxy_continue_stream(DOWNSTREAM) })
    }

    fn tick_every(&self, milliseconds: u32) -> Result<(), CallFailed> {
        // SAFETY: numbers only.
        checked(unsafe { proxy_set_tick_period_milliseconds(milliseconds) })
    }

    fn define(&self, kind: Metric, name: &str) -> Result<u32, CallFailed> {
        let kind = match kind {
            Metric::Counter => COUNTER,
            Metric::Gauge => GAUGE,
        };
        let mut metric = 0;
        // SAFETY: the name outlives the call, which copies it, and the result is written to a live variable.
        checked(unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut metric) })?;
        Ok(metric)
    }

    fn add(&self, counter: u32, count: u64) -> Result<(), CallFailed> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        // SAFETY: numbers only.
        checked(unsafe { proxy_increment_metric(counter, count) })
    }

    fn set(&self, gauge: u32, value: u64) -> Result<(), CallFailed> {
        // SAFETY: numbers only.
        checked(unsafe { proxy_record_metric(gauge, value) })
    }
}
