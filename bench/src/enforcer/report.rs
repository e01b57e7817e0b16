//! The findings, for people and for programs.

use serde_json::{Value, json};

use super::findings::Findings;
use super::latency::Latency;
use super::network::{Subject, Throughput};
use super::packets::{Packets, Shape};
use super::targets;
use super::traffic::Load;
use crate::spread::Spread;
use crate::table::table;
use crate::target::Target;

/// Bytes in a MiB.
const MIB: u64 = 1 << 20;

impl Findings {
    /// Tables.
    pub(super) fn text(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.packets.as_ref().map(packets));
        if !self.network.is_empty() {
            parts.push(network(&self.network));
        }
        if !self.edits.is_empty() || !self.updates.is_empty() {
            parts.push(edits(self));
        }
        if !self.starts.is_empty() {
            parts.push(starts(self));
        }
        parts.push(Target::table(&targets::all(self)));
        parts.extend(self.remarks.iter().map(|remark| format!("Note: {remark}\n")));
        parts.join("\n")
    }

    /// The same and more, with the units in the names.
    pub(super) fn json(&self) -> Value {
        let packets: Vec<Value> = self
            .packets
            .iter()
            .flat_map(|packets| &packets.costs)
            .map(|cost| {
                let (subject, estate) = (cost.subject, cost.subject.estate);
                json!({
                    "packet": subject.shape.name(), "ipVersion": subject.version, "rules": estate.rules,
                    "about": estate.kind.name(), "identities": estate.identities, "addedNanoseconds": cost.added,
                })
            })
            .collect();
        let network: Vec<Value> = self
            .network
            .iter()
            .map(|it| {
                json!({
                    "enforcedBy": it.variant.subject.name(),
                    "rules": rules(it),
                    "load": it.load.name(), "rate": it.rate, "rateUnit": it.load.unit(), "shareOfNoPolicy": it.share,
                    "addedProcessorNanoseconds": it.added,
                })
            })
            .collect();
        let starts: Vec<Value> = self
            .starts
            .iter()
            .map(|it| {
                json!({
                    "rules": it.estate.rules, "identities": it.estate.identities, "workloadsHere": it.estate.local,
                    "startMilliseconds": it.start, "residentBytes": it.memory.resident, "peakBytes": it.memory.peak,
                    "kernelBytes": it.memory.kernel(), "tableBytes": it.memory.tables,
                })
            })
            .collect();
        let edits: Vec<Value> = self
            .edits
            .iter()
            .map(|it| {
                json!({
                    "rules": it.estate.rules, "workloadsHere": it.estate.local, "concerned": it.concerned, "judgedBy": it.judged,
                    "milliseconds": it.latency,
                })
            })
            .collect();
        let updates: Vec<Value> = self
            .updates
            .iter()
            .map(|it| {
                json!({
                    "enforcedBy": it.rival.name(), "rules": it.rules, "wholeMilliseconds": it.whole,
                    "singleMilliseconds": it.single,
                })
            })
            .collect();
        let each: Vec<Value> = self
            .each()
            .into_iter()
            .map(|(what, own, kernel)| json!({ "of": what, "enforcerBytes": own, "kernelBytes": kernel }))
            .collect();
        json!({
            "packets": packets, "network": network, "starts": starts, "bytesEach": each, "edits": edits, "updates": updates,
            "targets": targets::all(self), "remarks": self.remarks,
        })
    }
}

fn packets(packets: &Packets) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for costs in packets.costs.chunks(Shape::ALL.len()) {
        let Some(first) = costs.first() else { continue };
        let estate = first.subject.estate;
        let mut row = vec![
            estate.kind.name().to_owned(),
            estate.rules.to_string(),
            estate.identities.to_string(),
            format!("IPv{}", first.subject.version),
        ];
        row.extend(costs.iter().map(|cost| plus_minus(cost.added, 0)));
        rows.push(row);
    }
    let mut header = vec!["rules about", "rules", "identities", ""];
    header.extend(Shape::ALL.map(Shape::name));
    format!(
        "A packet, in nanoseconds beyond a program that does nothing (which takes {} with the loop around it).\n{}",
        plus_minus(packets.nothing, 0),
        table(&header, rows, 1..)
    )
}

/// How many rules there are; none where there is no policy.
fn rules(it: &Throughput) -> Option<usize> {
    (it.variant.subject != Subject::Nobody).then_some(it.variant.rules)
}

fn network(all: &[Throughput]) -> String {
    let variants = all.iter().filter(|it| it.load == Load::Connections);
    let rows = variants.map(|it| {
        let of = |load| all.iter().find(|other| other.variant == it.variant && other.load == load);
        let mut row = vec![
            it.variant.subject.name().to_owned(),
            rules(it).map(|rules| rules.to_string()).unwrap_or_default(),
        ];
        for (load, digits, scale) in
            [(Load::Connections, 1, 1e3), (Load::Exchanges, 2, 1e3), (Load::Stream, 0, 1e-3)]
        {
            let Some(it) = of(load) else { continue };
            let rate = if load == Load::Stream { 2 } else { 0 };
            let added = Spread { median: it.added.median / scale, doubt: it.added.doubt / scale };
            let share = Spread { median: it.share.median * 100.0, doubt: it.share.doubt * 100.0 };
            row.push(format!("{:.rate$}", it.rate.median));
            row.push(plus_minus(share, 1));
            // Of a stream the time is told for a megabyte's thousandth: microseconds for a megabyte.
            row.push(if rules(it).is_some() { plus_minus(added, digits) } else { "-".to_owned() });
        }
        row
    });
    let header = [
        "enforced by",
        "rules",
        "connections/s",
        "% of none",
        "added µs",
        "exchanges/s",
        "% of none",
        "added µs",
        "stream GB/s",
        "% of none",
        "added µs/MB",
    ];
    format!(
        "Through veth pairs, both ends on one processor. Added: time of the processor for each connection, exchange or megabyte.\n{}",
        table(&header, rows.collect(), 1..)
    )
}

fn edits(findings: &Findings) -> String {
    let row = |by: &str,
               rules: usize,
               local: usize,
               what: String,
               judged: &str,
               Latency { p50, p99, most, times }: Latency| {
        let number = |time: f64| format!("{time:.1}");
        vec![
            by.to_owned(),
            what,
            rules.to_string(),
            local.to_string(),
            judged.to_owned(),
            number(p50),
            number(p99),
            number(most),
            times.to_string(),
        ]
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for it in &findings.edits {
        let concerned = format!("policy of {} edited", it.concerned);
        rows.push(row("Bookend", it.estate.rules, it.estate.local, concerned, it.judged, it.latency));
    }
    for it in &findings.updates {
        let command = "its command ends";
        rows.push(row(it.rival.name(), it.rules, 1, "whole ruleset again".to_owned(), command, it.whole));
        rows.push(row(it.rival.name(), it.rules, 1, "one rule more".to_owned(), command, it.single));
    }
    let header =
        ["enforced by", "edit", "rules", "workloads", "judged by", "p50 ms", "p99 ms", "most ms", "times"];
    format!("From an edit to its enforcement.\n{}", table(&header, rows, 5..))
}

fn starts(findings: &Findings) -> String {
    let rows = findings.starts.iter().map(|it| {
        vec![
            it.estate.rules.to_string(),
            it.estate.identities.to_string(),
            it.estate.local.to_string(),
            format!("{:.0}", it.start.p50),
            format!("{:.0}", it.start.most),
            mib(it.memory.resident),
            mib(it.memory.peak),
            mib(it.memory.kernel()),
        ]
    });
    let header = [
        "rules",
        "identities",
        "workloads",
        "start ms",
        "most ms",
        "enforcer MiB",
        "at most MiB",
        "kernel MiB",
    ];
    let each = findings
        .each()
        .into_iter()
        .map(|(what, own, kernel)| vec![what.to_owned(), format!("{own:.0}"), format!("{kernel:.0}")]);
    format!(
        "A start with nothing to take over, and the memory afterwards.\n{}\nWhat one more takes, in bytes.\n{}",
        table(&header, rows.collect(), 0..),
        table(&["", "enforcer", "kernel"], each.collect(), 1..)
    )
}

fn plus_minus(it: Spread, digits: usize) -> String {
    if it.doubt == 0.0 {
        format!("{:.digits$}", it.median)
    } else {
        format!("{:.digits$} ± {:.digits$}", it.median, it.doubt)
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of memory are far from 2^52")]
fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / MIB as f64)
}
