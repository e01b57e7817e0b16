//! The 64-bit numbers by which the kernel knows policies, identities and rules: the first 64 bits of a SHA-256.
//!
//! A number is a function of what it names, so every host and every restart agrees on it and old and new tables can
//! stand side by side. It is never 0, which the tables reserve, and 1 is the failsafe. Two things with one number are refused when a plan is
//! built; among a million things that happens once in 37 million plans.

use bookend_abi::table::{FAILSAFE_RULE, Limit, NO_LIMIT, Rate, SERVICE};
use bookend_engine::{End, FAILSAFE, Labels, NamedPort, WorkloadIdentity};
use sha2::{Digest, Sha256};

/// The number of the rule, the isolation or the default with this id.
#[must_use]
pub fn of_rule(id: &str) -> u64 {
    if id == FAILSAFE {
        return FAILSAFE_RULE;
    }
    let mut hash = Number::new("bookend rule 1");
    hash.text(id);
    hash.finish()
}

/// The number of an identity.
#[must_use]
pub fn of_identity(identity: &WorkloadIdentity) -> u64 {
    // Taken apart so that a new field cannot be forgotten here.
    let WorkloadIdentity { namespace, service_account, labels, proxied, jwt, ports, namespace_labels } =
        identity;
    let mut hash = Number::new("bookend identity 2");
    hash.text(namespace);
    hash.text(service_account);
    hash.bytes(&[u8::from(*proxied), u8::from(*jwt)]);
    hash.labels(Some(labels));
    hash.labels(namespace_labels.as_deref());
    hash.count(ports.as_ref().map(Vec::len));
    for NamedPort { name, protocol, port } in ports.iter().flatten() {
        hash.text(name);
        hash.text(protocol.name());
        hash.bytes(&port.to_le_bytes());
    }
    // The bit says that an address is a Service's.
    match hash.finish() & !SERVICE {
        0 => 1,
        number => number,
    }
}

/// The number of what a rule limits at one end: never 0. It depends on the limits too, so what is counted begins anew when they
/// change; and on the end, so that what a workload opens and what is opened to it are counted apart. At two ends, or with two
/// limits, a number is the same once in four thousand million.
#[must_use]
pub fn of_limit(rule: &str, end: End, limit: &Limit) -> u32 {
    let mut hash = Number::new("bookend limit 1");
    hash.text(rule);
    hash.text(end.name());
    let Limit { connections, connections_per_source, packets, packets_per_source } = limit;
    for Rate { interval, depth } in [connections, connections_per_source, packets, packets_per_source] {
        hash.bytes(&interval.to_le_bytes());
        hash.bytes(&depth.to_le_bytes());
    }
    match (hash.finish() >> 32) as u32 {
        NO_LIMIT => NO_LIMIT + 1,
        number => number,
    }
}

/// A number in the making. Every part goes in with its length, so no two sequences of parts are the same bytes.
pub(crate) struct Number(Sha256);

impl Number {
    /// Numbers of one `kind` never depend on those of another.
    pub(crate) fn new(kind: &str) -> Self {
        let mut number = Self(Sha256::new());
        number.text(kind);
        number
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    /// How many parts follow; `None` where it is not even known whether there are any.
    fn count(&mut self, count: Option<usize>) {
        self.bytes(&count.map_or(u64::MAX, |count| count as u64).to_le_bytes());
    }

    fn labels(&mut self, labels: Option<&Labels>) {
        self.count(labels.map(Labels::len));
        for (key, value) in labels.into_iter().flatten() {
            self.text(key);
            self.text(value);
        }
    }

    /// Bytes of a length that the reader knows.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> u64 {
        let digest = self.0.finalize();
        // Big-endian, so that the number in hexadecimal is the beginning of the hash as `sha256sum` prints it.
        let number = digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        if number <= FAILSAFE_RULE { FAILSAFE_RULE + 1 } else { number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(labels: &[(&str, &str)]) -> WorkloadIdentity {
        WorkloadIdentity {
            namespace: "default".to_owned(),
            service_account: "default".to_owned(),
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Labels>(),
            ..WorkloadIdentity::default()
        }
    }

    #[test]
    fn the_bounds_between_parts_count() {
        assert_ne!(of_identity(&identity(&[("a", "bc")])), of_identity(&identity(&[("ab", "c")])));
        assert_ne!(of_identity(&identity(&[("a", "b")])), of_identity(&identity(&[("a", "b"), ("", "")])));
    }

    #[test]
    fn a_number_stays_what_it_is() {
        assert_eq!(of_rule("failsafe"), 1);
        // Pinned tables outlive a daemon: changing this makes an upgrade rewrite everything.
        assert_eq!(format!("{:016x}", of_rule("default-allow")), "a2c90f8289016268");
    }
}
