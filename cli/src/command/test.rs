//! `bookend test`

mod judges;
mod report;

use std::path::PathBuf;

use bookend_answers::test::{self, Unsound};

use crate::exit::Exit;
use crate::output::{self, Format};
use crate::progress::Line;
use crate::sources::{Files, refused};
use judges::Judges;

/// Ask the policies what `PolicyTest` documents expect of them
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Ask the policies what `PolicyTest` documents expect of them.

Every test is judged by the engine, by the filter's own module (if it is about a request to a workload with a proxy), \
and, as root, by the enforcer's own programs in this machine's kernel, on packets that are never sent; without root, by \
the function that those programs run. All of them must agree. A test that names several workloads, such as all behind \
a Service, holds if it holds for each of them.",
    after_long_help = "\
A test, in a file of its own or beside the policies:
    apiVersion: bookend.dev/v1alpha1
    kind: PolicyTest
    metadata: { name: stars }
    spec:
      tests:
      - name: reviews show stars
        from: reviews-v2
        to: ratings:9080
        request: { path: /ratings/7 }
        expect: allow

Examples:
  Test Bookinfo's policy:
    bookend test -f examples/bookinfo

  Only the tests whose names speak of ratings, for a CI system that reads JUnit:
    bookend test -f examples/bookinfo --filter ratings -o junit

Exit code: 0 if every test passes, 3 if one fails, 4 if the documents are refused; 1 if the layers disagree, which is \
a bug in Bookend."
)]
pub(crate) struct Test {
    #[command(flatten)]
    files: Files,

    /// Only tests whose `suite/name` contains this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Who judges packets
    #[arg(long, value_enum, default_value_t)]
    packets: Packets,

    /// The filter's module; else `bookend_filter.wasm` in the directory `BOOKEND_DIST`, or beside this command
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,

    /// The enforcer, which asks the kernel; else `bookend-enforcer` in the directory `BOOKEND_DIST`, or beside this command
    #[arg(long, value_name = "FILE")]
    enforcer: Option<PathBuf>,

    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Notation,
}

/// Who judges packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Packets {
    /// The kernel's programs if they can be asked, else their function
    #[default]
    Auto,
    /// The kernel's programs, or it fails
    Kernel,
    /// The function that the programs run, over plain tables
    Function,
}

/// How the report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Notation {
    /// For people
    #[default]
    Human,
    /// For programs
    Json,
    /// Test Anything Protocol, version 14
    Tap,
    /// JUnit's XML, as CI systems read it
    Junit,
}

impl Test {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let format = if self.output == Notation::Json { Format::Json } else { Format::Text };
        let documents = self.files.compile(format)?;
        let judges = Judges {
            documents: &documents,
            packets: self.packets,
            module: self.module.as_deref(),
            enforcer: self.enforcer.as_deref(),
        };
        let report = test::report(&documents, self.filter.as_deref(), &judges, &mut Line::default());
        let report = report.map_err(|error| match error.downcast::<Unsound>() {
            Ok(unsound) => refused(&unsound.diagnostics, &documents.sources, format),
            Err(error) => error,
        })?;
        let text = match self.output {
            Notation::Human => report::text::render(&report, &documents, output::Stream::Out.has_colours()),
            Notation::Json => output::json(&report)?,
            Notation::Tap => report::tap::render(&report, &documents)?,
            Notation::Junit => report::junit::render(&report, &documents)?,
        };
        output::print(&text)?;
        Ok(if report.failed == 0 { Exit::Fine } else { Exit::Denied })
    }
}
