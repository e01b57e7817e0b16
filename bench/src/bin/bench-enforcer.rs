//! What the enforcer costs in the kernel: `scripts/bench-enforcer` builds everything and runs this.

use std::io::Write as _;
use std::process::ExitCode;

use bookend_bench::enforcer::{Options, run};
use clap::Parser as _;

fn main() -> ExitCode {
    let printed = run(&Options::parse()).and_then(|text| Ok(std::io::stdout().write_all(text.as_bytes())?));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-enforcer: {error:#}");
            ExitCode::FAILURE
        }
    }
}
