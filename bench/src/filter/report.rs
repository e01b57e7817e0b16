//! The findings, for people and for programs.

use serde_json::{Value, json};

use super::findings::Findings;
use super::rounds::Cost;
use super::rules::Rules;
use super::targets;
use super::upkeep::{Keeping, Taking};
use super::variant::{Subject, Variant};
use crate::spread::Spread;
use crate::table::table;
use crate::target::Target;

/// Bytes in a MiB.
const MIB: u64 = 1 << 20;

impl Findings {
    /// Tables.
    pub(super) fn text(&self) -> String {
        let mut parts = vec![requests(self)];
        if !self.taking.is_empty() {
            parts.push(taking(&self.taking));
        }
        if !self.keeping.is_empty() {
            parts.push(keeping(&self.keeping));
        }
        parts.push(Target::table(&targets::all(self)));
        parts.extend(self.remarks.iter().map(|remark| format!("Note: {remark}\n")));
        parts.join("\n")
    }

    /// The same and more, with the units in the names.
    pub(super) fn json(&self) -> Value {
        let named = |variant: &Variant| {
            let rules = variant.rules();
            json!({
                "name": variant.name(),
                "filter": variant.filter(),
                "rules": rules.map(|rules| rules.count),
                "kind": rules.map(|rules| rules.kind.name()),
                "circumstances": variant.circumstances(),
            })
        };
        let requests: Vec<Value> = self
            .costs
            .iter()
            .map(|Cost { variant, whole, added }| {
                json!({ "variant": named(variant), "microseconds": whole, "addedMicroseconds": added })
            })
            .collect();
        let taking: Vec<Value> = self
            .taking
            .iter()
            .map(|it| {
                json!({
                    "rules": it.rules, "configurationBytes": it.size,
                    "firstMilliseconds": it.first, "againMilliseconds": it.again,
                    "moduleMemoryBytes": { "first": it.linear.0, "later": it.linear.1 },
                })
            })
            .collect();
        let keeping: Vec<Value> = self
            .keeping
            .iter()
            .map(|it| {
                json!({
                    "variant": named(&it.variant), "residentBytes": it.one.resident,
                    "moduleMemoryBytes": it.one.linear, "workerBytes": it.worker,
                })
            })
            .collect();
        json!({
            "requests": requests,
            "configurations": taking,
            "memory": keeping,
            "moduleBytes": self.module_size,
            "targets": targets::all(self),
            "remarks": self.remarks,
        })
    }
}

fn requests(findings: &Findings) -> String {
    let nothing = findings.added(Subject::DoNothing);
    let rows = findings.costs.iter().map(|cost| {
        let Cost { variant, whole, added } = cost;
        let per = |other: Option<Spread>| {
            other.filter(|_| variant.subject != Subject::Nothing).map(|other| *added / other)
        };
        let rules = variant.rules();
        // What Envoy's own filter adds with the same rules, as a multiple of what this one adds.
        let rbac = rules
            .filter(|_| !matches!(variant.subject, Subject::Rbac(_)) && variant.circumstances().is_none())
            .and_then(|rules| Some(findings.added(Subject::Rbac(rules))? / *added));
        let comparable = variant.circumstances().is_none();
        vec![
            [Some(variant.filter()), variant.circumstances()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
            rules.map_or_else(String::new, |Rules { kind, count }| format!("{count} {}", kind.name())),
            format!("{:.1}", whole.median),
            if variant.subject == Subject::Nothing {
                "-".to_owned()
            } else {
                format!("{:.2} ± {:.2}", added.median, added.doubt)
            },
            ratio(per(nothing.filter(|_| comparable))),
            ratio(rbac),
            format!("{:.0}", 1e6 / whole.median),
        ]
    });
    let header = ["filter", "rules", "µs", "added µs", "÷ do-nothing", "RBAC ÷ this", "requests/s"];
    format!(
        "A request, in time of Envoy's worker. Added: beyond the same Envoy without a filter. Requests/s: what a worker that does \
         nothing else could serve.\n{}",
        table(&header, rows.collect(), 2..)
    )
}

fn ratio(of: Option<Spread>) -> String {
    of.map_or_else(String::new, |it| format!("{:.2}×", it.median))
}

fn taking(all: &[Taking]) -> String {
    let rows = all.iter().map(|it| {
        vec![
            format!("{} {}", it.rules.count, it.rules.kind.name()),
            mib(it.size as u64),
            format!("{:.0}", it.first),
            format!("{:.0} ± {:.0}", it.again.median, it.again.doubt),
            mib(it.linear.0),
            mib(it.linear.1),
        ]
    });
    let header =
        ["rules", "JSON MiB", "ms, at first", "ms, later", "module MiB, at first", "module MiB, later"];
    format!(
        "Taking a configuration, in time of a worker; each has a module of its own, which takes it while requests wait.\n{}",
        table(&header, rows.collect(), 1..)
    )
}

fn keeping(all: &[Keeping]) -> String {
    let rows = all.iter().map(|it| {
        vec![
            it.variant.filter().to_owned(),
            it.variant
                .rules()
                .map_or_else(String::new, |Rules { kind, count }| format!("{count} {}", kind.name())),
            mib(it.one.resident),
            mib(it.worker),
            if it.one.linear == 0 { "-".to_owned() } else { mib(it.one.linear) },
        ]
    });
    let header = ["filter", "rules", "Envoy MiB", "a further worker MiB", "module MiB"];
    format!(
        "Memory: of a whole Envoy with one worker, and what each further worker adds.\n{}",
        table(&header, rows.collect(), 2..)
    )
}

#[expect(clippy::cast_precision_loss, reason = "sizes of memory are far from 2^52")]
fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / MIB as f64)
}
