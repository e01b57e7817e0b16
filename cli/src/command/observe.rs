//! `bookend observe`

mod board;
mod choice;
mod decision;
mod envoy;
mod feed;
mod share;
mod view;

use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use self::choice::Choice;
use self::decision::{Layer, Told};
use self::feed::Feed;
use super::deploy::Reach;
use crate::exit::{Exit, Stopped};
use crate::inquiry::Place;
use crate::output::{self, Format};
use bookend_objects::install::NAMESPACE;

/// Show decisions of both layers as they are made
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Show decisions of both layers as they are made, in one format.

The kernel's are those that enforcers tell (every denial, up to 100 a second of each kind; what audits disagree with; and of what is allowed \
as much as `--sample` of the enforcer says), by a port-forward of the API server to each node's. The filters' are what proxies write into \
their logs, as `decisionLog` of a `Reporting` says. Both are read from now on; nothing is changed.

Each node and each proxy is a connection through the API server, so at most `--most` of them are followed; narrow it by `--namespace`, \
`--workload` and `--layer`. Without a cluster, `--enforcer` asks one enforcer.

On a terminal it is a view that one can keep open: rates, the rules that deny most, and the stream. Piped, or with `--plain`, it is a line for \
each decision.",
    after_long_help = "\
Examples:
  What is denied in a namespace?
    bookend observe --namespace shop --verdict deny

  Why can nobody reach the database? For a program:
    bookend observe --workload shop/db -o json | jq -r .rule

  On a machine without a cluster:
    bookend observe --enforcer http://127.0.0.1:9466

Keys: space pauses, d and a show only what is denied or allowed, k and p only the kernel's or the proxies', / searches, c clears, q ends."
)]
#[derive(Clone)]
pub(crate) struct Observe {
    /// Only what one of these workloads sends or receives: `namespace/name`, or a name in `--namespace`
    #[arg(long, value_name = "WORKLOAD")]
    workload: Vec<String>,

    /// Only what these rules decide: an id, or the start of one before `*`
    #[arg(long, value_name = "ID")]
    rule: Vec<String>,

    /// Only these decisions
    #[arg(long, value_enum, value_name = "VERDICT")]
    verdict: Option<decision::Verdict>,

    /// Only decisions of this layer
    #[arg(long, value_enum, value_name = "LAYER")]
    layer: Option<Layer>,

    /// Only what an end in this namespace sends or receives
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// Ask this enforcer and no cluster: `http://127.0.0.1:9466`, or the path of a socket
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["kubeconfig", "context"])]
    enforcer: Option<Place>,

    /// The namespace of the installation
    #[arg(long, value_name = "NAMESPACE", default_value = NAMESPACE)]
    installation: String,

    /// How many nodes and proxies are followed at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    most: usize,

    /// A line for each decision, also on a terminal
    #[arg(long)]
    plain: bool,

    /// How to print decisions; with `json`, one object on each line
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    reach: Reach,
}

/// Decisions that wait to be shown. What comes faster than it is shown makes the senders wait, and they tell what was lost.
const WAITING: usize = 1024;

impl Observe {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        if self.enforcer.is_some() && self.layer == Some(Layer::Proxy) {
            return Err(Stopped::usage(
                "an enforcer tells only of the kernel; the proxies' logs are read from a cluster",
            ));
        }
        let choice =
            Choice::new(&self.workload, &self.rule, self.verdict, self.layer, self.namespace.as_deref());
        let choice = choice.map_err(Stopped::usage)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.context("cannot start observing")?.block_on(self.observe(choice))
    }

    async fn observe(&self, choice: Choice) -> anyhow::Result<Exit> {
        let (sender, mut told) = mpsc::channel(WAITING);
        let feed = match &self.enforcer {
            Some(place) => Feed::enforcer(place, sender).await?,
            None => {
                let cluster = self.reach.connect().await?;
                Feed::cluster(&cluster, &self.installation, &choice, self.most, sender).await?
            }
        };
        if self.output == Format::Text && !self.plain && is_watched() {
            view::run(choice, &feed.title, told).await?;
            return Ok(Exit::Fine);
        }
        output::print_error(&format!("{}\n", bookend_text::plain(&feed.title)));
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            let next = tokio::select! {
                next = told.recv() => next,
                _ = &mut interrupted => return Ok(Exit::Fine),
            };
            match next {
                None => return Ok(Exit::Fine),
                Some(Told::Decision(decision)) if !choice.wants(&decision) => {}
                Some(trouble @ Told::Trouble(_)) => output::print_error(&format!("{}\n", trouble.line())),
                Some(other) => {
                    let line = match self.output {
                        Format::Json => other.json()?,
                        Format::Text => other.line(),
                    };
                    if !print_line(&line)? {
                        return Ok(Exit::Fine);
                    }
                }
            }
        }
    }
}

/// Whether somebody sits at a terminal that can be drawn on.
fn is_watched() -> bool {
    use std::io::IsTerminal;
    let dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !dumb
}

/// Prints a line; whether anybody still reads.
fn print_line(line: &str) -> anyhow::Result<bool> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// How long to wait before somebody is asked again who went away.
const AGAIN: Duration = Duration::from_secs(3);
