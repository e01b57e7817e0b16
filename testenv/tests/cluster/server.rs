//! The scripted API server itself: what it says over the wire is what a real one says.

mod access;
mod apply;
mod faults;
mod nodes;
mod objects;
mod schema;
mod watches;

use std::time::Duration;

use bookend_testenv::apiserver::ApiServer;
use bookend_testenv::http::{Request, Response, exchange};
use serde_json::Value;

/// More than any answer takes, on a busy machine as well.
const LIMIT: Duration = Duration::from_secs(30);

/// Asks by plain HTTP; `media` is the body's type.
fn ask(server: &ApiServer, method: &str, path: &str, media: &str, body: &Value) -> Response {
    let address = server.http().trim_start_matches("http://").parse().unwrap();
    let mut request = Request { method: method.to_owned(), ..Request::get("localhost", path) };
    if !body.is_null() {
        request = request.header("content-type", media);
        request.body = body.to_string().into_bytes();
    }
    exchange(address, &request, LIMIT).unwrap()
}

fn get(server: &ApiServer, path: &str) -> (u16, Value) {
    told(&ask(server, "GET", path, "", &Value::Null))
}

fn post(server: &ApiServer, path: &str, body: &Value) -> (u16, Value) {
    told(&ask(server, "POST", path, "application/json", body))
}

fn apply(server: &ApiServer, path: &str, body: &Value) -> (u16, Value) {
    told(&ask(server, "PATCH", path, "application/apply-patch+yaml", body))
}

fn told(response: &Response) -> (u16, Value) {
    let body = serde_json::from_str(&response.text()).unwrap_or_else(|_| Value::from(response.text()));
    (response.status, body)
}

/// A text at a pointer.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Asks again until it is so; the server has its own pace.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = std::time::Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(std::time::Instant::now() < end, "it never was so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
