//! The conformance corpus on what is shipped: the module in wasmtime and in Envoy, the programs in the kernel. A
//! test fails, and says why, where its vehicle cannot run.

#![expect(clippy::unwrap_used, reason = "a vehicle that cannot run is a failed test")]

mod envoy;
mod harness;
mod kernel;
mod token;

use std::io::Write as _;

use anyhow::Context;
use bookend_engine::Verdict;
use bookend_testing::answer::Audit;
use bookend_testing::{Corpus, Vehicle, run};

/// Why a vehicle is not asked about two tokens of one issuer.
const ONE_TOKEN: &str = "Envoy keeps one token of an issuer";

#[track_caller]
fn check(mut vehicle: impl Vehicle, corpus: &Corpus) {
    let report = run(corpus, &mut vehicle);
    // Not by `println!`, which is shown only where a test fails.
    std::io::stderr().write_all(report.to_string().as_bytes()).unwrap();
    assert!(report.verdict().is_ok(), "{report}");
}

/// The cases that Envoy is asked about: those of policies of Bookend's own. The others have worlds of their own, in which other
/// workloads have the same addresses, and Envoys in one namespace cannot share one. About Istio's policies Envoy is asked beside its
/// own filter, by `testenv/tests/istio`.
fn own() -> Corpus {
    let mut corpus = Corpus::load().unwrap();
    corpus.sections.retain(|section| !section.topic.starts_with("foreign/"));
    corpus
}

/// What the filter attached of what is only audited, if it attached something.
fn audited(attached: Option<&str>) -> anyhow::Result<Audit> {
    let Some(text) = attached else { return Ok(Audit::Silent) };
    let (verdict, id) = text.split_once(' ').with_context(|| format!("`{text}` is no audit"))?;
    let verdict = match verdict {
        "allow" => Verdict::Allow,
        "deny" => Verdict::Deny,
        other => anyhow::bail!("`{other}` is no verdict"),
    };
    Ok(Audit::Would(verdict, id.to_owned()))
}

#[test]
fn the_module_in_wasmtime_keeps_what_the_corpus_promises() {
    check(harness::Harness::new().unwrap(), &Corpus::load().unwrap());
}

#[test]
fn the_programs_in_the_kernel_keep_what_the_corpus_promises() {
    check(kernel::Kernel::new().unwrap(), &Corpus::load().unwrap());
}

#[test]
fn the_module_in_envoy_keeps_what_the_corpus_promises() {
    check(envoy::Envoy::new(envoy::Build::Wasm, &own()).unwrap(), &own());
}

#[test]
fn the_dynamic_module_in_envoy_keeps_what_the_corpus_promises() {
    check(envoy::Envoy::new(envoy::Build::Native, &own()).unwrap(), &own());
}
