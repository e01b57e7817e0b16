//! The corpus, on the vehicles that need neither a proxy nor a kernel, and what is asked of the corpus itself.

#![expect(clippy::unwrap_used, reason = "a corpus that cannot be read is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;

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
fn the_engine_in_a_proxy_of_a_namespace_keeps_what_the_corpus_promises() {
    check(Proxy::of_a_namespace());
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

/// The rules that `docs/semantics.md` states, by number.
fn stated() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(repository("docs/semantics.md")).unwrap();
    let rules = text.split("\n* **S").skip(1);
    rules.map(|rest| (format!("S{}", rest.split(' ').next().unwrap()), rest.to_owned())).collect()
}

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}

#[test]
fn every_stated_rule_is_shown_and_every_shown_rule_is_stated() {
    let corpus = Corpus::load().unwrap();
    let sections = corpus.sections.iter().map(|section| &section.rules);
    let refusals = corpus.refusals.iter().map(|refusal| &refusal.rules);
    let shown: BTreeSet<String> = sections.chain(refusals).flatten().cloned().collect();
    assert!(shown.len() > 50);
    let mut rules = BTreeSet::new();
    for (number, text) in stated() {
        // What is not about one decision no case can show; then the rule says which test does.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.split_once("hown by `").and_then(|(_, rest)| rest.split_once('`')) {
            Some((test, _)) => {
                assert!(repository(test).exists(), "{number} is shown by `{test}`, which is not there")
            }
            None => drop(rules.insert(number)),
        }
    }
    assert_eq!(shown, rules);
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
