//! Counters and gauges, which Envoy lets be defined only while a filter is configured.

use std::ptr::null_mut;

use super::{Buffer, Connection, Envoy, Stream};

/// `envoy_dynamic_module_type_metrics_result_Success`
const SUCCESS: u32 = 0;

unsafe extern "C" {
    fn envoy_dynamic_module_callback_http_filter_config_define_counter(
        config: Envoy,
        name: Buffer,
        labels: *mut Buffer,
        labels_length: usize,
        id: *mut usize,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_config_define_gauge(
        config: Envoy,
        name: Buffer,
        labels: *mut Buffer,
        labels_length: usize,
        id: *mut usize,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_config_set_gauge(
        config: Envoy,
        id: usize,
        labels: *mut Buffer,
        labels_length: usize,
        value: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_network_filter_config_set_gauge(
        config: Envoy,
        id: usize,
        value: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_increment_counter(
        stream: Envoy,
        id: usize,
        labels: *mut Buffer,
        labels_length: usize,
        value: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_set_gauge(
        stream: Envoy,
        id: usize,
        labels: *mut Buffer,
        labels_length: usize,
        value: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_network_filter_config_define_counter(
        config: Envoy,
        name: Buffer,
        id: *mut usize,
    ) -> u32;
    fn envoy_dynamic_module_callback_network_filter_config_define_gauge(
        config: Envoy,
        name: Buffer,
        id: *mut usize,
    ) -> u32;
    fn envoy_dynamic_module_callback_network_filter_increment_counter(
        connection: Envoy,
        id: usize,
        value: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_network_filter_set_gauge(
        connection: Envoy,
        id: usize,
        value: u64,
    ) -> u32;
}

/// A callback that defines a metric of an HTTP filter: name, labels, how many, and where its number goes.
type DefineHttp = unsafe extern "C" fn(Envoy, Buffer, *mut Buffer, usize, *mut usize) -> u32;

/// The same for a network filter, whose metrics have no labels.
type DefineNetwork = unsafe extern "C" fn(Envoy, Buffer, *mut usize) -> u32;

/// A counter, as Envoy numbers those of one filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counter(usize);

/// A gauge, as Envoy numbers those of one filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gauge(usize);

/// A filter that is being configured.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope {
    /// One among HTTP filters.
    Http(Envoy),
    /// One among network filters.
    Network(Envoy),
}

/// Where numbers can be reported while traffic flows.
pub(crate) trait Reporter {
    /// Adds to a counter.
    fn count(&self, counter: Counter, value: u64);

    /// Sets a gauge.
    fn set(&self, gauge: Gauge, value: u64);
}

impl Scope {
    /// Defines a counter; nothing if Envoy refuses.
    pub(crate) fn counter(self, name: &str) -> Option<Counter> {
        let http = envoy_dynamic_module_callback_http_filter_config_define_counter;
        let network = envoy_dynamic_module_callback_network_filter_config_define_counter;
        self.define(name, http, network).map(Counter)
    }

    /// Defines a gauge; nothing if Envoy refuses.
    pub(crate) fn gauge(self, name: &str) -> Option<Gauge> {
        let http = envoy_dynamic_module_callback_http_filter_config_define_gauge;
        let network = envoy_dynamic_module_callback_network_filter_config_define_gauge;
        self.define(name, http, network).map(Gauge)
    }

    /// Defines a metric by the callback of its kind, and answers its number.
    fn define(self, name: &str, http: DefineHttp, network: DefineNetwork) -> Option<usize> {
        let (name, mut id) = (Buffer::lend(name.as_bytes()), 0);
        // SAFETY: both are callbacks that define a metric; the filter is being configured, the name outlives the call, which copies
        // it, and there are no labels.
        let result = unsafe {
            match self {
                Self::Http(config) => http(config, name, null_mut(), 0, &raw mut id),
                Self::Network(config) => network(config, name, &raw mut id),
            }
        };
        (result == SUCCESS).then_some(id)
    }

    /// Sets a gauge that was defined here.
    pub(crate) fn set(self, gauge: Gauge, value: u64) {
        // SAFETY: the filter is being configured, and there are no labels.
        unsafe {
            match self {
                Self::Http(config) => envoy_dynamic_module_callback_http_filter_config_set_gauge(
                    config,
                    gauge.0,
                    null_mut(),
                    0,
                    value,
                ),
                Self::Network(config) => {
                    envoy_dynamic_module_callback_network_filter_config_set_gauge(config, gauge.0, value)
                }
            };
        }
    }
}

// What these answer is not looked at: a number that Envoy no longer knows is no reason to touch traffic.

impl Reporter for Stream<'_> {
    fn count(&self, counter: Counter, value: u64) {
        // SAFETY: the stream is Envoy's, and there are no labels.
        unsafe {
            envoy_dynamic_module_callback_http_filter_increment_counter(
                self.envoy(),
                counter.0,
                null_mut(),
                0,
                value,
            );
        }
    }

    fn set(&self, gauge: Gauge, value: u64) {
        // SAFETY: the stream is Envoy's, and there are no labels.
        unsafe {
            envoy_dynamic_module_callback_http_filter_set_gauge(self.envoy(), gauge.0, null_mut(), 0, value);
        }
    }
}

impl Reporter for Connection<'_> {
    fn count(&self, counter: Counter, value: u64) {
        // SAFETY: the connection is Envoy's.
        unsafe {
            envoy_dynamic_module_callback_network_filter_increment_counter(self.envoy(), counter.0, value);
        }
    }

    fn set(&self, gauge: Gauge, value: u64) {
        // SAFETY: the connection is Envoy's.
        unsafe {
            envoy_dynamic_module_callback_network_filter_set_gauge(self.envoy(), gauge.0, value);
        }
    }
}
