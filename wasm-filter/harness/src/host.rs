//! What the host keeps for one instance.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime};

use crate::call::Calls;
use crate::context::{Actions, Context};
use crate::metrics::Metrics;
use crate::{Plugin, Value, attributes};

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
    /// Anything after that.
    Run,
}

/// The timer of the plugin. Times are nanoseconds since the start of the instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timer {
    pub(crate) period: u64,
    pub(crate) due: u64,
}

/// Everything that an instance's hostcalls read and write.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) plugin: Plugin,
    pub(crate) phase: Phase,
    pub(crate) contexts: BTreeMap<u32, Context>,
    /// The context that was called, and the one that the module chose to speak for.
    pub(crate) current: u32,
    pub(crate) effective: Option<u32>,
    pub(crate) actions: Actions,
    /// The module answered in this callback: whatever it returns, nothing goes on.
    pub(crate) stop: bool,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) metrics: Metrics,
    /// When the instance started.
    pub(crate) epoch: SystemTime,
    /// The time since then, in nanoseconds; it passes only where the caller says so.
    pub(crate) now: u64,
    pub(crate) timer: Option<Timer>,
    pub(crate) calls: Calls,
    /// The queues that this instance is told about.
    pub(crate) queues: BTreeSet<u32>,
    /// The plugin was asked to end, and may say that it has.
    pub(crate) awaits_done: bool,
    /// The size of memory that was refused last, in bytes.
    pub(crate) refused_memory: Option<usize>,
}

impl Host {
    pub(crate) fn new(plugin: &Plugin) -> Self {
        let mut plugin = plugin.clone();
        attributes::of_plugin(&mut plugin);
        Self {
            phase: Phase::Initialize,
            contexts: BTreeMap::new(),
            current: ROOT,
            effective: None,
            actions: Actions::new(),
            stop: false,
            logs: Vec::new(),
            metrics: Metrics::default(),
            epoch: plugin.clock.unwrap_or_else(SystemTime::now),
            now: 0,
            timer: None,
            calls: Calls::default(),
            queues: BTreeSet::new(),
            awaits_done: false,
            refused_memory: None,
            plugin,
        }
    }

    /// The number of the context on whose behalf hostcalls work.
    pub(crate) fn context_id(&self) -> u32 {
        self.effective.unwrap_or(self.current)
    }

    /// The stream on whose behalf hostcalls work; none if it is the plugin itself.
    pub(crate) fn context(&mut self) -> Option<&mut Context> {
        let id = self.context_id();
        self.contexts.get_mut(&id)
    }

    /// A moment since the start of the instance, in nanoseconds since 1970.
    pub(crate) fn time(&self, since: u64) -> u64 {
        let start = self.epoch.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(start.as_nanos()).unwrap_or(u64::MAX).saturating_add(since)
    }

    /// The encoded value of an attribute; an inner nothing for one that cannot be read.
    pub(crate) fn property(&self, path: &[u8]) -> Option<Option<Vec<u8>>> {
        // Envoy reads segments until the path ends, so that a NUL at the end names nothing more.
        let path = path.strip_suffix(b"\0").unwrap_or(path);
        let context = self.contexts.get(&self.context_id());
        if path.is_empty() || attributes::is_view(path, context.is_some()) {
            return Some(None);
        }
        let plugin = &self.plugin;
        let Some(context) = context else { return plugin.properties.find(path).map(Value::encode) };
        let began = self.time(context.began);
        if let Some(value) = attributes::of_stream(context, path, began) {
            return Some(value.encode());
        }
        if let Some(value) = context.properties.find(path).or_else(|| plugin.properties.find(path)) {
            return Some(value.encode());
        }
        if let Some(value) = attributes::by_default(context, path, plugin, self.context_id()) {
            return Some(value.encode());
        }
        attributes::written(context, path).cloned().map(Some)
    }
}
