//! The one file that speaks `prometheus_client`.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeMetric, GaugeValueEncoder, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::fmt;

/// What the text is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Before each name.
const PREFIX: &str = "bookend_enforcer";

/// Metrics, as they are added.
#[derive(Debug, Default)]
pub(super) struct Page(Vec<Metric>);

#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Info(Vec<(&'static str, String)>),
    Gauge(Number),
    Gauges(&'static str, Vec<(String, Number)>),
    Counters(&'static str, Vec<(String, u64)>),
}

/// The value of a gauge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(f64);

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self(number)
    }
}

impl From<bool> for Number {
    fn from(is: bool) -> Self {
        Self(f64::from(u8::from(is)))
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        // Exact below 2^53, which no table has.
        Self(number as f64)
    }
}

impl EncodeGaugeValue for Number {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }
}

impl Page {
    pub(super) fn info(&mut self, name: &'static str, help: &'static str, labels: &[(&'static str, String)]) {
        let labels = labels.iter().map(|(label, value)| (*label, escaped(value))).collect();
        self.0.push(Metric { name, help, value: Value::Info(labels) });
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str, value: impl Into<Number>) {
        self.0.push(Metric { name, help, value: Value::Gauge(value.into()) });
    }

    pub(super) fn gauges<N: Into<String>, V: Into<Number>>(
        &mut self,
        name: &'static str,
        help: &'static str,
        label: &'static str,
        values: impl IntoIterator<Item = (N, V)>,
    ) {
        let values = values.into_iter().map(|(name, value)| (escaped(&name.into()), value.into())).collect();
        self.0.push(Metric { name, help, value: Value::Gauges(label, values) });
    }

    pub(super) fn counters<N: Into<String>>(
        &mut self,
        name: &'static str,
        help: &'static str,
        label: &'static str,
        values: impl IntoIterator<Item = (N, u64)>,
    ) {
        let values = values.into_iter().map(|(name, value)| (escaped(&name.into()), value)).collect();
        self.0.push(Metric { name, help, value: Value::Counters(label, values) });
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        let mut families = Registry::with_prefix(PREFIX);
        families.register_collector(Box::new(self));
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut page, &families);
        page
    }
}

/// A label's value as OpenMetrics wants it: `prometheus_client` writes what it is given.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Metric { name, help, value } in &self.0 {
            match value {
                Value::Info(labels) => {
                    let metric = encoder.encode_descriptor(name, help, None, MetricType::Info)?;
                    Info::new(labels.clone()).encode(metric)?;
                }
                Value::Gauge(number) => {
                    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                    ConstGauge::new(*number).encode(metric)?;
                }
                Value::Gauges(label, numbers) => {
                    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                    for (of, number) in numbers {
                        ConstGauge::new(*number).encode(metric.encode_family(&[(*label, of.as_str())])?)?;
                    }
                }
                Value::Counters(label, numbers) => {
                    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
                    for (of, number) in numbers {
                        ConstCounter::new(*number).encode(metric.encode_family(&[(*label, of.as_str())])?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        let mut page = Page::default();
        page.info("build", "What it is", &[("version", "1".to_owned())]);
        page.gauge("ready", "Whether", true);
        page.gauges("flows", "Connections", "interface", [("a", 3_u64)]);
        page.counters("packets", "Packets", "reason", [("rule", 7), ("a\"b\\c\nd", 1)]);
        assert_eq!(
            page.finish(),
            "# HELP bookend_enforcer_build What it is\n# TYPE bookend_enforcer_build info\n\
             bookend_enforcer_build_info{version=\"1\"} 1\n\
             # HELP bookend_enforcer_ready Whether\n# TYPE bookend_enforcer_ready gauge\n\
             bookend_enforcer_ready 1.0\n\
             # HELP bookend_enforcer_flows Connections\n# TYPE bookend_enforcer_flows gauge\n\
             bookend_enforcer_flows{interface=\"a\"} 3.0\n\
             # HELP bookend_enforcer_packets Packets\n# TYPE bookend_enforcer_packets counter\n\
             bookend_enforcer_packets_total{reason=\"rule\"} 7\n\
             bookend_enforcer_packets_total{reason=\"a\\\"b\\\\c\\nd\"} 1\n# EOF\n"
        );
    }
}
