//! A connection on its way past every point where it is judged.

mod kernel;
mod near;
mod place;
mod proxy;
mod residual;

use std::net::IpAddr;

use anyhow::anyhow;
use bookend_engine::{Endpoint, Explanation, Identity, Location, Verdict};
use serde::Serialize;

use crate::sources::{Documents, Place};
use crate::subject::Party;

pub(crate) use kernel::Kernel;
pub(crate) use near::Near;
pub(crate) use place::Places;
pub(crate) use proxy::spiffe_id;
pub(crate) use residual::Residual;

/// What travels.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    /// The protocol, but for its family.
    pub(crate) transport: crate::traffic::Transport,
    /// The destination's port; 0 for protocols without ports.
    pub(crate) port: u16,
    /// Method and path of the HTTP request; without one, TCP is an opaque stream.
    pub(crate) request: Option<(String, String)>,
    /// Whether the source speaks without mutual TLS.
    pub(crate) plaintext: bool,
}

/// One connection and every verdict about it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Passage {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Asked>,
    /// `allow` or `deny`, of all points together.
    pub(crate) verdict: &'static str,
    /// The first point that denies, else the last one.
    pub(crate) decided_by: Decider,
    /// In the order in which a packet meets them.
    pub(crate) points: Vec<Point>,
    /// What the kernel lets pass and the filter may not.
    pub(crate) residual: Vec<Residual>,
    /// Ends of which the inventory has no address. The kernel is asked as if each were at one that no rule names.
    pub(crate) without_address: Vec<String>,
}

/// An HTTP request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
}

/// Who decided.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Decider {
    pub(crate) layer: Layer,
    pub(crate) end: &'static str,
    pub(crate) id: String,
    pub(crate) at: Option<Place>,
}

/// What enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Layer {
    Kernel,
    Proxy,
}

impl Layer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Proxy => "proxy",
        }
    }
}

/// A point where the connection is judged, or would be.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Point {
    pub(crate) layer: Layer,
    /// Where it stands: `source` or `destination`.
    pub(crate) end: &'static str,
    #[serde(flatten)]
    pub(crate) answer: Answer,
}

/// What a point says.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// It is on the way.
    Judged(Judged),
    /// It is not, because …
    #[serde(rename_all = "camelCase")]
    Absent { not_on_the_path: String },
}

/// A verdict.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Judged {
    pub(crate) verdict: &'static str,
    /// The rule, isolation or default.
    pub(crate) id: String,
    pub(crate) at: Option<Place>,
    /// On behalf of which end's policy: `source` or `destination`.
    pub(crate) for_end: &'static str,
    /// The rules that nearly decided otherwise.
    pub(crate) near: Vec<Near>,
    /// What was tried; for the residual.
    #[serde(skip)]
    pub(crate) trace: Explanation,
}

impl Judged {
    pub(crate) fn allows(&self) -> bool {
        self.verdict == Verdict::Allow.name()
    }
}

/// The two ends of a connection, each with an address.
#[derive(Clone, Debug)]
pub(crate) struct Pair<'c> {
    pub(crate) from: &'c Party<'c>,
    pub(crate) to: &'c Party<'c>,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
}

impl<'c> Pair<'c> {
    /// The pair at addresses of one family, IPv4 if there is a choice.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn new(from: &'c Party<'c>, to: &'c Party<'c>, places: &Places) -> anyhow::Result<Self> {
        let (sources, destinations) = (places.addresses(from), places.addresses(to));
        let first = |list: &[IpAddr], v4: bool| list.iter().copied().find(|a| a.is_ipv4() == v4);
        [true, false]
            .into_iter()
            .find_map(|v4| first(&sources, v4).zip(first(&destinations, v4)))
            .map(|(source, destination)| Self { from, to, source, destination })
            .ok_or_else(|| {
                anyhow!("`{}` and `{}` have no addresses of one family, IPv4 or IPv6", from.name, to.name)
            })
    }
}

/// How an end looks to an observer that knows who it is.
fn known<'c>(party: &'c Party<'_>, location: Location) -> Endpoint<'c> {
    let identity = party.workload.map_or(Identity::Outside, |w| Identity::Workload(&w.identity));
    Endpoint { identity, location }
}

impl Passage {
    /// Lets every point judge.
    ///
    /// # Errors
    /// When there is nothing on the way, the ends cannot reach each other, or the kernel cannot enforce the policy.
    pub(crate) fn new(
        pair: &Pair<'_>,
        traffic: &Traffic,
        documents: &Documents,
        kernel: &Kernel<'_>,
    ) -> anyhow::Result<Self> {
        let Pair { from, to, .. } = pair;
        let points = vec![
            kernel.judge(bookend_engine::End::Source, pair, traffic, documents)?,
            kernel.judge(bookend_engine::End::Destination, pair, traffic, documents)?,
            proxy::judge(pair, traffic, documents),
        ];
        let judged = || {
            points.iter().filter_map(|point| match &point.answer {
                Answer::Judged(judged) => Some((point, judged)),
                Answer::Absent { .. } => None,
            })
        };
        let (point, decisive) = judged()
            .find(|(_, judged)| !judged.allows())
            .or_else(|| judged().next_back())
            .ok_or_else(|| {
                anyhow!(
                    "neither `{}` nor `{}` is a workload of the inventory, so nobody judges this connection",
                    from.name,
                    to.name
                )
            })?;
        let decided_by =
            Decider { layer: point.layer, end: point.end, id: decisive.id.clone(), at: decisive.at.clone() };
        let verdict = decisive.verdict;
        let residual = residual::residual(&points, pair, documents);
        let without_address = [from, to]
            .into_iter()
            .filter(|party| party.addresses.is_empty())
            .map(|party| party.name.clone())
            .collect();
        Ok(Self {
            from: from.name.clone(),
            to: to.name.clone(),
            protocol: traffic.transport.protocol(pair.source.is_ipv6()).name(),
            port: (traffic.port != 0).then_some(traffic.port),
            request: traffic.request.clone().map(|(method, path)| Asked { method, path }),
            verdict,
            decided_by,
            points,
            residual,
            without_address,
        })
    }

    /// Whether every point on the way allows.
    pub(crate) fn allows(&self) -> bool {
        self.verdict == Verdict::Allow.name()
    }
}
