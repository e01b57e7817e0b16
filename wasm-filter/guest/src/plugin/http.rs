//! The plugin among the filters of requests.

use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::Metrics;

/// A request and its response.
#[derive(Debug)]
pub(super) struct Request {
    metrics: Metrics,
    path: String,
}

impl Request {
    pub(super) fn new(metrics: Metrics) -> Self {
        let _counted = hostcalls::increment_metric(metrics.open, 1);
        Self { metrics, path: String::new() }
    }
}

impl Context for Request {
    fn on_http_call_response(&mut self, _token: u32, headers: usize, body: usize, _trailers: usize) {
        let said = self.get_http_call_response_body(0, body).unwrap_or_default();
        // Without a response there is no map either, and the SDK does not survive asking for it.
        if headers == 0 {
            let (code, reason) = hostcalls::get_grpc_status().unwrap_or_default();
            let reason = format!("no answer: {code} {}", reason.unwrap_or_default());
            return self.send_http_response(503, Vec::new(), Some(reason.as_bytes()));
        }
        match self.get_http_call_response_header(":status").as_deref() {
            Some("200") => self.resume_http_request(),
            status => {
                let told = [("x-auth-status", status.unwrap_or_default())];
                self.send_http_response(403, told.to_vec(), Some(&said));
            }
        }
    }
}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        self.path = self.get_http_request_header(":path").unwrap_or_default();
        if self.path == "/open" {
            return Action::Continue;
        }
        let headers = vec![(":method", "GET"), (":path", self.path.as_str()), (":authority", "auth")];
        match self.dispatch_http_call("auth", headers, Some(b"?"), Vec::new(), Duration::from_secs(2)) {
            Ok(_token) => Action::Pause,
            Err(status) => {
                let reason = format!("no call: {status:?}");
                self.send_http_response(500, Vec::new(), Some(reason.as_bytes()));
                Action::Pause
            }
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !end_of_stream {
            return Action::Pause;
        }
        let body = self.get_http_request_body(0, size).unwrap_or_default();
        self.set_http_request_body(0, size, &body.to_ascii_uppercase());
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.set_http_request_trailer("x-seen", Some("trailers"));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        self.add_http_response_header("x-path", &self.path);
        self.set_http_response_header("server", None);
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _end_of_stream: bool) -> Action {
        let _recorded = hostcalls::record_metric(self.metrics.sizes, size as u64);
        Action::Continue
    }

    fn on_log(&mut self) {
        let _counted = hostcalls::increment_metric(self.metrics.open, -1);
    }
}
