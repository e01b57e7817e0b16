//! Rules without effect, and isolation that cuts off more than it should.

mod ends;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bookend_engine::{Action, Connection, Exchange, Mode, Protocol, Rule, Verdict};

use crate::channel::Channel;
use crate::course::{Course, Step};
use crate::diff::Extent;
use crate::engine::conditions;
use crate::ground::Ground;
use crate::reach::{each, pieces};
use crate::set::ClassSet;
use crate::side::{Name, Side};
use crate::spans::segments;

/// How many questions are asked at most: warnings are not worth more than a few seconds.
const MAX_EFFORT: usize = 2_000_000;

/// Something about a program that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding<'s> {
    /// Two rules say the same.
    Duplicate {
        /// The later one's id.
        rule: &'s str,
        /// The earlier one's id.
        of: &'s str,
    },
    /// Wherever the rule could decide, something before it already has.
    Unreachable {
        /// Its id.
        rule: &'s str,
        /// What decides before it.
        by: BTreeSet<&'s str>,
    },
    /// What does not meet the rule's HTTP conditions is allowed as well, by rules without conditions.
    Moot {
        /// Its id.
        rule: &'s str,
        /// The rules that allow the rest; none where no isolation denies it.
        by: BTreeSet<&'s str>,
    },
    /// Whom the rule denies is stopped by the kernel, before a proxy could give them the rule's answer.
    Unanswered {
        /// Its id.
        rule: &'s str,
    },
    /// The isolation leaves workloads no way to ask for names.
    NoDns {
        /// The isolation's id.
        isolation: &'s str,
        /// The workloads.
        workloads: Vec<Name<'s>>,
    },
    /// The rule asks for tokens that the proxy of a destination does not verify.
    UnverifiedTokens {
        /// Its id.
        rule: &'s str,
        /// The destination.
        destination: Name<'s>,
    },
    /// No destination of the rule is known to have a port of this name.
    NoSuchPort {
        /// Its id.
        rule: &'s str,
        /// The name.
        port: &'s str,
    },
    /// A proxy cannot tell who the rule means from who it does not mean.
    Indistinct {
        /// Its id.
        rule: &'s str,
        /// Somebody it means.
        meant: Name<'s>,
        /// Somebody it does not mean, under the same account.
        other: Name<'s>,
    },
    /// The inventory has no address of workloads that are isolated, so the packet layer takes them for somebody outside.
    NoAddress {
        /// The isolation's id.
        isolation: &'s str,
        /// The workloads.
        workloads: Vec<Name<'s>>,
    },
}

/// What is known of a rule's part in decisions.
#[derive(Default)]
struct Part<'s> {
    /// It decides something, or may.
    reached: bool,
    /// It makes a difference.
    live: bool,
    /// It means traffic, at an end that it governs.
    matched: bool,
    /// It decides about requests, or may, on connections that the packet layer lets pass.
    answers: bool,
    /// What decides where it could.
    before: BTreeSet<&'s str>,
    /// What decides in the same way where it does not.
    instead: BTreeSet<&'s str>,
}

/// Everything that is found about one side's program; less than everything where looking would take too long.
pub fn survey(side: Side<'_>) -> Vec<Finding<'_>> {
    let ground = Ground::new(&[side]);
    let duplicates = duplicates(side);
    let mut parts: BTreeMap<&str, Part<'_>> = BTreeMap::new();
    let asks_names = names_are_asked(side);
    let mut named = ClassSet::default();
    let mut effort = MAX_EFFORT;
    each(&ground, |bundle, destination, channel| {
        let (Some(bundle), Some(channel)) = (bundle, channel) else { return };
        let cost = 1 + channel.rules.len() * channel.rules.len();
        let Some(left) = effort.checked_sub(cost) else {
            effort = 0;
            return;
        };
        effort = left;
        walk(&ground, channel, destination, &mut parts);
        if asks_names && bundle.sources.iter().any(|class| !named.contains(*class)) {
            let passes = pieces(&ground, channel, destination).iter().any(|(segment, outcome)| {
                let here = (segment.first..=segment.last).contains(&53);
                let over = |protocol| segment.protocols.contains(&protocol);
                let dns = here && (over(Protocol::Udp) || over(Protocol::Tcp));
                dns && Extent::of(outcome) != Extent::Denied
            });
            if passes {
                bundle.sources.iter().for_each(|class| named.insert(*class));
            }
        }
    });
    let mut findings: Vec<_> = duplicates.iter().map(|(rule, of)| Finding::Duplicate { rule, of }).collect();
    findings.extend(ends::findings(side, &ground));
    if effort == 0 {
        return findings;
    }
    let unconditional = |rule: &&Rule| rule.answer.is_some() && conditions(rule).is_empty();
    let answering: BTreeSet<&str> =
        side.program.rules().iter().filter(unconditional).map(|rule| rule.id.as_str()).collect();
    for (rule, part) in parts {
        if duplicates.contains_key(rule) {
            continue;
        }
        if part.matched && !part.reached {
            findings.push(Finding::Unreachable { rule, by: part.before });
        } else if part.reached && !part.live {
            findings.push(Finding::Moot { rule, by: part.instead });
        }
        if part.reached && !part.answers && answering.contains(rule) {
            findings.push(Finding::Unanswered { rule });
        }
    }
    if asks_names {
        findings.extend(nameless(side, &ground, &named));
    }
    findings
}

/// Notes the part that each rule has in what is decided on a channel.
fn walk<'s>(
    ground: &Ground<'s>,
    channel: &Channel<'s>,
    destination: u32,
    parts: &mut BTreeMap<&'s str, Part<'s>>,
) {
    let enforced = || channel.rules.iter().filter(|rule| rule.mode == Mode::Enforce);
    let settled = |rule: &&&Rule| {
        parts.get(rule.id.as_str()).is_some_and(|part| part.live && (part.answers || rule.answer.is_none()))
    };
    if enforced().all(|rule| settled(&rule)) {
        return;
    }
    let seen: Vec<_> = ground.seen(0, destination).map(|seen| seen.identity).into_iter().collect();
    for segment in segments(&channel.rules, channel.is_meshed(), &seen) {
        let (protocol, port) = segment.sample();
        let connection = channel.connection(protocol, port);
        let answering = channel.rules.iter().any(|rule| rule.answer.is_some());
        let passes = || channel.judge(&connection, Exchange::Packet).verdict() == Verdict::Allow;
        let arrives = answering && channel.meets_filter(&connection) && passes();
        for course in channel.courses(&connection) {
            note(channel, &course, &connection, arrives, parts);
        }
    }
}

/// Notes the part that each rule of a plane has at an end; `arrives` says whether a proxy gets to see requests.
fn note<'s>(
    channel: &Channel<'s>,
    course: &Course<'s>,
    connection: &Connection<'_>,
    arrives: bool,
    parts: &mut BTreeMap<&'s str, Part<'s>>,
) {
    let live = course.clone().without_moot_steps();
    let last = course.steps.last().and_then(Step::id);
    for step in &course.steps {
        let Step::Rule { rule, certain } = step else { continue };
        let part = parts.entry(&rule.id).or_default();
        part.reached = true;
        part.answers |= arrives;
        let is_live = live.steps.contains(step);
        // Only an allow rule misleads: who reads it thinks that nothing else is allowed.
        part.live |= is_live || *certain || rule.action != Action::Allow || conditions(rule).is_empty();
        if !is_live {
            part.instead.extend(last.filter(|_| matches!(course.steps.last(), Some(Step::Rule { .. }))));
        }
    }
    let own = |rule: &&&Rule| rule.plane == course.plane && rule.mode == Mode::Enforce;
    for rule in channel.rules.iter().filter(own) {
        let in_course = course.steps.iter().any(|step| step.id() == Some(rule.id.as_str()));
        let known = parts.get(rule.id.as_str()).is_some_and(|part| part.reached);
        // Of somebody who proves nothing it is in doubt whether such a pass rule means him, and then both ways are gone (S35).
        let behind_doubt = course.steps.iter().any(|step| {
            matches!(step, Step::Rule { rule: before, .. } if before.action == Action::Pass
                && before.tier == rule.tier && !before.from.is_any())
        });
        if !in_course && !known && !behind_doubt && channel.could_decide(rule, course.end, connection) {
            let part = parts.entry(&rule.id).or_default();
            part.matched = true;
            part.before.extend(course.steps.iter().filter_map(Step::id).filter(|id| *id != rule.id));
        }
    }
}

/// Rules that say what a rule before them says.
fn duplicates<'s>(side: Side<'s>) -> BTreeMap<&'s str, &'s str> {
    let mut known: HashMap<String, &'s str> = HashMap::new();
    let mut found = BTreeMap::new();
    for rule in side.program.rules() {
        let body = Rule { id: String::new(), ..rule.clone() };
        let text = serde_json::to_string(&body).unwrap_or_else(|_| format!("{body:?}"));
        let first = *known.entry(text).or_insert(&rule.id);
        if first != rule.id {
            found.insert(rule.id.as_str(), first);
        }
    }
    found
}

/// Whether the inventory knows somebody who answers for names, or a rule speaks of port 53: elsewhere it cannot be told
/// whether names are asked for at all.
fn names_are_asked(side: Side<'_>) -> bool {
    let label = |labels: &bookend_engine::Labels| {
        ["k8s-app", "app", "app.kubernetes.io/name"]
            .iter()
            .filter_map(|key| labels.get(*key))
            .any(|value| matches!(value.as_str(), "kube-dns" | "coredns"))
    };
    let workloads = || side.inventory.workloads().iter();
    let fifty_three = |rule: &Rule| {
        crate::engine::ports(rule).any(|port| {
            crate::engine::ranges(port, None).iter().any(|(_, first, last)| (*first, *last) == (53, 53))
        })
    };
    workloads().any(|workload| label(&workload.identity.labels))
        || side.program.rules().iter().any(fifty_three)
}

/// The isolations under which workloads have no way to ask for names.
fn nameless<'s>(side: Side<'s>, ground: &Ground<'s>, named: &ClassSet) -> Vec<Finding<'s>> {
    let mut found: BTreeMap<&'s str, BTreeSet<Name<'s>>> = BTreeMap::new();
    let Some(index) = ground.indexes.first() else { return Vec::new() };
    for (class, party) in (0_u32..).zip(ground.parties()) {
        if named.contains(class) {
            continue;
        }
        let Some([egress, _]) = index.isolated.get(class as usize) else { continue };
        let isolations = egress.iter().filter_map(|number| side.program.isolations().get(*number as usize));
        for isolation in isolations.filter(|isolation| isolation.mode == Mode::Enforce) {
            found.entry(&isolation.id).or_default().extend(party.workloads.iter().copied());
        }
    }
    found
        .into_iter()
        .map(|(isolation, workloads)| Finding::NoDns {
            isolation,
            workloads: workloads.into_iter().collect(),
        })
        .collect()
}
