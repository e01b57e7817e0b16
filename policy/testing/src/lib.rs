//! What Bookend promises, as data, and everything that can be asked whether it keeps the promise.
//!
//! [`Corpus::load`] reads the cases of `conformance/`; [`run`] puts all of them to a [`Vehicle`] and
//! [reports](Report) every difference. A vehicle is an implementation of the decision: [`vehicle::Decision`] and
//! [`vehicle::Proxy`] are the engine as the command and as the filter use it, [`vehicle::Tables`] is the plan with the
//! kernel's decision function. Those that need a real proxy or a real kernel live in `testenv`. [`Reference`] decides once
//! more, as `docs/semantics.md` tells it and on the documents themselves. [`generate`] makes up policies for
//! property tests.
//!
//! **Nothing that is shipped** depends on this crate.
#![forbid(unsafe_code)]

pub mod answer;
pub mod case;
pub mod corpus;
pub mod frame;
pub mod generate;
pub mod question;
pub mod reference;
pub mod report;
pub mod run;
pub mod vehicle;
pub mod world;

pub use answer::{Answer, Audit, Judged, LEFT_TO_THE_KERNEL};
pub use case::{Case, Expectation, Section, Sequence, Step};
pub use corpus::Corpus;
pub use question::{Head, Party, Question, Seen, Tokens, Traffic};
pub use reference::Reference;
pub use report::Report;
pub use run::run;
pub use vehicle::Vehicle;
pub use world::World;
