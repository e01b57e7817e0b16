//! `bookend simulate`

mod envoy;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::bail;
use bookend_harness::{Ending, Header, LocalResponse, LogLine, Outcome};
use serde::Serialize;

use crate::exit::Exit;
use crate::module;
use crate::output::{self, Format};
use crate::passage::{Asked, Pair, Places};
use crate::sources::Files;
use crate::subject::Party;
use crate::traffic::{Ends, Transport};

/// Put a request through the filter's own module, as a proxy would
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Put a request through the filter's own module, as a proxy would.

The module is the very file that proxies load. It runs here with the configuration that `bookend render --target \
filter` prints, as the sidecar of the destination; the source speaks mutual TLS with its own SPIFFE id if it has a \
proxy, and plaintext otherwise. The kernel is not asked; `bookend explain` tells the whole way.",
    after_long_help = "\
Examples:
  May reviews read a rating?
    bookend simulate -f examples/bookinfo --from reviews-v2 --to ratings --path /ratings/7

  May it write one, without mutual TLS?
    bookend simulate -f examples/bookinfo --from reviews-v2 --to ratings --method POST --path /ratings/7 --plaintext

Exit code: 0 if the filter lets it pass, 3 if not; of several workloads, if any is refused."
)]
pub(crate) struct Simulate {
    #[command(flatten)]
    files: Files,

    #[command(flatten)]
    ends: Ends,

    /// The request's method
    #[arg(long, default_value = "GET")]
    method: String,

    /// The request's path, as it is sent
    #[arg(long)]
    path: String,

    /// A header of the request; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<Header>,

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

/// Reads `name: value`. Proxies hand over names in lower case.
fn header(text: &str) -> Result<Header, String> {
    let pair = text.split_once(':').filter(|(name, _)| !name.trim().is_empty());
    let (name, value) = pair.ok_or("write it as `name: value`; pseudo-headers are not set this way")?;
    Ok((name.trim().to_ascii_lowercase().into_bytes(), value.trim().as_bytes().to_vec()))
}

/// What became of one request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Simulation {
    from: String,
    to: String,
    request: Asked,
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
        let documents = self.files.compile(self.output)?;
        let (from, to) = self.ends.resolve(&documents.compiled)?;
        let port = self.ends.port(Transport::Tcp, &to, &documents.compiled)?;
        let configuration = documents.compiled.configuration().to_json()?;
        let places = Places::new(from.parties.iter().chain(&to.parties), &documents)?;
        let request = envoy::Request {
            method: &self.method,
            path: &self.path,
            authority: &format!("{}:{port}", self.ends.to),
            headers: &self.headers,
            port,
            plaintext: self.ends.plaintext,
        };
        let proxied = |party: &Party<'_>| party.workload.is_some_and(|workload| workload.identity.proxied);
        if let Some(bare) = to.parties.iter().find(|party| !proxied(party)) {
            bail!(
                "`{}` has no proxy, so no filter sees the request; `bookend explain` tells what the kernel does",
                bare.name
            );
        }
        let module = module::load(self.module.as_deref())?;
        let mut simulations = Vec::new();
        for destination in &to.parties {
            let Some(own) = destination.workload else { continue };
            let mut instance = module.start(&envoy::plugin(own, configuration.clone()))?;
            for source in &from.parties {
                let pair = Pair::new(source, destination, &places)?;
                let outcome =
                    instance.http_request(&request.exchange(&pair, &documents.compiled.inventory))?;
                let logs = instance.startup_logs().iter().cloned().chain(outcome.logs.clone()).collect();
                simulations.push(self.simulation(&pair, outcome, logs));
            }
        }
        match self.output {
            Format::Json => output::print_json(&simulations)?,
            Format::Text => output::print(&self.text(&simulations))?,
        }
        let allowed = simulations.iter().all(|simulation| simulation.verdict == "allow");
        Ok(if allowed { Exit::Fine } else { Exit::Denied })
    }

    fn simulation(&self, pair: &Pair<'_>, outcome: Outcome, logs: Vec<LogLine>) -> Simulation {
        let (verdict, response, stopped) = match outcome.ending {
            Ending::Continue(_) => ("allow", None, None),
            Ending::LocalResponse(response) => ("deny", Some(response.into()), None),
            Ending::Paused => ("deny", None, Some("the module holds the request and never lets it go")),
            Ending::Closed => ("deny", None, Some("the module reset the stream")),
        };
        Simulation {
            from: pair.from.name.clone(),
            to: pair.to.name.clone(),
            request: Asked { method: self.method.clone(), path: self.path.clone() },
            verdict,
            rule: outcome.written.get(envoy::RULE).map(|id| lossy(id)),
            response,
            stopped,
            logs: logs.iter().map(LogLine::to_string).collect(),
        }
    }

    fn text(&self, simulations: &[Simulation]) -> String {
        let texts = simulations.iter().map(|simulation| {
            let Simulation { from, to, request, verdict, rule, response, stopped, logs } = simulation;
            let verdict = if *verdict == "allow" { "allowed" } else { "denied" };
            let mut text = format!("{from} → {to}, {} {}: {verdict}\n", request.method, request.path);
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
