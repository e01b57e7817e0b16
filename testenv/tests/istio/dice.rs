//! Numbers that look like chance, the same for the same seed.

/// A generator (xorshift).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Other numbers for every seed and every `number`.
    pub(crate) fn new(seed: u64, number: usize) -> Self {
        let number = u64::try_from(number).unwrap_or_default();
        let mut dice =
            Self((seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd134_2543_de82_ef95) | 1);
        // Seeds that are alike begin alike.
        for _ in 0..8 {
            dice.roll(2);
        }
        dice
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or_default() % sides
    }

    /// True so many times of a hundred.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    pub(crate) fn pick<'p, T>(&mut self, from: &'p [T]) -> &'p T {
        &from[self.roll(from.len())]
    }

    pub(crate) fn text<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.roll(from.len())]
    }

    /// One to `most` different ones.
    pub(crate) fn some(&mut self, from: &[&str], most: usize) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for _ in 0..=self.roll(most) {
            let one = self.text(from).to_owned();
            if !found.contains(&one) {
                found.push(one);
            }
        }
        found
    }
}
