//! Policies that were made up, and questions that are aimed at them: about half of what is asked is allowed.

mod pattern;
mod policies;
mod questions;

pub(crate) use policies::policies;
pub(crate) use questions::questions;

use crate::dice::Dice;
use crate::policy::AuthorizationPolicy;

/// Who connects, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Line {
    /// A number of [`PEERS`](crate::world::PEERS).
    pub(crate) peer: usize,
    pub(crate) port: u16,
    /// The name that the client asks for in its handshake.
    pub(crate) sni: Option<&'static str>,
}

/// A request, as its client writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) headers: Vec<(String, String)>,
    /// A number of [`tokens`](crate::world::tokens).
    pub(crate) token: Option<usize>,
}

/// What is asked of the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) line: Line,
    /// Nothing for a stream.
    pub(crate) request: Option<Request>,
}

/// The policies of one workload, and what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) policies: Vec<AuthorizationPolicy>,
    pub(crate) questions: Vec<Question>,
}

/// How many questions a set has.
pub(crate) const QUESTIONS: usize = 100;
/// How many of them are about streams.
const STREAMS: usize = 14;

/// The set of this number.
pub(crate) fn set(seed: u64, number: usize) -> Set {
    let mut dice = Dice::new(seed, number);
    let policies = policies(&mut dice);
    let questions = questions(&mut dice, &policies, QUESTIONS - STREAMS, STREAMS);
    Set { policies, questions }
}
