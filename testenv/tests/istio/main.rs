//! Istio's AuthorizationPolicies in real Envoys: what Envoy's own filters make of them, configured as Istio configures them,
//! and what Bookend's filter makes of the same policies.
//!
//! They agree but where docs/semantics.md says that dialects differ, and there Bookend denies.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "functions shared by tests fail as tests do"
)]

mod arena;
mod client;
mod comparison;
mod dice;
mod difference;
mod generate;
mod pilot;
mod policy;
mod site;
#[path = "../shared/tls.rs"]
mod tls;
mod world;

use arena::Arena;
use comparison::{Settings, Tally, noticed};
use pilot::Mistake;

#[test]
fn the_filter_says_what_istio_says_or_denies_for_a_reason() {
    let settings = Settings::of_environment();
    let arena = Arena::new();
    let tally = Tally::of(&arena, &settings);
    eprintln!("{tally}");
    tally.judge(&arena);
}

#[test]
fn a_wrong_translation_is_noticed() {
    let noticed = noticed(&Arena::new(), &Mistake::ALL, 45);
    assert_eq!(noticed, Mistake::ALL);
}
