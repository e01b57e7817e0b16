//! Plugins in text form, with what all of them share.

use bookend_harness::{Error, Exchange, Instance, Module, Outcome, Plugin, Properties};

/// The imports that the small plugins use.
const IMPORTS: &str = r#"
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $get_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_header_map_pairs" (func $set_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove_header (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define_metric (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment_metric (param i32 i64) (result i32)))
  (import "env" "proxy_set_effective_context" (func $set_context (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $set_tick (param i32) (result i32)))
"#;

/// Memory, an allocator that never frees, and `$say`, which logs a status as one digit or letter at level info.
const COMMON: &str = r#"
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 4096))
  (func (export "malloc") (param $size i32) (result i32)
    global.get $next
    (global.set $next (i32.add (global.get $next) (local.get $size))))
  (func (export "proxy_abi_version_0_2_1"))
  (func $say (param $status i32)
    (i32.store8 (i32.const 4000) (i32.add (i32.const 48) (local.get $status)))
    (drop (call $log (i32.const 2) (i32.const 4000) (i32.const 1))))
  ;; Logs the block whose address is stored at 0 and whose length is stored at 4.
  (func $tell
    (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4)))))
"#;

/// A plugin in binary form. Text that it uses is best put at address 16 and above.
pub(crate) fn wasm(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {IMPORTS} {COMMON} {body})")).expect("the plugin's text is well formed")
}

pub(crate) fn started(body: &str, plugin: &Plugin) -> Result<Instance, Error> {
    Module::load(&wasm(body)).expect("the plugin loads").start(plugin)
}

/// A plugin whose request callback has this body; it has to leave an action, 0 to continue and 1 to pause.
pub(crate) fn on_request(data: &str, body: &str) -> String {
    format!(
        r#"{data} (func (export "proxy_on_request_headers") (param $context i32) (param $count i32) (param $end i32)
           (result i32) {body})"#
    )
}

pub(crate) fn exchange(headers: &[(&str, &str)], properties: Properties) -> Exchange {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let headers = headers.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
    Exchange { headers, properties, end_of_stream: true }
}

/// Starts a plugin and asks it about one request.
pub(crate) fn ask(body: &str, exchange: &Exchange) -> Result<Outcome, Error> {
    started(body, &Plugin::default())?.http_request(exchange)
}

/// The log of a request, one line each.
pub(crate) fn said(outcome: &Outcome) -> Vec<&str> {
    outcome.logs.iter().map(|line| line.message.as_str()).collect()
}
