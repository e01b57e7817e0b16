//! What is enforced, for people.

use super::Status;

pub(super) fn text(status: &Status) -> String {
    if !status.enforcing {
        return "nothing is enforced on this host".to_owned();
    }
    let mut text = heading(status);
    let unknown = || "-".to_owned();
    let titles = ["INTERFACE", "WORKLOAD", "EGRESS", "INGRESS", "CONNECTIONS", "ADDRESSES"];
    let mut rows = vec![titles.map(str::to_owned)];
    for interface in &status.interfaces {
        let addresses: Vec<_> = interface.addresses.iter().map(ToString::to_string).collect();
        let mut name = interface.name.clone().unwrap_or_else(|| format!("#{}", interface.ifindex));
        if !interface.attached {
            name.push_str(" (not attached)");
        }
        if interface.observed {
            name.push_str(" (dry run)");
        }
        let policy = |handle: &Option<String>| handle.clone().unwrap_or_else(|| "deny everything".to_owned());
        let workload = interface.workload.clone().unwrap_or_else(unknown);
        rows.push([
            name,
            workload,
            policy(&interface.egress),
            policy(&interface.ingress),
            format!("{} of {}", interface.connections, interface.quota),
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

/// What holds for all of it.
fn heading(status: &Status) -> String {
    let by = match status.running {
        Some(process) => format!("an enforcer runs (process {process})"),
        None => "no enforcer runs; what is enforced stays, and nothing new is taken up".to_owned(),
    };
    let mut lines = vec![by];
    if let (Some(revision), Some(since)) = (&status.revision, &status.since) {
        lines.push(format!("revision {revision} since {since}"));
    }
    lines.push(format!("version {}, tables of version {}", status.version, status.abi_version));
    lines.push(match status.guard {
        Some(true) => "the guard behind the programs is in place".to_owned(),
        Some(false) => "THE GUARD BEHIND THE PROGRAMS IS MISSING".to_owned(),
        None => "whether the guard is in place is not known: that takes CAP_NET_ADMIN".to_owned(),
    });
    if status.dry_run {
        lines.push("DRY RUN: at some interfaces nothing is dropped".to_owned());
    }
    lines.join("\n") + "\n\n"
}

fn counts<'a>(text: &mut String, title: &str, counts: impl Iterator<Item = (&'a str, u64)>) {
    let mut rows = vec![[title.to_owned(), "PACKETS".to_owned()]];
    rows.extend(counts.map(|(name, packets)| [name.to_owned(), packets.to_string()]));
    table(text, &rows);
}

/// Columns, and an empty line; nothing, if there is only the header.
fn table<const N: usize>(text: &mut String, rows: &[[String; N]]) {
    let columns = bookend_text::table(rows);
    if !columns.is_empty() {
        text.push_str(&columns);
        text.push('\n');
    }
}
