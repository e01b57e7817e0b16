//! Chance, for many who should not all do the same at the same time.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number from 0 to less than 1, another one each time. It is good for spreading what many do, and for no secret.
pub fn chance() -> f64 {
    // Every `RandomState` has other keys, and that is all that is asked of chance here.
    let drawn = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(drawn).unwrap_or_default()) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_another_one_each_time_and_reaches_everything() {
        let drawn: Vec<f64> = (0..256).map(|_| chance()).collect();
        assert!(drawn.iter().all(|part| (0.0..1.0).contains(part)));
        assert!(drawn.iter().any(|part| *part < 0.1) && drawn.iter().any(|part| *part > 0.9), "{drawn:?}");
    }
}
