//! What was promised of the filter, beside what was measured.

use super::findings::Findings;
use super::rules::{Kind, Rules};
use super::upkeep::MANY;
use super::variant::{COUNTS, Subject};
use crate::spread::Spread;
use crate::target::Target;

/// All promises.
pub(super) fn all(findings: &Findings) -> Vec<Target> {
    let mut all = vec![];
    all.extend([1, 100, 1_000, 10_000].map(|count| overhead(findings, count)));
    all.push(flatness(findings));
    all.push(advantage(findings, Kind::Path, 10.0));
    all.push(advantage(findings, Kind::Principal, 40.0));
    all.extend([Kind::Path, Kind::Principal].map(|kind| break_even(findings, kind)));
    all.push(native(findings));
    all.push(size(findings));
    all.extend(upkeep(findings));
    all
}

/// What Bookend adds with `count` rules of the kind that costs most, as a multiple of what any filter adds.
fn overhead(findings: &Findings, count: usize) -> Target {
    let nothing = findings.added(Subject::DoNothing);
    let worst =
        findings.most(|kind| Some(findings.added(Subject::Module(Rules { kind, count }))? / nothing?));
    let kind = worst.map_or_else(String::new, |(kind, _)| format!(" ({})", kind.name()));
    let what = format!("added by Bookend wasm with {count} rules{kind}, as a multiple of doing nothing");
    Target::at_most(what, 1.5, "×", worst.map(|(_, ratio)| ratio))
}

/// By how much the numbers of rules differ, where the least is 100 %.
fn flatness(findings: &Findings) -> Target {
    let worst = findings.most(|kind| {
        let costs: Vec<Spread> = COUNTS
            .iter()
            .filter_map(|count| findings.added(Subject::Module(Rules { kind, count: *count })))
            .collect();
        let by = |a: &&Spread, b: &&Spread| a.median.total_cmp(&b.median);
        let (least, most) = (costs.iter().min_by(by)?, costs.iter().max_by(by)?);
        let ratio = *most / *least;
        (costs.len() > 1)
            .then_some(Spread { median: (ratio.median - 1.0) * 100.0, doubt: ratio.doubt * 100.0 })
    });
    let kind = worst.map_or_else(String::new, |(kind, _)| format!(" ({})", kind.name()));
    let what = format!("the dearest number of rules{kind}, above the cheapest");
    Target::at_most(what, 15.0, " %", worst.map(|(_, by)| by))
}

/// What Bookend costs with a thousand rules, beside Envoy's RBAC filter.
fn advantage(findings: &Findings, kind: Kind, limit: f64) -> Target {
    let rules = Rules { kind, count: 1_000 };
    let ratio = findings
        .added(Subject::Rbac(rules))
        .and_then(|theirs| Some(theirs / findings.added(Subject::Module(rules))?));
    let what = format!("Envoy's RBAC as a multiple of Bookend wasm, 1000 {} rules", kind.name());
    Target::at_least(what, limit, "×", ratio)
}

/// From how many rules on Bookend is cheaper.
fn break_even(findings: &Findings, kind: Kind) -> Target {
    let what = format!("rules from which Bookend wasm is cheaper than RBAC, {}", kind.name());
    Target::at_most(what, 50.0, "", findings.break_even(kind))
}

fn native(findings: &Findings) -> Target {
    let rules = Rules { kind: Kind::Path, count: 1 };
    let ratio = findings
        .added(Subject::Native(rules))
        .and_then(|ours| Some(ours / findings.added(Subject::Rbac(rules))?));
    let what = "Bookend native with 1 path rule, as a multiple of Envoy's RBAC".to_owned();
    Target::at_most(what, 1.0, "×", ratio)
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
fn size(findings: &Findings) -> Target {
    let kilobytes = findings.module_size as f64 / 1e3;
    Target::at_most("size of the module".to_owned(), 300.0, " kB", Some(Spread::certain(kilobytes)))
}

/// Time and memory for many rules, of the kind that needs most.
#[expect(clippy::cast_precision_loss, reason = "sizes of memory are far from 2^52")]
fn upkeep(findings: &Findings) -> [Target; 2] {
    let by = |a: &Spread, b: &Spread| a.median.total_cmp(&b.median);
    let first = findings.taking.iter().map(|it| Spread::certain(it.first)).max_by(by);
    let memory =
        findings.taking.iter().map(|it| Spread::certain(it.linear.0 as f64 / f64::from(1 << 20))).max_by(by);
    [
        Target::at_most(format!("time to take {MANY} rules, at first"), 100.0, " ms", first),
        Target::at_most(format!("memory of a virtual machine with {MANY} rules"), 32.0, " MiB", memory),
    ]
}
