//! The plugin among the filters of connections.

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, StreamContext};
use proxy_wasm::types::{Action, LogLevel, PeerType};

/// What a connection begins with that may pass.
const GREETING: &[u8] = b"hello";

/// A connection.
#[derive(Debug)]
pub(super) struct Connection;

impl Context for Connection {}

impl StreamContext for Connection {
    fn on_new_connection(&mut self) -> Action {
        Action::Continue
    }

    fn on_downstream_data(&mut self, size: usize, _end_of_stream: bool) -> Action {
        let begun = self.get_downstream_data(0, size).unwrap_or_default();
        if begun.starts_with(GREETING) {
            return Action::Continue;
        }
        if !GREETING.starts_with(&begun) {
            self.close_downstream();
        }
        Action::Pause
    }

    fn on_upstream_data(&mut self, size: usize, _end_of_stream: bool) -> Action {
        self.set_upstream_data(size, 0, b"!");
        Action::Continue
    }

    fn on_downstream_close(&mut self, by: PeerType) {
        let _heard = hostcalls::log(LogLevel::Info, &format!("closed: {by:?}"));
    }

    fn on_log(&mut self) {
        let _heard = hostcalls::log(LogLevel::Info, "logged");
    }
}
