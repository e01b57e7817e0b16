//! What is made up is accepted.

use std::collections::BTreeMap;

use bookend_testing::generate::{audited_policy, rich_scenario, scenario, single_rule};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

#[test]
fn the_generators_make_nothing_that_is_refused() {
    let more = prop_oneof![single_rule("deny"), single_rule("pass"), audited_policy()];
    let scenarios = (prop_oneof![scenario(), rich_scenario()], more);
    let mut runner = TestRunner::deterministic();
    let mut refusals: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..400 {
        let (scenario, more) = scenarios.new_tree(&mut runner).unwrap().current();
        let scenario = scenario.with(more);
        if let Err(error) = scenario.world() {
            refusals.entry(error.to_string()).or_insert_with(|| scenario.texts(0).join("\n"));
        }
    }
    assert!(refusals.is_empty(), "{refusals:#?}");
}
