//! What the host keeps for one instance, and the order in which Envoy calls a module.

use std::collections::BTreeMap;
use std::fmt;

use crate::exchange::{Exchange, Header, LocalResponse};
use crate::metrics::Metrics;
use crate::{Plugin, Properties, Value};

/// The context of the plugin itself. Streams get the numbers after it.
pub(crate) const ROOT: u32 = 1;

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 0 in the ABI.
    Trace,
    /// 1 in the ABI.
    Debug,
    /// 2 in the ABI.
    Info,
    /// 3 in the ABI.
    Warn,
    /// 4 in the ABI.
    Error,
    /// 5 in the ABI. SDKs log panics with it.
    Critical,
}

impl Level {
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical]
            .into_iter()
            .find(|level| *level as u32 == number)
    }
}

/// A line that the module logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: Level,
    /// The text; bytes that are not UTF-8 are replaced.
    pub message: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", format!("{:?}", self.level).to_lowercase(), self.message)
    }
}

/// Which callback runs, as far as it changes what a module may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `_initialize` or `_start`: nothing but logging is allowed.
    Initialize,
    /// `proxy_on_vm_start`.
    Start,
    /// `proxy_on_configure`.
    Configure,
    /// Anything about a request.
    Stream,
}

/// Everything that an instance's hostcalls read and write.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) plugin: Plugin,
    pub(crate) phase: Phase,
    pub(crate) stream: Option<Stream>,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) metrics: Metrics,
    /// Values with the number of their last change.
    pub(crate) shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    /// The size of memory that was refused last, in bytes.
    pub(crate) refused_memory: Option<usize>,
    /// The context on whose behalf hostcalls work.
    pub(crate) context: u32,
}

/// A request on its way through the module.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) context: u32,
    pub(crate) headers: Vec<Header>,
    pub(crate) properties: Properties,
    pub(crate) written: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) response: Option<LocalResponse>,
    pub(crate) resumed: bool,
    pub(crate) closed: bool,
}

impl Stream {
    pub(crate) fn new(context: u32, exchange: &Exchange) -> Self {
        Self {
            context,
            headers: exchange.headers.clone(),
            properties: exchange.properties.clone(),
            written: BTreeMap::new(),
            response: None,
            resumed: false,
            closed: false,
        }
    }
}

impl Host {
    pub(crate) fn new(plugin: &Plugin) -> Self {
        let mut plugin = plugin.clone();
        for (name, value) in [
            ("plugin_name", &plugin.name),
            ("plugin_root_id", &plugin.root_id),
            ("plugin_vm_id", &plugin.vm_id),
        ] {
            plugin.properties.set([name], value.as_str());
        }
        Self {
            plugin,
            phase: Phase::Initialize,
            stream: None,
            logs: Vec::new(),
            metrics: Metrics::default(),
            shared: BTreeMap::new(),
            refused_memory: None,
            context: ROOT,
        }
    }

    /// The request, if hostcalls work on its behalf.
    pub(crate) fn stream(&mut self) -> Option<&mut Stream> {
        let context = self.context;
        self.stream.as_mut().filter(|stream| stream.context == context)
    }

    /// The encoded value of an attribute; an inner nothing for one that cannot be read. What a module wrote is found
    /// under its name if the path is one segment, because Envoy looks a name up as a whole.
    pub(crate) fn property(&mut self, path: &[u8]) -> Option<Option<Vec<u8>>> {
        let of_stream = self.stream().and_then(|stream| stream.properties.find(path).map(Value::encode));
        of_stream
            .or_else(|| self.plugin.properties.find(path).map(Value::encode))
            .or_else(|| self.stream()?.written.get(path).filter(|_| !path.contains(&0)).cloned().map(Some))
    }
}
