//! `bookend schema`

use crate::exit::Exit;
use crate::output;

/// Print the JSON Schema of the documents, for editors
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  Let an editor check policies while they are written:
    bookend schema > bookend.schema.json
    # and in the first line of a policy file:
    # yaml-language-server: $schema=./bookend.schema.json

The schema knows less than `bookend check`: what several fields say together, only that tells.")]
pub(crate) struct Schema {}

impl Schema {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        output::print_json(&bookend_lang::schema())?;
        Ok(Exit::Fine)
    }
}
