//! What a packet costs: the enforcer's programs on made-up packets, in turns with a program that does nothing.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context as _, ensure};
use aya::programs::ProgramFd;
use bookend_abi::table::{Interface, TCP, quota};
use bookend_abi::{Address, FROM_WORKLOAD, TO_WORKLOAD, craft, packet};
use bookend_enforcer::kernel::Trial;

use super::estate::{Estate, Kind, own_v4, own_v6};
use super::yardstick::{Series, Yardstick};
use crate::spread::Spread;

/// Packets of one slice of a sample: about a millisecond.
const PACKETS: u32 = 2_000;
/// A sample is the least of so many slices: whatever else happens can only add.
const SLICES: u16 = 3;
/// So many specimens take their turns before the program that does nothing takes its turn again.
const BETWEEN: usize = 8;
/// Connections of [`Shape::Many`].
const MANY: u32 = 4_096;
/// The first port of the peer.
const PORT: u16 = 10_000;
/// Where the source port is in a frame, without options: after Ethernet and IPv4 or IPv6.
const SOURCE_PORT: [u32; 2] = [34, 54];
/// Flags of a segment that answers a SYN, and of one in the middle.
const SYN_ACK: u8 = packet::SYN | 0x10;
const ACK: u8 = 0x10;

/// What kind of packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Of one connection that both ends have spoken on, to the workload.
    Established,
    /// The same, from the workload.
    Reply,
    /// Of one of [`MANY`] such connections in turn: the caches hold less of them.
    Many,
    /// The first of a connection that is allowed; each another.
    New,
    /// The same where the interface has as many connections as it may have: one goes for each that comes.
    Full,
    /// The first of a connection that no rule allows; each another.
    Denied,
}

impl Shape {
    pub(super) const ALL: [Self; 6] =
        [Self::Established, Self::Reply, Self::Many, Self::New, Self::Full, Self::Denied];

    /// How tables call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Reply => "reply",
            Self::Many => "one of 4,096",
            Self::New => "new",
            Self::Full => "new, at the quota",
            Self::Denied => "denied",
        }
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) estate: Estate,
    /// 4 or 6.
    pub(super) version: u8,
    pub(super) shape: Shape,
}

/// What it costs, in nanoseconds beyond a program that does nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) subject: Subject,
    pub(super) added: Spread,
}

/// Everything that was measured.
pub(super) struct Packets {
    pub(super) costs: Vec<Cost>,
    /// A run of the program that does nothing, with what it takes to make a packet.
    pub(super) nothing: Spread,
}

/// The estates: rules, then identities, then what rules speak of.
pub(super) fn estates(quick: bool) -> Vec<Estate> {
    let of = Estate::new;
    if quick {
        return vec![
            of(Kind::Workloads, 10, 1_000),
            of(Kind::Workloads, 10_000, 10_000),
            of(Kind::Blocks, 1_000, 1_000),
            of(Kind::Limited, 1_000, 1_000),
        ];
    }
    vec![
        of(Kind::Workloads, 10, 1_000),
        of(Kind::Workloads, 1_000, 1_000),
        of(Kind::Workloads, 10_000, 1_000),
        of(Kind::Workloads, 100_000, 1_000),
        of(Kind::Workloads, 1_000, 10_000),
        of(Kind::Workloads, 1_000, 100_000),
        of(Kind::Workloads, 100_000, 100_000),
        of(Kind::Blocks, 10, 1_000),
        of(Kind::Blocks, 1_000, 1_000),
        of(Kind::Blocks, 10_000, 1_000),
        of(Kind::Blocks, 100_000, 1_000),
        of(Kind::Limited, 1_000, 1_000),
    ]
}

/// The programs in the kernel, with an estate's tables of their own.
pub(super) struct Specimen {
    estate: Estate,
    trial: Trial,
    interface: Interface,
    addresses: Vec<Address>,
    to_workload: ProgramFd,
    from_workload: ProgramFd,
}

impl Specimen {
    /// Loads the object and fills its tables.
    ///
    /// # Errors
    /// If the kernel does not take them.
    pub(super) fn new(estate: Estate, object: &Path) -> anyhow::Result<Self> {
        let plan = estate.plan()?;
        let mut trial = Trial::load(object)?;
        trial.replace(&plan.tables(|_| None))?;
        let own = plan.interfaces.first().context("the estate has no interface")?;
        let interface =
            Interface { egress: own.egress, ingress: own.ingress, quota: quota(1), ..Interface::default() };
        let addresses = own.addresses.clone();
        let to_workload = trial.program(TO_WORKLOAD)?.try_clone()?;
        let from_workload = trial.program(FROM_WORKLOAD)?.try_clone()?;
        Ok(Self { estate, trial, interface, addresses, to_workload, from_workload })
    }

    /// A sample: nanoseconds for a packet, with the making of the packet.
    ///
    /// # Errors
    /// If the programs decide otherwise than the estate has it.
    fn sample(&mut self, version: u8, shape: Shape, yardstick: &mut Yardstick) -> anyhow::Result<f64> {
        let interface = if shape == Shape::Full { few(self.interface) } else { self.interface };
        self.trial.enter(interface, &self.addresses)?;
        let last = self.estate.rules - 1;
        let allowed = self.estate.allowed(last);
        let ends = if version == 4 {
            (IpAddr::from(allowed.0), IpAddr::from(own_v4(0)))
        } else {
            (IpAddr::from(allowed.1), IpAddr::from(own_v6(0)))
        };
        let port = match (self.estate.kind, version) {
            // The last rule about IPv6 is the one before the last about IPv4, or the other way round.
            (Kind::Blocks, 4) => self.estate.port(last & !1),
            (Kind::Blocks, _) => self.estate.port(last.saturating_sub(1) | 1),
            _ => self.estate.port(last),
        };
        let (request, answer) = (self.to_workload.try_clone()?, self.from_workload.try_clone()?);
        let sent = |flags, port, first, count| series(version, ends, (0, port), flags, first, count);
        let replied = |flags, count| {
            let mut series = series(version, (ends.1, ends.0), (port, 0), flags, PORT, count);
            series.offset += 2;
            series
        };
        let connections = if shape == Shape::Many { MANY } else { 1 };
        let (program, passes) =
            if shape == Shape::Reply { (&answer, true) } else { (&request, shape != Shape::Denied) };
        let mut measured = match shape {
            Shape::Established | Shape::Many => sent(ACK, port, PORT, connections),
            Shape::Reply => replied(ACK, connections),
            Shape::New | Shape::Full => sent(packet::SYN, port, PORT, u32::from(u16::MAX - PORT)),
            Shape::Denied => sent(packet::SYN, 1, PORT, u32::from(u16::MAX - PORT)),
        };
        match shape {
            Shape::Established | Shape::Many | Shape::Reply => {
                for (program, series) in [
                    (&request, sent(packet::SYN, port, PORT, connections)),
                    (&answer, replied(SYN_ACK, connections)),
                    (&request, sent(ACK, port, PORT, connections)),
                ] {
                    ensure!(
                        yardstick.run(program, &series, connections)?.1,
                        "{self:?}: no connection is made"
                    );
                }
            }
            // Until every further one takes the place of another.
            Shape::Full => {
                measured.first = PORT + FEW as u16 * 2;
                let before = sent(packet::SYN, port, PORT, FEW * 2);
                ensure!(yardstick.run(program, &before, FEW * 2)?.1, "{self:?}: no connection is made");
            }
            Shape::New | Shape::Denied => {}
        }
        let mut least = f64::INFINITY;
        for _ in 0..SLICES {
            let (time, passed) = yardstick.run(program, &measured, PACKETS)?;
            ensure!(
                passed == passes,
                "{self:?}: a packet that is {} {}",
                shape.name(),
                ["is dropped", "passes"][usize::from(passed)]
            );
            least = least.min(nanoseconds(time));
            if matches!(shape, Shape::New | Shape::Full | Shape::Denied) {
                // So that each is another.
                measured.first += PACKETS as u16;
                measured.count -= PACKETS;
            }
        }
        Ok(least)
    }
}

impl std::fmt::Debug for Specimen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Estate { kind, rules, identities, .. } = self.estate;
        write!(f, "{rules} rules about {} among {identities} identities", kind.name())
    }
}

/// The quota of [`Shape::Full`].
const FEW: u32 = 1_024;

/// The same interface, with a quota of [`FEW`] connections.
fn few(interface: Interface) -> Interface {
    Interface { quota: FEW, ..interface }
}

/// Segments from one end to the other, each from another port.
fn series(
    version: u8,
    (from, to): (IpAddr, IpAddr),
    (source, destination): (u16, u16),
    flags: u8,
    first: u16,
    count: u32,
) -> Series {
    let [v4, v6] = SOURCE_PORT;
    let frame = craft::frame(from, to, TCP, &craft::tcp(source, destination, flags));
    Series { frame, offset: if version == 4 { v4 } else { v6 }, first, count }
}

fn nanoseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Measures every specimen once in each round, every second round backwards; the program that does nothing again and again.
///
/// # Errors
/// If the programs decide otherwise than they should.
pub(super) fn measure(
    specimens: &mut [Specimen],
    yardstick: &mut Yardstick,
    rounds: usize,
    mut step: impl FnMut(),
) -> anyhow::Result<Packets> {
    let mut subjects: Vec<(usize, Subject)> = Vec::new();
    for (number, specimen) in specimens.iter().enumerate() {
        for version in [4, 6] {
            let estate = specimen.estate;
            subjects.extend(Shape::ALL.map(|shape| (number, Subject { estate, version, shape })));
        }
    }
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); subjects.len()];
    let mut all_nothing = Vec::new();
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..subjects.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        let (mut found, mut nothing) = (Vec::new(), Vec::new());
        for group in order.chunks(BETWEEN) {
            nothing.push(sample_nothing(yardstick)?);
            for &subject in group {
                let Some((specimen, Subject { version, shape, .. })) = subjects.get(subject) else {
                    continue;
                };
                let Some(specimen) = specimens.get_mut(*specimen) else { continue };
                found.push((subject, specimen.sample(*version, *shape, yardstick)?));
            }
            step();
        }
        let nothing = Spread::of(nothing).context("a round without specimens")?.median;
        all_nothing.push(nothing);
        for (subject, sample) in found {
            if let Some(samples) = samples.get_mut(subject) {
                samples.push(sample - nothing);
            }
        }
    }
    let costs = subjects.iter().zip(samples);
    let costs = costs
        .filter_map(|((_, subject), samples)| Some(Cost { subject: *subject, added: Spread::of(samples)? }));
    Ok(Packets { costs: costs.collect(), nothing: Spread::of(all_nothing).context("no rounds")? })
}

/// How many steps [`measure`] takes.
pub(super) fn steps(specimens: usize, rounds: usize) -> usize {
    (specimens * 2 * Shape::ALL.len()).div_ceil(BETWEEN) * rounds
}

fn sample_nothing(yardstick: &mut Yardstick) -> anyhow::Result<f64> {
    let ends = (IpAddr::from(own_v4(1)), IpAddr::from(own_v4(0)));
    let series = series(4, ends, (0, 80), packet::SYN, PORT, MANY);
    let program = yardstick.empty()?;
    let mut least = f64::INFINITY;
    for _ in 0..SLICES {
        least = least.min(nanoseconds(yardstick.run(&program, &series, PACKETS)?.0));
    }
    Ok(least)
}
