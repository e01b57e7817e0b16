//! The command as a user meets it: the built binary, its output and its exit codes.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

mod check;
mod explain;
mod export;
mod files;
mod fmt;
mod import;
mod json;
mod model;
mod pages;
mod playground;
mod render;
mod services;
mod simulate;
mod test;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A finished command.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// This crate's test data.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The command, with none of the user's environment that it reads.
fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    command.current_dir(directory).env_remove("BOOKEND_DIST").env_remove("NO_COLOR");
    command
}

/// Runs the command in a directory.
fn run(directory: &Path, arguments: &[&str]) -> Run {
    run_with_input(directory, arguments, "")
}

fn run_with_input(directory: &Path, arguments: &[&str], input: &str) -> Run {
    let mut child = command(directory)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// Everything a user sees.
    fn transcript(&self) -> String {
        let Self { code, out, err } = self;
        let err = if err.is_empty() { String::new() } else { format!("standard error:\n{err}\n") };
        format!("exit code: {}\n{err}\n{out}", code.unwrap())
    }
}
