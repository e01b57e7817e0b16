//! How much of a list is asked for at once.

use super::LONGEST;

/// The most objects of a page.
const MOST: u32 = 500;
/// The most bytes of a page of more than one object. A pod has 5 to 20 kB; who writes larger ones must not decide how much memory this takes.
const PAGE: usize = 8 << 20;

/// How much of a list is asked for at once: fewer objects where they are large, and more again, bit by bit, where they are not.
#[derive(Debug)]
pub(super) struct Volume {
    objects: u32,
}

impl Default for Volume {
    fn default() -> Self {
        Self { objects: MOST }
    }
}

impl Volume {
    /// How many objects are asked for.
    pub(super) fn objects(&self) -> u32 {
        self.objects
    }

    /// How many bytes they may have.
    pub(super) fn bytes(&self) -> usize {
        if self.objects == 1 { LONGEST } else { PAGE }
    }

    /// They had more. Whether fewer can be asked for.
    pub(super) fn overflowed(&mut self) -> bool {
        let fewer = self.objects > 1;
        self.objects = (self.objects / 2).max(1);
        fewer
    }

    /// They had so many.
    pub(super) fn fitted(&mut self, bytes: usize) {
        // Twice as many may have twice as many bytes, and one more should not make the difference.
        if bytes <= PAGE / 4 {
            self.objects = (self.objects * 2).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_objects_are_large_fewer_are_asked_for_and_afterwards_more_again() {
        let mut volume = Volume::default();
        assert_eq!((volume.objects(), volume.bytes()), (MOST, PAGE));
        let mut asked = Vec::new();
        while volume.overflowed() {
            asked.push(volume.objects());
        }
        assert_eq!(asked, [250, 125, 62, 31, 15, 7, 3, 1]);
        assert_eq!(volume.bytes(), LONGEST);
        volume.fitted(LONGEST / 2);
        assert_eq!(volume.objects(), 1, "the next one may be as large");
        for _ in 0..20 {
            volume.fitted(1_000);
        }
        assert_eq!(volume.objects(), MOST);
    }
}
