//! The `bookend` command.
//!
//! `command` holds one file per subcommand; each reads its [`sources`], asks the crates that know, and prints.
//!
//! **This crate does not** know what a policy means, how documents are read, or how a plan or a module is run: it
//! asks `bookend-engine`, `bookend-lang`, `bookend-plan`, `bookend-abi` and `bookend-harness`.
#![forbid(unsafe_code)]

mod answer;
mod bars;
mod command;
mod diagnostic;
mod exit;
mod filter;
mod inquiry;
mod installation;
mod module;
mod out;
mod output;
mod passage;
mod progress;
mod request;
mod sources;
mod subject;
mod traffic;
mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run().into()
}
