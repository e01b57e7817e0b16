//! `bookend explain`

mod text;

use crate::exit::{Exit, Stopped};
use crate::output::{self, Format};
use crate::passage::{Kernel, Pair, Passage, Places, Traffic};
use crate::sources::Files;
use crate::traffic::{Ends, Transport};

/// Say what becomes of a connection or a request, at every point that judges it, and why
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Say what becomes of a connection or a request, at every point that judges it, and why.

A connection meets up to three points: the kernel at the source, the kernel at the destination, and the filter in the \
destination's proxy. The kernel knows addresses and ports; the filter knows the verified source and the request too. \
The kernel's verdicts come from the tables that the enforcer would load and from the function that runs in the kernel.",
    after_long_help = "\
Examples:
  May reviews read a rating?
    bookend explain -f examples/bookinfo --from reviews --to ratings --method GET --path /ratings/7

  May details open a connection to the books API?
    bookend explain -f examples/bookinfo --from details --to 203.0.113.7 --port 443

  May a pod ping another one?
    bookend explain -f examples/bookinfo --from app=intruder --to ratings-v1 --protocol icmp

Exit code: 0 if it is allowed, 3 if it is denied; of several workloads, if any is."
)]
pub(crate) struct Explain {
    #[command(flatten)]
    files: Files,

    #[command(flatten)]
    ends: Ends,

    /// The protocol
    #[arg(long, value_enum, default_value_t)]
    protocol: Transport,

    /// The method of an HTTP request; GET if only a path is given
    #[arg(long, requires = "path")]
    method: Option<String>,

    /// The path of an HTTP request, as it is sent; without one, a TCP connection is an opaque stream
    #[arg(long)]
    path: Option<String>,

    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Explain {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        if self.path.is_some() && self.protocol != Transport::Tcp {
            return Err(Stopped::usage("HTTP requests travel over TCP; leave `--protocol` or `--path` out"));
        }
        let documents = self.files.compile(self.output)?;
        let (from, to) = self.ends.resolve(&documents.compiled)?;
        let traffic = Traffic {
            transport: self.protocol,
            port: self.ends.port(self.protocol, &to, &documents.compiled)?,
            request: self
                .path
                .clone()
                .map(|path| (self.method.clone().unwrap_or_else(|| "GET".to_owned()), path)),
            plaintext: self.ends.plaintext,
        };
        let places = Places::new(from.parties.iter().chain(&to.parties), &documents)?;
        let kernel = Kernel::new(&places, &documents)?;
        let mut passages = Vec::new();
        for source in &from.parties {
            for destination in &to.parties {
                let pair = Pair::new(source, destination, &places)?;
                passages.push(Passage::new(&pair, &traffic, &documents, &kernel)?);
            }
        }
        match self.output {
            Format::Json => output::print_json(&passages)?,
            Format::Text => output::print(&text::render(&passages))?,
        }
        Ok(if passages.iter().all(Passage::allows) { Exit::Fine } else { Exit::Denied })
    }
}
