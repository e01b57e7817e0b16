//! Running a command of the system to its end.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use crate::error::{Doing, Error, Result};

/// Runs `program`, gives it `input`, and returns what it printed.
///
/// # Errors
/// If it is not installed or fails; the message holds what it said.
pub fn run(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    finish(command, input)
}

/// Runs a prepared command; see [`run`].
pub fn finish(mut command: Command, input: &str) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(format!("`{program}` is not installed")).cure("run scripts/setup"),
        _ => Error::new(format!("cannot start `{program}`: {error}")),
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that ends before it has read everything says why itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().doing(format!("wait for `{program}`"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!("`{program}` failed: {}", said.trim())))
}
