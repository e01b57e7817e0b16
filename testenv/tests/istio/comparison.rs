//! Compares what both say to everything, counts, and looks for the least that shows a difference.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use crate::arena::{Arena, Compiled, MOST, Pair, compiled};
use crate::client::Verdict;
use crate::difference::{Class, reason};
use crate::generate::{QUESTIONS, Question, Set, set};
use crate::pilot::{For, Mistake, filters};
use crate::policy::{AuthorizationPolicy, document};

/// How many questions are asked if nobody says.
const ENOUGH: usize = 20_000;

/// What is asked.
pub(crate) struct Settings {
    seed: u64,
    sets: usize,
}

impl Settings {
    /// `BOOKEND_ISTIO` says how many questions, `BOOKEND_ISTIO_SEED` which.
    pub(crate) fn of_environment() -> Self {
        let number = |name: &str, otherwise: usize| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("`{name}` is a number")),
            Err(_) => otherwise,
        };
        let seed = u64::try_from(number("BOOKEND_ISTIO_SEED", 1)).unwrap_or_default();
        // A few are refused before anybody judges them.
        Self { seed, sets: (number("BOOKEND_ISTIO", ENOUGH) + ENOUGH / 20).div_ceil(QUESTIONS) }
    }
}

/// What was found.
#[derive(Default)]
pub(crate) struct Tally {
    seed: u64,
    seconds: f64,
    sets: usize,
    inexact: usize,
    /// Why, and how often.
    unsayable: BTreeMap<String, usize>,
    /// Requests, and streams.
    agreed: BTreeMap<(&'static str, &'static str), usize>,
    unjudged: usize,
    explained: BTreeMap<Reason, (usize, String)>,
    unexplained: Vec<Case>,
}

/// Why a difference is one that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Semantics(Class),
    /// The policy was read as well as may be.
    BestEffort,
}

/// A difference that may not be.
#[derive(Clone)]
pub(crate) struct Case {
    policies: Vec<AuthorizationPolicy>,
    question: Question,
    pair: Pair,
}

impl Tally {
    pub(crate) fn of(arena: &Arena, settings: &Settings) -> Self {
        let begin = Instant::now();
        let mut tally = Self { seed: settings.seed, sets: settings.sets, ..Self::default() };
        let numbers: Vec<usize> = (0..settings.sets).collect();
        for round in numbers.chunks(MOST) {
            let sets: Vec<Set> = round.iter().map(|number| set(settings.seed, *number)).collect();
            let compiled = all_compiled(&sets);
            let pairs = arena.ask(&sets, &compiled, &[]).unwrap_or_else(|error| panic!("{error:#}"));
            for ((set, compiled), pairs) in sets.iter().zip(&compiled).zip(pairs) {
                if let Some(why) = &compiled.inexact {
                    tally.inexact += 1;
                    for line in why.lines() {
                        let what = line.split_once("error[").map_or(line, |(_, what)| what);
                        *tally.unsayable.entry(what.to_owned()).or_default() += 1;
                    }
                }
                for (question, pair) in set.questions.iter().zip(pairs) {
                    tally.add(set, compiled, question, pair);
                }
            }
        }
        tally.seconds = begin.elapsed().as_secs_f64();
        tally
    }

    fn add(&mut self, set: &Set, compiled: &Compiled, question: &Question, pair: Pair) {
        let kind = if question.request.is_some() { "requests" } else { "streams" };
        match &pair {
            (Verdict::Unjudged(..), other) if *other == pair.0 => self.unjudged += 1,
            (Verdict::Allowed, Verdict::Allowed) => *self.agreed.entry((kind, "allowed")).or_default() += 1,
            (Verdict::Denied, Verdict::Denied) => *self.agreed.entry((kind, "denied")).or_default() += 1,
            _ => match explained(&set.policies, compiled, question, &pair) {
                Some(reason) => {
                    let entry = self.explained.entry(reason).or_insert_with(|| (0, format!("{question:?}")));
                    entry.0 += 1;
                }
                None => {
                    let policies = set.policies.clone();
                    self.unexplained.push(Case { policies, question: question.clone(), pair });
                }
            },
        }
    }

    /// Fails where something differs that may not, and shows the least that does.
    pub(crate) fn judge(&self, arena: &Arena) {
        let total: usize = self.agreed.values().sum();
        let explained: usize = self.explained.values().map(|(count, _)| count).sum();
        let shown: Vec<String> =
            self.unexplained.iter().take(3).map(|case| least(arena, case).to_string()).collect();
        let count = self.unexplained.len();
        assert!(
            count == 0,
            "{count} differences without a reason (seed {}):\n{}",
            self.seed,
            shown.join("\n")
        );
        for kind in
            [("requests", "allowed"), ("requests", "denied"), ("streams", "allowed"), ("streams", "denied")]
        {
            let part = self.agreed.get(&kind).copied().unwrap_or_default();
            assert!(part * 50 > total, "only {part} of {total} are {kind:?}");
        }
        assert!(explained * 5 < total, "{explained} of {total} differ: the questions are too odd");
        assert!(self.inexact * 4 < self.sets, "{} of {} sets cannot be said", self.inexact, self.sets);
        assert!(self.unjudged * 10 < total, "Envoy itself refuses too much: {} of {total}", self.unjudged);
    }
}

/// Why a difference may be.
fn explained(
    policies: &[AuthorizationPolicy],
    compiled: &Compiled,
    question: &Question,
    pair: &Pair,
) -> Option<Reason> {
    let denied = *pair == (Verdict::Allowed, Verdict::Denied);
    let reason = reason(policies, question, pair).map(Reason::Semantics);
    reason.or_else(|| (denied && compiled.inexact.is_some()).then_some(Reason::BestEffort))
}

/// Which mistakes in the translation are noticed, each in sets to whose policies it makes a difference.
pub(crate) fn noticed(arena: &Arena, mistakes: &[Mistake], most: usize) -> Vec<Mistake> {
    let (mut sets, mut made) = (Vec::new(), Vec::new());
    for mistake in mistakes {
        let differs = |set: &Set| {
            let filters = |target, mistake| filters(&set.policies, target, mistake);
            let different = |target| filters(target, None) != filters(target, Some(*mistake));
            different(For::Requests) || different(For::Streams)
        };
        let found = (0..10_000).map(|number| set(1, number)).filter(differs).take(most);
        sets.extend(found);
        made.resize(sets.len(), Some(*mistake));
    }
    let compiled = all_compiled(&sets);
    let pairs = arena.ask(&sets, &compiled, &made).unwrap_or_else(|error| panic!("{error:#}"));
    let mut found = Vec::new();
    for (((set, compiled), mistake), pairs) in sets.iter().zip(&compiled).zip(made).zip(pairs) {
        let wrong = set.questions.iter().zip(&pairs).any(|(question, pair)| {
            pair.0 != pair.1 && explained(&set.policies, compiled, question, pair).is_none()
        });
        found.extend(mistake.filter(|mistake| wrong && !found.contains(mistake)));
    }
    found
}

fn all_compiled(sets: &[Set]) -> Vec<Compiled> {
    let one = |(number, set): (usize, &Set)| compiled(number, &set.policies);
    sets.iter().enumerate().map(one).collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error:#}"))
}

/// The smallest case that still shows what a case shows. All that are a step smaller are asked at once.
fn least(arena: &Arena, case: &Case) -> Case {
    let mut case = case.clone();
    loop {
        let smaller: Vec<Case> = smaller(&case).into_iter().take(MOST).collect();
        let sets: Vec<Set> = smaller
            .iter()
            .map(|case| Set { policies: case.policies.clone(), questions: vec![case.question.clone()] })
            .collect();
        let compiled = all_compiled(&sets);
        let Ok(pairs) = arena.ask(&sets, &compiled, &[]) else { return case };
        let found = smaller.into_iter().zip(&compiled).zip(pairs).find(|((candidate, compiled), pairs)| {
            pairs[0] == case.pair
                && explained(&candidate.policies, compiled, &candidate.question, &case.pair).is_none()
        });
        match found {
            Some(((next, _), _)) => case = next,
            None => return case,
        }
    }
}

/// Everything that is left when one thing is taken away; the largest things first.
fn smaller(case: &Case) -> Vec<Case> {
    let with = |policies: Vec<AuthorizationPolicy>| Case { policies, ..case.clone() };
    let mut found = Vec::new();
    let document = |policy: &AuthorizationPolicy| serde_json::to_value(policy).unwrap();
    for number in 0..case.policies.len() {
        let mut fewer = case.policies.clone();
        fewer.remove(number);
        found.push(with(fewer));
    }
    for (number, policy) in case.policies.iter().enumerate() {
        let mut less = Vec::new();
        pruned(&document(policy)["spec"], &mut |spec| less.push(spec));
        for spec in less {
            if let Ok(spec) = serde_json::from_value(spec) {
                let mut policies = case.policies.clone();
                policies[number].spec = spec;
                let sound = policies[number].spec.rules.iter().all(|rule| {
                    let from = rule.from.iter().all(|from| from.source != Default::default());
                    let to = rule.to.iter().all(|to| to.operation != Default::default());
                    from && to && rule.when.iter().all(|one| one.values.len() + one.not_values.len() > 0)
                });
                if sound {
                    found.push(with(policies));
                }
            }
        }
    }
    if let Some(request) = &case.question.request {
        for number in 0..request.headers.len() {
            let mut less = case.clone();
            less.question.request.as_mut().unwrap().headers.remove(number);
            found.push(less);
        }
        if request.token.is_some() {
            let mut less = case.clone();
            less.question.request.as_mut().unwrap().token = None;
            found.push(less);
        }
    }
    found
}

/// Hands over the value without each of its parts in turn.
fn pruned(value: &serde_json::Value, tell: &mut dyn FnMut(serde_json::Value)) {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            for key in map.keys() {
                let mut less = map.clone();
                less.remove(key);
                tell(Value::Object(less));
            }
            for (key, inner) in map {
                pruned(inner, &mut |inner| {
                    let mut less = map.clone();
                    less.insert(key.clone(), inner);
                    tell(Value::Object(less));
                });
            }
        }
        Value::Array(list) => {
            for number in 0..list.len() {
                let mut less = list.clone();
                less.remove(number);
                tell(Value::Array(less));
            }
            for (number, inner) in list.iter().enumerate() {
                pruned(inner, &mut |inner| {
                    let mut less = list.clone();
                    less[number] = inner;
                    tell(Value::Array(less));
                });
            }
        }
        _ => {}
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { line, request } = &self.question;
        let peer = &crate::world::PEERS[line.peer];
        writeln!(f, "--- Istio: {:?}, Bookend: {:?}", self.pair.0, self.pair.1)?;
        let id = peer.spiffe_id().unwrap_or_else(|| "nobody known".to_owned());
        writeln!(f, "# {id} at {}, to port {}, SNI {:?}", peer.ip(), line.port, line.sni)?;
        match request {
            None => writeln!(f, "# a stream")?,
            Some(request) => {
                writeln!(f, "# {} {} HTTP/1.1", request.method, request.target)?;
                writeln!(f, "# host: {}", request.host)?;
                for (name, value) in &request.headers {
                    writeln!(f, "# {name}: {value}")?;
                }
                if let Some(number) = request.token {
                    writeln!(f, "# token: {}", crate::world::tokens()[number])?;
                }
            }
        }
        write!(f, "{}", document(&self.policies))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: usize = self.agreed.values().sum();
        writeln!(
            f,
            "{total} the same, of {} sets of policies, seed {}, in {:.1} s",
            self.sets, self.seed, self.seconds
        )?;
        for ((kind, verdict), count) in &self.agreed {
            writeln!(f, "{count:7} {kind} {verdict}")?;
        }
        writeln!(f, "{:7} refused by Envoy before anybody judged", self.unjudged)?;
        writeln!(f, "{:7} sets that cannot be said exactly", self.inexact)?;
        for (why, count) in &self.unsayable {
            writeln!(f, "          {count} times {why}")?;
        }
        for (reason, (count, example)) in &self.explained {
            match reason {
                Reason::Semantics(class) => writeln!(f, "{count:7} differ: {}", class.told())?,
                Reason::BestEffort => {
                    writeln!(f, "{count:7} denied by what is narrower than what cannot be said")?
                }
            }
            writeln!(f, "          such as {example}")?;
        }
        write!(f, "{:7} differ without a reason", self.unexplained.len())
    }
}
