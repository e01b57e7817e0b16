//! What the filter costs in Envoy.
//!
//! An Envoy of its own for each [variant](variant::Variant), which all take [turns](rounds) in answering requests. What they cost
//! is told by the [clock] of Envoy's worker: time in which it waits for something, or something else runs, does not count.

mod chain;
mod client;
mod clock;
mod findings;
mod memory;
mod options;
mod report;
mod rounds;
mod rules;
mod specimen;
mod targets;
mod upkeep;
mod variant;

use anyhow::Context as _;
use bookend_testenv::{Stand, interrupt};

use crate::progress::progress;
use chain::Parts;
use findings::Findings;
use specimen::{Issuer, Specimen};
use upkeep::{Keeping, Taking};
use variant::Variant;

pub use options::{Options, Output};

/// Measures what the options say, and returns what is to be printed.
///
/// # Errors
/// When this is not root, something is not built, or an Envoy does not do what it should.
pub fn run(options: &Options) -> anyhow::Result<String> {
    interrupt::put_away_on_signals()?;
    let stand = Stand::new("bench")?;
    let issuer = Issuer::new()?;
    let parts = Parts::of(&stand, !options.plaintext, options.facts(), issuer.verifier.clone())?;
    let mut remarks = Vec::new();
    if !parts.native() {
        remarks.push(
            "the shared object is not built, so Bookend native is NOT measured; run scripts/build host"
                .to_owned(),
        );
    }
    if options.quick {
        remarks.push("measured quickly: an impression, no basis for decisions".to_owned());
    }

    let variants = Variant::all(options, parts.native());
    let progress = progress("starting Envoys", variants.len());
    let mut specimens = Specimen::all(&variants, options, &stand, &parts, &issuer, || progress.inc(1))
        .context("cannot start")?;
    progress.finish_and_clear();

    let rounds = options.rounds();
    let progress = crate::progress::progress(
        "measuring requests",
        rounds * specimens.iter().filter(|it| !it.variant.indispensable()).count(),
    );
    let (costs, shared) = rounds::measure(&mut specimens, rounds, || progress.inc(1))?;
    progress.finish_and_clear();
    drop(specimens);
    if let Some(reason) = shared {
        remarks.push(format!(
            "worker and client had no processor of their own, so what else ran disturbed them: {reason:#}"
        ));
    }

    let (mut taking, mut keeping) = (Vec::new(), Vec::new());
    if !options.requests_only {
        let (many, kept) = (upkeep::many(), upkeep::kept(parts.native()));
        let progress =
            crate::progress::progress("measuring configurations and memory", many.len() + kept.len());
        for (number, rules) in (0..).zip(many) {
            taking.push(Taking::measure(rules, number, &stand, &parts)?);
            progress.inc(1);
        }
        for (number, variant) in (0..).zip(kept) {
            keeping.push(Keeping::measure(variant, number, &stand, &parts)?);
            progress.inc(1);
        }
        progress.finish_and_clear();
    }

    let findings = Findings { costs, taking, keeping, module_size: parts.module_size()?, remarks };
    Ok(match options.output {
        Output::Text => findings.text(),
        Output::Json => format!("{:#}\n", findings.json()),
    })
}
