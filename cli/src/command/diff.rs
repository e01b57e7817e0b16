//! `bookend diff`

pub(super) mod text;

use std::path::PathBuf;

use bookend_answers::diff::Sides;

use crate::exit::{Exit, Stopped};
use crate::output::{self, Format, Stream};
use crate::sources::Files;

/// Say which connections and requests another policy would allow or deny
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Say which connections and requests get another verdict when one set of documents takes the place of another.

Not texts are compared but what they mean, for everybody in the inventory and for all addresses outside of it: a rule \
that is renamed, moved or split is no change. Workloads and addresses that no rule tells apart are compared as one, so \
thousands of workloads take seconds.

Conditions on requests are compared as they are written; where they are written differently, requests are made up for \
each of them and tried on both sides. Where none shows a difference, the change is listed as undecided, and counts as one \
that may open something: no change of conditions is ever passed over.

What is dialled to a Service is listed by itself: the kernel at the source judges it by whoever is behind the Service, so that it \
also changes with the Service. A change of a Service that changes no verdict is not listed.

What is denied before and after, but at the other end, is listed as a crossing: each kernel judges its own end and takes an edit over in \
its own time, so that such a connection may pass for a moment. Two edits, one after the other, avoid it.

What refused peers are told, how much passes in a time, and what a `Reporting` document says, changes no verdict; it is told all the same.",
    after_long_help = "\
Examples:
  What would this edit of the policy change?
    bookend diff policy.yaml edited.yaml -i manifests/ inventory.yaml

  What does this branch change?
    git show main:policy.yaml | bookend diff - policy.yaml -i inventory.yaml

Exit code: 3 if anything that is denied becomes allowed, or may, if only for a moment; otherwise 0."
)]
pub(crate) struct Diff {
    /// The documents before: a file, a directory, or `-` for standard input
    old: PathBuf,

    /// The documents after
    new: PathBuf,

    /// Who is who, before and after: Kubernetes manifests and `Inventory` documents; files or directories
    #[arg(short = 'i', long = "inventory", value_name = "FILE", num_args = 1..)]
    inventory: Vec<PathBuf>,

    /// Leave out what other systems' policies say and Bookend cannot express, and say so
    #[arg(long)]
    best_effort: bool,

    /// Print every change, however many there are
    #[arg(long)]
    all: bool,

    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Diff {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let stdin = PathBuf::from("-");
        if self.old == stdin && (self.new == stdin || self.inventory.contains(&stdin)) {
            return Err(Stopped::usage("standard input is read once; name a file for one of the two"));
        }
        let read = |path: &PathBuf| {
            Files::new(vec![path.clone()], self.inventory.clone(), self.best_effort).compile(self.output)
        };
        let (old, new) = (read(&self.old)?, read(&self.new)?);
        let sides = Sides { old: &old, new: &new };
        let comparison = sides.compare();
        match self.output {
            Format::Json => output::print_json(&comparison.answer())?,
            Format::Text => {
                let limit = if self.all { usize::MAX } else { text::MAX_SHOWN };
                let unchanged = match comparison.reroutes() {
                    false => "No connection and no request gets another verdict.\n",
                    true => "No other connection and no request gets another verdict.\n",
                };
                let colours = Stream::Out.has_colours();
                let verdicts = text::render(&comparison.difference, sides, limit, colours, unchanged);
                output::print(&(comparison.beside_verdicts(limit) + &verdicts))?;
            }
        }
        Ok(if comparison.opens() { Exit::Denied } else { Exit::Fine })
    }
}
