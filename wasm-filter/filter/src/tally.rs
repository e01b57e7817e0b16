//! What is counted.
//!
//! A decision adds to a number in the filter's own memory; the proxy is told the sums from time to time and never for each
//! request. How many counters there are is known when a configuration is read.

use bookend_engine::{Cause, Program, Verdict};

use crate::sorted::Sorted;

/// What kind of stream is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// An HTTP request.
    Http,
    /// A TCP connection.
    Tcp,
}

impl Layer {
    /// `http` or `tcp`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
        }
    }
}

/// What became of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    Allowed,
    /// A rule or an isolation refused it.
    Denied,
    /// What is only audited would decide otherwise. Counted beside the others.
    Audited,
    /// It was refused because it could not be judged.
    Fault,
    /// It goes on unjudged, because only the kernel can tell where it goes (S61).
    Left,
}

/// The outcomes, as they are called at the end of a name, in the order of their counters.
const OUTCOMES: [&str; 5] = ["allowed", "denied", "audited", "faults", "left"];
const LAYERS: [&str; 2] = ["bookend.requests.", "bookend.connections."];

/// Where the counters of rules begin: behind those of both layers, and the one of [`Counters::SUPPRESSED`].
const FIRST_OF_RULES: usize = LAYERS.len() * OUTCOMES.len() + 1;

/// How many counters a rule has: the first outcomes.
const OF_A_RULE: usize = 3;

/// The counters of a configuration: which there are, and which one an event belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    names: Vec<String>,
    /// Which counters belong to the rule whose id is at this place in memory. An id belongs to one rule of a program that never
    /// changes, so its place says as much as its text, and comparing places is cheaper.
    rules: Sorted<usize, usize>,
    /// Where no rule matched.
    default: usize,
    /// All rules that have no counters of their own.
    other: usize,
}

impl Counters {
    /// Log lines that were too many.
    pub(crate) const SUPPRESSED: usize = FIRST_OF_RULES - 1;

    /// Those of a program, of which the first `most` rules and the first `most` isolations have counters of their own.
    pub(crate) fn new(program: &Program, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut counters = Self::default();
        for layer in LAYERS {
            counters.names.extend(OUTCOMES.map(|outcome| [layer, outcome].concat()));
        }
        counters.names.push("bookend.log.suppressed".to_owned());
        let rules = program.rules().iter().map(|rule| &rule.id).take(most);
        let isolations = program.isolations().iter().map(|isolation| &isolation.id).take(most);
        counters.rules = rules.chain(isolations).map(|id| (id.as_ptr().addr(), counters.name(id))).collect();
        counters.default = counters.name(Cause::Default.id());
        counters.other = counters.name("other");
        counters
    }

    /// Names the counters of a rule and says where they begin. Other characters than printable ASCII could end a line of
    /// statistics.
    fn name(&mut self, id: &str) -> usize {
        let first = self.names.len();
        let id: String = id.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
        let named = OUTCOMES.into_iter().take(OF_A_RULE);
        self.names.extend(named.map(|outcome| ["bookend.rule.", &id, ".", outcome].concat()));
        first
    }

    /// The names, in the order of the numbers that [`Tally::drain`] tells.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The counter of an outcome.
    pub(crate) fn of(layer: Layer, outcome: Outcome) -> usize {
        let first = match layer {
            Layer::Http => 0,
            Layer::Tcp => OUTCOMES.len(),
        };
        first.saturating_add(outcome.place())
    }

    /// The counter of what a rule, an isolation, or the default decided.
    pub(crate) fn of_cause(&self, cause: Cause<'_>, outcome: Outcome) -> usize {
        let first = match cause {
            Cause::Default => self.default,
            _ => *self.rules.get(&cause.id().as_ptr().addr()).unwrap_or(&self.other),
        };
        first.saturating_add(outcome.place())
    }
}

impl Outcome {
    /// Its place among the counters of a layer, and of a rule if it has one there.
    fn place(self) -> usize {
        match self {
            Self::Allowed => 0,
            Self::Denied => 1,
            Self::Audited => 2,
            Self::Fault => 3,
            Self::Left => 4,
        }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow => Self::Allowed,
            Verdict::Deny => Self::Denied,
        }
    }
}

/// How often each counter was met since it was last told.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    counts: Vec<u64>,
    /// Which were.
    met: Vec<usize>,
}

impl Tally {
    pub(crate) fn new(counters: &Counters) -> Self {
        Self { counts: vec![0; counters.names.len()], met: Vec::new() }
    }

    pub(crate) fn add(&mut self, counter: usize) {
        if let Some(count) = self.counts.get_mut(counter) {
            if *count == 0 {
                self.met.push(counter);
            }
            *count = count.saturating_add(1);
        }
    }

    /// Tells each counter that was met, by its place among the names, and begins anew.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(usize, u64)) {
        for place in self.met.drain(..) {
            each(place, self.counts.get_mut(place).map(std::mem::take).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(most: u32) -> (Program, Counters) {
        let isolation = |name: &str| bookend_engine::Isolation {
            id: name.to_owned(),
            plane: bookend_engine::Plane::Bookend,
            tier: bookend_engine::DEFAULT_TIER,
            mode: bookend_engine::Mode::Enforce,
            workloads: bookend_engine::Selector::all(bookend_engine::NamespaceMatch::any()),
            egress: true,
            ingress: true,
        };
        let program = Program::new(Vec::new(), vec![isolation("a/1"), isolation("a/2\n"), isolation("a/3")]);
        let counters = Counters::new(&program, most);
        (program, counters)
    }

    #[test]
    fn rules_beyond_the_bound_count_as_one() {
        let (program, counters) = counters(2);
        let name = |cause, outcome| counters.names()[counters.of_cause(cause, outcome)].as_str();
        let [one, two, three] = program.isolations() else { unreachable!("three isolations") };
        assert_eq!(name(Cause::Isolation(one), Outcome::Denied), "bookend.rule.a/1.denied");
        assert_eq!(name(Cause::Isolation(two), Outcome::Audited), "bookend.rule.a/2_.audited");
        assert_eq!(name(Cause::Isolation(three), Outcome::Denied), "bookend.rule.other.denied");
        assert_eq!(name(Cause::Default, Outcome::Allowed), "bookend.rule.default-allow.allowed");
        assert_eq!(counters.names().len(), FIRST_OF_RULES + 4 * OF_A_RULE);
        assert_eq!(counters.names()[Counters::SUPPRESSED], "bookend.log.suppressed");
        assert_eq!(counters.names()[Counters::of(Layer::Http, Outcome::Fault)], "bookend.requests.faults");
        assert_eq!(counters.names()[Counters::of(Layer::Tcp, Outcome::Left)], "bookend.connections.left");
    }

    #[test]
    fn sums_are_told_once() {
        let (_, counters) = counters(0);
        let mut tally = Tally::new(&counters);
        for counter in [1, 1, 4, usize::MAX] {
            tally.add(counter);
        }
        let told = |tally: &mut Tally| {
            let mut told = Vec::new();
            tally.drain(|place, count| told.push((place, count)));
            told
        };
        assert_eq!(told(&mut tally), [(1, 2), (4, 1)]);
        assert_eq!(told(&mut tally), []);
        tally.add(4);
        assert_eq!(told(&mut tally), [(4, 1)]);
    }
}
