//! `bookend explain`

pub(super) mod text;

use bookend_answers::explain::Question;
use bookend_answers::passage::{Passage, default_tier};
use bookend_answers::traffic::Message;

use crate::ends::{Ends, Protocol};
use crate::exit::Exit;
use crate::output::{self, Format};
use crate::progress::Line;
use crate::request::RequestOptions;
use crate::sources::Files;

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

  May somebody outside, who proves this id, ask for a page with this token?
    bookend explain -f policies --from spiffe://partner.example/ns/a/sa/b --to shop:http --path /cart -H 'x-tenant: a' \\
      --claims '{\"iss\": \"https://issuer.example\", \"sub\": \"ann\"}'

  What may anybody of one namespace send to another?
    bookend explain -f policies --from namespace:web --to namespace:db --port 5432 --packet

Exit code: 0 if it is allowed, 3 if it is denied; of several workloads, if any is."
)]
pub(crate) struct Explain {
    #[command(flatten)]
    files: Files,

    #[command(flatten)]
    ends: Ends,

    /// The protocol
    #[arg(long, value_enum, default_value_t)]
    protocol: Protocol,

    /// Type and code of an ICMP message, such as `8/0`; an echo request if none is given
    #[arg(long, value_name = "TYPE[/CODE]")]
    icmp: Option<Message>,

    /// Ask only about the packet that opens the connection, whatever is sent later
    #[arg(long, conflicts_with = "path")]
    packet: bool,

    #[command(flatten)]
    request: RequestOptions,

    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Explain {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let (protocol, request) = (self.protocol.into(), self.request.request());
        let question = Question::new((&self.ends).into(), protocol, self.icmp, self.packet, request)?;
        let documents = self.files.compile(self.output)?;
        let passages = question.ask(&documents, &mut Line::default())?;
        match self.output {
            Format::Json => output::print_json(&passages)?,
            Format::Text => output::print(&text::render(&passages, &default_tier(&documents)))?,
        }
        Ok(if passages.iter().all(Passage::allows) { Exit::Fine } else { Exit::Denied })
    }
}
