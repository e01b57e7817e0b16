//! Who recent requests came from.
//!
//! All requests of a connection come from the same peer. A proxy that numbers its connections is asked about each of them
//! once; what others say is read once for each text.

use crate::Fault;
use crate::arrival::Arrival;

/// How many are remembered: each has one place, and the next for it takes it over. Neither a flood of peers nor one who
/// chooses what meets costs more than asking again.
const PLACES: usize = 1024;

/// The most bytes of a text that is remembered. The certificate of a mesh has one name of less than 256 bytes.
const MOST_BYTES: usize = 1024;

/// What is known of recent connections.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    places: Vec<Option<Place>>,
    /// Where what is not remembered stays while it is looked at.
    passing: Option<Place>,
}

/// What an arrival is remembered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key<'k> {
    /// The proxy's number of the connection, which no other ever gets.
    Connection(u64),
    /// What the proxy said, byte for byte.
    Text(&'k [u8]),
}

#[derive(Debug)]
struct Place {
    connection: Option<u64>,
    text: Box<[u8]>,
    arrival: Arrival,
}

impl Place {
    fn new(key: Key<'_>, arrival: Arrival) -> Self {
        let (connection, text) = match key {
            Key::Connection(number) => (Some(number), Box::default()),
            Key::Text(text) => (None, text.into()),
        };
        Self { connection, text, arrival }
    }

    fn is_of(&self, key: Key<'_>) -> bool {
        match key {
            Key::Connection(number) => self.connection == Some(number),
            Key::Text(text) => self.connection.is_none() && *self.text == *text,
        }
    }
}

impl Recent {
    /// What is known under a key, remembered or by `ask`.
    ///
    /// # Errors
    /// Those of `ask`. Neither they nor nothing are remembered.
    pub(crate) fn find(
        &mut self,
        key: Key<'_>,
        ask: impl FnOnce() -> Result<Option<Arrival>, Fault>,
    ) -> Result<Option<&Arrival>, Fault> {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        let number = number_of(key);
        let known = self.places.get_mut(number).and_then(|place| place.take_if(|known| known.is_of(key)));
        let place = match known {
            Some(known) => known,
            None => match ask()? {
                Some(arrival) => Place::new(key, arrival),
                None => return Ok(None),
            },
        };
        let home = match self.places.get_mut(number) {
            Some(home) => home,
            None => &mut self.passing,
        };
        Ok(Some(&home.insert(place).arrival))
    }
}

/// The place of a key; none that there is for what is not remembered.
fn number_of(key: Key<'_>) -> usize {
    let hash = match key {
        Key::Connection(number) => hashed(&number.to_le_bytes()),
        Key::Text(text) if text.len() <= MOST_BYTES => hashed(text),
        Key::Text(_) => return usize::MAX,
    };
    usize::try_from(hash % PLACES as u64).unwrap_or(usize::MAX)
}

/// FNV-1a, over eight bytes at a time.
fn hashed(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut stir = |word: u64| {
        hash = (hash ^ word).wrapping_mul(PRIME);
        // Multiplying carries upwards only.
        hash ^= hash >> 32;
    };
    for word in words {
        stir(u64::from_le_bytes(*word));
    }
    for byte in rest {
        stir(u64::from(*byte));
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u64) -> String {
        format!("10.0.0.1 10.0.0.2:{} spiffe://cluster.local/ns/default/sa/{number}", number % 65_536)
    }

    fn arrival(number: u64) -> Arrival {
        Arrival::parse(text(number).as_bytes()).unwrap()
    }

    fn used(recent: &Recent) -> usize {
        recent.places.iter().flatten().count()
    }

    #[test]
    fn it_is_asked_once_and_answers_the_same_again() {
        for key in [Key::Connection(7), Key::Text(text(7).as_bytes())] {
            let (mut recent, mut times) = (Recent::default(), 0);
            for _ in 0..3 {
                let found = recent.find(key, || {
                    times += 1;
                    Ok(Some(arrival(7)))
                });
                assert_eq!(found, Ok(Some(&arrival(7))));
            }
            assert_eq!(times, 1);
        }
    }

    #[test]
    fn more_than_there_are_places_are_never_taken_for_one_another_and_take_no_more_memory() {
        let mut recent = Recent::default();
        for _ in 0..2 {
            for number in 0..5_000 {
                let text = text(number);
                let found = recent.find(Key::Text(text.as_bytes()), || Ok(Some(arrival(number))));
                assert_eq!(found, Ok(Some(&arrival(number))));
                let other = arrival(number + 1);
                let found = recent.find(Key::Connection(number), || Ok(Some(other.clone())));
                assert_eq!(found, Ok(Some(&other)));
            }
        }
        assert_eq!(recent.places.len(), PLACES);
        assert!(used(&recent) > PLACES * 9 / 10, "{} places are used", used(&recent));
    }

    #[test]
    fn a_number_is_not_the_text_of_its_bytes() {
        let mut recent = Recent::default();
        let bytes = 7_u64.to_le_bytes();
        assert_eq!(recent.find(Key::Connection(7), || Ok(Some(arrival(1)))), Ok(Some(&arrival(1))));
        assert_eq!(recent.find(Key::Text(&bytes), || Ok(Some(arrival(2)))), Ok(Some(&arrival(2))));
        assert_eq!(recent.find(Key::Connection(7), || Ok(Some(arrival(3)))), Ok(Some(&arrival(3))));
        assert_eq!(recent.find(Key::Text(b""), || Ok(Some(arrival(4)))), Ok(Some(&arrival(4))));
    }

    #[test]
    fn what_makes_no_sense_or_is_not_there_or_too_long_is_not_remembered_and_displaces_nothing() {
        let mut recent = Recent::default();
        for _ in 0..2 {
            assert_eq!(recent.find(Key::Connection(1), || Ok(None)), Ok(None));
            assert_eq!(recent.find(Key::Text(b"-"), || Err(Fault::Silent)), Err(Fault::Silent));
            let long = vec![b'a'; MOST_BYTES + 1];
            assert_eq!(recent.find(Key::Text(&long), || Ok(Some(arrival(1)))), Ok(Some(&arrival(1))));
        }
        assert_eq!(used(&recent), 0);
    }
}
