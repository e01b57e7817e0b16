//! Audit trails: what the enforcer's journal says was allowed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use bookend_analysis::Event;
use bookend_engine::Protocol;
use serde::Deserialize;

/// A line of the enforcer's journal, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    kind: Option<String>,
    verdict: Option<String>,
    rule: Option<String>,
    direction: Option<String>,
    protocol: Option<String>,
    local: Option<IpAddr>,
    local_port: Option<u16>,
    remote: Option<IpAddr>,
    remote_port: Option<u16>,
    icmp: Option<Icmp>,
}

#[derive(Deserialize)]
struct Icmp {
    r#type: u8,
    code: u8,
}

/// Reads the allowed connections of a trail: JSON lines as `bookend-enforcer` writes them with `--allow-events`. Lines
/// of other kinds, and verdicts that deny or name no rule, are no allowed connections.
///
/// # Errors
/// When the file cannot be read, a line is no JSON object, or an allowed connection lacks what it must have.
pub(super) fn read(path: &Path) -> anyhow::Result<BTreeSet<Event>> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            anyhow!("there is no file `{shown}`; check the path of the audit trail")
        }
        _ => anyhow!("cannot read `{shown}`: {error}"),
    })?;
    let mut events = BTreeSet::new();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.with_context(|| format!("cannot read line {number} of `{shown}`"))?;
        if line.trim().is_empty() {
            continue;
        }
        let parsed: Line = serde_json::from_str(&line)
            .map_err(|error| anyhow!("line {number} of `{shown}` is no line of a journal: {error}"))?;
        let allowed = parsed.kind.as_deref() == Some("verdict") && parsed.verdict.as_deref() == Some("allow");
        if let Some(rule) = parsed.rule.clone().filter(|_| allowed) {
            let event = event(rule, &parsed);
            events.insert(event.ok_or_else(|| {
                anyhow!("line {number} of `{shown}` is an allowed connection that lacks an address, a direction or a protocol")
            })?);
        }
    }
    if events.is_empty() {
        bail!(
            "`{shown}` has no allowed connection; run the enforcer with `--allow-events` to write them down"
        );
    }
    Ok(events)
}

fn event(rule: String, line: &Line) -> Option<Event> {
    let (local, remote) = (line.local?, line.remote?);
    let opened_here = match line.direction.as_deref()? {
        "from-workload" => true,
        "to-workload" => false,
        _ => return None,
    };
    let protocol = line.protocol.as_deref()?;
    let protocol = Protocol::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(protocol))?;
    let (source, destination, port) =
        if opened_here { (local, remote, line.remote_port) } else { (remote, local, line.local_port) };
    let port = match &line.icmp {
        Some(Icmp { r#type, code }) => u16::from_be_bytes([*r#type, *code]),
        None if protocol.has_ports() => port?,
        None => 0,
    };
    Some(Event { rule, source, destination, protocol, port })
}
