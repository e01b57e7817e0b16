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

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_abi::Reason;

    #[test]
    fn every_reason_has_its_cause_and_cure_in_the_page_for_operators() {
        let page = include_str!("../../../docs/operations.md");
        let section = page.split("### Reading a drop").nth(1).unwrap().split("\n### ").next().unwrap();
        let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        for reason in Reason::ALL {
            let name = format!("`{}`", reason.name().unwrap());
            let told = rows.iter().filter(|row| row.split(" | ").next().unwrap().contains(&name)).count();
            assert_eq!(told, 1, "{name}");
        }
        for row in rows {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
            assert!(cells.len() == 3 && cells[1].len() > 5, "{row}");
            for name in cells[0].split('`').skip(1).step_by(2) {
                assert!(Reason::ALL.iter().any(|reason| reason.name() == Some(name)), "there is no `{name}`");
            }
        }
    }

    #[test]
    fn every_option_and_command_has_a_manual_page_that_explains_it() {
        fn explained(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(explained);
        }
        explained(&Command::command());
    }

    #[test]
    fn options_that_pages_name_exist() {
        let command = Command::command();
        let known: Vec<String> = command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments)
            .filter_map(|argument| argument.get_long().map(|long| format!("--{long}")))
            .collect();
        let page = include_str!("../../../docs/operations.md");
        let section = page.split("## The host enforcer").nth(1).unwrap();
        let codes = section
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|code| !code.starts_with("bookend check") && !code.starts_with("systemctl"));
        for word in codes.flat_map(str::split_whitespace).filter(|word| word.starts_with("--")) {
            assert!(known.iter().any(|option| option == word), "there is no {word}");
        }
    }
}
