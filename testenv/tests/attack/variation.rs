//! Other spellings of the attacks, by the thousand.

use crate::data::Suite;
use crate::field::Shot;
use crate::proxy::Normalization;

/// Variations of every attack.
pub(crate) fn variations<'a>(_suite: &'a Suite, _normalizations: &[Normalization]) -> Vec<Shot<'a>> {
    Vec::new()
}
