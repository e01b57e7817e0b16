//! How far a long answer has come.

/// Whoever is told how far work has come.
pub trait Progress {
    /// Work begins: `what` will have been done of how many.
    fn begin(&mut self, what: &'static str, total: usize);

    /// One more is done.
    fn step(&mut self);
}

/// Nobody.
impl Progress for () {
    fn begin(&mut self, _: &'static str, _: usize) {}

    fn step(&mut self) {}
}
