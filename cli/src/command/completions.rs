//! `bookend completions`

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::exit::Exit;
use crate::output;

/// Print a script that completes this command in a shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
    bookend completions bash > ~/.local/share/bash-completion/completions/bookend")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        let mut command: Command = super::Bookend::command();
        clap_complete::generate(self.shell, &mut command, "bookend", &mut script);
        output::print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Fine)
    }
}
