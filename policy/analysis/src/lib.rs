//! Whole policies at once: who reaches whom, what a change opens or closes, and which rules never decide.
//!
//! Everybody who can be at an end of a connection is sorted into classes that no rule tells apart ([`Ground`]), without
//! looking at pairs; for every destination the sources are bundled that no rule about it tells apart; and for each
//! bundle and each piece of the port numbers the engine is asked once.
//!
//! **This crate does not** judge: every verdict is one of `bookend-engine`. It does not read documents, know places in
//! files, or print.
#![forbid(unsafe_code)]

mod atoms;
mod bundle;
mod channel;
mod clauses;
mod compare;
mod course;
mod crossing;
mod crowd;
mod diff;
mod engine;
mod gather;
mod ground;
mod inhabit;
mod planes;
mod probes;
mod reach;
mod services;
mod set;
mod side;
mod spans;
mod specimen;
mod survey;
mod trail;

pub use channel::Outcome;
pub use course::{Course, Step};
pub use crossing::{Crossing, Moved};
pub use crowd::Crowd;
pub use diff::{Change, Detail, Difference, Extent, Kind, Stand, diff};
pub use ground::Ground;
pub use inhabit::inhabited;
pub use planes::{Clash, clashes};
pub use probes::{Probe, Unprobed, unprobed};
pub use reach::{Passage, Reach, reach};
pub use services::{Mixed, Rerouted, mixed, rerouted};
pub use set::ClassSet;
pub use side::{Name, Party, Place, Side};
pub use spans::PortSet;
pub use specimen::Specimen;
pub use survey::{Finding, survey};
pub use trail::{Asked, Ends, Event, Unused, unused};
