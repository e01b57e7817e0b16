//! A configuration at work.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError, TryLockError};

use bookend_engine::Configuration;
use bookend_filter::{Desk, Fault, Gate, Moment, Next, Passage};

use crate::abi::{Connection, Counter, Gauge, LogLevel, Reporter, Scope, Stream, log, workers};
use crate::node;

/// Where what has no counter of its own is counted.
const OTHER: &str = "bookend.rule.other.";

/// Gauges of a gate that stand at something else before it is known whose it is.
const FAULTY: &str = "bookend.configuration.faulty";
const RULES: &str = "bookend.policy.rules";

/// A configuration as Envoy has it in one place. All workers share it.
#[derive(Debug)]
pub(crate) struct Policy {
    counters: BTreeMap<String, Counter>,
    gauges: [Option<Gauge>; 3],
    workers: usize,
    /// What is enforced before the first traffic told whose proxy this is: nothing passes.
    unknown: Post,
    /// What it becomes then, and stays.
    known: OnceLock<Post>,
    /// For whoever makes that of it.
    configuration: Mutex<Option<Configuration>>,
}

/// A gate, and a desk for each worker.
#[derive(Debug)]
struct Post {
    gate: Gate,
    /// Workers have one each, so that nobody waits. The last one is for a thread that is no worker.
    desks: Vec<Mutex<Desk>>,
    /// Envoy's number of each of the gate's counters.
    counters: Vec<Option<Counter>>,
}

impl Policy {
    /// Reads a configuration, and defines what is counted. Nothing if it is refused; the reason is logged.
    pub(crate) fn read(scope: Scope, bytes: &[u8]) -> Option<Self> {
        let configuration = match Gate::configuration(bytes) {
            Ok(configuration) => configuration,
            Err(reason) => {
                log(LogLevel::Error, &format!("bookend: {reason}"));
                return None;
            }
        };
        let rules = u64::try_from(configuration.program.rules().len()).unwrap_or(u64::MAX);
        let gate = Gate::new(configuration.clone(), Err(node::unknown()));
        // Those of all rules, whoever they concern: Envoy lets none be defined later.
        let counters = gate.counters().iter();
        let counters: BTreeMap<_, _> =
            counters.filter_map(|name| Some((name.clone(), scope.counter(name)?))).collect();
        let gauges = gate.gauges().map(|(name, value)| {
            let gauge = scope.gauge(name)?;
            scope.set(
                gauge,
                match name {
                    // Not to know yet is no fault, as long as nobody asked.
                    FAULTY => 0,
                    RULES => rules,
                    _ => value,
                },
            );
            Some(gauge)
        });
        let workers = workers();
        Some(Self {
            unknown: Post::new(gate, workers, &counters),
            known: OnceLock::new(),
            configuration: Mutex::new(Some(configuration)),
            counters,
            gauges,
            workers,
        })
    }

    /// The headers of a request arrived: judges it, answers it if it may not pass, and keeps the books.
    pub(crate) fn pass_request(&self, stream: &Stream<'_>) -> Next {
        let post = self.post(stream, || stream.filter_state(node::KEY));
        post.at_desk(stream.worker(), stream, |gate, desk| gate.pass_request(desk, stream))
    }

    /// A connection, or something on it, arrived: judges it as soon as it is known whose it is, closes it if it may not pass,
    /// and keeps the books.
    pub(crate) fn pass_connection(&self, connection: &Connection<'_>, moment: Moment) -> Passage {
        if moment == Moment::Opened && connection.is_tls() {
            // What there is of a certificate is not verified yet.
            return Passage::Wait;
        }
        let post = self.post(connection, || connection.filter_state(node::KEY));
        post.at_desk(connection.worker(), connection, |gate, desk| {
            gate.pass_connection(desk, connection, Moment::Settled)
        })
    }

    /// What is enforced. The first traffic that tells whose proxy this is settles that.
    fn post<'n>(&self, reporter: &impl Reporter, node: impl FnOnce() -> Option<&'n [u8]>) -> &Post {
        if let Some(post) = self.known.get() {
            return post;
        }
        match node() {
            Some(node) => self.known.get_or_init(|| self.bind(node, reporter)),
            None => {
                self.report(&self.unknown, reporter);
                &self.unknown
            }
        }
    }

    fn bind(&self, node: &[u8], reporter: &impl Reporter) -> Post {
        let own = node::workload(node);
        let whose = own.as_ref().map(|own| format!("{}/{}", own.namespace, own.service_account));
        let whose = whose.unwrap_or_default();
        let configuration = self.configuration.lock().unwrap_or_else(PoisonError::into_inner).take();
        let gate = match configuration {
            Some(configuration) => Gate::new(configuration, own),
            // Somebody else took it and panicked.
            None => Gate::refusing(Fault::NotConfigured),
        };
        match gate.fault() {
            None => {
                let revision = gate.revision();
                log(LogLevel::Info, &format!("bookend: policy {revision} is in force for {whose}"));
            }
            Some(fault) => log(LogLevel::Error, &format!("bookend: everything is refused, because {fault}")),
        }
        let post = Post::new(gate, self.workers, &self.counters);
        self.report(&post, reporter);
        post
    }

    fn report(&self, post: &Post, reporter: &impl Reporter) {
        for (gauge, (_, value)) in self.gauges.iter().zip(post.gate.gauges()) {
            if let Some(gauge) = gauge {
                reporter.set(*gauge, value);
            }
        }
    }
}

impl Post {
    fn new(gate: Gate, workers: usize, defined: &BTreeMap<String, Counter>) -> Self {
        let number = |name: &String| {
            let own = defined.get(name);
            let others = || defined.get(&[OTHER, name.rsplit_once('.')?.1].concat());
            own.or_else(others).copied()
        };
        let counters = gate.counters().iter().map(number).collect();
        let desks = std::iter::repeat_with(|| Mutex::new(gate.desk()));
        let desks = desks.take(workers.saturating_add(1)).collect();
        Self { gate, desks, counters }
    }

    /// Has a worker do something at its desk, and reports what it counted.
    fn at_desk<T>(
        &self,
        worker: usize,
        reporter: &impl Reporter,
        work: impl FnOnce(&Gate, &mut Desk) -> T,
    ) -> T {
        let serve = |desk: &mut Desk| {
            let done = work(&self.gate, desk);
            desk.drain(|place, count| {
                if let Some(Some(counter)) = self.counters.get(place) {
                    reporter.count(*counter, count);
                }
            });
            done
        };
        let Some(place) = self.desks.get(worker).or(self.desks.last()) else {
            return serve(&mut self.gate.desk());
        };
        match place.try_lock() {
            Ok(mut desk) => serve(&mut desk),
            Err(TryLockError::Poisoned(desk)) => {
                // Somebody panicked here, and may have left a mess.
                let mut desk = desk.into_inner();
                *desk = self.gate.desk();
                place.clear_poison();
                serve(&mut desk)
            }
            // Nobody waits here: not for a thread that is no worker, nor for oneself.
            Err(TryLockError::WouldBlock) => serve(&mut self.gate.desk()),
        }
    }
}
