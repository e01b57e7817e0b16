//! What stands in for Envoy in tests: the functions that a module calls, over plain values.
//!
//! Only whoever has an executable of its own may define them, so this exists in this crate's tests alone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::{Buffer, Envoy, Header};

/// A filter of Envoy's: its numbers, by name.
#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) names: Mutex<Vec<String>>,
    pub(crate) values: Mutex<BTreeMap<String, u64>>,
}

/// A stream or a connection.
#[derive(Default)]
pub(crate) struct Traffic<'s> {
    pub(crate) scope: Option<&'s Scope>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) attributes: BTreeMap<u32, &'static str>,
    pub(crate) remote: Option<&'static str>,
    pub(crate) local: Option<(&'static str, u32)>,
    pub(crate) tls: bool,
    pub(crate) names: Vec<&'static str>,
    pub(crate) state: RefCell<BTreeMap<String, String>>,
    pub(crate) metadata: RefCell<BTreeMap<String, String>>,
    pub(crate) payloads: usize,
    pub(crate) answers: RefCell<Vec<Answer>>,
    pub(crate) ends: RefCell<Vec<String>>,
    /// How often reading was forbidden more than it was allowed.
    pub(crate) unread: Cell<i32>,
    pub(crate) proceeded: Cell<u32>,
    pub(crate) scheduled: Cell<u32>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u32,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) details: String,
}

impl Scope {
    pub(crate) fn envoy(&self) -> Envoy {
        (&raw const *self).cast_mut().cast()
    }

    pub(crate) fn value(&self, name: &str) -> Option<u64> {
        held(&self.values).get(name).copied()
    }
}

impl Traffic<'_> {
    pub(crate) fn envoy(&self) -> Envoy {
        (&raw const *self).cast_mut().cast()
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn scope<'e>(envoy: *mut c_void) -> &'e Scope {
    // SAFETY: tests hand out pointers that `Scope::envoy` made, of what lives longer than the hook.
    unsafe { &*envoy.cast::<Scope>() }
}

fn traffic<'e>(envoy: *mut c_void) -> &'e Traffic<'e> {
    // SAFETY: tests hand out pointers that `Traffic::envoy` made, of what lives longer than the hook.
    unsafe { &*envoy.cast::<Traffic<'_>>() }
}

fn text(buffer: Buffer) -> String {
    // SAFETY: the module lends it until the call returns.
    String::from_utf8_lossy(unsafe { buffer.bytes() }).into_owned()
}

/// Writes a result, if there is one.
fn give<T>(to: *mut T, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            // SAFETY: the module's results are live variables.
            unsafe { to.write(value) };
            true
        }
        None => false,
    }
}

fn lend(text: &str) -> Buffer {
    Buffer::lend(text.as_bytes())
}

fn define(scope: &Scope, name: Buffer, id: *mut usize) -> u32 {
    let mut names = held(&scope.names);
    names.push(text(name));
    held(&scope.values).insert(names.last().cloned().unwrap_or_default(), 0);
    u32::from(!give(id, Some(names.len() - 1)))
}

fn change(scope: &Scope, id: usize, change: impl FnOnce(&mut u64)) -> u32 {
    let name = held(&scope.names).get(id).cloned();
    match name {
        Some(name) => {
            change(held(&scope.values).entry(name).or_default());
            0
        }
        None => 1,
    }
}

fn state(traffic: &Traffic<'_>, key: Buffer, value: *mut Buffer) -> bool {
    give(value, traffic.state.borrow().get(&text(key)).map(|text| lend(text)))
}

fn set_state(traffic: &Traffic<'_>, key: Buffer, value: Buffer) -> bool {
    traffic.state.borrow_mut().insert(text(key), text(value)).is_none()
}

fn set_metadata(traffic: &Traffic<'_>, namespace: Buffer, key: Buffer, value: Buffer) {
    traffic.metadata.borrow_mut().insert([text(namespace), text(key)].join(":"), text(value));
}

fn on<R>(traffic: &Traffic<'_>, work: impl FnOnce(&Scope) -> R) -> Option<R> {
    traffic.scope.map(work)
}

/// Defines functions under the names of Envoy's.
macro_rules! callbacks {
    ($($name:ident($($parameter:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name($($parameter: $type),*) $(-> $result)? $body
    )* };
}

callbacks! {
    envoy_dynamic_module_callback_log(_level: u32, message: Buffer) { eprintln!("{}", text(message)); }
    envoy_dynamic_module_callback_log_enabled(_level: u32) -> bool { true }
    envoy_dynamic_module_callback_get_concurrency() -> u32 { 2 }

    envoy_dynamic_module_callback_http_filter_config_define_counter(config: Envoy, name: Buffer, _l: *mut Buffer, _n: usize, id: *mut usize) -> u32 { define(scope(config), name, id) }
    envoy_dynamic_module_callback_http_filter_config_define_gauge(config: Envoy, name: Buffer, _l: *mut Buffer, _n: usize, id: *mut usize) -> u32 { define(scope(config), name, id) }
    envoy_dynamic_module_callback_network_filter_config_define_counter(config: Envoy, name: Buffer, id: *mut usize) -> u32 { define(scope(config), name, id) }
    envoy_dynamic_module_callback_network_filter_config_define_gauge(config: Envoy, name: Buffer, id: *mut usize) -> u32 { define(scope(config), name, id) }
    envoy_dynamic_module_callback_http_filter_config_set_gauge(config: Envoy, id: usize, _l: *mut Buffer, _n: usize, value: u64) -> u32 { change(scope(config), id, |to| *to = value) }
    envoy_dynamic_module_callback_network_filter_config_set_gauge(config: Envoy, id: usize, value: u64) -> u32 { change(scope(config), id, |to| *to = value) }
    envoy_dynamic_module_callback_http_filter_increment_counter(stream: Envoy, id: usize, _l: *mut Buffer, _n: usize, value: u64) -> u32 { on(traffic(stream), |scope| change(scope, id, |to| *to += value)).unwrap_or(1) }
    envoy_dynamic_module_callback_http_filter_set_gauge(stream: Envoy, id: usize, _l: *mut Buffer, _n: usize, value: u64) -> u32 { on(traffic(stream), |scope| change(scope, id, |to| *to = value)).unwrap_or(1) }
    envoy_dynamic_module_callback_network_filter_increment_counter(connection: Envoy, id: usize, value: u64) -> u32 { on(traffic(connection), |scope| change(scope, id, |to| *to += value)).unwrap_or(1) }
    envoy_dynamic_module_callback_network_filter_set_gauge(connection: Envoy, id: usize, value: u64) -> u32 { on(traffic(connection), |scope| change(scope, id, |to| *to = value)).unwrap_or(1) }

    envoy_dynamic_module_callback_http_get_headers_size(stream: Envoy, _map: u32) -> usize { traffic(stream).headers.len() }
    envoy_dynamic_module_callback_http_get_headers(stream: Envoy, _map: u32, headers: *mut Header) -> bool {
        for (place, (name, value)) in traffic(stream).headers.iter().enumerate() {
            // SAFETY: the module has room for as many headers as it was told there are.
            unsafe { headers.add(place).write(Header { name: lend(name), value: lend(value) }) };
        }
        true
    }
    envoy_dynamic_module_callback_http_filter_get_attribute_string(stream: Envoy, attribute: u32, value: *mut Buffer) -> bool { give(value, traffic(stream).attributes.get(&attribute).map(|text| lend(text))) }
    envoy_dynamic_module_callback_http_get_downstream_direct_remote_address(stream: Envoy, address: *mut Buffer) -> bool { give(address, traffic(stream).remote.map(lend)) }
    envoy_dynamic_module_callback_http_get_filter_state_bytes(stream: Envoy, key: Buffer, value: *mut Buffer) -> bool { state(traffic(stream), key, value) }
    envoy_dynamic_module_callback_http_set_filter_state_bytes(stream: Envoy, key: Buffer, value: Buffer) -> bool { set_state(traffic(stream), key, value) }
    envoy_dynamic_module_callback_http_get_metadata_keys_count(stream: Envoy, _source: u32, _namespace: Buffer) -> usize { traffic(stream).payloads }
    envoy_dynamic_module_callback_http_set_dynamic_metadata_string(stream: Envoy, namespace: Buffer, key: Buffer, value: Buffer) { set_metadata(traffic(stream), namespace, key, value); }
    envoy_dynamic_module_callback_http_send_response(stream: Envoy, status: u32, headers: *mut Header, count: usize, body: Buffer, details: Buffer) {
        let headers = if count == 0 { &[][..] } else {
            // SAFETY: the module lends this many headers until the call returns.
            unsafe { std::slice::from_raw_parts(headers, count) }
        };
        let headers = headers.iter().map(|header| (text(header.name), text(header.value))).collect();
        traffic(stream).answers.borrow_mut().push(Answer { status, headers, body: text(body), details: text(details) });
    }
    envoy_dynamic_module_callback_http_filter_reset_stream(stream: Envoy, _reason: u32, details: Buffer) { traffic(stream).ends.borrow_mut().push(text(details)); }
    envoy_dynamic_module_callback_http_filter_get_worker_index(_stream: Envoy) -> u32 { 1 }

    envoy_dynamic_module_callback_network_filter_is_ssl(connection: Envoy) -> bool { traffic(connection).tls }
    envoy_dynamic_module_callback_network_filter_get_direct_remote_address(connection: Envoy, address: *mut Buffer, port: *mut u32) -> bool { give(port, Some(4000)) && give(address, traffic(connection).remote.map(lend)) }
    envoy_dynamic_module_callback_network_filter_get_local_address(connection: Envoy, address: *mut Buffer, port: *mut u32) -> bool {
        let local = traffic(connection).local;
        give(port, local.map(|(_, port)| port)) && give(address, local.map(|(address, _)| lend(address)))
    }
    envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size(connection: Envoy) -> usize { traffic(connection).names.len() }
    envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans(connection: Envoy, names: *mut Buffer) -> bool {
        for (place, name) in traffic(connection).names.iter().enumerate() {
            // SAFETY: the module has room for as many names as it was told there are.
            unsafe { names.add(place).write(lend(name)) };
        }
        true
    }
    envoy_dynamic_module_callback_network_get_filter_state_bytes(connection: Envoy, key: Buffer, value: *mut Buffer) -> bool { state(traffic(connection), key, value) }
    envoy_dynamic_module_callback_network_set_filter_state_bytes(connection: Envoy, key: Buffer, value: Buffer) -> bool { set_state(traffic(connection), key, value) }
    envoy_dynamic_module_callback_network_set_dynamic_metadata_string(connection: Envoy, namespace: Buffer, key: Buffer, value: Buffer) { set_metadata(traffic(connection), namespace, key, value); }
    envoy_dynamic_module_callback_network_filter_read_enabled(connection: Envoy) -> bool { traffic(connection).unread.get() == 0 }
    envoy_dynamic_module_callback_network_filter_read_disable(connection: Envoy, disable: bool) -> u32 {
        let unread = &traffic(connection).unread;
        unread.set(unread.get() + if disable { 1 } else { -1 });
        0
    }
    envoy_dynamic_module_callback_network_filter_continue_reading(connection: Envoy) {
        let proceeded = &traffic(connection).proceeded;
        proceeded.set(proceeded.get() + 1);
    }
    envoy_dynamic_module_callback_network_filter_scheduler_new(connection: Envoy) -> Envoy { connection }
    envoy_dynamic_module_callback_network_filter_scheduler_commit(connection: Envoy, _event: u64) {
        let scheduled = &traffic(connection).scheduled;
        scheduled.set(scheduled.get() + 1);
    }
    envoy_dynamic_module_callback_network_filter_scheduler_delete(_connection: Envoy) {}
    envoy_dynamic_module_callback_network_filter_close_with_details(connection: Envoy, _kind: u32, details: Buffer) { traffic(connection).ends.borrow_mut().push(text(details)); }
    envoy_dynamic_module_callback_network_filter_get_worker_index(_connection: Envoy) -> u32 { 7 }
}
