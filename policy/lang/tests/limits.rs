//! Documents as large as they may be, made to be slow. What grew with the square of its size would not end here.

use std::fmt::Write as _;

use bookend_lang::{Code, MAX_SOURCE_BYTES, Source, compile};

/// The codes of what is wrong with a document; nothing if it compiles.
fn refused(document: String) -> Vec<Code> {
    assert!(document.len() <= MAX_SOURCE_BYTES);
    let Err(refused) = compile(&[Source::new("x", document)]) else { return Vec::new() };
    refused.diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn a_source_of_too_many_values_is_refused_before_they_fill_the_memory() {
    let filled = |part: &str| part.repeat(MAX_SOURCE_BYTES / part.len());
    assert_eq!(refused(format!("[{}]", "a,".repeat(4_000_000))), [Code::TooMany]);
    assert_eq!(refused(filled("---\n")), [Code::TooMany]);
    assert_eq!(refused(filled("[")), [Code::TooMany]);
    assert_eq!(refused(filled("- ")), [Code::TooDeep]);
}

#[test]
fn a_million_empty_documents_are_no_document() {
    assert_eq!(refused("---\n".repeat(1_000_000)), [Code::NoDocument]);
}

#[test]
fn a_flood_of_mistakes_is_cut_off() {
    let codes = refused("--- a\n".repeat(100_000));
    assert_eq!(codes.len(), 1001);
    assert_eq!(codes.last(), Some(&Code::TooMany));
}

#[test]
fn a_key_of_many_megabytes_is_compared_with_nothing() {
    let key = "a".repeat(MAX_SOURCE_BYTES - 1000);
    let codes =
        refused(format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  ? {key}\n  : a\nspec: {{}}\n"));
    assert_eq!(codes, [Code::UnknownField]);
}

#[test]
fn thousands_of_rules_between_thousands_of_workloads_are_checked_in_time() {
    const MANY: usize = 4000;
    let mut document = String::from(
        "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: i }\nspec:\n  workloads:\n",
    );
    for number in 0..MANY {
        for namespace in ["default", "b"] {
            let _ = writeln!(
                document,
                "  - {{ name: a{number}, namespace: {namespace}, serviceAccount: a{number} }}"
            );
        }
    }
    document +=
        "---\napiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: { name: p }\nspec:\n  allow:\n";
    for number in 0..MANY {
        let _ = writeln!(
            document,
            "  - {{ name: r{number}, from: [{{ workloads: {{}} }}], to: [{{ workloads: {{ namespace: b }} }}], ports: [{}] }}",
            number + 1
        );
    }
    for number in 0..MANY {
        let _ = writeln!(document, "---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: n{number}}}}}");
    }
    assert_eq!(refused(document), []);
}
