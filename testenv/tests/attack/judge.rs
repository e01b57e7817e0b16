//! The oracle: what each server would have done with what reached the upstream.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::Result;

use crate::bytes::shown;
use crate::data::Policy;
use crate::field::{Outcome, name};
use crate::message::Framing;
use crate::server::{Read, SERVERS};

/// How much of an answer is told.
const ANSWER: usize = 160;

/// What is forbidden and would have been done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    /// By which server.
    pub(crate) server: &'static str,
    /// What it is.
    pub(crate) deed: String,
    /// By which bytes.
    pub(crate) message: String,
}

/// Everything forbidden that a server would have done.
///
/// # Errors
/// When a policy is written with characters that are no bytes.
pub(crate) fn breaches(outcome: &Outcome<'_>, policy: &Policy) -> Result<BTreeSet<Breach>> {
    let mut found = BTreeSet::new();
    for received in &outcome.received {
        for deed in policy.forbidden.iter().filter(|deed| deed.whatever()) {
            let message = received.shown();
            found.insert(Breach { server: "any", deed: deed.says.clone(), message });
        }
        for framing in Framing::ALL {
            for message in received.messages(framing) {
                for server in &SERVERS {
                    let read = Read { server, message: &message };
                    for deed in &policy.forbidden {
                        if !deed.whatever() && deed.done(&read)? {
                            found.insert(Breach {
                                server: server.name,
                                deed: deed.says.clone(),
                                message: message.shown(),
                            });
                        }
                    }
                }
            }
        }
    }
    Ok(found)
}

/// An attack that came to what it should not have come to.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The attack.
    what: String,
    /// On which ways.
    ways: Vec<String>,
    /// What was sent the first time, what was done with it, and what the client got.
    sent: String,
    breaches: BTreeSet<Breach>,
    answer: String,
}

impl Finding {
    /// What came of one request.
    pub(crate) fn new(outcome: &Outcome<'_>, breaches: BTreeSet<Breach>) -> Self {
        let sent: Vec<u8> = outcome.shot.wire.parts.iter().flat_map(|part| part.0.clone()).collect();
        let answer = outcome.answer.get(..outcome.answer.len().min(ANSWER)).unwrap_or_default();
        let (what, way) = name(&outcome.shot);
        Self { what, ways: vec![way], sent: shown(&sent), breaches, answer: shown(answer) }
    }

    /// Takes another finding in, if it is of the same attack.
    pub(crate) fn join(&mut self, other: Self) -> Option<Self> {
        if self.what != other.what {
            return Some(other);
        }
        self.ways.extend(other.ways);
        None
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({} times: {})",
            self.what,
            self.ways.len(),
            self.ways.first().map_or("", |way| way)
        )?;
        writeln!(f, "  sent    {}", self.sent)?;
        let mut told = BTreeSet::new();
        for Breach { server, deed, message } in &self.breaches {
            if told.insert(*server) && told.len() <= 3 {
                writeln!(f, "  {server:<7} {deed}: {message}")?;
            }
        }
        writeln!(f, "  answer  {}", self.answer)
    }
}
