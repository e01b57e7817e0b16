//! Policy and inventory documents: from text with positions to a program and an inventory, or to
//! [`Diagnostic`]s that say what is wrong, where, why, and what to do.
//!
//! Data flows one way: `yaml` (text → nodes with positions) → `decode` (nodes → documents) → `lower`
//! (documents → program and inventory) → `check` (what is allowed but probably not meant).
//! [`compile`] runs all of it. One error anywhere refuses everything.
//!
//! **This crate does not** decide about traffic (`bookend-engine` does), read files, print, or know of Envoy
//! and the kernel. It does not render diagnostics with colours; the command does.
#![forbid(unsafe_code)]

mod check;
mod code;
mod compile;
mod decode;
mod diagnostic;
mod dialect;
mod document;
pub mod export;
mod format;
mod import;
mod limit;
mod lower;
mod objects;
mod observed;
mod schema;
mod source;
mod write;
mod yaml;

pub use bookend_engine::{Instance, Inventory};
pub use code::Code;
pub use compile::{Compiled, Compiler, Options, Refused, compile, compile_with};
pub use decode::split_port;
pub use diagnostic::{Diagnostic, Severity};
pub use document::{
    Expected, ExpectedAudit, Probe, Purpose, Service, Test, TestPort, TestProtocol, TestRequest, TestSuite,
    TestTraffic, Verifier, Written,
};
pub use format::format;
pub use import::{Import, Importing, Native, Today, import};
pub use objects::{Object, objects};
pub use observed::Sighting;
pub use schema::schema;
pub use source::{MAX_SOURCE_BYTES, Source, Span};
