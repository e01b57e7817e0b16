//! The plugin as the SDK wants it.

mod http;
mod tcp;

use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext, StreamContext};
use proxy_wasm::types::{ContextType, LogLevel, MetricType};

use http::Request;
use tcp::Connection;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Plugin::default()));
}}

/// The numbers of the plugin's metrics.
#[derive(Debug, Clone, Copy, Default)]
struct Metrics {
    ticks: u32,
    open: u32,
    sizes: u32,
}

/// The plugin itself.
#[derive(Debug, Default)]
struct Plugin {
    kind: Option<ContextType>,
    metrics: Metrics,
}

impl Context for Plugin {
    fn on_done(&mut self) -> bool {
        let _heard = hostcalls::log(LogLevel::Info, "the plugin ends");
        true
    }
}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        self.kind = match self.get_plugin_configuration().as_deref() {
            Some(b"http") => Some(ContextType::HttpContext),
            Some(b"tcp") => Some(ContextType::StreamContext),
            _ => return false,
        };
        let define = |kind, name| hostcalls::define_metric(kind, name).unwrap_or_default();
        self.metrics = Metrics {
            ticks: define(MetricType::Counter, "guest.ticks"),
            open: define(MetricType::Gauge, "guest.open"),
            sizes: define(MetricType::Histogram, "guest.sizes"),
        };
        self.set_tick_period(Duration::from_secs(1));
        true
    }

    fn on_tick(&mut self) {
        let _counted = hostcalls::increment_metric(self.metrics.ticks, 1);
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(self.metrics)))
    }

    fn create_stream_context(&self, _id: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Connection))
    }

    fn get_type(&self) -> Option<ContextType> {
        self.kind
    }
}
