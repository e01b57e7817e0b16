//! Attacks on policies through real Envoys, written to raw sockets. What a server behind Envoy makes of the bytes that
//! reach it is told by what such servers document, not by Bookend: a request that reached the upstream although the
//! policy, read as that server reads, forbids it, fails.
//!
//! The attacks are data, in `testenv/attacks`. With `BOOKEND_ATTACKS=all` every way and thousands of variations are
//! tried, with `BOOKEND_ATTACKS=1/20` one in twenty of them (`scripts/attack`).

#![expect(
    clippy::indexing_slicing,
    reason = "places were found in the very bytes and values that they index"
)]

mod bytes;
mod client;
mod data;
mod deed;
mod field;
mod frames;
mod judge;
mod message;
mod proxy;
mod report;
mod server;
#[path = "../shared/tls.rs"]
mod tls;
mod upstream;
mod variation;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};

use data::{Attack, Fate, Suite};
use field::{Field, Outcome, Shot};
use judge::{Breach, Finding, breaches};
use proxy::{Guard, Normalization, Way};
use report::Report;

/// What each test needs is the whole machine.
static MACHINE: Mutex<()> = Mutex::new(());

/// Attacks of which the suite must have so many at least.
const FEWEST: usize = 300;

/// How many requests are sent before what arrived of them is looked at.
const BATCH: usize = 4000;

fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn suite() -> Result<Suite> {
    Suite::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks"))
}

/// Every way and variation, or one in so many of them; nothing but the attacks as they are written where it is not said.
///
/// # Errors
/// If something else is said: who wanted more than the usual would take the usual for it.
fn thorough() -> Result<Option<NonZeroUsize>> {
    let Some(value) = std::env::var_os("BOOKEND_ATTACKS") else { return Ok(None) };
    let every = match value.to_str() {
        Some("all") => Some(NonZeroUsize::MIN),
        Some(text) => text.strip_prefix("1/").and_then(|number| number.parse().ok()),
        None => None,
    };
    Ok(Some(every.context("`BOOKEND_ATTACKS` is `all` or `1/N`")?))
}

/// The ways from Envoy to the upstream on which an attack is tried.
fn ways(attack: &Attack, thorough: bool) -> Vec<Way> {
    match (attack.door.sniffing, attack.wire.streams, thorough) {
        (true, ..) => vec![Way::Sniffing],
        (_, _, true) => Way::ALL.to_vec(),
        (_, true, false) => vec![Way::Same, Way::Plain],
        (_, false, false) => vec![Way::Same],
    }
}

fn shots<'a>(suite: &'a Suite, normalizations: &[Normalization], thorough: bool) -> Vec<Shot<'a>> {
    let mut shots = Vec::new();
    for attack in &suite.attacks {
        for normalization in normalizations {
            for way in ways(attack, thorough) {
                let wire = attack.wire.clone();
                let (policy, normalization) = (attack.policy, *normalization);
                shots.push(Shot { attack, policy, wire, normalization, way });
            }
        }
    }
    shots
}

/// Sends all of it with this between, and hands over what came of each.
fn fire(
    suite: &Suite,
    guard: Guard,
    normalizations: &[Normalization],
    mut shots: Vec<Shot<'_>>,
    mut judge: impl FnMut(&Outcome<'_>, BTreeSet<Breach>),
) -> Result<()> {
    let field = Field::new(suite, guard, normalizations)?;
    while !shots.is_empty() {
        let rest = shots.split_off(shots.len().min(BATCH));
        for outcome in field.fire(std::mem::replace(&mut shots, rest))? {
            let found = breaches(&outcome, &suite.policies[outcome.shot.policy])?;
            judge(&outcome, found);
        }
    }
    Ok(())
}

#[test]
fn no_request_does_what_the_policy_forbids() {
    let suite = suite().unwrap();
    let thorough = thorough().unwrap();
    let mut shots = shots(&suite, &Normalization::ALL, thorough == Some(NonZeroUsize::MIN));
    if let Some(every) = thorough {
        shots.extend(variation::variations(&suite, &Normalization::ALL).into_iter().step_by(every.get()));
    }
    let _machine = machine();
    let mut report = Report::new("with the filter");
    let mut outside = BTreeSet::new();
    fire(&suite, Guard::Bookend, &Normalization::ALL, shots, |outcome, mut breaches| {
        let attack = outcome.shot.attack;
        if let Fate::Outside(servers) = &attack.fate {
            let known = |breach: &Breach| servers.iter().any(|server| server == breach.server);
            outside.extend(breaches.iter().filter(|it| known(it)).map(|it| (attack.name.clone(), it.server)));
            breaches.retain(|breach| !known(breach));
        }
        let policy = &suite.policies[outcome.shot.policy].name;
        if outcome.shot.wire != attack.wire {
            breaches.retain(|breach| !variation::outside(policy, breach.server));
        }
        let passes = attack.fate == Fate::Passes;
        if passes && outcome.received.is_empty() {
            report.fail(Finding::new(outcome, BTreeSet::new()));
        }
        report.count(outcome, if passes { BTreeSet::new() } else { breaches });
    })
    .unwrap();
    report.print();
    report.verdict();
    for attack in &suite.attacks {
        if let Fate::Outside(servers) = &attack.fate {
            for server in servers {
                let fooled = outside.iter().any(|(name, it)| *name == attack.name && it == server);
                assert!(fooled, "`{}` is said to fool {server}, and does not any more", attack.name);
            }
        }
    }
}

/// What the oracle says where nothing stops a request: attacks that succeed nowhere, harmless ones that do, and what
/// arrived of them.
fn surprises(guard: Guard, title: &'static str, normalizations: &[Normalization]) -> Result<Vec<String>> {
    let suite = suite()?;
    let _machine = machine();
    let mut report = Report::new(title);
    let (mut fooled, mut reached) = (BTreeSet::new(), BTreeMap::new());
    fire(&suite, guard, normalizations, shots(&suite, normalizations, false), |outcome, breaches| {
        let attack = outcome.shot.attack;
        let name = (attack.class.clone(), attack.name.clone());
        if let Some(received) = outcome.received.first() {
            reached.entry(name.clone()).or_insert_with(|| received.shown());
        }
        if !breaches.is_empty() {
            fooled.insert(name);
        }
        let passes = attack.fate == Fate::Passes;
        report.count(outcome, if passes { BTreeSet::new() } else { breaches });
    })?;
    report.print();
    let known = |attack: &Attack| (attack.class.clone(), attack.name.clone());
    let wrong = suite.attacks.iter().filter(|attack| match attack.fate {
        Fate::Stopped | Fate::Outside(_) => !fooled.contains(&known(attack)),
        Fate::Harmless => fooled.contains(&known(attack)),
        Fate::Passes => false,
    });
    let told = wrong.map(|attack| {
        let arrived = reached.get(&known(attack)).map_or("nothing", |text| text);
        format!("{}/{}: {:?}, and {arrived} arrived", attack.class, attack.name, attack.fate)
    });
    Ok(told.collect())
}

#[test]
fn without_the_filter_every_attack_succeeds_somewhere() {
    let wrong = surprises(Guard::Absent, "without the filter", &Normalization::ALL).unwrap();
    assert!(wrong.is_empty(), "these are not what they are said to be:\n{}", wrong.join("\n"));
}

#[test]
fn with_a_policy_that_allows_everything_nearly_every_attack_succeeds() {
    let wrong =
        surprises(Guard::Weak, "with a policy that allows everything", &[Normalization::Base]).unwrap();
    // Some succeed under another setting only.
    assert!(wrong.len() < FEWEST / 10, "these are not what they are said to be:\n{}", wrong.join("\n"));
}

#[test]
fn there_are_hundreds_of_attacks_over_both_versions_and_requests_that_must_pass() {
    let suite = suite().unwrap();
    let passing = suite.attacks.iter().filter(|attack| attack.fate == Fate::Passes).count();
    let count = |streams| {
        let ours = suite.attacks.iter().filter(|attack| attack.wire.streams == streams);
        ours.filter(|attack| attack.fate != Fate::Passes).count()
    };
    let (plain, streams) = (count(false), count(true));
    assert!(plain + streams >= FEWEST, "{plain} over HTTP/1 and {streams} over HTTP/2");
    assert!(streams >= FEWEST / 4, "{streams} over HTTP/2");
    for (place, policy) in suite.policies.iter().enumerate() {
        let passes = |attack: &&Attack| attack.policy == place && attack.fate == Fate::Passes;
        assert!(suite.attacks.iter().any(|it| passes(&it)), "nothing has to pass `{}`", policy.name);
    }
    assert!(passing >= suite.policies.len());
}
