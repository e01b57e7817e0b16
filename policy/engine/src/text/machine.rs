//! Running regular expressions: all ways through at once, so the time is linear in the text, whatever the expression.

use alloc::{vec, vec::Vec};

use super::syntax::{Node, Set};

/// How many states an expression may have: 8 KiB of them (S58).
const MAX_STATES: usize = 2048;
/// How many parts may be visited in building them: repetitions of nothing have no states.
const MAX_WORK: usize = 8 * MAX_STATES;

/// An expression, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    states: Vec<State>,
    /// The sets of characters that states name by their place here: an expression has few, and repetition copies states.
    sets: Vec<Set>,
}

/// Four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// One character of this set leads to the state behind this one.
    One(u16),
    /// Leads to the state behind this one, and to another.
    Fork(u16),
    /// Leads to another state.
    Jump(u16),
    /// The end.
    End,
}

/// The expression is too large.
pub(super) struct TooLarge;

impl Machine {
    pub(super) fn new(node: &Node) -> Result<Self, TooLarge> {
        let mut builder = Builder { states: Vec::new(), sets: Vec::new(), work: 0 };
        builder.add(node)?;
        builder.state(State::End)?;
        let Builder { mut states, mut sets, .. } = builder;
        states.shrink_to_fit();
        sets.shrink_to_fit();
        Ok(Self { states, sets })
    }

    /// Whether the state at `at` waits for a character, and for this one.
    fn takes(&self, at: u16, byte: u8) -> bool {
        match self.states.get(usize::from(at)) {
            Some(State::One(set)) => {
                self.sets.get(usize::from(*set)).is_some_and(|set| set >> (byte & 127) & 1 == 1)
            }
            _ => false,
        }
    }

    /// Whether the whole of `text` matches.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let mut front = Front { marks: vec![0; self.states.len()], step: 1, ones: Vec::new(), ended: false };
        let mut open = Vec::new();
        self.follow(0, &mut front, &mut open);
        let mut ones = Vec::new();
        for byte in text {
            core::mem::swap(&mut ones, &mut front.ones);
            front.ones.clear();
            front.step += 1;
            front.ended = false;
            for state in ones.iter().copied() {
                if self.takes(state, *byte) {
                    self.follow(state + 1, &mut front, &mut open);
                }
            }
            if front.ones.is_empty() && !front.ended {
                return false;
            }
        }
        front.ended
    }

    /// Adds to the front every state that is reached from `start` without a character.
    fn follow(&self, start: u16, front: &mut Front, open: &mut Vec<u16>) {
        open.push(start);
        while let Some(at) = open.pop() {
            match front.marks.get_mut(usize::from(at)) {
                Some(mark) if *mark != front.step => *mark = front.step,
                _ => continue,
            }
            match self.states.get(usize::from(at)) {
                Some(State::One(_)) => front.ones.push(at),
                Some(State::Fork(other)) => open.extend([*other, at + 1]),
                Some(State::Jump(other)) => open.push(*other),
                Some(State::End) => front.ended = true,
                None => {}
            }
        }
    }
}

/// The place of a state or a set.
fn short(at: usize) -> Result<u16, TooLarge> {
    u16::try_from(at).map_err(|_| TooLarge)
}

/// The states the run is in.
struct Front {
    /// In which step each state was entered last.
    marks: Vec<usize>,
    step: usize,
    /// The states that wait for a character.
    ones: Vec<u16>,
    ended: bool,
}

struct Builder {
    states: Vec<State>,
    sets: Vec<Set>,
    work: usize,
}

impl Builder {
    fn state(&mut self, state: State) -> Result<usize, TooLarge> {
        if self.states.len() == MAX_STATES {
            return Err(TooLarge);
        }
        self.states.push(state);
        Ok(self.states.len() - 1)
    }

    fn set(&mut self, set: Set) -> Result<u16, TooLarge> {
        let known = self.sets.iter().position(|known| *known == set);
        let at = known.unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        });
        short(at)
    }

    /// Lets the fork or jump at `from` lead to the state that comes next.
    fn lead_here(&mut self, from: usize) -> Result<(), TooLarge> {
        let here = short(self.states.len())?;
        if let Some(State::Fork(to) | State::Jump(to)) = self.states.get_mut(from) {
            *to = here;
        }
        Ok(())
    }

    fn add(&mut self, node: &Node) -> Result<(), TooLarge> {
        self.work += 1;
        if self.work > MAX_WORK {
            return Err(TooLarge);
        }
        match node {
            Node::One(set) => {
                let set = self.set(*set)?;
                self.state(State::One(set))?;
            }
            Node::Sequence(parts) => parts.iter().try_for_each(|part| self.add(part))?,
            Node::Choice(branches) => self.choice(branches)?,
            Node::Repeat { node, least, most } => {
                for _ in 0..*least {
                    self.add(node)?;
                }
                match most {
                    None => {
                        let fork = self.state(State::Fork(0))?;
                        self.add(node)?;
                        self.state(State::Jump(short(fork)?))?;
                        self.lead_here(fork)?;
                    }
                    Some(most) => {
                        let mut forks = Vec::new();
                        for _ in *least..*most {
                            forks.push(self.state(State::Fork(0))?);
                            self.add(node)?;
                        }
                        forks.into_iter().try_for_each(|fork| self.lead_here(fork))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn choice(&mut self, branches: &[Node]) -> Result<(), TooLarge> {
        let Some((last, others)) = branches.split_last() else { return Ok(()) };
        let mut jumps = Vec::new();
        for branch in others {
            let fork = self.state(State::Fork(0))?;
            self.add(branch)?;
            jumps.push(self.state(State::Jump(0))?);
            self.lead_here(fork)?;
        }
        self.add(last)?;
        jumps.into_iter().try_for_each(|jump| self.lead_here(jump))
    }
}
