//! Connections and streams through veth pairs, under the same policy enforced in different ways.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use bookend_testenv::run::Run;

use super::daemon::Daemon;
use super::estate::{Estate, Kind, own_v4, peer_v4};
use super::ground::{Ground, NEAR_END};
use super::rival::Rival;
use super::sample;
use super::traffic::{Load, slice};
use crate::spread::Spread;

/// A sample is the best of so many slices: whatever else happens can only slow down.
const SLICES: usize = 3;

/// So many variants take their turns before the one without a policy takes its turn again: a machine that is busy changes its
/// pace within seconds.
const BETWEEN: usize = 4;

/// Rates and times of the processor, of a variant and of the one without a policy beside it.
type Beside = ((f64, f64), (f64, f64));

/// By whom the policy is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// By nobody.
    Nobody,
    /// By Bookend, at the interface of the workload that is connected to.
    Bookend,
    /// By Bookend, at the interfaces of both ends: every packet is judged twice.
    BookendTwice,
    /// By Bookend's programs alone, without the guard behind them: to tell what the guard costs.
    BookendUnguarded,
    /// By others.
    Rival(Rival),
}

impl Subject {
    /// How tables call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nobody => "no policy",
            Self::Bookend => "Bookend",
            Self::BookendTwice => "Bookend, both ends",
            Self::BookendUnguarded => "Bookend, no guard",
            Self::Rival(rival) => rival.name(),
        }
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) subject: Subject,
    pub(super) rules: usize,
}

impl Variant {
    /// Those to be measured; the first is enforced by nobody.
    pub(super) fn all(quick: bool) -> Vec<Self> {
        let counts: &[usize] = if quick { &[1_000] } else { &[10, 1_000, 10_000] };
        let mut all = vec![Self { subject: Subject::Nobody, rules: 10 }];
        for &rules in counts {
            all.push(Self { subject: Subject::Bookend, rules });
            all.extend(Rival::ALL.map(|rival| Self { subject: Subject::Rival(rival), rules }));
        }
        all.extend(
            [Subject::BookendUnguarded, Subject::BookendTwice].map(|subject| Self { subject, rules: 1_000 }),
        );
        all
    }

    /// A host under these rules.
    pub(super) fn estate(&self) -> Estate {
        // The last rule lets the last peer in: it is the one that is measured, so that whoever walks a list walks all of it.
        let near = self.subject == Subject::BookendTwice;
        Estate { near, ..Estate::new(Kind::Workloads, self.rules, self.rules) }
    }
}

/// A variant in place.
pub(super) struct Specimen {
    variant: Variant,
    ground: Ground,
    listener: TcpListener,
    to: SocketAddr,
    daemon: Option<Daemon>,
}

impl Specimen {
    /// Puts the policy in force, and checks that it is.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn new(variant: Variant, number: usize, run: &Run) -> anyhow::Result<Self> {
        let estate = variant.estate();
        let peer = peer_v4(estate.peer(estate.rules - 1));
        let ground = Ground::new(run, &format!("n{number}"), estate.near.then_some(peer))?;
        let daemon = match variant.subject {
            Subject::Nobody => None,
            Subject::Bookend | Subject::BookendTwice => Some(Daemon::start(&ground.host, &estate)?),
            Subject::BookendUnguarded => {
                let mut daemon = Daemon::start(&ground.host, &estate)?;
                // It would put the guard up again.
                daemon.end();
                ground.host.command("nft", &["flush", "ruleset"], "")?;
                Some(daemon)
            }
            Subject::Rival(rival) => {
                rival.install(&estate.plan()?, &ground.host)?;
                None
            }
        };
        let last = estate.rules - 1;
        let ports: BTreeSet<u16> = estate.ports().collect();
        let mut listeners = ground.own.run(|| {
            let bind = |port| Ok((port, TcpListener::bind((own_v4(0), port))?));
            ports.into_iter().map(bind).collect::<std::io::Result<Vec<_>>>()
        })??;
        sample::check(&ground, &listeners, &estate, variant.subject == Subject::Nobody)?;
        let port = estate.port(last);
        let position = listeners.iter().position(|(it, _)| *it == port).context("no rule")?;
        let (_, listener) = listeners.swap_remove(position);
        // Sockets that are bound to no address come from this one.
        ground.far.ip(&format!("route replace default via {NEAR_END} src {peer}\n"))?;
        Ok(Self { variant, ground, listener, to: SocketAddr::from((own_v4(0), port)), daemon })
    }

    fn sample(&mut self, load: Load) -> anyhow::Result<(f64, f64)> {
        let (mut rate, mut work) = (0.0_f64, f64::INFINITY);
        for _ in 0..SLICES {
            let slice = slice(load, &self.ground.far, &self.listener, self.to)?;
            rate = rate.max(slice.rate);
            work = work.min(slice.work);
        }
        if let Some(daemon) = &mut self.daemon {
            daemon.alive()?;
        }
        Ok((rate, work))
    }
}

/// What a variant does under a load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throughput {
    pub(super) variant: Variant,
    pub(super) load: Load,
    /// How much a second; see [`Load::unit`].
    pub(super) rate: Spread,
    /// The same as a part of what goes through without a policy in the same round.
    pub(super) share: Spread,
    /// Nanoseconds of processor time beyond those without a policy in the same round; for each connection, exchange or byte.
    pub(super) added: Spread,
}

/// Measures every specimen once in each round, every second round backwards.
///
/// # Errors
/// If traffic does not flow.
pub(super) fn measure(
    specimens: &mut [Specimen],
    rounds: usize,
    mut step: impl FnMut(),
) -> anyhow::Result<Vec<Throughput>> {
    let turns: Vec<(usize, Load)> =
        Load::ALL.iter().flat_map(|load| (0..specimens.len()).map(|number| (number, *load))).collect();
    // By turn, what each round found, and what it found beside it without a policy.
    let mut samples: Vec<Vec<Beside>> = vec![Vec::new(); turns.len()];
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..turns.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for group in order.chunks(BETWEEN) {
            let mut without: Vec<(Load, (f64, f64))> = Vec::new();
            for &turn in group {
                let Some(&(number, load)) = turns.get(turn) else { continue };
                let base = match without.iter().find(|(it, _)| *it == load) {
                    Some((_, base)) => *base,
                    None => {
                        let nobody = specimens.first_mut().context("nothing is measured")?;
                        let base = nobody.sample(load).context("without a policy")?;
                        without.push((load, base));
                        base
                    }
                };
                let (Some(specimen), Some(samples)) = (specimens.get_mut(number), samples.get_mut(turn))
                else {
                    continue;
                };
                let Variant { subject, rules } = specimen.variant;
                let found = specimen
                    .sample(load)
                    .with_context(|| format!("under {}, {rules} rules", subject.name()))?;
                samples.push((found, base));
                step();
            }
        }
    }
    let all = turns.iter().zip(&samples).filter_map(|((number, load), own)| {
        Some(Throughput {
            variant: specimens.get(*number)?.variant,
            load: *load,
            rate: Spread::of(own.iter().map(|(with, _)| with.0))?,
            share: Spread::of(own.iter().map(|(with, without)| with.0 / without.0))?,
            added: Spread::of(own.iter().map(|(with, without)| with.1 - without.1))?,
        })
    });
    Ok(all.collect())
}
