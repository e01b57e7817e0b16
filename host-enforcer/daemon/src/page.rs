//! What shells and `man` know of this command. The one file that speaks `clap_complete` and `clap_mangen`.

use crate::command::{Command, CompletionsOptions, ManOptions};
use crate::failure::{Failure, cannot};
use clap::CommandFactory;
use std::io::Write;

/// The name of the command.
const NAME: &str = "bookend-enforcer";

/// Prints a script that completes this command in a shell.
pub(crate) fn completions(options: &CompletionsOptions) {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Command::command(), NAME, &mut script);
    print(&script);
}

/// Prints the manual page, or writes one for each command.
///
/// # Errors
/// If they cannot be written.
pub(crate) fn man(options: &ManOptions) -> Result<(), Failure> {
    let command = Command::command();
    match &options.out {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command)
                .render(&mut page)
                .map_err(|error| cannot("write the manual page", &error))?;
            print(&page);
        }
        Some(directory) => clap_mangen::generate_to(command, directory).map_err(|error| {
            cannot(&format!("write the manual pages into `{}`", directory.display()), &error)
        })?,
    }
    Ok(())
}

fn print(bytes: &[u8]) {
    // Nobody may be reading.
    let _ = std::io::stdout().write_all(bytes);
}
