//! Every frame of the catalog, without the enforcer and with it.

use crate::attack::{Attack, Fate, Shot, fire};
use crate::catalog;
use crate::field::Field;
use std::io::Write as _;
use std::time::Instant;

/// Attacks of which there must be so many at least.
const FEWEST: usize = 1000;

/// Where what arrived is not what should have: the attack, the shot, and whether it arrived.
fn surprises(field: &Field, attacks: &[Attack], expected: impl Fn(&Shot) -> bool) -> Vec<String> {
    let arrivals = fire(field, attacks, &expected);
    let mut surprises = Vec::new();
    for (attack, number) in attacks.iter().zip(0_u16..) {
        for (shot, position) in attack.shots.iter().zip(0_u16..) {
            let arrived = arrivals.has((number, position), shot.to);
            if arrived != expected(shot) {
                let what = if arrived { "arrived" } else { "did not arrive" };
                surprises.push(format!("{}: frame {position} {what}", attack.name));
            }
        }
    }
    surprises
}

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
