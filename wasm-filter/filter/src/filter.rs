//! What is particular to proxy-wasm: plugins and streams are contexts, known by number.
//!
//! Several plugins may share a module's memory, the former and the present configuration of one filter for instance. Each has
//! a gate of its own, and a stream belongs to the gate of its plugin from its first moment to its last.
//!
//! # Connections that wait
//!
//! A proxy tells a module about a TLS connection before its handshake, when nobody knows whose it is, and never tells it that the
//! handshake is over. So the connection waits: until its first bytes, which come after the handshake, or, where the server speaks
//! first, until a tick finds that the proxy now knows the peer (S64). While connections wait, ticks are frequent, and each looks
//! at a bounded number of them, so whoever opens connections and says nothing cannot keep a worker busy.

mod post;

use std::collections::BTreeMap;

use crate::proxy::{CallFailed, Level, Proxy};
use crate::sorted::Sorted;
use crate::{Fault, Gate, Moment, Next, Passage, own_workload};
use post::{CALM, Post};

/// What the filter needs of a proxy that hosts modules, beyond the stream that is judged.
pub trait Host: Proxy {
    /// The bytes of a plugin's configuration; readable while it is being configured.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn configuration(&self) -> Result<Vec<u8>, CallFailed>;

    /// An attribute by its path, or nothing if there is none. A map comes as pairs.
    ///
    /// # Errors
    /// When the proxy has it but cannot hand it out.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, CallFailed>;

    /// From here on calls are about this context.
    ///
    /// # Errors
    /// When the proxy refuses. Calls are then about the context that they were about.
    fn turn_to(&self, context: u32) -> Result<(), CallFailed>;

    /// Lets a connection go on that was stopped.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn resume(&self) -> Result<(), CallFailed>;

    /// Ticks the plugin of the present context every so often from now on.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn tick_every(&self, milliseconds: u32) -> Result<(), CallFailed>;

    /// Defines a metric and answers its number.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn define(&self, kind: Metric, name: &str) -> Result<u32, CallFailed>;

    /// Adds to a counter.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn add(&self, counter: u32, count: u64) -> Result<(), CallFailed>;

    /// Sets a gauge.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn set(&self, gauge: u32, value: u64) -> Result<(), CallFailed>;
}

/// A kind of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// It only grows.
    Counter,
    /// It stands where it is set.
    Gauge,
}

/// How many connections that wait a tick looks at.
const LOOKS: usize = 64;

/// After so many seconds a connection that waits is closed.
const PATIENCE: u64 = 30;

/// The most streams at once. Further ones are refused.
const MOST_STREAMS: usize = 1 << 18;

/// The most metrics that a module's memory has names for. Configurations come and go, and a proxy forgets no name.
const MOST_METRICS: usize = 1 << 14;

/// Configurations that were refused.
const REFUSED: &str = "bookend.configuration.refused";

/// The filter: one gate for each plugin that shares the module's memory.
#[derive(Debug, Default)]
pub struct Filter {
    posts: Sorted<u32, Post>,
    streams: BTreeMap<u32, Stream>,
    /// The youngest stream, of which nothing arrived yet: a request usually comes before the next is born, and has then never
    /// been among the others.
    youngest: Option<(u32, Stream)>,
    /// The numbers of metrics, by their names.
    metrics: Sorted<String, u32>,
    /// Where streams come that belong to no plugin: nothing passes there.
    nowhere: Option<Box<Post>>,
}

/// A request or a connection.
#[derive(Debug, Clone, Copy)]
struct Stream {
    /// The plugin that it belongs to.
    plugin: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing arrived yet.
    New,
    /// A connection that waits, since this second.
    Waiting(u64),
    /// It goes on.
    Passed,
    /// Nothing of it may go on.
    Stopped,
}

impl From<Passage> for State {
    fn from(passage: Passage) -> Self {
        match passage {
            Passage::Continue => Self::Passed,
            // What waits is put down with its second.
            Passage::Stop | Passage::Wait => Self::Stopped,
        }
    }
}

impl Filter {
    /// A filter that no plugin uses yet.
    pub const fn new() -> Self {
        Self {
            posts: Sorted::new(),
            streams: BTreeMap::new(),
            youngest: None,
            metrics: Sorted::new(),
            nowhere: None,
        }
    }

    /// A context came to life: a plugin, with no parent, or a stream of a plugin.
    pub fn create(&mut self, context: u32, parent: u32) {
        if parent == 0 {
            return;
        }
        self.settle();
        if self.streams.len() < MOST_STREAMS {
            self.youngest = Some((context, Stream { plugin: parent, state: State::New }));
        }
    }

    /// Puts the youngest stream among the others.
    fn settle(&mut self) {
        if let Some((context, stream)) = self.youngest.take() {
            self.streams.insert(context, stream);
        }
    }

    /// A context is gone.
    pub fn delete(&mut self, host: &impl Host, context: u32) {
        if self.youngest.take_if(|(youngest, _)| *youngest == context).is_some() {
            return;
        }
        if let Some(stream) = self.streams.remove(&context) {
            if let Some(post) = self.posts.get_mut(&stream.plugin) {
                post.wait_no_more(context);
                post.keep_pace(host);
            }
        } else if let Some(mut post) = self.posts.remove(&context) {
            post.report(host);
            self.warn(host);
        }
    }

    /// Reads the configuration of a plugin. False refuses it: the proxy then keeps the one it had.
    pub fn configure(&mut self, host: &impl Host, plugin: u32) -> bool {
        let configuration = host.configuration();
        let configuration = configuration
            .map_err(|error| format!("the configuration cannot be read: {error}"))
            .and_then(|bytes| Gate::read(bytes, own_workload(|path| host.property(path))));
        let gate = match configuration {
            Ok(gate) => gate,
            Err(reason) => {
                host.log(Level::Error, &format!("bookend: {reason}"));
                if let Some(refused) = self.metric(host, Metric::Counter, REFUSED) {
                    let _uncounted = host.add(refused, 1);
                }
                return false;
            }
        };
        match gate.fault() {
            None => {
                host.log(Level::Info, &format!("bookend: enforcing revision `{}`", gate.revision()));
            }
            Some(fault) => {
                host.log(Level::Error, &format!("bookend: everything is refused, because {fault}"));
            }
        }
        for (name, value) in gate.gauges() {
            if let Some(gauge) = self.metric(host, Metric::Gauge, name) {
                let _unset = host.set(gauge, value);
            }
        }
        let _at_zero = self.metric(host, Metric::Counter, REFUSED);
        if let Err(error) = host.tick_every(CALM) {
            let line = "bookend: without ticks nothing is counted, and connections wait for their first byte";
            host.log(Level::Warn, &format!("{line}: {error}"));
        }
        let mut post = self.post(host, gate);
        if let Some(mut former) = self.posts.remove(&plugin) {
            former.report(host);
            post.waiting = former.waiting;
            post.keep_pace(host);
        }
        self.posts.insert(plugin, post);
        self.warn(host);
        true
    }

    /// Sets the gauge that warns of gates that refuse everything: one plugin that works must not hide another that does not.
    fn warn(&mut self, host: &impl Host) {
        let faulty = self.posts.values().any(|post| post.gate.fault().is_some());
        if let Some(gauge) = self.metric(host, Metric::Gauge, Gate::FAULTY) {
            let _unset = host.set(gauge, faulty.into());
        }
    }

    /// Puts a gate in its place.
    fn post(&mut self, host: &impl Host, gate: Gate) -> Post {
        let counter = |name: &String| self.metric(host, Metric::Counter, name);
        let counters: Vec<Option<u32>> = gate.counters().iter().map(counter).collect();
        if counters.contains(&None) {
            host.log(Level::Warn, "bookend: some counters cannot be defined, and do not count");
        }
        Post::new(gate, counters)
    }

    /// Where streams come that belong to no plugin.
    fn nowhere(&mut self, host: &impl Host) -> &mut Post {
        let post = match self.nowhere.take() {
            Some(post) => post,
            None => Box::new(self.post(host, Gate::refusing(Fault::NotConfigured))),
        };
        self.nowhere.insert(post)
    }

    /// The headers of a request arrived.
    pub fn request_headers(&mut self, host: &impl Host, context: u32) -> Next {
        // A request is judged once, so nothing has to be remembered of it. One that comes again is nobody's.
        let youngest = self.youngest.take_if(|(youngest, _)| *youngest == context);
        let stream = youngest.map(|(_, stream)| stream).or_else(|| self.streams.remove(&context));
        let stream = stream.filter(|stream| stream.state == State::New);
        let post = match stream.and_then(|stream| self.posts.get_mut(&stream.plugin)) {
            Some(post) => post,
            None => self.nowhere(host),
        };
        post.gate.pass_request(&mut post.desk, host)
    }

    /// A connection was accepted.
    pub fn new_connection(&mut self, host: &impl Host, context: u32) -> Next {
        self.connection(host, context, Moment::Opened)
    }

    /// Bytes of a connection arrived from downstream.
    pub fn downstream_data(&mut self, host: &impl Host, context: u32) -> Next {
        self.connection(host, context, Moment::Settled)
    }

    fn connection(&mut self, host: &impl Host, context: u32, moment: Moment) -> Next {
        self.settle();
        match self.streams.get(&context).map(|stream| stream.state) {
            Some(State::Passed) => return Next::Continue,
            Some(State::Stopped) => return Next::Stop,
            Some(State::New | State::Waiting(_)) | None => {}
        }
        let stream = self.streams.get_mut(&context);
        let known = stream.and_then(|stream| Some((self.posts.get_mut(&stream.plugin)?, stream)));
        let Some((post, stream)) = known else {
            let post = self.nowhere(host);
            let _stopped = post.gate.pass_connection(&mut post.desk, host, Moment::Settled);
            return Next::Stop;
        };
        let passage = post.gate.pass_connection(&mut post.desk, host, moment);
        stream.state = passage.into();
        if passage == Passage::Wait {
            stream.state = State::Waiting(host.second());
            post.wait(context);
        } else {
            post.wait_no_more(context);
        }
        post.keep_pace(host);
        if passage == Passage::Continue { Next::Continue } else { Next::Stop }
    }

    /// Time passed: tells the sums, and looks after connections that wait.
    pub fn tick(&mut self, host: &impl Host, plugin: u32) {
        if let Some(nowhere) = &mut self.nowhere {
            nowhere.report(host);
        }
        let Some(post) = self.posts.get_mut(&plugin) else { return };
        post.report(host);
        if post.waiting.is_empty() {
            return;
        }
        let now = host.second();
        let first = post.waiting.partition_point(|context| *context <= post.looked);
        let looks: Vec<u32> = post.waiting.iter().skip(first).take(LOOKS).copied().collect();
        // At the end it starts anew.
        post.looked = looks.last().copied().filter(|_| looks.len() == LOOKS).unwrap_or(0);
        for context in looks {
            let Some(Stream { state: State::Waiting(since), .. }) = self.streams.get(&context) else {
                post.wait_no_more(context);
                continue;
            };
            if host.turn_to(context).is_err() {
                continue;
            }
            let late = now.saturating_sub(*since) >= PATIENCE;
            let passage = match post.gate.pass_connection(&mut post.desk, host, Moment::Waiting) {
                // Only who is still unknown: with many that wait, this may be the first look.
                Passage::Wait if late => post.gate.give_up(&mut post.desk, host),
                Passage::Wait => continue,
                judged => judged,
            };
            post.wait_no_more(context);
            if let Some(stream) = self.streams.get_mut(&context) {
                stream.state = passage.into();
            }
            if passage == Passage::Continue {
                // If that fails its next byte tries again.
                let _still = host.resume();
            }
        }
        let _same = host.turn_to(plugin);
    }

    /// The number of a metric.
    fn metric(&mut self, host: &impl Host, kind: Metric, name: &str) -> Option<u32> {
        if let Some(known) = self.metrics.get(name) {
            return Some(*known);
        }
        if self.metrics.len() >= MOST_METRICS {
            return None;
        }
        let number = host.define(kind, name).ok()?;
        self.metrics.insert(name.to_owned(), number);
        Some(number)
    }
}
