//! An attack: frames in order, and what has to become of each.

use crate::field::{Field, Role};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What has to become of a frame where the enforcer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It must not arrive.
    Stopped,
    /// It must arrive: it is allowed, or prepares the attack.
    Passes,
}

/// One frame. Its sender's hardware address is its number; nothing but this test looks at it.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    pub(crate) from: Role,
    /// Where it is judged.
    pub(crate) to: Role,
    /// The hardware address it is sent to.
    pub(crate) station: [u8; 6],
    /// From the type on.
    pub(crate) body: Vec<u8>,
    pub(crate) fate: Fate,
}

/// Frames that are sent one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Attack {
    pub(crate) name: String,
    pub(crate) shots: Vec<Shot>,
}

/// The number of a shot: of its attack and within it.
type Number = (u16, u16);

/// First bytes of every shot's source address; locally administered, and nobody's.
const MARK: [u8; 2] = [2, 0xa7];
/// How long what must come is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

fn frame(shot: &Shot, (attack, position): Number) -> Vec<u8> {
    let [a, b] = attack.to_be_bytes();
    let [c, d] = position.to_be_bytes();
    [&shot.station[..], &MARK, &[a, b, c, d], &shot.body].concat()
}

/// What has arrived where.
#[derive(Default)]
struct Arrivals(BTreeSet<(Number, Role)>);

impl Arrivals {
    fn has(&self, number: Number, role: Role) -> bool {
        self.0.contains(&(number, role))
    }

    /// Takes what lies in the socket of `role`; whether there was anything.
    fn take(&mut self, field: &Field, role: Role) -> bool {
        let Some(frame) = field.receive(role) else { return false };
        if let [_, _, _, _, _, _, first, second, a, b, c, d, ..] = frame[..]
            && [first, second] == MARK
        {
            self.0.insert(((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])), role));
        }
        true
    }

    /// Waits for a frame.
    fn wait(&mut self, field: &Field, number: Number, role: Role, patience: Duration) -> bool {
        let begin = Instant::now();
        while !self.has(number, role) && begin.elapsed() < patience {
            self.take(field, role);
        }
        self.has(number, role)
    }
}

/// Fires all of it. What prepares something is waited for, and so is what must pass.
fn fire(
    field: &Field,
    attacks: &[Attack],
    patience: Duration,
    expected: impl Fn(&Shot) -> bool,
) -> (u16, Arrivals) {
    let mut arrivals = Arrivals::default();
    let first = field.numbers(attacks.len() as u16);
    for (attack, number) in attacks.iter().zip(first..) {
        for (shot, position) in attack.shots.iter().zip(0_u16..) {
            field.link(shot.from).send(&frame(shot, (number, position)));
            let last = usize::from(position) + 1 == attack.shots.len();
            if !last && expected(shot) {
                arrivals.wait(field, (number, position), shot.to, patience / 10);
            }
        }
    }
    let begin = Instant::now();
    for (attack, number) in attacks.iter().zip(first..) {
        for (shot, position) in attack.shots.iter().zip(0_u16..) {
            if expected(shot) {
                let left = patience.saturating_sub(begin.elapsed());
                arrivals.wait(field, (number, position), shot.to, left);
            }
        }
    }
    // Until nobody has anything more to read, for as long as four looks take.
    while Role::ALL.map(|role| arrivals.take(field, role)).contains(&true) {}
    (first, arrivals)
}

/// Where what arrived is not what should have: the attack, the frame, and whether it arrived.
pub(crate) fn surprises(field: &Field, attacks: &[Attack], expected: impl Fn(&Shot) -> bool) -> Vec<String> {
    told(field, attacks, PATIENCE, expected)
}

fn told(
    field: &Field,
    attacks: &[Attack],
    patience: Duration,
    expected: impl Fn(&Shot) -> bool,
) -> Vec<String> {
    let (first, arrivals) = fire(field, attacks, patience, &expected);
    let mut surprises = Vec::new();
    for (attack, number) in attacks.iter().zip(first..) {
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

/// Whether every one of `shots` has its fate now, in this order.
pub(crate) fn holds(field: &Field, shots: &[Shot]) -> bool {
    let attack = Attack { name: String::new(), shots: shots.to_vec() };
    told(field, &[attack], PATIENCE / 20, |shot| shot.fate == Fate::Passes).is_empty()
}

/// Fails unless every one of `shots` has its fate, in this order.
#[track_caller]
pub(crate) fn expect(field: &Field, what: &str, shots: &[Shot]) {
    let attack = Attack { name: what.to_owned(), shots: shots.to_vec() };
    let wrong = surprises(field, &[attack], |shot| shot.fate == Fate::Passes);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Fails unless every one of `shots` arrives: the control, without an enforcer or the rule that stops it.
#[track_caller]
pub(crate) fn all_arrive(field: &Field, shots: &[Shot]) {
    let attack = Attack { name: "the control".to_owned(), shots: shots.to_vec() };
    let wrong = surprises(field, &[attack], |_| true);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
