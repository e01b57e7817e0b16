//! The host enforcer.

use bookend_enforcer::command::Command;
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Command::parse().execute().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody may be reading.
            let _ = writeln!(std::io::stderr(), "bookend-enforcer: {failure}");
            ExitCode::from(failure.code)
        }
    }
}
