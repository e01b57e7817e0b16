//! The functions that a module may call, without a word about the machine that runs it.
//!
//! A hostcall reads the guest's memory and the host's state, and answers with what is to be written. The table
//! [`CALLS`] is the ABI of version 0.2.1 as far as SDKs import it.

mod buffers;
mod calls;
mod headers;
mod metrics;
mod plugin;
mod properties;
mod shared;
mod stream;

use crate::host::Host;

/// What a hostcall answers in its result: `WasmResult` of `proxy-wasm-cpp-host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    SerializationFailure = 3,
    ParseFailure = 4,
    InvalidMemoryAccess = 6,
    Empty = 7,
    CasMismatch = 8,
    InternalFailure = 10,
    Unimplemented = 12,
}

/// Something to be written into guest memory before the guest goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// Four bytes at an address.
    Word { at: u32, value: u32 },
    /// Eight bytes at an address.
    Long { at: u32, value: u64 },
    /// Bytes in memory that the guest allocates; their address and length go to the two given addresses.
    /// Without bytes nothing is allocated and the address is 0.
    Block { address_at: u32, length_at: u32, bytes: Vec<u8> },
}

/// What is to be written, or why nothing is.
pub(crate) type Answer = Result<Vec<Write>, Status>;

/// One function of the ABI.
pub(crate) struct Hostcall {
    pub(crate) name: &'static str,
    /// The parameters: `i` for 32 bits, `I` for 64. The result is always 32 bits, a [`Status`].
    pub(crate) parameters: &'static str,
    pub(crate) run: fn(&mut Host, &Arguments<'_>) -> Answer,
}

/// The arguments of a call, with the memory that they point into.
pub(crate) struct Arguments<'a> {
    pub(crate) memory: &'a [u8],
    pub(crate) values: &'a [u64],
}

impl<'a> Arguments<'a> {
    /// A parameter of 64 bits. The table says how many there are, so none is ever absent.
    fn long(&self, position: usize) -> u64 {
        self.values.get(position).copied().unwrap_or_default()
    }

    /// A parameter of 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "a parameter of 32 bits was widened from 32 bits")]
    fn word(&self, position: usize) -> u32 {
        self.long(position) as u32
    }

    /// The bytes at the address in one parameter with the length in the next.
    fn bytes(&self, position: usize) -> Result<&'a [u8], Status> {
        let start = self.word(position) as usize;
        let end = start + self.word(position + 1) as usize;
        self.memory.get(start..end).ok_or(Status::InvalidMemoryAccess)
    }

    /// Text; the ABI asks for UTF-8 in names only.
    fn text(&self, position: usize) -> Result<&'a str, Status> {
        std::str::from_utf8(self.bytes(position)?).map_err(|_| Status::BadArgument)
    }

    /// A block to be written where two parameters say.
    fn block(&self, position: usize, bytes: Vec<u8>) -> Write {
        Write::Block { address_at: self.word(position), length_at: self.word(position + 1), bytes }
    }
}

const fn call(
    name: &'static str,
    parameters: &'static str,
    run: fn(&mut Host, &Arguments<'_>) -> Answer,
) -> Hostcall {
    Hostcall { name, parameters, run }
}

/// Every function that a module may import from `env`.
pub(crate) static CALLS: &[Hostcall] = &[
    call("proxy_log", "iii", plugin::log),
    call("proxy_get_log_level", "i", plugin::log_level),
    call("proxy_get_current_time_nanoseconds", "i", plugin::current_time),
    call("proxy_set_tick_period_milliseconds", "i", plugin::set_tick_period),
    call("proxy_set_effective_context", "i", plugin::set_effective_context),
    call("proxy_done", "", plugin::done),
    call("proxy_get_status", "iii", plugin::status),
    call("proxy_define_metric", "iiii", metrics::define),
    call("proxy_increment_metric", "iI", metrics::increment),
    call("proxy_record_metric", "iI", metrics::record),
    call("proxy_get_metric", "ii", metrics::get),
    call("proxy_call_foreign_function", "iiiiii", plugin::call_foreign_function),
    call("proxy_get_property", "iiii", properties::get),
    call("proxy_set_property", "iiii", properties::set),
    call("proxy_get_buffer_bytes", "iiiii", buffers::get),
    call("proxy_get_buffer_status", "iii", buffers::status),
    call("proxy_set_buffer_bytes", "iiiii", buffers::set),
    call("proxy_get_shared_data", "iiiii", shared::get),
    call("proxy_set_shared_data", "iiiii", shared::set),
    call("proxy_register_shared_queue", "iii", shared::register_queue),
    call("proxy_resolve_shared_queue", "iiiii", shared::resolve_queue),
    call("proxy_dequeue_shared_queue", "iii", shared::dequeue),
    call("proxy_enqueue_shared_queue", "iii", shared::enqueue),
    call("proxy_http_call", "iiiiiiiiii", calls::http_call),
    // There is no service that speaks gRPC here: Envoy answers so for a cluster that it does not know.
    call("proxy_grpc_call", "iiiiiiiiiiii", calls::grpc_call),
    call("proxy_grpc_stream", "iiiiiiiii", calls::grpc_stream),
    call("proxy_grpc_send", "iiii", calls::grpc_unknown),
    call("proxy_grpc_cancel", "i", calls::grpc_unknown),
    call("proxy_grpc_close", "i", calls::grpc_unknown),
    call("proxy_get_header_map_pairs", "iii", headers::get_pairs),
    call("proxy_set_header_map_pairs", "iii", headers::set_pairs),
    call("proxy_get_header_map_size", "ii", headers::size),
    call("proxy_get_header_map_value", "iiiii", headers::get),
    call("proxy_add_header_map_value", "iiiii", headers::add),
    call("proxy_replace_header_map_value", "iiiii", headers::replace),
    call("proxy_remove_header_map_value", "iii", headers::remove),
    call("proxy_send_local_response", "iiiiiiii", stream::send_local_response),
    call("proxy_continue_stream", "i", stream::resume),
    call("proxy_close_stream", "i", stream::close),
];
