//! Who reaches whom.

use crate::bundle::{Bundle, Sources};
use crate::channel::{Channel, Outcome};
use crate::diff::Stand;
use crate::gather::Gathering;
use crate::ground::Ground;
use crate::set::ClassSet;
use crate::side::Side;
use crate::spans::{PortSet, Segment, segments};

/// Traffic that all meets the same fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage<'s> {
    /// Where it is opened.
    pub sources: ClassSet,
    /// Where it is accepted.
    pub destinations: ClassSet,
    /// The destination's ports.
    pub ports: PortSet,
    /// How much of it passes, and by what.
    pub stand: Stand<'s>,
}

/// Who reaches whom, and how.
pub struct Reach<'s> {
    /// The classes that passages speak of.
    pub ground: Ground<'s>,
    /// All traffic; every connection is in exactly one of them.
    pub passages: Vec<Passage<'s>>,
}

/// What one side's program means for everybody in its inventory and outside of it.
pub fn reach(side: Side<'_>) -> Reach<'_> {
    let ground = Ground::new(&[side]);
    let mut gathering = Gathering::new();
    each(&ground, |bundle, destination, channel| {
        if let (Some(bundle), Some(channel)) = (bundle, channel) {
            let stands = pieces(&ground, channel, destination).into_iter();
            gathering.add(bundle, stands.map(|(segment, outcome)| (segment, Stand::of(&outcome))).collect());
        } else {
            gathering.close(destination);
        }
    });
    let passages = gathering.finish().into_iter();
    let passages = passages
        .map(|r| Passage { sources: r.sources, destinations: r.destinations, ports: r.ports, stand: r.kind })
        .collect();
    Reach { ground, passages }
}

/// Calls `visit` with every bundle toward every destination of the first side; and without one after each destination.
pub(crate) fn each<'s>(
    ground: &Ground<'s>,
    mut visit: impl FnMut(Option<&Bundle>, u32, Option<&Channel<'s>>),
) {
    let sources = Sources::new(ground);
    for destination in 0..ground.parties().len() as u32 {
        for bundle in ground.toward(&sources, destination) {
            let rules = bundle.rules.first().map_or(&[][..], Vec::as_slice);
            let Some(source) = bundle.sources.first() else { continue };
            let channel = Channel::new(ground, 0, *source, destination, rules);
            visit(Some(&bundle), destination, channel.as_ref());
        }
        visit(None, destination, None);
    }
}

/// The outcome for every piece of the port numbers.
pub(crate) fn pieces<'s>(
    ground: &Ground<'s>,
    channel: &Channel<'s>,
    destination: u32,
) -> Vec<(Segment, Outcome<'s>)> {
    let destinations: Vec<_> = ground.seen(0, destination).map(|seen| seen.identity).into_iter().collect();
    let outcome = |segment: Segment| {
        let (protocol, port) = segment.sample();
        let outcome = channel.outcome(protocol, port);
        (segment, outcome)
    };
    segments(&channel.rules, channel.is_meshed(), &destinations).into_iter().map(outcome).collect()
}
