//! Policies of any size, for benchmarks.

mod estate;
mod measure;

use bookend_lang::{Compiled, Source, compile};

pub use estate::{Estate, Notation};
pub use measure::{report, running, scenarios};

/// A policy of `rules` rules toward one service, each with its own path, and two workloads.
///
/// # Panics
/// When the generated documents do not compile, which would be a mistake here.
#[must_use]
pub fn policy_of(rules: usize) -> Compiled {
    let mut text = String::from(
        "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: i }\nspec:\n  workloads:\n  \
         - { name: a, labels: { app: a }, proxy: true, instances: [{ addresses: [10.0.0.1] }] }\n  \
         - { name: b, labels: { app: b }, proxy: true, instances: [{ addresses: [10.0.0.2] }] }\n---\n\
         apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: { name: p }\nspec:\n  isolate: [{ workloads: {} }]\n  allow:\n",
    );
    for rule in 0..rules {
        text.push_str(&format!(
            "  - {{ name: r{rule}, from: [{{ workloads: {{ labels: {{ app: a }} }} }}], to: [{{ workloads: {{ labels: {{ app: b }} }} }}], \
             ports: [80], http: [{{ methods: [GET], paths: [\"/api/v{rule}/{{id}}\"] }}] }}\n"
        ));
    }
    compile(&[Source::new("generated", text)]).expect("the generated policy is valid")
}
