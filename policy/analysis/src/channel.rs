//! What one bundle of sources may do toward one destination: asked of the engine, port by port.

use bookend_engine::{
    Action, Cause, Connection, End, Endpoint, Exchange, Identity, Judgement, NoTrace, Outcome as Fared,
    Plane, Program, Protocol, Rule, Trace, Verdict, decide, decide_end,
};

use crate::course::{Course, Step};
use crate::engine::{enforced, is_open, isolation_tier, looks_at_ends};
use crate::ground::Ground;

/// What becomes of connections, as far as it can be told before a request is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'s> {
    /// No packet passes.
    Denied {
        /// What decided: the id of a rule or an isolation.
        by: &'s str,
    },
    /// Everything passes, whatever travels on it.
    Allowed {
        /// What decided.
        by: &'s str,
    },
    /// Packets pass; which requests do depends on conditions.
    Conditional {
        /// What becomes of requests that meet no condition.
        plain: Verdict,
        /// How each plane decides about requests at each end; one that allows everything is left out, and so is one that
        /// decides as another before it does.
        courses: Vec<Course<'s>>,
    },
}

impl<'s> Outcome<'s> {
    /// The ids of everything that has a part in it.
    pub fn ids(&self) -> Vec<&'s str> {
        match self {
            Self::Denied { by } | Self::Allowed { by } => vec![by],
            Self::Conditional { courses, .. } => {
                let mut ids: Vec<_> =
                    courses.iter().flat_map(|course| &course.steps).filter_map(Step::id).collect();
                ids.sort_unstable();
                ids.dedup();
                ids
            }
        }
    }
}

/// A source and a destination on one side, with only the part of its program that can concern them.
pub(crate) struct Channel<'s> {
    /// The part, as a program of its own: the engine judges by it exactly as by the whole.
    pub(crate) program: Program,
    /// Its rules in the whole program, in the same order.
    pub(crate) rules: Vec<&'s Rule>,
    isolation_ids: Vec<&'s str>,
    pub(crate) source: Endpoint<'s>,
    pub(crate) destination: Endpoint<'s>,
}

impl<'s> Channel<'s> {
    pub(crate) fn new(
        ground: &Ground<'s>,
        side: usize,
        source: u32,
        destination: u32,
        rules: &[u32],
    ) -> Option<Self> {
        let index = ground.indexes.get(side)?;
        let rules: Vec<&'s Rule> =
            rules.iter().filter_map(|rule| index.rules.get(*rule as usize)).map(|rule| rule.rule).collect();
        let mut numbers = Vec::new();
        for class in [source, destination] {
            numbers.extend(index.isolated.get(class as usize)?.iter().flatten().copied());
        }
        numbers.sort_unstable();
        numbers.dedup();
        let whole = index.side.program.isolations();
        let isolations: Vec<_> = numbers.iter().filter_map(|number| whole.get(*number as usize)).collect();
        Some(Self {
            program: Program::new(
                rules.iter().map(|rule| (*rule).clone()).collect(),
                isolations.iter().map(|isolation| (*isolation).clone()).collect(),
            ),
            isolation_ids: isolations.into_iter().map(|isolation| isolation.id.as_str()).collect(),
            rules,
            source: ground.seen(side, source)?.endpoint(index.side.inventory),
            destination: ground.seen(side, destination)?.endpoint(index.side.inventory),
        })
    }

    pub(crate) fn connection(&self, protocol: Protocol, port: u16) -> Connection<'s> {
        Connection { source: self.source.clone(), destination: self.destination.clone(), protocol, port }
    }

    /// Whether a filter gets to see what travels on it.
    pub(crate) fn meets_filter(&self, connection: &Connection<'_>) -> bool {
        let proxied = match &self.destination.identity {
            Identity::Workload(workload) => workload.proxied,
            _ => false,
        };
        proxied && connection.protocol == Protocol::Tcp
    }

    /// Whether a filter gets to see TCP.
    pub(crate) fn meets_filter_over_tcp(&self) -> bool {
        self.meets_filter(&self.connection(Protocol::Tcp, 0))
    }

    pub(crate) fn judge(&self, connection: &Connection<'_>, exchange: Exchange<'_>) -> Judgement<'_> {
        decide(&self.program, connection, exchange, &mut NoTrace)
    }

    /// Whether a mesh has something to say.
    pub(crate) fn is_meshed(&self) -> bool {
        self.rules.iter().any(|rule| rule.plane == Plane::Mesh)
            || self.program.isolations().iter().any(|isolation| isolation.plane == Plane::Mesh)
    }

    /// Whether conditions look at who the ends are, so that its outcome says nothing about another channel's.
    pub(crate) fn looks(&self) -> bool {
        self.rules.iter().any(|rule| looks_at_ends(rule))
    }

    /// The id that decided, as long-lived as the whole program.
    pub(crate) fn id(&self, judgement: &Judgement<'_>) -> &'s str {
        self.own_id(judgement.deciding().1.cause)
    }

    fn own_id(&self, cause: Cause<'_>) -> &'s str {
        let id = cause.id();
        let rules = self.rules.iter().map(|rule| rule.id.as_str());
        rules.chain(self.isolation_ids.iter().copied()).find(|own| *own == id).unwrap_or("default-allow")
    }

    /// What becomes of connections to `port`.
    pub(crate) fn outcome(&self, protocol: Protocol, port: u16) -> Outcome<'s> {
        let connection = self.connection(protocol, port);
        let packet = self.judge(&connection, Exchange::Packet);
        let by = self.id(&packet);
        if packet.verdict() == Verdict::Deny {
            return Outcome::Denied { by };
        }
        if !self.rules.iter().any(|rule| is_open(rule)) {
            return Outcome::Allowed { by };
        }
        let mut courses: Vec<Course<'s>> = Vec::new();
        for course in self.courses(&connection) {
            let course = course.without_moot_steps();
            let same = courses.iter().any(|known| known.shape() == course.shape());
            if course.is_conditional() && !same {
                courses.push(course);
            }
        }
        if courses.is_empty() {
            return Outcome::Allowed { by };
        }
        Outcome::Conditional { plain: self.unconditional(&connection), courses }
    }

    /// What becomes of requests that meet no condition: the rules that some requests match and others do not are gone.
    fn unconditional(&self, connection: &Connection<'_>) -> Verdict {
        let depends =
            |rule: &Rule| End::BOTH.iter().any(|end| fare(rule, *end, connection) == Fare::Sometimes);
        let program = self.program.filtered(|rule| rule.http.is_any() || !depends(rule), |_| true);
        decide(&program, connection, Exchange::Packet, &mut NoTrace).verdict()
    }

    /// What each plane that has a say tries at each end.
    pub(crate) fn courses(&self, connection: &Connection<'_>) -> Vec<Course<'s>> {
        let mut courses = Vec::new();
        for end in End::BOTH {
            for plane in Plane::ALL.into_iter().filter(|plane| plane.speaks_of(connection.protocol)) {
                let course = self.course(end, plane, connection);
                let safe = course.steps.iter().any(Step::is_failsafe);
                courses.push(course);
                // No plane takes a host's failsafe away (S75).
                if safe {
                    break;
                }
            }
        }
        courses
    }

    /// Everything that can decide in a plane at an end, in order of trial.
    fn course(&self, end: End, plane: Plane, connection: &Connection<'_>) -> Course<'s> {
        let mut steps = Vec::new();
        let own = self.rules.iter().filter(|rule| rule.plane == plane);
        let mut tiers: Vec<u32> = own.map(|rule| rule.tier).collect();
        let isolations = self.program.isolations().iter().filter(|isolation| isolation.plane == plane);
        tiers.extend(isolations.map(|isolation| isolation.tier));
        tiers.sort_unstable();
        tiers.dedup();
        for current in tiers {
            let mut open = false;
            let mut ended = None;
            let here = |rule: &&&Rule| (rule.plane, rule.tier) == (plane, current);
            for rule in self.rules.iter().filter(here).filter(|rule| enforced(rule)) {
                let fare = fare(rule, end, connection);
                if fare == Fare::Never {
                    continue;
                }
                steps.push(Step::Rule { rule, certain: fare != Fare::Sometimes });
                if fare == Fare::Always {
                    ended = Some(rule.action == Action::Pass);
                    break;
                }
                open |= rule.action == Action::Pass;
            }
            if ended == Some(true) {
                continue;
            }
            if ended.is_none() {
                let isolated = self.isolated_in((plane, current), end, connection);
                open |= isolated.is_none();
                steps.extend(isolated.map(|id| Step::Isolated { id, tier: current }));
            }
            if !open {
                return Course { end, plane, steps };
            }
        }
        steps.push(Step::Default);
        Course { end, plane, steps }
    }

    /// Whether a rule would decide something at an end if it were its turn.
    pub(crate) fn could_decide(&self, rule: &Rule, end: End, connection: &Connection<'_>) -> bool {
        !matches!(fare(rule, end, connection), Fare::Never)
    }

    /// The isolation of a tier that denies what no rule of the tier decided.
    fn isolated_in(&self, wanted: (Plane, u32), end: End, connection: &Connection<'_>) -> Option<&'s str> {
        let of_tier = |isolation: &_| isolation_tier(isolation) == (wanted, true);
        let alone = self.program.filtered(|_| false, of_tier);
        let decision = decide_end(&alone, end, connection, Exchange::Packet, &mut NoTrace);
        match decision.cause {
            Cause::Isolation(_) => Some(self.own_id(decision.cause)),
            Cause::Rule(_) | Cause::Default => None,
        }
    }
}

/// How often a rule decides at an end, if it is its turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fare {
    Never,
    /// For some requests.
    Sometimes,
    /// A pass rule that is in doubt whatever the request is: both ways are gone (S35).
    InDoubt,
    Always,
}

/// Asks the engine how a rule fares when it is all there is.
fn fare(rule: &Rule, end: End, connection: &Connection<'_>) -> Fare {
    let alone = Program::new(vec![rule.clone()], Vec::new());
    let ask = |exchange| {
        let mut watch = Watch(None);
        decide_end(&alone, end, connection, exchange, &mut watch);
        watch.0
    };
    let matches = |fared: Option<Fared>| matches!(fared, Some(Fared::Decided | Fared::DecidedInDoubt(_)));
    match (ask(Exchange::Packet), ask(Exchange::Stream)) {
        (Some(Fared::DecidedInDoubt(_)), Some(Fared::DecidedInDoubt(_))) if rule.action == Action::Pass => {
            Fare::InDoubt
        }
        (packet, stream) if matches(packet) && matches(stream) => Fare::Always,
        (packet, stream) if matches(packet) || matches(stream) => Fare::Sometimes,
        (Some(Fared::LeftToTheRequest), _) => Fare::Sometimes,
        _ => Fare::Never,
    }
}

/// Remembers how the one rule fared.
struct Watch(Option<Fared>);

impl Trace for Watch {
    fn rule(&mut self, _: End, _: &Rule, outcome: Fared) {
        self.0 = Some(outcome);
    }

    fn isolation(&mut self, _: End, _: &bookend_engine::Isolation) {}
}
