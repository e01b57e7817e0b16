//! Request paths: one canonical form, and patterns over it.
//!
//! Path confusion is the oldest way around an HTTP policy: the policy and the server read two different
//! paths. So a path is canonicalized once, here, and a spelling that servers are known to read differently
//! has no canonical form at all. A path condition on such a request is in doubt, and doubt denies (S3, S33).

mod canonical;
mod lookalike;
mod pattern;

pub use canonical::{CanonicalPath, PathDoubt};
pub use pattern::{PathPattern, PathPatternError};
