//! The answer for programs.

use bookend_analysis::{Change, Crowd, Detail, Extent, Kind, Place as Whereabouts, PortSet, Stand};
use serde::Serialize;

use super::beside::{Answered, Limited, Set};
use super::crossings::OneCrossing;
use super::services::OneService;
use super::{Comparison, known_to_one};
use crate::documents::{Documents, Place};

/// Everything that changes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer<'d> {
    /// Whether anything opens, or may.
    opens: bool,
    changes: Vec<OneChange>,
    /// What is denied on both sides, but at another end.
    crossings: Vec<OneCrossing>,
    /// What is dialled to Services.
    services: Vec<OneService>,
    /// Workloads that only the old inventory has.
    only_old: Vec<String>,
    /// Workloads that only the new inventory has.
    only_new: Vec<String>,
    /// Rules that answer otherwise.
    answers: &'d [Answered<'d>],
    /// Rules that let more or less pass in a time.
    limits: &'d [Limited<'d>],
    /// Settings with another value.
    settings: &'d [Set],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OneChange {
    /// `opened`, `changed`, `undecided`, `closed` or `audited`.
    kind: &'static str,
    from: Who,
    to: Who,
    ports: Vec<Range>,
    before: Standing,
    after: Standing,
    /// Requests that were denied and are allowed, for example.
    opens: Vec<String>,
    /// Requests that were allowed and are denied, for example.
    closes: Vec<String>,
}

/// Ends of connections.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Who {
    /// Namespaces of which every workload is meant.
    namespaces: Vec<String>,
    /// Other workloads, `namespace/name`.
    workloads: Vec<String>,
    /// Blocks of addresses outside, and `elsewhere` for all that no rule names.
    outside: Vec<String>,
}

/// Ports. Of ICMP, a port is type × 256 + code.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Range {
    protocol: &'static str,
    first: u16,
    last: u16,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    /// `denied`, `someRequests`, `mostRequests` (some are denied, and streams that are not HTTP) or `allowed`.
    extent: &'static str,
    by: Vec<By>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct By {
    id: String,
    at: Option<Place>,
}

impl<'d> Answer<'d> {
    pub(super) fn new(comparison: &'d Comparison<'_>) -> Self {
        let Comparison { sides, difference, rerouted, beside } = comparison;
        let sides = *sides;
        let (old, new) = known_to_one(difference);
        let one = |change: &Change<'_>| {
            let Detail { kind, before, after, opens, closes } = &change.detail;
            OneChange {
                kind: name(*kind),
                from: who(&difference.ground.crowd(&change.sources)),
                to: who(&difference.ground.crowd(&change.destinations)),
                ports: ranges(&change.ports),
                before: standing(before, sides.old),
                after: standing(after, sides.new),
                opens: opens.clone(),
                closes: closes.clone(),
            }
        };
        Self {
            opens: comparison.opens(),
            crossings: difference
                .crossings
                .iter()
                .map(|crossing| OneCrossing::new(crossing, difference, sides))
                .collect(),
            services: rerouted.iter().map(|one| OneService::new(one, sides)).collect(),
            changes: difference.changes.iter().map(one).collect(),
            only_old: old.iter().map(ToString::to_string).collect(),
            only_new: new.iter().map(ToString::to_string).collect(),
            answers: &beside.answers,
            limits: &beside.limits,
            settings: &beside.settings,
        }
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Opened => "opened",
        Kind::Changed => "changed",
        Kind::Undecided => "undecided",
        Kind::Closed => "closed",
        Kind::Audited => "audited",
    }
}

/// The name of an extent for programs.
pub(super) fn extent(extent: Extent) -> &'static str {
    match extent {
        Extent::Denied => "denied",
        Extent::SomeRequests => "someRequests",
        Extent::MostRequests => "mostRequests",
        Extent::Allowed => "allowed",
    }
}

fn standing(stand: &Stand<'_>, documents: &Documents) -> Standing {
    let by = |id: &&str| By { id: (*id).to_owned(), at: documents.place(id) };
    Standing { extent: extent(stand.extent), by: stand.by.iter().map(by).collect() }
}

/// A crowd for programs.
pub(super) fn who(crowd: &Crowd<'_>) -> Who {
    let place = |place: &Whereabouts| match place {
        Whereabouts::Block(net) => net.to_string(),
        Whereabouts::Elsewhere => "elsewhere".to_owned(),
    };
    Who {
        namespaces: crowd.namespaces.keys().map(|name| (*name).to_owned()).collect(),
        workloads: crowd.workloads.iter().map(ToString::to_string).collect(),
        outside: crowd.places.iter().map(place).collect(),
    }
}

/// Ports for programs.
pub(super) fn ranges(ports: &PortSet) -> Vec<Range> {
    let range = |(protocol, first, last): (bookend_engine::Protocol, u16, u16)| Range {
        protocol: protocol.name(),
        first,
        last,
    };
    ports.ranges().map(range).collect()
}
