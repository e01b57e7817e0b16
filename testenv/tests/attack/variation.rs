//! Other spellings of the attacks, by the thousand: each place of a path written in each way that some server reads as
//! the same, and several of them at once.

use std::collections::BTreeSet;

use crate::bytes::cut;
use crate::data::{Attack, Fate, Suite, Wire};
use crate::field::Shot;
use crate::proxy::{Normalization, Way};

/// What can stand for a slash.
const SLASHES: [&str; 14] = [
    "//",
    "/./",
    "/%2e/",
    "/x/../",
    "/x/%2e%2e/",
    "/x/..;/",
    "/;/",
    "/;x=1/",
    "/.;/",
    "%2F",
    "%2f",
    "\\",
    "%5C",
    "%252f",
];
/// What can stand behind a path.
const ENDINGS: [&str; 22] = [
    "/", "//", "/.", "/x/..", "/%2e", ";", ";x=1", "%3b", "%00", "%00.css", ";x.css", "?x.css", "?", "%3f",
    "%23", "%20", "%09", "%0a", "%0d%0a", "\\", "%5c", "%c0%af",
];
/// What can stand before it.
const BEGINNINGS: [&str; 10] =
    ["/", "/.", "/x/..", "/%2e", "/x;y/..", "/x/..;", "/..", "/%2e%2e", "\\", "/public/.."];
/// How many combinations are tried of each attack.
const COMBINED: usize = 12;

/// The policy beside which another says the same.
const ALSO: (&str, &str) = ("deny-prefix", "deny-when");

/// Policies that a slash at the end leads around on a server, as SECURITY.md says.
const OUTSIDE: [(&str, &str); 2] = [("deny-suffix", "express"), ("deny-nested", "express")];

/// Whether SECURITY.md says that this server is fooled by another spelling of an attack on this policy.
pub(crate) fn outside(policy: &str, server: &str) -> bool {
    OUTSIDE.contains(&(policy, server))
}

/// Variations of every attack on a path.
pub(crate) fn variations<'a>(suite: &'a Suite, normalizations: &[Normalization]) -> Vec<Shot<'a>> {
    let mut shots = Vec::new();
    let mut seen: BTreeSet<(usize, bool, Vec<u8>)> = BTreeSet::new();
    let also = suite.policies.iter().position(|policy| policy.name == ALSO.1);
    for attack in &suite.attacks {
        let Some(target) = attack.wire.target().filter(|_| varied(attack)) else { continue };
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15 ^ seen.len() as u64);
        let policies = [Some(attack.policy), also.filter(|_| suite.policies[attack.policy].name == ALSO.0)];
        for policy in policies.into_iter().flatten() {
            for target in spellings(target, &mut chance) {
                if !seen.insert((policy, attack.wire.streams, target.clone())) {
                    continue;
                }
                let wire: Wire = attack.wire.aimed_at(&target);
                for normalization in normalizations {
                    let (wire, normalization, way) = (wire.clone(), *normalization, Way::Same);
                    shots.push(Shot { attack, policy, wire, normalization, way });
                }
            }
        }
    }
    shots
}

/// Those that servers are said not to tell apart are left as they are.
fn varied(attack: &Attack) -> bool {
    let paths = ["plain", "slashes", "dots", "encoding", "endings", "parameters"];
    attack.fate == Fate::Stopped && paths.contains(&attack.class.as_str())
}

/// Other spellings of a target.
fn spellings(target: &[u8], chance: &mut Chance) -> Vec<Vec<u8>> {
    let (path, query) = cut(target, b'?');
    let mut paths: Vec<Vec<u8>> = Vec::new();
    for (place, byte) in path.iter().enumerate().skip(1) {
        let (before, rest) = path.split_at(place);
        let behind = &rest[1..];
        paths.push([before, format!("%{byte:02X}").as_bytes(), behind].concat());
        paths.push([before, format!("%25{byte:02x}").as_bytes(), behind].concat());
        if *byte == b'/' {
            paths.extend(SLASHES.map(|slash| [before, slash.as_bytes(), behind].concat()));
        }
    }
    paths.push(
        path.iter()
            .flat_map(|byte| if *byte == b'/' { "/".to_owned() } else { format!("%{byte:02x}") }.into_bytes())
            .collect(),
    );
    paths.extend(ENDINGS.map(|ending| [path, ending.as_bytes()].concat()));
    paths.extend(BEGINNINGS.map(|beginning| [beginning.as_bytes(), path].concat()));
    for _ in 0..COMBINED {
        let other = &paths[chance.below(paths.len())];
        let mut combined = [BEGINNINGS[chance.below(BEGINNINGS.len())].as_bytes(), other].concat();
        if let Some(place) = (1..combined.len()).rev().find(|place| combined[*place] == b'/') {
            combined.splice(place..=place, SLASHES[chance.below(SLASHES.len())].bytes());
        }
        combined.extend(ENDINGS[chance.below(ENDINGS.len())].bytes());
        paths.push(combined);
    }
    let query = query.map(|query| [b"?", query].concat()).unwrap_or_default();
    paths
        .into_iter()
        .map(|path| if path.contains(&b'?') { path } else { [path, query.clone()].concat() })
        .collect()
}

/// The same numbers every time. (Marsaglia, "Xorshift RNGs", 2003.)
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit.max(1)
    }
}
