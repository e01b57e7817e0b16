//! OCI images without a container engine: the filter's and the enforcer's.
//!
//! [`filter`] and [`enforcer`] make a [`Package`] of files that [`input`] has looked at: a tree of [`document`]s and [`Blob`]s,
//! equal to the byte whenever and wherever it is made of the same files. A package is written into an OCI image [`layout`],
//! or pushed to a [`registry`]; either is read back by [`verify`], with the rules by which Istio's [`agent`] takes a module out of an image.
//!
//! **This crate does not** know what is in a filter or an enforcer, what a cluster is, or how progress is shown.
#![forbid(unsafe_code)]

pub mod agent;
mod archive;
mod blob;
mod crates;
mod digest;
pub mod document;
pub mod enforcer;
mod epoch;
pub mod filter;
mod flaw;
pub mod input;
pub mod layout;
mod package;
mod progress;
mod provenance;
mod reference;
pub mod registry;
mod sbom;
pub mod verify;

pub use blob::Blob;
pub use digest::{Digest, NotADigest};
pub use epoch::Epoch;
pub use flaw::Flaw;
pub use package::{Extras, Package, Referrer};
pub use progress::{Progress, Silent};
pub use reference::{BadReference, Reference};
