//! What the filter costs in Envoy: `scripts/bench-filter` builds everything and runs this.

use std::io::Write as _;
use std::process::ExitCode;

use bookend_bench::filter::{Options, run};
use clap::Parser as _;

fn main() -> ExitCode {
    let printed = run(&Options::parse()).and_then(|text| Ok(std::io::stdout().write_all(text.as_bytes())?));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-filter: {error:#}");
            ExitCode::FAILURE
        }
    }
}
