//! The oracle: what each server would have done with what reached the upstream.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::Result;

use crate::bytes::shown;
use crate::data::Policy;
use crate::field::{Outcome, name};
use crate::message::Framing;
use crate::server::{Read, SERVERS};

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
            let message = format!("{received:?}");
            found.insert(Breach { server: "any", deed: deed.says.clone(), message });
        }
        for framing in Framing::ALL {
            for message in received.messages(framing) {
                for server in &SERVERS {
                    let read = Read { server, message: &message };
                    for deed in &policy.forbidden {
                        if !deed.whatever() && deed.done(&read)? {
                            let fields: Vec<String> = message
                                .fields
                                .iter()
                                .map(|(name, value)| format!("{}: {}", shown(name), shown(value)))
                                .collect();
                            found.insert(Breach {
                                server: server.name,
                                deed: deed.says.clone(),
                                message: format!(
                                    "{} {} ({}) {fields:?}",
                                    shown(&message.method),
                                    message.target.as_deref().map_or("-".to_owned(), shown),
                                    message.authority.as_deref().map_or("-".to_owned(), shown),
                                ),
                            });
                        }
                    }
                }
            }
        }
    }
    Ok(found)
}

/// An outcome that should not have been, for a reader.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) sent: String,
    pub(crate) breaches: BTreeSet<Breach>,
    pub(crate) answer: String,
}

impl Finding {
    pub(crate) fn new(outcome: &Outcome<'_>, breaches: BTreeSet<Breach>) -> Self {
        let sent: Vec<u8> = outcome.shot.wire.parts.iter().flat_map(|part| part.0.clone()).collect();
        let answer = outcome.answer.get(..outcome.answer.len().min(300)).unwrap_or_default();
        Self { what: name(&outcome.shot), sent: shown(&sent), breaches, answer: shown(answer) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n  sent    {}", self.what, self.sent)?;
        for Breach { server, deed, message } in self.breaches.iter().take(4) {
            writeln!(f, "  {server:<7} {deed}: {message}")?;
        }
        writeln!(f, "  answer  {}", self.answer)
    }
}
