//! What is enforced, read from what is pinned.

mod text;

use crate::command::{Format, StatusOptions};
use crate::failure::Failure;
use crate::guard::Guard;
use crate::health::Report;
use crate::interfaces::Interfaces;
use crate::kernel::Pinned;
use crate::names::{Names, hexadecimal};
use crate::requirement::{self, Capability};
use bookend_abi::address::to_ip;
use bookend_abi::table::{ABI_VERSION, Counter, Interface, NO_POLICY};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;

/// Everything `status` shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    enforcing: bool,
    /// The process that enforces now.
    running: Option<u32>,
    /// Of the enforcer that put in force what is; before it has, of this program.
    version: String,
    revision: Option<String>,
    since: Option<String>,
    /// Whether the guard behind the programs is there, if that could be found out.
    guard: Option<bool>,
    /// At some interface nothing is dropped.
    dry_run: bool,
    /// What a running enforcer says of itself; only it can say this.
    #[serde(skip_serializing_if = "Option::is_none")]
    enforcer: Option<Report>,
    abi_version: u32,
    epoch: u32,
    interfaces: Vec<InterfaceStatus>,
    policies: Vec<PolicyStatus>,
    identities: usize,
    /// Packets by reason.
    reasons: BTreeMap<&'static str, u64>,
    /// Packets by rule.
    rules: BTreeMap<String, u64>,
    /// Opening and denied packets by the rule that an audit reported about them.
    audits: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InterfaceStatus {
    name: Option<String>,
    ifindex: u32,
    workload: Option<String>,
    role: &'static str,
    /// Both programs are attached.
    attached: bool,
    /// Nothing is dropped there.
    observed: bool,
    /// `null`: denied, for no policy is known.
    egress: Option<String>,
    ingress: Option<String>,
    epoch: u32,
    /// Connections in the table, and how many there may be.
    connections: u64,
    quota: u32,
    addresses: Vec<IpAddr>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyStatus {
    handle: String,
    verdicts: usize,
    blocks: usize,
    default_rule: String,
}

/// Prints what is enforced.
///
/// # Errors
/// If it cannot be read, which needs root.
pub fn status(options: &StatusOptions) -> Result<(), Failure> {
    requirement::capabilities(&[Capability::Bpf])?;
    let pins = &options.pins.pin_dir;
    let status = read(pins, &Names::path(&options.pins.state_dir, pins))?;
    let text = match options.output {
        Format::Json => {
            serde_json::to_string_pretty(&status).map_err(|error| Failure::new(error.to_string()))?
        }
        Format::Text => text::text(&status),
    };
    // Nobody may be reading.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    Ok(())
}

impl Status {
    /// With what a running enforcer says of itself.
    pub(crate) fn with_report(self, report: Report) -> Self {
        Self { enforcer: Some(report), ..self }
    }
}

/// What is enforced by what is pinned in `pins`, with names from the file `names`.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn read(pins: &Path, names: &Path) -> Result<Status, Failure> {
    let names = Names::load(names);
    let record = names.record.clone();
    let bare = Status {
        enforcing: false,
        running: requirement::holder(pins),
        version: record.as_ref().map_or(env!("CARGO_PKG_VERSION"), |record| &record.version).to_owned(),
        revision: record.as_ref().map(|record| record.revision.clone()),
        since: record.map(|record| record.since),
        guard: Guard::new(pins).stands(),
        dry_run: false,
        enforcer: None,
        abi_version: ABI_VERSION,
        epoch: 0,
        interfaces: Vec::new(),
        policies: Vec::new(),
        identities: 0,
        reasons: BTreeMap::new(),
        rules: BTreeMap::new(),
        audits: BTreeMap::new(),
    };
    match Pinned::open(pins)? {
        Some(pinned) => collect(&pinned, &names, bare),
        None => Ok(bare),
    }
}

fn collect(pinned: &Pinned, names: &Names, bare: Status) -> Result<Status, Failure> {
    let tables = pinned.tables()?;
    let attached = pinned.attached()?;
    let system =
        Interfaces::subscribe().map_err(|error| Failure::new(format!("cannot list interfaces: {error}")))?;
    let mut connections: BTreeMap<u32, u64> = BTreeMap::new();
    for key in pinned.flows()?.keys() {
        *connections.entry(key?.ifindex).or_default() += 1;
    }
    let entries: BTreeMap<u32, Interface> =
        tables.interfaces.values().map(|interface| (interface.ifindex, *interface)).collect();
    let mut interfaces = Vec::new();
    for ifindex in attached.iter().chain(entries.keys().filter(|index| !attached.contains(index))) {
        let entry = entries.get(ifindex).copied().unwrap_or_default();
        let handle = |handle: u64| (handle != NO_POLICY).then(|| hexadecimal(handle));
        let name = system.name(*ifindex);
        let owned = tables.owned.iter().filter(|key| key.ifindex == *ifindex);
        interfaces.push(InterfaceStatus {
            workload: name.as_deref().and_then(|name| names.workload(name)).map(str::to_owned),
            name,
            ifindex: *ifindex,
            role: role(entry.flags),
            attached: attached.contains(ifindex),
            observed: entry.flags & Interface::OBSERVE != 0,
            egress: handle(entry.egress),
            ingress: handle(entry.ingress),
            epoch: entry.epoch,
            connections: connections.get(ifindex).copied().unwrap_or_default(),
            quota: entry.quota,
            addresses: owned.map(|key| to_ip(key.address)).collect(),
        });
    }
    let policies = tables.policies.iter().map(|(handle, head)| PolicyStatus {
        handle: hexadecimal(*handle),
        verdicts: tables.verdicts.keys().filter(|key| key.policy == *handle).count(),
        blocks: tables.blocks.keys().filter(|key| key.policy() == *handle).count(),
        default_rule: names.rule(head.default_rule),
    });
    let reasons = pinned.counters()?.into_iter().filter(|(_, counter)| counter.packets > 0);
    let reasons = reasons.filter_map(|(reason, counter)| Some((reason.name()?, counter.packets)));
    let by_name = |counters: BTreeMap<u64, Counter>| {
        counters.into_iter().map(|(rule, counter)| (names.rule(rule), counter.packets)).collect()
    };
    Ok(Status {
        enforcing: !attached.is_empty(),
        dry_run: interfaces.iter().any(|interface| interface.observed),
        abi_version: tables.config.abi_version,
        epoch: tables.config.epoch,
        interfaces,
        policies: policies.collect(),
        identities: tables.identities.len(),
        reasons: reasons.collect(),
        rules: by_name(pinned.rules()?),
        audits: by_name(pinned.audits()?),
        ..bare
    })
}

/// Whose interface it is, by the flags of its entry.
pub(crate) fn role(flags: u32) -> &'static str {
    match (flags & Interface::HOST != 0, flags & Interface::FORWARDS != 0) {
        (false, _) => "workload",
        (true, false) => "host",
        (true, true) => "router",
    }
}
