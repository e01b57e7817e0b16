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
pub(crate) struct Arrivals(BTreeSet<(Number, Role)>);

impl Arrivals {
    pub(crate) fn has(&self, number: Number, role: Role) -> bool {
        self.0.contains(&(number, role))
    }

    /// Takes what lies in the socket of `role`; whether there was anything.
    fn take(&mut self, field: &Field, role: Role) -> bool {
        let Some(frame) = field.link(role).receive() else { return false };
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
pub(crate) fn fire(field: &Field, attacks: &[Attack], expected: impl Fn(&Shot) -> bool) -> Arrivals {
    let mut arrivals = Arrivals::default();
    for (attack, number) in attacks.iter().zip(0_u16..) {
        for (shot, position) in attack.shots.iter().zip(0_u16..) {
            field.link(shot.from).send(&frame(shot, (number, position)));
            let last = usize::from(position) + 1 == attack.shots.len();
            if !last && expected(shot) {
                arrivals.wait(field, (number, position), shot.to, PATIENCE / 10);
            }
        }
    }
    let begin = Instant::now();
    for (attack, number) in attacks.iter().zip(0_u16..) {
        for (shot, position) in attack.shots.iter().zip(0_u16..) {
            if expected(shot) {
                let left = PATIENCE.saturating_sub(begin.elapsed());
                arrivals.wait(field, (number, position), shot.to, left);
            }
        }
    }
    // Until nobody has anything more to read, for as long as four looks take.
    while Role::ALL.map(|role| arrivals.take(field, role)).contains(&true) {}
    arrivals
}
