//! Implementations of the decision, as the corpus sees them.

mod decision;
mod proxy;
mod tables;

use std::sync::Arc;

pub use decision::Decision;
pub use proxy::{Proxy, proxied, sending};
pub use tables::{Tables, join, opening};

use crate::{Judged, Question, Sequence, World};

/// Something that answers questions.
pub trait Vehicle {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Puts the policies of a world in force, in place of those before. The questions that follow are about it.
    ///
    /// # Errors
    /// When they cannot be put in force.
    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()>;

    /// Answers one question.
    ///
    /// # Errors
    /// When the vehicle breaks down. "I cannot say" is [`Judged::NotApplicable`].
    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged>;

    /// Plays frames one after another and answers each. Connections of earlier sequences are forgotten.
    ///
    /// # Errors
    /// When the vehicle breaks down.
    fn play(&mut self, sequence: &Sequence) -> anyhow::Result<Vec<Judged>> {
        let frames = sequence.steps.iter().filter(|step| matches!(step, crate::Step::Frame { .. }));
        Ok(frames.map(|_| Judged::NotApplicable("frames are the kernel's business")).collect())
    }
}
