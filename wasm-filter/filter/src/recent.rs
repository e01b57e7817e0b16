//! What the texts about recent peers meant.

use crate::Fault;
use crate::arrival::Arrival;

/// How many texts are remembered: each has one place, and the next text for it takes it over. Neither a flood of peers nor
/// one who chooses names that meet costs more than reading a text again. A power of two.
const PLACES: usize = 1024;

/// The most bytes of a text that is remembered. The certificate of a mesh has one name of less than 256 bytes.
const MOST_BYTES: usize = 1024;

/// The meaning of recent texts: requests on the same connection have the same one.
#[derive(Debug, Default)]
pub struct Recent {
    places: Vec<Option<Place>>,
    /// Where what is not remembered stays while it is looked at.
    passing: Option<Arrival>,
}

#[derive(Debug)]
struct Place {
    text: Box<[u8]>,
    meaning: Arrival,
}

impl Recent {
    /// The meaning of `text`, remembered or by `parse`.
    ///
    /// # Errors
    /// Those of `parse`; they are not remembered.
    pub fn find(
        &mut self,
        text: &[u8],
        parse: impl FnOnce(&[u8]) -> Result<Arrival, Fault>,
    ) -> Result<&Arrival, Fault> {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        let place = self.places.get_mut(place_of(text)).filter(|_| text.len() <= MOST_BYTES);
        let Some(place) = place else { return Ok(self.passing.insert(parse(text)?)) };
        let known = match place.take() {
            Some(known) if *known.text == *text => known,
            _ => Place { text: text.into(), meaning: parse(text)? },
        };
        Ok(&place.insert(known).meaning)
    }
}

/// FNV-1a, over eight bytes at a time.
fn place_of(text: &[u8]) -> usize {
    const PRIME: u64 = 0x0100_0000_01b3;
    let (words, rest) = text.as_chunks::<8>();
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
    usize::try_from(hash % PLACES as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u32) -> String {
        format!("10.0.0.1 10.0.0.2:{} spiffe://cluster.local/ns/default/sa/{number}", number % 65_536)
    }

    #[test]
    fn a_text_is_read_once_and_means_the_same_again() {
        let mut recent = Recent::default();
        let mut times = 0;
        for _ in 0..3 {
            let found = recent.find(text(7).as_bytes(), |text| {
                times += 1;
                Arrival::parse(text)
            });
            assert_eq!(found.cloned(), Arrival::parse(text(7).as_bytes()));
        }
        assert_eq!(times, 1);
    }

    #[test]
    fn more_texts_than_places_are_never_taken_for_one_another_and_take_no_more_memory() {
        let mut recent = Recent::default();
        for _ in 0..2 {
            for number in 0..5_000 {
                let text = text(number);
                assert_eq!(
                    recent.find(text.as_bytes(), Arrival::parse).cloned(),
                    Arrival::parse(text.as_bytes())
                );
            }
        }
        assert_eq!(recent.places.len(), PLACES);
        let used = recent.places.iter().flatten().count();
        assert!(used > PLACES * 9 / 10, "{used} places are used");
    }

    #[test]
    fn what_makes_no_sense_is_not_remembered_and_forgets_nothing_else() {
        let mut recent = Recent::default();
        assert!(recent.find(b"-", Arrival::parse).is_err());
        assert!(recent.find(b"-", Arrival::parse).is_err());
        assert_eq!(recent.places.iter().flatten().count(), 0);
        let long = format!("::1 [::1]:1 {}", "a".repeat(MOST_BYTES));
        assert_eq!(recent.find(long.as_bytes(), Arrival::parse).cloned(), Arrival::parse(long.as_bytes()));
        assert_eq!(recent.places.iter().flatten().count(), 0);
    }
}
