//! How a command ends.

use std::process::ExitCode;

use bookend_answers::unaskable::Unaskable;

use bookend_text::lines;

use crate::output::{self, Stream};

/// What the exit code says. A wrong command line ends with 2, by the argument parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It worked.
    Fine,
    /// It failed: a file is missing, a name is not known.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// It worked, and the answer is no.
    Denied,
    /// The documents are refused.
    Invalid,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Denied => 3,
            Exit::Invalid => 4,
        })
    }
}

/// An end that has its own exit code and its own text.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What to print, whole.
    pub(crate) text: String,
    /// Where to.
    pub(crate) stream: Stream,
}

impl Stopped {
    /// The command line makes no sense, for a reason that the argument parser cannot know.
    pub(crate) fn usage(message: impl std::fmt::Display) -> anyhow::Error {
        Self {
            exit: Exit::Usage,
            text: lines(&format!("error: {message}\n")).into_owned(),
            stream: Stream::Error,
        }
        .into()
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Stopped {}

/// Tells the user about an error, and gives the exit code.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    if let Some(unaskable) = error.downcast_ref::<Unaskable>() {
        return report(&Stopped::usage(unaskable.told(|part| format!("--{part}"))));
    }
    match error.downcast_ref::<Stopped>() {
        Some(Stopped { exit, text, stream: Stream::Error }) => {
            output::print_error(text);
            *exit
        }
        Some(Stopped { exit, text, stream: Stream::Out }) => match output::print(text) {
            Ok(()) => *exit,
            Err(error) => report(&error),
        },
        None => {
            // Much of it is quoted: names of files, answers of servers.
            output::print_error(&lines(&format!("error: {error:#}\n")));
            Exit::Failed
        }
    }
}
