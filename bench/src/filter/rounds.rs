//! Rounds in which all specimens take turns.

use super::specimen::Specimen;
use super::variant::{Subject, Variant};
use crate::processor;
use crate::spread::Spread;

/// What a variant costs, in microseconds of the worker's time for a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) variant: Variant,
    /// All of it.
    pub(super) whole: Spread,
    /// What it takes more than the variant without a filter does in the same round.
    pub(super) added: Spread,
}

/// So many specimens take their turns before those that others are compared with take theirs again.
const BETWEEN: usize = 8;

/// Measures every specimen once in each round, every second round backwards, so that what changes slowly concerns
/// all alike. Those that others are compared with are measured again and again in a round, because what is wrong with
/// them is wrong with all. Returns why the threads had no processors of their own, if they had none.
///
/// # Errors
/// When an Envoy ends, or answers otherwise than it should.
pub(super) fn measure(
    specimens: &mut [Specimen],
    rounds: usize,
    step: impl FnMut() + Send,
) -> anyhow::Result<(Vec<Cost>, Option<anyhow::Error>)> {
    let claimed = specimens.iter().try_for_each(Specimen::claim);
    // On a thread of its own, because its priority is inherited by whatever it starts.
    let work = || {
        let claimed = claimed.and_then(|()| processor::claim_for_this_thread(processor::CLIENT));
        Ok::<_, anyhow::Error>((samples(specimens, rounds, step)?, claimed.err()))
    };
    let (samples, shared) = std::thread::scope(|scope| {
        scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let variants: Vec<Variant> = specimens.iter().map(|specimen| specimen.variant).collect();
    let costs = variants.iter().zip(&samples).filter_map(|(variant, own)| {
        let base = variants.iter().position(|other| *other == variant.base())?;
        let pairs = own.iter().zip(samples.get(base)?);
        let added = if variant.subject == Subject::Nothing {
            Spread::certain(0.0)
        } else {
            Spread::of(pairs.map(|(with, without)| with - without))?
        };
        Some(Cost { variant: *variant, whole: Spread::of(own.iter().copied())?, added })
    });
    Ok((costs.collect(), shared))
}

/// For each specimen, a sample of each round.
fn samples(
    specimens: &mut [Specimen],
    rounds: usize,
    mut step: impl FnMut(),
) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); specimens.len()];
    for round in 0..rounds {
        let mut turns: Vec<(&mut Specimen, Vec<f64>, &mut Vec<f64>)> = specimens
            .iter_mut()
            .zip(&mut samples)
            .map(|(specimen, all)| (specimen, Vec::new(), all))
            .collect();
        let (mut compared, mut others): (Vec<_>, Vec<_>) =
            turns.iter_mut().partition(|(specimen, ..)| specimen.variant.indispensable());
        if round % 2 == 1 {
            others.reverse();
        }
        let mut groups: Vec<_> = others.chunks_mut(BETWEEN).collect();
        if groups.is_empty() {
            groups.push(&mut []);
        }
        for group in groups {
            for (specimen, found, _) in
                compared.iter_mut().map(|turn| &mut **turn).chain(group.iter_mut().map(|turn| &mut **turn))
            {
                found.push(specimen.sample()?);
            }
            group.iter().for_each(|_| step());
        }
        for (_, found, all) in turns {
            all.extend(Spread::of(found).map(|found| found.median));
        }
    }
    Ok(samples)
}
