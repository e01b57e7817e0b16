//! A pod, in as few bytes as may be: there are very many.

use std::sync::Arc;

use super::super::pod::{Whereabouts, Who};

/// A pod.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) uid: Uid,
    /// Its name; the same text as in the names of its namespace.
    pub(super) name: Arc<str>,
    pub(super) who: Arc<Who>,
    pub(super) whereabouts: Whereabouts,
    /// What this node calls it, if it is here.
    #[expect(clippy::box_collection, reason = "nearly no pod is here, and all have the field")]
    pub(super) local: Option<Box<String>>,
}

impl Member {
    /// Whether it has addresses of its own, finished or not.
    pub(super) fn has_addresses(&self) -> bool {
        !self.who.host_network && !self.whereabouts.finished
    }
}

/// A UID. An API server writes it as RFC 9562 does, with lower-case digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Uid {
    /// The number that it is written for.
    Number([u8; 16]),
    /// One that is written in another way.
    Text(Box<str>),
}

impl Uid {
    pub(super) fn new(text: &str) -> Self {
        number(text).map_or_else(|| Self::Text(text.into()), Self::Number)
    }
}

/// The number that a UID is written for, if no other text is written for the same.
fn number(text: &str) -> Option<[u8; 16]> {
    let mut number = [0; 16];
    let mut digits = 0_usize;
    for (position, byte) in text.bytes().enumerate() {
        let digit = match (byte, position) {
            (b'-', 8 | 13 | 18 | 23) => continue,
            (b'0'..=b'9', _) => byte - b'0',
            (b'a'..=b'f', _) => byte - b'a' + 10,
            _ => return None,
        };
        let place = number.get_mut(digits / 2)?;
        *place = *place << 4 | digit;
        digits += 1;
    }
    // 32 digits and the four hyphens, each in its place.
    (digits == 32 && text.len() == 36).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_uids_are_the_same_only_if_they_are_written_alike() {
        let one = "0f3a1c52-7f0c-4b6e-9d1e-00000000000a";
        assert!(matches!(Uid::new(one), Uid::Number(_)));
        assert_eq!(Uid::new(one), Uid::new(one));
        for other in [
            "0f3a1c52-7f0c-4b6e-9d1e-00000000000b",
            "0F3A1C52-7f0c-4b6e-9d1e-00000000000a",
            "0f3a1c527f0c4b6e9d1e00000000000a",
            "0f3a1c5207f0c04b6e09d1e00000000000a",
            "0f3a1c52-7f0c-4b6e-9d1e-00000000000",
            "0f3a1c52-7f0c-4b6e-9d1e-00000000000a0",
            "",
        ] {
            assert_ne!(Uid::new(one), Uid::new(other), "{other}");
            assert_eq!(Uid::new(other), Uid::new(other));
        }
    }

    #[test]
    fn a_pod_takes_few_bytes() {
        assert!(size_of::<Member>() <= 88, "{}", size_of::<Member>());
    }
}
