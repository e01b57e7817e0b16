//! The filter among HTTP filters. A stream needs nothing of its own here, so what Envoy keeps for it is its policy.

use bookend_filter::Next;

use super::{Ours, configure, forget};
use crate::abi::{Buffer, Envoy, Scope, Stream};
use crate::barrier::contained;
use crate::policy::Policy;
use crate::request::refuse_for_a_panic;

/// `FilterHeadersStatus::Continue`; for everything but headers, too.
const CONTINUE: u32 = 0;

/// `FilterHeadersStatus::StopAllIterationAndWatermark`. After a mere `StopIteration` a body could make the request go on.
const STOP: u32 = 4;

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    config: Envoy,
    _name: Buffer,
    configuration: Buffer,
) -> Ours {
    // SAFETY: Envoy lends the configuration to this hook.
    unsafe { configure(Scope::Http(config), configuration) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(policy: Ours) {
    // SAFETY: Envoy hands back what `.._config_new` made, once, when its last stream is gone.
    unsafe { forget(policy) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_new(policy: Ours, _stream: Envoy) -> Ours {
    policy
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_destroy(_policy: Ours) {}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    stream: Envoy,
    policy: Ours,
    _end_of_stream: bool,
) -> u32 {
    // SAFETY: this is the hook's stream, and it goes no further than this hook.
    let stream = unsafe { Stream::new(stream) };
    // SAFETY: `.._filter_new` handed out its policy, which Envoy keeps at least as long as the stream.
    let policy = unsafe { &*policy.cast::<Policy>() };
    let next = contained(|| policy.pass_request(&stream));
    if next.is_none() {
        contained(|| refuse_for_a_panic(&stream));
    }
    match next {
        Some(Next::Continue) => CONTINUE,
        Some(Next::Stop) | None => STOP,
    }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    _: Envoy,
    _: Ours,
    _end: bool,
) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(_: Envoy, _: Ours) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    _: Envoy,
    _: Ours,
    _end: bool,
) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_response_body(
    _: Envoy,
    _: Ours,
    _end: bool,
) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(_: Envoy, _: Ours) -> u32 {
    CONTINUE
}

/// Hooks that Envoy demands and that report what is never asked for here. What they are handed is not looked at, so their
/// parameters, which all are numbers in registers or on the caller's own stack, need not be named.
macro_rules! nothing_to_do {
    ($($name:ident)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name() {}
    )* };
}

nothing_to_do! {
    envoy_dynamic_module_on_http_filter_stream_complete
    envoy_dynamic_module_on_http_filter_scheduled
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark
    envoy_dynamic_module_on_http_filter_http_callout_done
    envoy_dynamic_module_on_http_filter_http_stream_headers
    envoy_dynamic_module_on_http_filter_http_stream_data
    envoy_dynamic_module_on_http_filter_http_stream_trailers
    envoy_dynamic_module_on_http_filter_http_stream_complete
    envoy_dynamic_module_on_http_filter_http_stream_reset
}
