//! `bookend simulate`

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::bail;
use bookend_answers::passage::{Pair, Places};
use bookend_answers::request::Request;
use bookend_answers::subject::{Directory, Party};
use bookend_answers::traffic::{self, Parties, Payload, Traffic, Transport, asked_port};
use bookend_engine::Verdict;
use bookend_harness::LocalResponse;
use serde::Serialize;

use crate::ends::Ends;
use crate::exit::Exit;
use crate::filter::{Ask, Filter, Ruled};
use crate::output::{self, Format};
use crate::request::RequestOptions;
use crate::sources::Files;

/// Put a request or a connection through the filter's own module, as a proxy would
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Put a request through the filter's own module, as a proxy would; without a path, a TCP connection on which something \
else is sent.

The module is the very file that proxies load. It runs here with the configuration that `bookend render --target \
filter` prints, as the sidecar of the destination; the source speaks mutual TLS with its own SPIFFE id if it has a \
proxy, and plaintext otherwise. The kernel is not asked; `bookend explain` tells the whole way.",
    after_long_help = "\
Examples:
  May reviews read a rating?
    bookend simulate -f examples/bookinfo --from reviews-v2 --to ratings --path /ratings/7

  May it write one, without mutual TLS?
    bookend simulate -f examples/bookinfo --from reviews-v2 --to ratings --method POST --path /ratings/7 --plaintext

  May it send something that is not HTTP?
    bookend simulate -f examples/bookinfo --from reviews-v2 --to ratings

Exit code: 0 if the filter lets it pass, 3 if not; of several workloads, if any is refused."
)]
pub(crate) struct Simulate {
    #[command(flatten)]
    files: Files,

    #[command(flatten)]
    ends: Ends,

    #[command(flatten)]
    request: RequestOptions,

    /// The filter's module; else `bookend_filter.wasm` in the directory `BOOKEND_DIST`, or beside this command
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,

    /// Print what the module logs, too
    #[arg(short, long)]
    verbose: bool,

    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What became of one request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Simulation {
    from: String,
    to: String,
    /// The addresses that were asked about.
    from_address: IpAddr,
    to_address: IpAddr,
    #[serde(skip)]
    labels: (String, String),
    port: u16,
    plaintext: bool,
    /// Without it, something is sent that is no request.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Request>,
    /// `allow` or `deny`.
    verdict: &'static str,
    /// The id that the filter attaches to the request for access logs.
    rule: Option<String>,
    /// The answer in the place of the service.
    response: Option<Response>,
    /// Without an answer, what happened to the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'static str>,
    logs: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status: u32,
    headers: BTreeMap<String, String>,
    body: String,
    details: String,
    grpc_status: Option<i32>,
}

impl Simulate {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let payload = self.request.request().map_or(Payload::Stream, Payload::Request);
        let documents = self.files.compile(self.output)?;
        let directory = Directory::new(&documents.compiled);
        let Parties { from, to, port, called } = traffic::Ends::from(&self.ends).resolve(&directory)?;
        let traffic = Traffic {
            transport: Transport::Tcp,
            family: None,
            port: asked_port(Transport::Tcp, port, &to, &called, &documents.compiled)?,
            message: None,
            payload,
            plaintext: self.ends.plaintext,
            called,
            dialled: None,
        };
        let proxied = |party: &Party<'_>| party.workload.is_some_and(|workload| workload.identity.proxied);
        if let Some(bare) = to.parties.iter().find(|party| !proxied(party)) {
            bail!(
                "`{}` has no proxy, so no filter sees the request; `bookend explain` tells what the kernel does",
                bare.name
            );
        }
        let places = Places::new(from.parties.iter().chain(&to.parties), &documents)?;
        let filter = Filter::load(self.module.as_deref(), &documents)?;
        let mut pairs = Vec::new();
        for destination in &to.parties {
            for source in &from.parties {
                pairs.push(Pair::new(source, destination, &traffic, &places)?);
            }
        }
        let asks: Vec<_> = pairs.iter().map(|pair| Ask { pair, traffic: &traffic }).collect();
        let answers = filter.judge(&asks, "simulated")?;
        let simulations: Vec<_> =
            pairs.iter().zip(answers).map(|(pair, ruled)| Simulation::new(pair, &traffic, ruled)).collect();
        match self.output {
            Format::Json => output::print_json(&simulations)?,
            Format::Text => output::print(&self.text(&simulations))?,
        }
        let allowed = simulations.iter().all(|simulation| simulation.verdict == Verdict::Allow.name());
        Ok(if allowed { Exit::Fine } else { Exit::Denied })
    }

    fn text(&self, simulations: &[Simulation]) -> String {
        let texts = simulations.iter().map(|simulation| {
            let Simulation { labels: (from, to), request, verdict, rule, response, stopped, logs, .. } =
                simulation;
            let verdict = if *verdict == "allow" { "allowed" } else { "denied" };
            let what = match request {
                Some(request) => format!("{} {}", request.method, request.path),
                None => "a connection".to_owned(),
            };
            let mut text = format!("{from} → {to}, {what}: {verdict}\n");
            if let Some(rule) = rule {
                let _ = writeln!(text, "  rule     {rule}");
            }
            if let Some(Response { status, headers, body, details, .. }) = response {
                let _ = writeln!(text, "  status   {status}");
                for (name, value) in headers {
                    let _ = writeln!(text, "  header   {name}: {value}");
                }
                let _ = writeln!(text, "  body     {}", body.trim_end());
                let _ = writeln!(text, "  details  {details}");
            }
            if let Some(stopped) = stopped {
                let _ = writeln!(text, "  {stopped}");
            }
            for line in logs.iter().filter(|_| self.verbose) {
                let _ = writeln!(text, "  log      {line}");
            }
            text
        });
        texts.collect::<Vec<_>>().join("\n")
    }
}

impl Simulation {
    fn new(pair: &Pair<'_>, traffic: &Traffic, ruled: Ruled) -> Self {
        let Ruled { verdict, rule, response, stopped, logs } = ruled;
        Self {
            from: pair.from.name.clone(),
            to: pair.to.name.clone(),
            from_address: pair.source,
            to_address: pair.destination,
            labels: (pair.from.label(), pair.to.label()),
            port: pair.port,
            plaintext: traffic.plaintext,
            request: traffic.payload.request().cloned(),
            verdict: verdict.name(),
            rule,
            response: response.map(Response::from),
            stopped,
            logs: logs.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<LocalResponse> for Response {
    fn from(response: LocalResponse) -> Self {
        let LocalResponse { status, headers, body, details, grpc_status } = response;
        Self {
            status,
            headers: headers.iter().map(|(name, value)| (lossy(name), lossy(value))).collect(),
            body: lossy(&body),
            details: lossy(&details),
            grpc_status,
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
