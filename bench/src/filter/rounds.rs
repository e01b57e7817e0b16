//! Rounds in which all specimens take turns.

use super::processor;
use super::specimen::Specimen;
use super::spread::Spread;
use super::variant::{Subject, Variant};

/// What a variant costs, in microseconds of the worker's time for a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) variant: Variant,
    /// All of it.
    pub(super) whole: Spread,
    /// What it takes more than the variant without a filter does in the same round.
    pub(super) added: Spread,
}

/// Measures every specimen once in each round, every second round backwards, so that what changes slowly concerns
/// all alike. Returns why the threads had no processors of their own, if they had none.
///
/// # Errors
/// When an Envoy ends, or answers otherwise than it should.
pub(super) fn measure(
    specimens: &mut [Specimen],
    rounds: usize,
    mut step: impl FnMut() + Send,
) -> anyhow::Result<(Vec<Cost>, Option<anyhow::Error>)> {
    let claimed = specimens.iter().try_for_each(Specimen::claim);
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); specimens.len()];
    // On a thread of its own, because its priority is inherited by whatever it starts.
    let claimed = std::thread::scope(|scope| {
        let work = scope.spawn(|| -> anyhow::Result<_> {
            let claimed = claimed.and_then(|()| processor::claim_for_this_thread(processor::CLIENT));
            for round in 0..rounds {
                let mut turns: Vec<_> = specimens.iter_mut().zip(&mut samples).collect();
                if round % 2 == 1 {
                    turns.reverse();
                }
                for (specimen, samples) in turns {
                    samples.push(specimen.sample()?);
                    step();
                }
            }
            Ok(claimed.err())
        });
        work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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
    Ok((costs.collect(), claimed))
}
