//! Names of what is written.

use core::cmp::Ordering;
use std::collections::BTreeMap;

/// The longest name of an object (RFC 1123, as Kubernetes reads it).
const LONGEST: usize = 253;

/// The kinds of foreign policies, as they begin the names of policies that were read from them.
const KINDS: [&str; 11] = [
    "networkpolicy",
    "clusternetworkpolicy",
    "adminnetworkpolicy",
    "baselineadminnetworkpolicy",
    "authorizationpolicy",
    "peerauthentication",
    "caliconetworkpolicy",
    "globalnetworkpolicy",
    "stagednetworkpolicy",
    "stagedglobalnetworkpolicy",
    "stagedkubernetesnetworkpolicy",
];

/// The parts of the id of a rule or an isolation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id<'i> {
    /// All but the last part: what tells policies apart.
    pub(super) policy: &'i str,
    /// The name of the policy without its namespace and kind.
    pub(super) name: &'i str,
    /// The name of the rule, or `isolate[n]`.
    pub(super) element: &'i str,
}

impl<'i> Id<'i> {
    pub(super) fn of(id: &'i str) -> Self {
        let (policy, element) = id.rsplit_once('/').unwrap_or((id, id));
        let name = policy.rsplit_once('/').map_or(policy, |(_, name)| name);
        let foreign = name.split_once('.').filter(|(kind, _)| KINDS.contains(kind));
        Self { policy, name: foreign.map_or(name, |(_, name)| name), element }
    }
}

/// Compares texts so that numbers in them are in the order of numbers: `rule[2]` before `rule[10]`.
pub(super) fn naturally(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        match (digits(a), digits(b)) {
            (x @ 1.., y @ 1..) => {
                let ((left, rest_a), (right, rest_b)) = (a.split_at(x), b.split_at(y));
                let plain = |number: &str| number.trim_start_matches('0').to_owned();
                let (left, right) = (plain(left), plain(right));
                let order = left.len().cmp(&right.len()).then_with(|| left.cmp(&right));
                if order.is_ne() {
                    return order;
                }
                (a, b) = (rest_a, rest_b);
            }
            _ => match (a.chars().next(), b.chars().next()) {
                (Some(x), Some(y)) if x == y => {
                    (a, b) = (
                        a.get(x.len_utf8()..).unwrap_or_default(),
                        b.get(y.len_utf8()..).unwrap_or_default(),
                    );
                }
                (x, y) => return x.cmp(&y),
            },
        }
    }
}

/// A text as a part of a name: `a–z`, `0–9`, `-` and `.`, with a letter or digit at both ends.
fn plain(text: &str) -> String {
    let mapped: String = text
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' => c,
            _ => '-',
        })
        .collect();
    let mut plain = String::new();
    for c in mapped.chars() {
        let doubled = matches!(c, '-' | '.') && plain.ends_with(['-', '.']);
        if !doubled {
            plain.push(c);
        }
    }
    plain.trim_matches(['-', '.']).to_owned()
}

/// Names that were given already, by what must be unique: kind and namespace.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<(String, String), usize>);

impl Names {
    /// A name that nobody in `scope` has: that of the policy, or with that of the element behind it, or with a number.
    pub(super) fn give(&mut self, scope: &str, policy: &str, element: &str) -> String {
        let long = match element {
            "" => plain(policy),
            element => plain(&format!("{policy}-{element}")),
        };
        for candidate in [plain(policy), long.clone()] {
            if let Some(name) = self.take(scope, &candidate) {
                return name;
            }
        }
        let mut number = 2_usize;
        loop {
            if let Some(name) = self.take(scope, &format!("{long}-{number}")) {
                return name;
            }
            number += 1;
        }
    }

    /// Takes a name if it is free, shortened where it is too long.
    fn take(&mut self, scope: &str, name: &str) -> Option<String> {
        let name = match name {
            "" => "policy",
            name => name,
        };
        // All is ASCII, so every place is one between characters. The end tells long names apart.
        let cut = name.len().saturating_sub(LONGEST);
        let name = name.get(cut..).unwrap_or(name).trim_matches(['-', '.']).to_owned();
        let key = (scope.to_owned(), name.clone());
        if self.0.contains_key(&key) {
            return None;
        }
        self.0.insert(key, 1);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_ids_are_in_the_order_of_numbers() {
        let mut ids = ["a/ingress[10]", "a/ingress[2]", "a/ingress[2].to[1]", "a/egress[11]", "a2", "a10"];
        ids.sort_by(|a, b| naturally(a, b));
        assert_eq!(ids, ["a/egress[11]", "a/ingress[2]", "a/ingress[2].to[1]", "a/ingress[10]", "a2", "a10"]);
    }

    #[test]
    fn a_name_is_given_once_and_says_where_it_comes_from() {
        let mut names = Names::default();
        let id = Id::of("default/networkpolicy.web/ingress[0]");
        assert_eq!((id.name, id.element), ("web", "ingress[0]"));
        assert_eq!(names.give("default", id.name, id.element), "web");
        assert_eq!(names.give("default", id.name, id.element), "web-ingress-0");
        assert_eq!(names.give("default", id.name, id.element), "web-ingress-0-2");
        assert_eq!(names.give("other", id.name, id.element), "web");
        assert_eq!(names.give("default", "rules/A_b", "x"), "rules-a-b");
        assert_eq!(names.give("default", &"a".repeat(300), "x").len(), 253);
    }
}
