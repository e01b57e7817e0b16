//! `bookend man`

use std::path::PathBuf;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;

use crate::exit::Exit;
use crate::output;

/// Print the manual page, or write one for each command
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  Read it:
    bookend man | man -l -

  Install all pages:
    bookend man --out /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Write `bookend.1`, `bookend-check.1` and so on into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let command: Command = super::Bookend::command();
        match &self.out {
            None => {
                let mut page = Vec::new();
                Page::new(command).render(&mut page).context("cannot write the manual page")?;
                output::print(&String::from_utf8_lossy(&page))?;
            }
            Some(directory) => clap_mangen::generate_to(command, directory)
                .with_context(|| format!("cannot write the manual pages into `{}`", directory.display()))?,
        }
        Ok(Exit::Fine)
    }
}
