//! Documents of tests, each test with a name of its own.

use std::collections::BTreeMap;

use crate::{
    Code, Span,
    diagnostic::Report,
    document::{TestDocument, TestSuite},
};

/// The suites, by name.
pub(crate) fn tests(documents: Vec<TestDocument>, report: &mut Report) -> Vec<TestSuite> {
    let mut suites: BTreeMap<(Option<String>, String), (Span, TestSuite)> = BTreeMap::new();
    for TestDocument { namespace, name, tests } in documents {
        let mut names: BTreeMap<&str, Span> = BTreeMap::new();
        for test in &tests {
            if let Some(first) = names.insert(&test.name, test.place) {
                let message = format!("two tests of `{}` are called `{}`", name.value, test.name);
                let first = (first, "the first one");
                report.add_related(Code::DuplicateTest, test.place, message, "rename one of them", first);
            }
        }
        let key = (namespace.clone(), name.value.clone());
        if let Some((first, _)) = suites.get(&key) {
            let message = format!("two documents of tests are called `{}`", name.value);
            let first = (*first, "the first one");
            report.add_related(Code::DuplicateObject, name.span, message, "rename or remove one", first);
            continue;
        }
        suites.insert(key, (name.span, TestSuite { namespace, name: name.value, tests }));
    }
    suites.into_values().map(|(_, suite)| suite).collect()
}
