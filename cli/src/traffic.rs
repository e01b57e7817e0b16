//! The traffic a question is about.

use bookend_engine::Protocol;

use crate::exit::Stopped;
use crate::subject::Subject;
use bookend_lang::Compiled;

/// Who talks to whom, and how.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Ends {
    /// Who opens the connection.
    ///
    /// A workload (`ratings-v1`), a Service (`ratings`: all workloads behind it), either with its namespace
    /// (`default/ratings`), labels (`app=ratings`), or an address.
    #[arg(long, value_name = "WHO")]
    pub(crate) from: String,

    /// Who accepts it; named in the same ways.
    #[arg(long, value_name = "WHO")]
    pub(crate) to: String,

    /// The destination's port; the Service's own if it has only one.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,

    /// Connect without mutual TLS, as a process that goes around its proxy would.
    #[arg(long)]
    pub(crate) plaintext: bool,
}

/// A transport protocol, as written on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Transport {
    #[default]
    Tcp,
    Udp,
    /// Echo requests.
    Icmp,
}

impl Transport {
    /// The protocol, given the address family.
    pub(crate) fn protocol(self, ipv6: bool) -> Protocol {
        match (self, ipv6) {
            (Self::Tcp, _) => Protocol::Tcp,
            (Self::Udp, _) => Protocol::Udp,
            (Self::Icmp, false) => Protocol::Icmp,
            (Self::Icmp, true) => Protocol::Icmpv6,
        }
    }
}

impl Ends {
    /// Everybody at both ends.
    ///
    /// # Errors
    /// When a name means nobody, or is ambiguous.
    pub(crate) fn resolve<'c>(&self, compiled: &'c Compiled) -> anyhow::Result<(Subject<'c>, Subject<'c>)> {
        Ok((Subject::resolve(&self.from, compiled)?, Subject::resolve(&self.to, compiled)?))
    }

    /// The port that is meant: the one written, or the only one of the Service that was named or that is before
    /// the destination; 0 where there are none.
    ///
    /// # Errors
    /// When it cannot be told, or makes no sense.
    pub(crate) fn port(
        &self,
        transport: Transport,
        to: &Subject<'_>,
        compiled: &Compiled,
    ) -> anyhow::Result<u16> {
        match (transport, self.port) {
            (Transport::Icmp, None) => Ok(0),
            (Transport::Icmp, Some(_)) => Err(Stopped::usage("ICMP has no ports; leave `--port` out")),
            (_, Some(port)) => Ok(port),
            (_, None) => to
                .port
                .or_else(|| served(to, compiled))
                .ok_or_else(|| Stopped::usage(format!("which port of `{}`? Say it with `--port`", self.to))),
        }
    }
}

/// The only port of all Services before the destination.
fn served(to: &Subject<'_>, compiled: &Compiled) -> Option<u16> {
    let mut ports = compiled
        .services
        .iter()
        .filter(|service| {
            !service.selector.is_empty()
                && to.parties.iter().filter_map(|party| party.workload).any(|workload| {
                    let labels = &workload.identity.labels;
                    workload.identity.namespace == service.namespace
                        && service.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
                })
        })
        .flat_map(|service| service.ports.iter().copied());
    let first = ports.next()?;
    ports.all(|port| port == first).then_some(first)
}
