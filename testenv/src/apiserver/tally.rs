//! What was asked of the server: every request, and how much it cost.

use std::collections::BTreeMap;
use std::time::Duration;

use super::access::Deed;

/// How many requests are remembered; the numbers go on.
const REMEMBERED: usize = 100_000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// When, from the start of the server.
    pub at: Duration,
    /// Who; empty if nobody could be recognized.
    pub user: String,
    /// What `User-Agent` said.
    pub agent: String,
    /// What was wanted. The verb `discover` and the path as resource where it is about the server itself.
    pub deed: Deed,
    /// The query, as it came.
    pub query: String,
    /// The HTTP status of the answer.
    pub code: u16,
}

/// Numbers since the start, or since they were last set to nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests by verb and resource.
    pub requests: BTreeMap<(String, String), u64>,
    /// Bytes of bodies sent, those of watches included.
    pub bytes: u64,
    /// Events sent to watches, without bookmarks.
    pub events: u64,
    /// Bookmarks sent.
    pub bookmarks: u64,
    /// Connections accepted.
    pub connections: u64,
}

impl Load {
    /// How many requests there were of a verb about a resource; empty for all.
    pub fn count(&self, verb: &str, resource: &str) -> u64 {
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        let found = self.requests.iter().filter(|((a, b), _)| is(verb, a) && is(resource, b));
        found.map(|(_, count)| count).sum()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) load: Load,
    pub(crate) asked: Vec<Asked>,
    /// Watches that are open now, by resource.
    pub(crate) watches: BTreeMap<String, u32>,
}

impl Tally {
    pub(crate) fn note(&mut self, asked: Asked) {
        let key = (asked.deed.verb.clone(), asked.deed.resource.clone());
        *self.load.requests.entry(key).or_default() += 1;
        if self.asked.len() < REMEMBERED {
            self.asked.push(asked);
        }
    }
}
