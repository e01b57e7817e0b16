//! The enforcer's numbers, for Prometheus (as OpenMetrics text). docs/operations.md has the list.
//!
//! How many series there can be is bounded: reasons and tables are fixed, interfaces are those that are policed
//! (4,096 at most), and of rules [`RULES`] have names; the rest are one, `other`.

mod page;

use crate::health::State;
use crate::journal::Fates;
use crate::names::Names;
use crate::server::Subject;
use bookend_abi::Reason;
use bookend_abi::table::{ABI_VERSION, Counter};
use page::Page;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

pub use page::CONTENT_TYPE;

/// Rules and isolations that have a series of their own, in each family.
pub const RULES: usize = 1_000;
/// What the others are called together.
const OTHER: &str = "other";

/// All numbers as they are now.
///
/// # Errors
/// If the tables cannot be read.
pub fn text(subject: &Subject) -> Result<String, String> {
    let names = Names::load(&subject.names);
    let state = subject.health.read();
    let kernel = Kernel::read(subject)?;
    let mut page = Page::default();
    about_enforcer(&mut page, &state);
    about_packets(&mut page, &kernel.reasons);
    about_rules(&mut page, &kernel, &names);
    about_interfaces(&mut page, &kernel);
    about_tables(&mut page, &state, &kernel);
    about_events(&mut page, &subject.fates, &kernel.reasons);
    Ok(page.finish())
}

/// What is read from the tables.
#[derive(Default)]
struct Kernel {
    reasons: BTreeMap<Reason, Counter>,
    rules: BTreeMap<u64, Counter>,
    audits: BTreeMap<u64, Counter>,
}

impl Kernel {
    fn read(subject: &Subject) -> Result<Self, String> {
        let pinned = crate::kernel::Pinned::open(&subject.pins).map_err(|error| error.to_string())?;
        let Some(pinned) = pinned else { return Ok(Self::default()) };
        let read = || -> Result<Self, crate::kernel::KernelError> {
            Ok(Self { reasons: pinned.counters()?, rules: pinned.rules()?, audits: pinned.audits()? })
        };
        read().map_err(|error| error.to_string())
    }
}

fn about_enforcer(page: &mut Page, state: &State) {
    let build = [("version", env!("CARGO_PKG_VERSION").to_owned()), ("abi", ABI_VERSION.to_string())];
    page.info("build", "The enforcer's version, and that of its tables", &build);
    page.gauge("ready", "Whether everything planned is enforced", state.ready);
    page.gauge(
        "turned_seconds",
        "Since the enforcer's loop last turned",
        state.turned.elapsed().as_secs_f64(),
    );
    if let Some(applied) = &state.applied {
        page.info("policy", "The revision in force", &[("revision", applied.revision.clone())]);
        page.gauge(
            "policy_applied_timestamp_seconds",
            "When this revision was put in force",
            unix(applied.time),
        );
        let age = applied.time.elapsed().unwrap_or_default().as_secs_f64();
        page.gauge("policy_age_seconds", "For how long it has been in force", age);
    }
    let edits = [("applied", state.edits_applied), ("refused", state.edits_refused)];
    page.counters("edits", "Edits of policy or inventory, by what became of them", "outcome", edits);
    if let Some((time, good)) = state.last_edit {
        page.gauge("last_edit_successful", "Whether the last edit was put in force", good);
        page.gauge("last_edit_timestamp_seconds", "When the last edit was read", unix(time));
    }
}

fn about_packets(page: &mut Page, reasons: &BTreeMap<Reason, Counter>) {
    // Those that count events are told as events.
    let verdicts = || {
        let packets = reasons.iter().filter(|(reason, _)| !EVENTS.contains(reason));
        packets.filter_map(|(reason, counter)| Some((reason.name()?, counter)))
    };
    let packets = verdicts().map(|(name, counter)| (name, counter.packets));
    page.counters("packets", "Packets by the reason they passed or were dropped", "reason", packets);
    let bytes = verdicts().map(|(name, counter)| (name, counter.bytes));
    page.counters("bytes", "Bytes of whole frames, by the same reasons", "reason", bytes);
}

fn about_rules(page: &mut Page, kernel: &Kernel, names: &Names) {
    let series = |counters: &BTreeMap<u64, Counter>, of: fn(&Counter) -> u64| {
        // By number, which never changes, so that a rule does not come and go.
        let mut named: Vec<(String, u64)> =
            counters.iter().take(RULES).map(|(rule, counter)| (names.rule(*rule), of(counter))).collect();
        if counters.len() > RULES {
            named.push((OTHER.to_owned(), counters.values().skip(RULES).map(of).sum()));
        }
        named
    };
    let verdicts = series(&kernel.rules, |counter| counter.packets);
    page.counters(
        "rule_verdicts",
        "Connections opened and packets denied, by what decided",
        "rule",
        verdicts,
    );
    let bytes = series(&kernel.rules, |counter| counter.bytes);
    page.counters("rule_bytes", "Bytes of what was denied, and of connections that ended", "rule", bytes);
    let audits = series(&kernel.audits, |counter| counter.packets);
    page.counters("rule_audits", "What a rule in audit mode would have decided otherwise", "rule", audits);
}

fn about_interfaces(page: &mut Page, _kernel: &Kernel) {
    let _ = page;
}

fn about_tables(page: &mut Page, state: &State, _kernel: &Kernel) {
    let interfaces = [("policed", state.policed as u64), ("unpoliced", state.unpoliced as u64)];
    page.gauges("interfaces", "Interfaces that are policed, and that could not be", "state", interfaces);
}

/// Reasons that are no verdicts about packets.
const EVENTS: [Reason; 1] = [Reason::EVENT_LOST];

fn about_events(page: &mut Page, fates: &Fates, reasons: &BTreeMap<Reason, Counter>) {
    let of = |reason| reasons.get(&reason).map_or(0, |counter| counter.packets);
    let events = [
        ("told", fates.told.load(Ordering::Relaxed)),
        ("suppressed", fates.suppressed.load(Ordering::Relaxed)),
        ("lost", fates.lost.load(Ordering::Relaxed)),
        ("lost_in_kernel", of(Reason::EVENT_LOST)),
    ];
    page.counters("events", "Events, by what became of them", "fate", events);
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
