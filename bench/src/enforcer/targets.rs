//! What was promised of the enforcer, beside what was measured.

use super::findings::Findings;
use super::packets::{Cost, Shape};
use super::traffic::Load;
use crate::spread::Spread;
use crate::target::Target;

/// All promises.
pub(super) fn all(findings: &Findings) -> Vec<Target> {
    let mut all = vec![
        dearest(findings, Shape::Established, 150.0),
        dearest(findings, Shape::New, 500.0),
        flatness(findings, Shape::Established),
        flatness(findings, Shape::New),
        share(findings, Load::Stream, 95.0),
        share(findings, Load::Connections, 90.0),
    ];
    all.extend(edits(findings));
    let start = findings.starts.iter().find(|start| start.estate.identities == 100_000);
    let start = start.map(|start| Spread::certain(start.start.p50 / 1e3));
    all.push(Target::at_most("full start with 100,000 identities".to_owned(), 3.0, " s", start));
    all
}

fn by_median(a: &Spread, b: &Spread) -> std::cmp::Ordering {
    a.median.total_cmp(&b.median)
}

/// What a packet costs where it costs most.
fn dearest(findings: &Findings, shape: Shape, limit: f64) -> Target {
    let worst = findings.costs(shape).max_by(|a, b| by_median(&a.added, &b.added));
    let place = worst.map_or_else(String::new, |Cost { subject, .. }| {
        format!(
            " ({} rules about {}, {} identities, IPv{})",
            subject.estate.rules,
            subject.estate.kind.name(),
            subject.estate.identities,
            subject.version
        )
    });
    let what = format!("{} packet at worst{place}, above an empty program", shape.name());
    Target::at_most(what, limit, " ns", worst.map(|cost| cost.added))
}

/// By how much the numbers of rules and identities differ, as a multiple of the cheapest; of one kind and version.
fn flatness(findings: &Findings, shape: Shape) -> Target {
    let kinds: Vec<_> =
        findings.costs(shape).map(|cost| (cost.subject.estate.kind, cost.subject.version)).collect();
    let ratios = kinds.into_iter().filter_map(|kind| {
        let alike = |cost: &&Cost| (cost.subject.estate.kind, cost.subject.version) == kind;
        let costs: Vec<Spread> = findings.costs(shape).filter(alike).map(|cost| cost.added).collect();
        let (least, most) =
            (costs.iter().copied().min_by(by_median)?, costs.iter().copied().max_by(by_median)?);
        (costs.len() > 1).then(|| most / least)
    });
    let what = format!(
        "{} packet with the dearest number of rules and identities, beside the cheapest",
        shape.name()
    );
    Target::at_most(what, 1.5, "×", ratios.max_by(by_median))
}

/// How much of a load goes through.
fn share(findings: &Findings, load: Load, limit: f64) -> Target {
    let least = findings.least_share(load);
    let place = least.map_or_else(String::new, |(rules, _)| format!(" ({rules} rules)"));
    let what = format!("{} at worst{place}, of what there are without a policy", load.name());
    let percent = least.map(|(_, share)| Spread { median: share.median * 100.0, doubt: share.doubt * 100.0 });
    Target::at_least(what, limit, " %", percent)
}

fn edits(findings: &Findings) -> Vec<Target> {
    let at_most = |what: &str, limit, local: usize, concerned: usize| {
        let found = findings.edits.iter().filter(|edit| {
            (edit.estate.local, edit.concerned) == (local, concerned) && edit.estate.rules < 1_000
        });
        let worst = found.map(|edit| Spread::certain(edit.latency.p99)).max_by(by_median);
        Target::at_most(what.to_owned(), limit, " ms", worst)
    };
    vec![
        at_most("from an edit to its enforcement, 1,000 workloads, 99 of 100", 100.0, 1_000, 1_000),
        at_most("from an edit to its enforcement, one workload, 99 of 100", 10.0, 1, 1),
        at_most("the same, one of 1,000 workloads", 10.0, 1_000, 1),
    ]
}
