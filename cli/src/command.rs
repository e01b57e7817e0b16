//! The commands.

mod check;
mod completions;
mod deploy;
mod diff;
mod explain;
mod export;
mod fmt;
mod graph;
mod import;
mod man;
mod observe;
mod package;
mod playground;
mod render;
mod schema;
mod simulate;
mod status;
mod test;
mod uninstall;

use clap::{Parser, Subcommand};

use crate::exit::{self, Exit};

/// One policy for both ends of every connection.
///
/// A policy file says who may talk to whom, and how; the kernel of every node and the proxy of every workload enforce
/// it. This command works on the files alone: it needs no cluster, no privileges and no network.
#[derive(Debug, Parser)]
#[command(name = "bookend", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Bookend {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 fine; 1 it failed; 2 wrong usage; 3 the answer is no (denied); 4 the documents are refused.
With `--output json` a refusal is printed as `check` prints it; every other error is text on standard error.";

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Test(test::Test),
    Explain(explain::Explain),
    Simulate(simulate::Simulate),
    Diff(diff::Diff),
    Graph(graph::GraphCommand),
    Playground(playground::Playground),
    Import(import::Import),
    Export(export::ExportCommand),
    Render(render::Render),
    Package(package::Package),
    Deploy(deploy::Deploy),
    Uninstall(uninstall::Uninstall),
    Status(status::Status),
    Observe(observe::Observe),
    Fmt(fmt::Fmt),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the command that the command line asks for.
pub(crate) fn run() -> Exit {
    let result = match Bookend::parse().command {
        Command::Check(check) => check.run(),
        Command::Test(test) => test.run(),
        Command::Explain(explain) => explain.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Diff(diff) => diff.run(),
        Command::Graph(graph) => graph.run(),
        Command::Playground(playground) => playground.run(),
        Command::Import(import) => import.run(),
        Command::Export(export) => export.run(),
        Command::Render(render) => render.run(),
        Command::Package(package) => package.run(),
        Command::Deploy(deploy) => deploy.run(),
        Command::Uninstall(uninstall) => uninstall.run(),
        Command::Status(status) => status.run(),
        Command::Observe(observe) => observe.run(),
        Command::Fmt(fmt) => fmt.run(),
        Command::Schema(schema) => schema.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
    };
    result.unwrap_or_else(|error| exit::report(&error))
}
