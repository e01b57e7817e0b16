//! What is enforced, read from what is pinned.

use crate::command::{Format, StatusOptions};
use crate::failure::Failure;
use crate::health::Report;
use crate::interfaces::Interfaces;
use crate::kernel::Pinned;
use crate::names::{Names, hexadecimal};
use crate::requirement::{self, Capability};
use bookend_abi::address::to_ip;
use bookend_abi::table::{ABI_VERSION, Counter, NO_POLICY};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;

/// Everything `status` shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    enforcing: bool,
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
    /// Both programs are attached.
    attached: bool,
    /// `null`: denied, for no policy is known.
    egress: Option<String>,
    ingress: Option<String>,
    epoch: u32,
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
        Format::Text => text(&status),
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
    match Pinned::open(pins)? {
        Some(pinned) => collect(&pinned, &Names::load(names)),
        None => Ok(Status {
            enforcing: false,
            enforcer: None,
            abi_version: ABI_VERSION,
            epoch: 0,
            interfaces: Vec::new(),
            policies: Vec::new(),
            identities: 0,
            reasons: BTreeMap::new(),
            rules: BTreeMap::new(),
            audits: BTreeMap::new(),
        }),
    }
}

fn collect(pinned: &Pinned, names: &Names) -> Result<Status, Failure> {
    let tables = pinned.tables()?;
    let attached = pinned.attached()?;
    let system =
        Interfaces::subscribe().map_err(|error| Failure::new(format!("cannot list interfaces: {error}")))?;
    let mut interfaces = Vec::new();
    for ifindex in attached.iter().chain(tables.slots.keys().filter(|index| !attached.contains(index))) {
        let entry = tables.policed(*ifindex).copied().unwrap_or_default();
        let handle = |handle: u64| (handle != NO_POLICY).then(|| hexadecimal(handle));
        let name = system.name(*ifindex);
        let owned = tables.owned.iter().filter(|key| key.ifindex == *ifindex);
        interfaces.push(InterfaceStatus {
            workload: name.as_deref().and_then(|name| names.workload(name)).map(str::to_owned),
            name,
            ifindex: *ifindex,
            attached: attached.contains(ifindex),
            egress: handle(entry.egress),
            ingress: handle(entry.ingress),
            epoch: entry.epoch,
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
        enforcer: None,
        abi_version: tables.config.abi_version,
        epoch: tables.config.epoch,
        interfaces,
        policies: policies.collect(),
        identities: tables.identities.len(),
        reasons: reasons.collect(),
        rules: by_name(pinned.rules()?),
        audits: by_name(pinned.audits()?),
    })
}

fn text(status: &Status) -> String {
    if !status.enforcing {
        return "nothing is enforced on this host".to_owned();
    }
    let mut text = String::new();
    let unknown = || "-".to_owned();
    let mut rows = vec![["INTERFACE", "WORKLOAD", "EGRESS", "INGRESS", "ADDRESSES"].map(str::to_owned)];
    for interface in &status.interfaces {
        let addresses: Vec<_> = interface.addresses.iter().map(ToString::to_string).collect();
        let mut name = interface.name.clone().unwrap_or_else(|| format!("#{}", interface.ifindex));
        if !interface.attached {
            name.push_str(" (not attached)");
        }
        let policy = |handle: &Option<String>| handle.clone().unwrap_or_else(|| "deny everything".to_owned());
        let workload = interface.workload.clone().unwrap_or_else(unknown);
        rows.push([
            name,
            workload,
            policy(&interface.egress),
            policy(&interface.ingress),
            addresses.join(" "),
        ]);
    }
    table(&mut text, &rows);
    let mut rows = vec![["POLICY", "VERDICTS", "BLOCKS", "OTHERWISE"].map(str::to_owned)];
    for policy in &status.policies {
        let (verdicts, blocks) = (policy.verdicts.to_string(), policy.blocks.to_string());
        rows.push([policy.handle.clone(), verdicts, blocks, policy.default_rule.clone()]);
    }
    table(&mut text, &rows);
    counts(&mut text, "REASON", status.reasons.iter().map(|(name, packets)| (*name, *packets)));
    counts(&mut text, "RULE", status.rules.iter().map(|(name, packets)| (name.as_str(), *packets)));
    counts(&mut text, "AUDITED BY", status.audits.iter().map(|(name, packets)| (name.as_str(), *packets)));
    text
}

fn counts<'a>(text: &mut String, title: &str, counts: impl Iterator<Item = (&'a str, u64)>) {
    let mut rows = vec![[title.to_owned(), "PACKETS".to_owned()]];
    rows.extend(counts.map(|(name, packets)| [name.to_owned(), packets.to_string()]));
    table(text, &rows);
}

/// Columns as wide as their widest entry, and an empty line; nothing, if there is only the header.
fn table<const N: usize>(text: &mut String, rows: &[[String; N]]) {
    if rows.len() < 2 {
        return;
    }
    let mut widths = [0; N];
    for row in rows {
        for (width, entry) in widths.iter_mut().zip(row) {
            *width = entry.chars().count().max(*width);
        }
    }
    for row in rows {
        let mut line = String::new();
        for (width, entry) in widths.iter().zip(row) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{entry:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
}
