//! `bookend explain`

pub(super) mod text;

use bookend_lang::TestPort;

use crate::exit::{Exit, Stopped};
use crate::output::{self, Format};
use crate::passage::{Kernel, Pair, Passage, Places, default_tier};
use crate::progress::Progress;
use crate::request::RequestOptions;
use crate::sources::{Documents, Files};
use crate::subject::{Directory, Subject};
use crate::traffic::{Ends, Message, Parties, Payload, Traffic, Transport, implied};

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
    protocol: Transport,

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

/// How many connections are explained at once; nobody reads more.
const MOST: usize = 10_000;

impl Explain {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let payload = self.payload()?;
        let documents = self.files.compile(self.output)?;
        let directory = Directory::new(&documents.compiled);
        let Parties { from, to, port, called } = self.ends.dialled(&directory)?;
        let transport = match (self.icmp, self.protocol) {
            (Some(_), Transport::Tcp) => Transport::Icmp,
            (_, protocol) => protocol,
        };
        let traffic = Traffic {
            transport,
            family: None,
            port: asked_port(transport, port, &to, &called, &documents)?,
            message: self.icmp,
            payload,
            plaintext: self.ends.plaintext,
            called,
            dialled: None,
        };
        let number = from.parties.len() * to.parties.len();
        if number > MOST {
            return Err(Stopped::usage(format!(
                "that is about {number} connections, and {MOST} are the most; name fewer workloads, or draw all of \
                 them with `bookend graph`"
            )));
        }
        let behind = to.parties.iter().flat_map(|party| &party.behind);
        let places = Places::new(from.parties.iter().chain(&to.parties).chain(behind), &documents)?;
        let kernel = Kernel::new(&places, &documents)?;
        let mut progress = Progress::new("asked about", number);
        let mut passages = Vec::new();
        for source in &from.parties {
            for destination in &to.parties {
                let pair = Pair::new(source, destination, &traffic, &places)?;
                passages.push(Passage::new(&pair, &traffic, &documents, &kernel, true)?);
                progress.step();
            }
        }
        drop(progress);
        match self.output {
            Format::Json => output::print_json(&passages)?,
            Format::Text => output::print(&text::render(&passages, &default_tier(&documents)))?,
        }
        Ok(if passages.iter().all(Passage::allows) { Exit::Fine } else { Exit::Denied })
    }

    fn payload(&self) -> anyhow::Result<Payload> {
        match (self.request.request(), self.protocol, self.packet) {
            (Some(_), protocol, _) if protocol != Transport::Tcp || self.icmp.is_some() => {
                Err(Stopped::usage("HTTP requests travel over TCP; leave `--protocol` or `--path` out"))
            }
            (None, Transport::Tcp | Transport::Udp | Transport::Sctp, _)
                if self.icmp.is_some() && self.protocol != Transport::Tcp =>
            {
                Err(Stopped::usage("`--icmp` is about ICMP; leave `--protocol` or `--icmp` out"))
            }
            (Some(request), ..) => Ok(Payload::Request(request)),
            (None, Transport::Tcp, false) if self.icmp.is_none() => Ok(Payload::Stream),
            (None, ..) => Ok(Payload::Packet),
        }
    }
}

/// The port that is meant, where the protocol has ports.
///
/// # Errors
/// When it cannot be told, or makes no sense.
pub(super) fn asked_port(
    transport: Transport,
    port: Option<TestPort>,
    to: &Subject<'_>,
    called: &str,
    documents: &Documents,
) -> anyhow::Result<Option<TestPort>> {
    match (transport.has_ports(), port) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(Stopped::usage("ICMP has no ports; leave `--port` out")),
        (true, Some(port)) => Ok(Some(port)),
        (true, None) => match implied(to, &documents.compiled) {
            Some(port) => Ok(Some(port)),
            None => Err(Stopped::usage(format!("which port of `{called}`? Say it with `--port`"))),
        },
    }
}
