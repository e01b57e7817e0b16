//! The `bookend` command.
//!
//! `command` holds one file per subcommand; each reads its [`sources`], asks the crates that know, and prints.
//!
//! **This crate does not** know what a policy means, how documents are read, or how a plan or a module is run: it
//! asks `bookend-answers`, `bookend-lang`, `bookend-plan` and `bookend-harness`. What an answer is, `bookend-answers` knows.
#![forbid(unsafe_code)]

mod bars;
mod command;
mod diagnostic;
mod ends;
mod exit;
mod filter;
mod inquiry;
mod installation;
mod module;
mod out;
mod output;
mod progress;
mod request;
mod sources;
mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run().into()
}
