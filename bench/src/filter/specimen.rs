//! One variant, running and connected.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bookend_testenv::envoy::Verifier;
use bookend_testenv::token::Signer;
use bookend_testenv::{Running, Stand};
use serde_json::json;

use super::chain::Parts;
use super::client::{Client, Message};
use super::clock::Clock;
use super::options::Options;
use super::rules;
use super::variant::Variant;
use crate::processor;

/// How many Envoys start at a time: each compiles its filter.
const TOGETHER: usize = 4;

/// What every Envoy is started with.
const FLAGS: [&str; 4] = ["--concurrency", "1", "--log-level", "error"];

/// Requests that warm an Envoy up: V8 compiles again what runs often.
const WARM_UP: usize = 1_600;

/// How long a slice takes the worker, about.
const SLICE: Duration = Duration::from_millis(5);

/// Slices of a sample. The least is taken: what else runs on the machine can only add.
const SLICES: usize = 3;

/// An Envoy that answers requests.
pub(super) struct Specimen {
    pub(super) variant: Variant,
    client: Client,
    clock: Clock,
    /// How many requests a slice has.
    slice: usize,
    running: Running,
}

/// Who issues tokens, and the filter that verifies them.
pub(super) struct Issuer {
    signer: Signer,
    pub(super) verifier: Verifier,
}

impl Issuer {
    /// One with a new key.
    pub(super) fn new() -> anyhow::Result<Self> {
        let signer = Signer::new()?;
        let verifier = Verifier::new(signer.key_set(), [Some(rules::ISSUER.to_owned())]);
        Ok(Self { signer, verifier })
    }

    /// The header with a token.
    fn header(&self) -> anyhow::Result<(String, String)> {
        let name = self.verifier.header(Some(rules::ISSUER)).context("an issuer without a header")?;
        let claims = json!({
            "iss": rules::ISSUER, "sub": "alice", "aud": "orders", "role": "reader",
            "iat": 1_700_000_000_u32, "exp": 4_000_000_000_u32,
        });
        Ok((name, self.signer.sign(&claims)?))
    }
}

impl Specimen {
    /// Starts an Envoy for each variant, connects, and warms them up.
    ///
    /// # Errors
    /// When one does not start, or does not let its request pass.
    pub(super) fn all(
        variants: &[Variant],
        options: &Options,
        stand: &Stand,
        parts: &Parts,
        issuer: &Issuer,
        mut step: impl FnMut(),
    ) -> anyhow::Result<Vec<Self>> {
        let mut specimens = Vec::new();
        let numbered: Vec<(u16, Variant)> = (0..).zip(variants.iter().copied()).collect();
        for group in numbered.chunks(TOGETHER) {
            let mut started = Vec::new();
            for (number, variant) in group {
                let bootstrap = variant.bootstrap(*number, parts)?;
                started.push((*number, *variant, stand.launch(&bootstrap, &FLAGS)?));
            }
            for (number, variant, running) in started {
                let name = || format!("`{}`", variant.name());
                running.await_ready().with_context(name)?;
                specimens.push(
                    Self::connect(number, variant, running, options, stand, issuer).with_context(name)?,
                );
                step();
            }
        }
        Ok(specimens)
    }

    fn connect(
        number: u16,
        variant: Variant,
        running: Running,
        options: &Options,
        stand: &Stand,
        issuer: &Issuer,
    ) -> anyhow::Result<Self> {
        let asked = variant.asked();
        let identity = (!options.plaintext).then(|| stand.authority().issue(&asked.caller())).transpose()?;
        let headers = variant.token.then(|| issuer.header()).transpose()?.into_iter().collect();
        let message = Message { path: asked.path(), headers, status: 200 };
        let to = Variant::address(number);
        let many = usize::from(options.connections);
        let mut client =
            stand.namespace().run(|| Client::connect(to, identity.as_ref(), &message, many))??;
        let clock = Clock::of_worker(running.pid())?;
        client.exchange(WARM_UP)?;
        let (before, some) = (clock.now()?, client.exchange(WARM_UP / 4)?);
        let each = (clock.now()? - before).as_secs_f64() / some as f64;
        ensure!(each > 0.0, "the kernel does not count how long threads run; it needs CONFIG_SCHED_INFO");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds")]
        let slice = (SLICE.as_secs_f64() / each).clamp(16.0, 400.0) as usize;
        Ok(Self { variant, client, clock, slice, running })
    }

    /// Gives the worker a processor of its own.
    ///
    /// # Errors
    /// Where that is not permitted.
    pub(super) fn claim(&self) -> anyhow::Result<()> {
        processor::claim(self.clock.thread()?, processor::WORKER)
    }

    /// Microseconds that a request takes the worker now.
    ///
    /// # Errors
    /// When Envoy has ended, or answers otherwise.
    pub(super) fn sample(&mut self) -> anyhow::Result<f64> {
        let mut least = f64::INFINITY;
        for _ in 0..SLICES {
            let before = self.clock.now()?;
            let requests = self.client.exchange(self.slice).with_context(|| {
                let log = self.running.log();
                format!("`{}`: {}", self.variant.name(), log.lines().last().unwrap_or_default())
            })?;
            let spent = self.clock.now()? - before;
            least = least.min(spent.as_secs_f64() * 1e6 / requests as f64);
        }
        Ok(least)
    }
}
