//! The corpus, on the vehicles that need neither a proxy nor a kernel, and what is asked of the corpus itself.

#![expect(clippy::unwrap_used, reason = "a corpus that cannot be read is a failed test")]

use std::collections::BTreeSet;
use std::io::Write as _;

use bookend_lang::{Source, compile};
use bookend_testing::vehicle::{Decision, Proxy, Tables};
use bookend_testing::{Corpus, Reference, Vehicle, run};

#[track_caller]
fn check(mut vehicle: impl Vehicle) {
    let report = run(&Corpus::load().unwrap(), &mut vehicle);
    // Not by `println!`, which is shown only where a test fails.
    std::io::stderr().write_all(report.to_string().as_bytes()).unwrap();
    assert!(report.verdict().is_ok(), "{report}");
}

#[test]
fn the_engine_keeps_what_the_corpus_promises() {
    check(Decision::default());
}

#[test]
fn the_engine_in_a_proxy_keeps_what_the_corpus_promises() {
    check(Proxy::default());
}

#[test]
fn the_plan_and_the_kernels_function_keep_what_the_corpus_promises() {
    check(Tables::default());
}

#[test]
fn the_reference_keeps_what_the_corpus_promises() {
    check(Reference::default());
}

#[test]
fn what_means_nothing_is_refused_with_the_code_it_should() {
    for refusal in Corpus::load().unwrap().refusals {
        let source = Source::new(&refusal.topic, refusal.documents.as_bytes());
        let codes: Vec<_> = match compile(&[source]) {
            Ok(_) => Vec::new(),
            Err(refused) => refused.diagnostics.iter().map(|d| d.code.as_str()).collect(),
        };
        assert_eq!(codes, [refusal.code], "{}: {}", refusal.topic, refusal.about);
    }
}

/// The numbers of the rules that `docs/semantics.md` states.
fn stated() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/semantics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rules = text.lines().filter_map(|line| line.strip_prefix("* **S"));
    rules.map(|rest| format!("S{}", rest.split(' ').next().unwrap())).collect()
}

#[test]
fn every_stated_rule_is_shown_and_every_shown_rule_is_stated() {
    let corpus = Corpus::load().unwrap();
    let sections = corpus.sections.iter().map(|section| &section.rules);
    let refusals = corpus.refusals.iter().map(|refusal| &refusal.rules);
    let shown: BTreeSet<String> = sections.chain(refusals).flatten().cloned().collect();
    assert!(shown.len() > 50);
    assert_eq!(shown, stated());
}

#[test]
fn the_corpus_does_not_shrink_unnoticed() {
    let corpus = Corpus::load().unwrap();
    let cases = |of: &str| {
        let sections = corpus.sections.iter().filter(|section| section.topic.starts_with(of));
        sections.map(|section| section.cases.len()).sum::<usize>()
    };
    for (of, least) in [("", 1_800), ("foreign/kubernetes/", 1_300)] {
        assert!(cases(of) >= least, "{of}: {}", cases(of));
    }
}
