//! What is played.

use crate::recorder::Argument::{Long, Text, Word};
use crate::recorder::{Act, Argument, Probe};
use crate::scene::{Acts, Message, Scene};

/// Where results go that nobody looks at: behind the output, before what the host allocates.
const SCRATCH: i32 = 0x1f_0000;

/// All scenes.
pub(crate) fn all() -> Vec<Scene> {
    let http =
        |request: Message, response: Option<Message>, acts: Acts| Scene::Http { request, response, acts };
    vec![
        http(get(), Some(fine()), Acts::new()),
        http(repeated(), Some(fine()), [("proxy_on_request_headers", asking())].into()),
        http(post(vec![]), Some(chunked()), Acts::new()),
        http(
            post(vec![("x-trailer", "1"), ("x-trailer", "2")]),
            Some(chunked()),
            [("proxy_on_request_body", changing())].into(),
        ),
        http(get(), Some(chunked()), [("proxy_on_response_headers", changing_response())].into()),
        http(get(), None, [("proxy_on_request_headers", answering(403, "denied: 100%"))].into()),
        http(get(), None, [("proxy_on_request_headers", answering(401, ""))].into()),
        http(method("HEAD"), None, [("proxy_on_request_headers", answering(403, "denied"))].into()),
        http(grpc(), None, [("proxy_on_request_headers", answering(403, "denied: \u{e4}"))].into()),
        http(get(), Some(fine()), [("proxy_on_response_headers", answering_late())].into()),
        http(get(), None, [("proxy_on_request_headers", closing(0, 1))].into()),
        http(get(), Some(fine()), [("proxy_on_request_headers", Act { action: 2, ..Act::default() })].into()),
        http(get(), Some(fine()), [("proxy_on_request_headers", resuming(1))].into()),
        http(get(), Some(fine()), [("proxy_on_request_headers", resuming(4))].into()),
        tcp(Some("pong"), Acts::new()),
        tcp(Some("pong"), [("proxy_on_downstream_data", changing_bytes())].into()),
        tcp(None, [("proxy_on_new_connection", closing(2, 1))].into()),
        tcp(None, [("proxy_on_downstream_data", closing(2, 1))].into()),
        tcp(None, [("proxy_on_downstream_data", Act { action: 1, ..Act::default() })].into()),
        tcp(Some("pong"), [("proxy_on_new_connection", asking_of_connection())].into()),
    ]
}

fn get() -> Message {
    method("GET")
}

fn method(method: &'static str) -> Message {
    let headers = vec![
        (":method", method),
        (":path", "/a/b?c=d&e"),
        (":authority", "ratings:9080"),
        ("x-one", "1"),
        ("user-agent", "me"),
        ("x-one", "2"),
        ("x-empty", ""),
        ("connection-like", "x"),
    ];
    Message { headers, ..Message::default() }
}

/// Headers that come twice, of those that a proxy keeps once and of others.
fn repeated() -> Message {
    const TWICE: [&str; 24] = [
        "accept",
        "accept-language",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-type",
        "cookie",
        "forwarded",
        "grpc-timeout",
        "if-match",
        "if-none-match",
        "origin",
        "pragma",
        "range",
        "referer",
        "user-agent",
        "via",
        "warning",
        "x-custom",
        "x-forwarded-host",
        "x-b3-traceid",
        "x-request-id",
        "x-real-ip",
        "date",
    ];
    let mut message = get();
    message.headers.extend(TWICE.map(|name| (name, "one")));
    message.headers.extend(TWICE.map(|name| (name, "two")));
    message
}

fn post(trailers: Vec<(&'static str, &'static str)>) -> Message {
    let headers = vec![(":method", "POST"), (":path", "/"), (":authority", "ratings"), ("x-one", "1")];
    Message { headers, chunks: vec!["hello", " again", "!"], trailers }
}

fn grpc() -> Message {
    let headers = vec![
        (":method", "POST"),
        (":path", "/a.B/C"),
        (":authority", "ratings"),
        ("content-type", "application/grpc+proto"),
    ];
    Message { headers, ..Message::default() }
}

fn fine() -> Message {
    Message { headers: vec![(":status", "200"), ("x-up", "1"), ("x-up", "2")], ..Message::default() }
}

fn chunked() -> Message {
    Message { chunks: vec!["good", "bye"], trailers: vec![("x-trailer", "t")], ..fine() }
}

fn tcp(answer: Option<&'static str>, acts: Acts) -> Scene {
    Scene::Tcp { parts: vec!["some", "thing"], answer, acts }
}

fn probe(name: &'static str, arguments: Vec<Argument>) -> Probe {
    Probe { name, arguments }
}

fn text(text: &str) -> Argument {
    Text(text.as_bytes().to_vec())
}

/// Everything that can be asked of a request's headers, of data, metrics and others.
fn asking() -> Act {
    let (read, address) = (vec![Word(0), Word(4)], Word(SCRATCH));
    let with = |mut arguments: Vec<Argument>, more: &[Argument]| {
        arguments.extend(more.iter().cloned());
        arguments
    };
    let calls = vec![
        probe("proxy_set_property", vec![text("written"), text("value")]),
        probe("proxy_get_property", with(vec![text("written")], &read)),
        probe("proxy_get_property", with(vec![text("written\0")], &read)),
        probe("proxy_get_property", with(vec![text("written\0x")], &read)),
        probe("proxy_get_property", with(vec![text("filter_state\0wasm.written")], &read)),
        probe("proxy_get_property", with(vec![text("plugin_name\0\0")], &read)),
        probe("proxy_set_property", vec![text("plugin_name"), text("value")]),
        probe("proxy_get_property", with(vec![text("plugin_name")], &read)),
        probe("proxy_set_effective_context", vec![Word(0)]),
        probe("proxy_set_effective_context", vec![Word(77_777)]),
        probe("proxy_get_header_map_value", with(vec![Word(0), text("X-ONE")], &read)),
        probe("proxy_get_header_map_value", with(vec![Word(0), text("absent")], &read)),
        probe("proxy_get_header_map_value", with(vec![Word(2), text("x")], &read)),
        probe("proxy_get_header_map_value", with(vec![Word(8), text("x")], &read)),
        probe("proxy_get_header_map_size", vec![Word(0), Word(0)]),
        probe("proxy_get_header_map_size", vec![Word(1), Word(0)]),
        probe("proxy_get_header_map_pairs", with(vec![Word(4)], &read)),
        probe("proxy_get_header_map_pairs", with(vec![Word(8)], &read)),
        probe("proxy_get_buffer_bytes", with(vec![Word(4), Word(0), Word(-1)], &read)),
        probe("proxy_get_buffer_bytes", with(vec![Word(5), Word(0), Word(-1)], &read)),
        probe("proxy_get_buffer_bytes", with(vec![Word(6), Word(3), Word(-1)], &read)),
        probe("proxy_get_buffer_bytes", with(vec![Word(7), Word(0), Word(-1)], &read)),
        probe("proxy_get_buffer_bytes", with(vec![Word(8), Word(0), Word(-1)], &read)),
        probe("proxy_get_buffer_bytes", with(vec![Word(9), Word(0), Word(-1)], &read)),
        probe("proxy_get_buffer_status", vec![Word(0), Word(0), Word(SCRATCH)]),
        probe("proxy_get_buffer_status", vec![Word(4), Word(0), Word(SCRATCH)]),
        probe("proxy_set_buffer_bytes", vec![Word(0), Word(0), Word(0), text("x")]),
        probe("proxy_set_buffer_bytes", vec![Word(4), Word(0), Word(0), text("x")]),
        probe("proxy_set_buffer_bytes", vec![Word(6), Word(0), Word(0), text("x")]),
        probe("proxy_get_shared_data", with(vec![text("key")], &[Word(0), Word(4), address.clone()])),
        probe("proxy_set_shared_data", vec![text("key"), text("value"), Word(5)]),
        probe("proxy_set_shared_data", vec![text("key"), text("value"), Word(5)]),
        probe("proxy_get_shared_data", with(vec![text("key")], &[Word(0), Word(4), address.clone()])),
        probe("proxy_resolve_shared_queue", vec![text(""), text("queue"), address.clone()]),
        probe("proxy_dequeue_shared_queue", with(vec![Word(99)], &read)),
        probe(
            "proxy_http_call",
            vec![text("unknown"), text(""), text(""), text(""), Word(100), address.clone()],
        ),
        probe("proxy_call_foreign_function", vec![text("nothing"), text(""), Word(0), Word(4)]),
        probe("proxy_call_foreign_function", vec![text("clear_route_cache"), text(""), Word(0), Word(0)]),
        probe("proxy_done", vec![]),
        probe("proxy_get_status", vec![address.clone(), Word(0), Word(4)]),
        probe("proxy_define_metric", vec![Word(3), text("m"), address.clone()]),
        probe("proxy_define_metric", vec![Word(0), text("c"), Word(0)]),
        probe("proxy_define_metric", vec![Word(1), text("g"), Word(0)]),
        probe("proxy_define_metric", vec![Word(2), text("h"), Word(0)]),
        probe("proxy_increment_metric", vec![Word(4), Long(2)]),
        probe("proxy_increment_metric", vec![Word(4), Long(0)]),
        probe("proxy_increment_metric", vec![Word(5), Long(3)]),
        probe("proxy_increment_metric", vec![Word(6), Long(1)]),
        probe("proxy_increment_metric", vec![Word(400), Long(1)]),
        probe("proxy_record_metric", vec![Word(6), Long(1)]),
        probe("proxy_record_metric", vec![Word(402), Long(1)]),
        probe("proxy_get_metric", vec![Word(4), address.clone()]),
        probe("proxy_get_metric", vec![Word(6), address.clone()]),
        probe("proxy_get_metric", vec![Word(400), address.clone()]),
        probe("proxy_continue_stream", vec![Word(3)]),
        probe("proxy_continue_stream", vec![Word(4)]),
        probe("proxy_continue_stream", vec![Word(2)]),
        probe("proxy_close_stream", vec![Word(2)]),
        probe("proxy_close_stream", vec![Word(4)]),
        probe("proxy_log", vec![Word(6), text("x")]),
        probe("proxy_add_header_map_value", vec![Word(0), text("x-one"), text("three")]),
        probe("proxy_add_header_map_value", vec![Word(0), text("User-Agent"), text("more")]),
        probe("proxy_add_header_map_value", vec![Word(0), text(":new"), text("pseudo")]),
        probe("proxy_add_header_map_value", vec![Word(1), text("x-one"), text("three")]),
        probe("proxy_replace_header_map_value", vec![Word(0), text("x-one"), text("replaced")]),
        probe("proxy_replace_header_map_value", vec![Word(0), text("x-new"), text("new")]),
        probe("proxy_remove_header_map_value", vec![Word(0), text("X-Custom")]),
        probe("proxy_remove_header_map_value", vec![Word(0), text(":new")]),
        probe("proxy_get_header_map_pairs", with(vec![Word(0)], &read)),
    ];
    Act { calls, action: 0 }
}

/// Changes a body that is collected.
fn changing() -> Act {
    let calls = vec![
        probe("proxy_get_buffer_bytes", vec![Word(0), Word(1), Word(3), Word(0), Word(4)]),
        probe("proxy_get_buffer_bytes", vec![Word(0), Word(99), Word(3), Word(0), Word(4)]),
        probe("proxy_set_buffer_bytes", vec![Word(0), Word(0), Word(0), text("<")]),
        probe("proxy_set_buffer_bytes", vec![Word(0), Word(1), Word(1), text("x")]),
        probe("proxy_set_buffer_bytes", vec![Word(0), Word(0), Word(1), text("[")]),
        probe("proxy_set_buffer_bytes", vec![Word(0), Word(99), Word(0), text(">")]),
        probe("proxy_get_buffer_bytes", vec![Word(0), Word(0), Word(-1), Word(0), Word(4)]),
    ];
    Act { calls, action: 1 }
}

fn changing_response() -> Act {
    let calls = vec![
        probe("proxy_get_header_map_pairs", vec![Word(0), Word(0), Word(4)]),
        probe("proxy_add_header_map_value", vec![Word(2), text("x-up"), text("3")]),
        probe("proxy_replace_header_map_value", vec![Word(2), text("x-down"), text("1")]),
        probe("proxy_add_header_map_value", vec![Word(0), text("x"), text("y")]),
    ];
    Act { calls, action: 0 }
}

/// Answers, and once more.
fn answering(status: i32, body: &str) -> Act {
    let headers =
        b"\x02\0\0\0\x05\0\0\0\x01\0\0\0\x0e\0\0\0\x01\0\0\0X-Why\0y\0content-length\x009\0".to_vec();
    let calls = vec![
        probe(
            "proxy_send_local_response",
            vec![Word(status), text("why not\there"), text(body), Text(headers), Word(7)],
        ),
        probe("proxy_send_local_response", vec![Word(404), text("again"), text("x"), text(""), Word(-1)]),
        probe("proxy_continue_stream", vec![Word(0)]),
        probe("proxy_get_header_map_value", vec![Word(0), text("x-one"), Word(0), Word(4)]),
    ];
    Act { calls, action: 0 }
}

/// Answers when the service has answered already.
fn answering_late() -> Act {
    let mut act = answering(502, "changed my mind");
    act.calls.truncate(1);
    act
}

fn closing(stream: i32, action: u32) -> Act {
    Act { calls: vec![probe("proxy_close_stream", vec![Word(stream)])], action }
}

/// Stops, and goes on at once.
fn resuming(action: u32) -> Act {
    let calls = vec![
        probe("proxy_continue_stream", vec![Word(0)]),
        probe("proxy_get_header_map_value", vec![Word(0), text("x-one"), Word(0), Word(4)]),
    ];
    Act { calls, action }
}

fn changing_bytes() -> Act {
    let calls = vec![
        probe("proxy_get_buffer_bytes", vec![Word(2), Word(2), Word(-1), Word(0), Word(4)]),
        probe("proxy_set_buffer_bytes", vec![Word(2), Word(0), Word(0), text("<")]),
        probe("proxy_get_buffer_bytes", vec![Word(2), Word(0), Word(-1), Word(0), Word(4)]),
        probe("proxy_set_buffer_bytes", vec![Word(3), Word(0), Word(0), text("x")]),
        probe("proxy_send_local_response", vec![Word(403), text("why"), text("denied"), text(""), Word(7)]),
    ];
    Act { calls, action: 0 }
}

fn asking_of_connection() -> Act {
    let calls = vec![
        probe("proxy_get_header_map_value", vec![Word(0), text("x"), Word(0), Word(4)]),
        probe("proxy_get_header_map_size", vec![Word(0), Word(0)]),
        probe("proxy_set_property", vec![text("written"), text("value")]),
        probe("proxy_get_property", vec![text("filter_state\0wasm.written"), Word(0), Word(4)]),
        probe("proxy_continue_stream", vec![Word(0)]),
        probe("proxy_close_stream", vec![Word(0)]),
        probe("proxy_get_status", vec![Word(SCRATCH), Word(0), Word(4)]),
    ];
    Act { calls, action: 0 }
}
