//! Every frame of the catalog, without the enforcer and with it.

use crate::attack::{Fate, surprises};
use crate::catalog;
use crate::field::Field;
use std::io::Write as _;
use std::time::Instant;

/// Attacks of which there must be so many at least.
const FEWEST: usize = 1000;

#[test]
fn no_frame_gets_past_the_enforcer_and_every_one_does_without_it() {
    let Some(mut field) = Field::new() else { return };
    let attacks = catalog::attacks();
    let begin = Instant::now();
    let lost = surprises(&field, &attacks, |_| true);
    assert!(lost.is_empty(), "without the enforcer these prove nothing:\n{}", lost.join("\n"));
    field.enforcer.enforce();
    let wrong = surprises(&field, &attacks, |shot| shot.fate == Fate::Passes);
    let shots = attacks.iter().map(|attack| attack.shots.len()).sum::<usize>();
    let stopped =
        attacks.iter().flat_map(|attack| &attack.shots).filter(|shot| shot.fate == Fate::Stopped).count();
    let told = format!(
        "\n{} attacks of {shots} frames, {stopped} of which must not arrive: {} went wrong, in {:.1} s\n",
        attacks.len(),
        wrong.len(),
        begin.elapsed().as_secs_f32()
    );
    // Not by `println!`, which is shown only where a test fails.
    let _ = std::io::stderr().write_all(told.as_bytes());
    assert!(wrong.is_empty(), "with the enforcer:\n{}", wrong.join("\n"));
    assert!(attacks.len() >= FEWEST, "only {} attacks", attacks.len());
}
