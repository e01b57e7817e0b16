//! Standard output and standard error.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::Context;
pub(crate) use bookend_answers::count;
use serde::Serialize;

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Prints to standard output. That nobody reads any more (`| head`) is no failure.
///
/// # Errors
/// When it cannot be written, for example because the disk is full.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&json(value)?)
}

/// A value as JSON, with a line end.
///
/// # Errors
/// When it cannot be written so.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("cannot write the answer as JSON")?;
    text.push('\n');
    Ok(text)
}

/// Prints to standard error. There is nobody to tell when this fails.
pub(crate) fn print_error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A stream that is printed to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

impl Stream {
    /// Whether to use colours: on a terminal that has them, unless `NO_COLOR` is set (<https://no-color.org>).
    pub(crate) fn has_colours(self) -> bool {
        let terminal = match self {
            Self::Out => io::stdout().is_terminal(),
            Self::Error => io::stderr().is_terminal(),
        };
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        terminal && !refused && !dumb
    }
}
