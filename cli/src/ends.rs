//! The two ends of a connection, on the command line.

use bookend_answers::traffic::{self, Transport};

/// Who talks to whom, and how.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Ends {
    /// Who opens the connection.
    ///
    /// A workload (`ratings-v1`), a Service (`ratings`: all workloads behind it), either with its namespace
    /// (`default/ratings`), labels (`app=ratings`), every workload of a namespace (`namespace:shop`), an address, somebody
    /// in a network (`network:partners`), or somebody outside who proves a SPIFFE id (`spiffe://partner.example/ns/a/sa/b`).
    #[arg(long, value_name = "WHO")]
    pub(crate) from: String,

    /// Who accepts it, named in the same ways; the port may follow: `ratings:9080`, `ratings:http`, `[fd00::1]:80`.
    #[arg(long, value_name = "WHO[:PORT]")]
    pub(crate) to: String,

    /// The destination's port: a number, or a name that its workloads give it; else the Service's own if it has only one.
    #[arg(long)]
    pub(crate) port: Option<String>,

    /// The SPIFFE id that the source proves, where it is an address or a network outside.
    #[arg(long, value_name = "SPIFFE-ID", conflicts_with = "plaintext", value_parser = traffic::principal)]
    pub(crate) principal: Option<String>,

    /// Connect without mutual TLS, as a process that goes around its proxy would.
    #[arg(long)]
    pub(crate) plaintext: bool,
}

impl From<&Ends> for traffic::Ends {
    fn from(ends: &Ends) -> Self {
        let Ends { from, to, port, principal, plaintext } = ends.clone();
        Self { from, to, port, principal, plaintext }
    }
}

/// A transport protocol, as written on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
    /// ICMP or ICMPv6, as the addresses are.
    Icmp,
    #[value(name = "icmpv6")]
    Icmpv6,
}

impl From<Protocol> for Transport {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Sctp => Self::Sctp,
            Protocol::Icmp => Self::Icmp,
            Protocol::Icmpv6 => Self::Icmpv6,
        }
    }
}
