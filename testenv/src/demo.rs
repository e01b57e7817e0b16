//! The demo: one policy file, two layers, an application that does not notice, and an attacker who does.
//!
//! Each chapter is a method that plays attempts on a [`Stage`](stage::Stage). What an attempt should come to is asked of the
//! policy; what it came to is asked of the receiver.

pub mod documents;
pub mod enforcer;
pub mod event;
pub mod expectation;
pub mod report;
pub mod stage;
pub mod story;
pub mod traffic;

mod chapters;

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use crate::error::{Doing, Error, Result};
use crate::requirement;
use documents::Documents;
use report::{Format, Report};
use stage::Stage;

/// What the demo needs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory with `bookend_filter.wasm`, `bookend-enforcer` and `bookend_ebpf.o`.
    pub artifacts: PathBuf,
    /// The executable that is also the servers'.
    pub services: PathBuf,
    /// Policy and inventory.
    pub documents: Documents,
    /// The policies are somebody's own, not the example's: only they say what should happen.
    pub theirs: bool,
    /// How to print.
    pub format: Format,
    /// Leave the host enforcer out: only the filters are in force.
    pub without_kernel: bool,
}

/// Runs the demo; true if everything was as the policy says.
///
/// # Errors
/// If the machine lacks something, the policy is refused, or the world breaks.
pub fn run(options: Options) -> Result<bool> {
    let begin = Instant::now();
    requirement::root()?;
    let module = artifact(&options, "bookend_filter.wasm")?;
    let enforcer = if options.without_kernel {
        None
    } else {
        requirement::kernel()?;
        requirement::bpffs()?;
        Some([artifact(&options, "bookend-enforcer")?, artifact(&options, "bookend_ebpf.o")?])
    };
    let (theirs, report) = (options.theirs, Report::new(io::stdout(), options.format));
    let mut stage = Stage::build(options.services, module, &options.documents, report)?;
    chapters::control(&mut stage)?;
    if let Some([program, object]) = enforcer {
        chapters::attach(&mut stage, program, object)?;
    }
    if theirs {
        chapters::their_page(&mut stage)?;
    } else {
        chapters::page(&mut stage)?;
    }
    chapters::requests(&mut stage)?;
    if stage.enforcer.is_some() {
        chapters::egress(&mut stage)?;
        chapters::takeover(&mut stage)?;
        chapters::crash(&mut stage)?;
    }
    if !theirs {
        chapters::edit(&mut stage)?;
    }
    if stage.enforcer.is_some() {
        chapters::detach(&mut stage)?;
    }
    stage.report.summary(begin.elapsed().as_secs_f64()).doing("write the report")
}

fn artifact(options: &Options, name: &str) -> Result<PathBuf> {
    let path = options.artifacts.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::new(format!("there is no `{name}` in `{}`", options.artifacts.display()))
        .cure("run scripts/build, or set `BOOKEND_DIST` to the directory that holds it"))
}
