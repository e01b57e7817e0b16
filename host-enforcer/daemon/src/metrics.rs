//! The enforcer's numbers, for Prometheus (as OpenMetrics text). docs/operations.md has the list.
//!
//! How many series there can be is bounded: reasons and tables are fixed, interfaces are those that are policed
//! (4,096 at most), and of rules [`RULES`] have names; the rest are one, `other`.

mod page;

use crate::health::State;
use crate::interfaces::Interfaces;
use crate::journal::Fates;
use crate::kernel::{KernelError, Pinned};
use crate::names::Names;
use crate::server::Subject;
use bookend_abi::Reason;
use bookend_abi::table::{ABI_VERSION, Counter, Interface, capacity};
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
    about_cluster(&mut page, &state);
    about_packets(&mut page, &kernel.reasons);
    about_rules(&mut page, &kernel, &names);
    about_interfaces(&mut page, &state, &kernel);
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
    interfaces: BTreeMap<String, InterfaceNumbers>,
    flows: u64,
    observed: bool,
}

/// What one interface has.
#[derive(Clone, Copy, Default)]
struct InterfaceNumbers {
    quota: u64,
    flows: u64,
}

impl Kernel {
    fn read(subject: &Subject) -> Result<Self, String> {
        let pinned = Pinned::open(&subject.pins).map_err(|error| error.to_string())?;
        let Some(pinned) = pinned else { return Ok(Self::default()) };
        let system = Interfaces::subscribe().map_err(|error| error.to_string())?;
        let read = || -> Result<Self, KernelError> {
            let slotted = pinned.slotted()?;
            let mut by_index: BTreeMap<u32, u64> = BTreeMap::new();
            for key in pinned.flows()?.keys() {
                *by_index.entry(key?.ifindex).or_default() += 1;
            }
            let named = slotted.values().map(|entry| {
                let flows = by_index.get(&entry.ifindex).copied().unwrap_or_default();
                let name = system.name(entry.ifindex).unwrap_or_else(|| format!("#{}", entry.ifindex));
                (name, InterfaceNumbers { quota: u64::from(entry.quota), flows })
            });
            Ok(Self {
                reasons: pinned.counters()?,
                rules: pinned.rules()?,
                audits: pinned.audits()?,
                interfaces: named.collect(),
                flows: by_index.values().sum(),
                observed: slotted.values().any(|entry| entry.flags & Interface::OBSERVE != 0),
            })
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

fn about_cluster(page: &mut Page, state: &State) {
    let Some(following) = &state.source.following else { return };
    page.gauge(
        "cluster_followed",
        "Whether the API server tells everything that is asked of it",
        following.error.is_none(),
    );
    let failing = following.failing.unwrap_or_default().as_secs_f64();
    page.gauge("cluster_failing_seconds", "For how long it has not", failing);
    if let Some(silence) = following.silence {
        let help = "Since a kind of objects was last heard of, the one for which that is longest";
        page.gauge("cluster_silence_seconds", help, silence.as_secs_f64());
    }
    page.gauge("cluster_objects", "Objects of the cluster that are known", following.objects as f64);
    page.gauge(
        "cluster_refused_objects",
        "Objects in whose place something else is in force",
        following.refused as f64,
    );
    let told = [("events", following.events), ("relists", following.relists)];
    page.counters(
        "cluster_told",
        "What the API server told, and how often it had to tell all of a kind again",
        "what",
        told,
    );
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

fn about_interfaces(page: &mut Page, state: &State, kernel: &Kernel) {
    let interfaces = [("policed", state.policed as u64), ("unpoliced", state.unpoliced as u64)];
    page.gauges("interfaces", "Interfaces that are policed, and that could not be", "state", interfaces);
    page.gauge("dry_run", "Whether anything is only observed, and nothing dropped there", kernel.observed);
    let flows = kernel.interfaces.iter().map(|(name, numbers)| (name.as_str(), numbers.flows));
    page.gauges("flows", "Connections in the table, by interface", "interface", flows);
    let quotas = kernel.interfaces.iter().map(|(name, numbers)| (name.as_str(), numbers.quota));
    page.gauges("flow_quota", "Connections an interface may have", "interface", quotas);
}

fn about_tables(page: &mut Page, state: &State, kernel: &Kernel) {
    let sizes = state.applied.as_ref().map(|applied| applied.sizes).unwrap_or_default();
    let tables = [
        ("interfaces", sizes.interfaces, capacity::INTERFACES),
        ("owned", sizes.owned, capacity::OWNED),
        ("identities", sizes.identities, capacity::IDENTITIES),
        ("blocks", sizes.blocks, capacity::BLOCKS),
        ("policies", sizes.policies, capacity::POLICIES),
        ("verdicts", sizes.verdicts, capacity::VERDICTS),
        ("rules", sizes.rules, capacity::RULES),
    ];
    let planned = tables.map(|(table, entries, _)| (table, entries as u64));
    let entries = planned.into_iter().chain([("flows", kernel.flows)]);
    page.gauges("table_entries", "Entries that the plan in force takes, and connections", "table", entries);
    let capacities = tables.map(|(table, _, capacity)| (table, u64::from(capacity)));
    let capacities = capacities.into_iter().chain([("flows", u64::from(capacity::FLOWS))]);
    page.gauges("table_capacity", "Entries that tables can hold", "table", capacities);
}

/// Reasons that are no verdicts about packets.
const EVENTS: [Reason; 2] = [Reason::EVENT_LOST, Reason::EVENT_SUPPRESSED];

fn about_events(page: &mut Page, fates: &Fates, reasons: &BTreeMap<Reason, Counter>) {
    let of = |reason| reasons.get(&reason).map_or(0, |counter| counter.packets);
    let events = [
        ("told", fates.told.load(Ordering::Relaxed)),
        ("suppressed", fates.suppressed.load(Ordering::Relaxed)),
        ("lost", fates.lost.load(Ordering::Relaxed)),
        ("suppressed_in_kernel", of(Reason::EVENT_SUPPRESSED)),
        ("lost_in_kernel", of(Reason::EVENT_LOST)),
    ];
    page.counters("events", "Events, by what became of them", "fate", events);
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
