//! The shipped programs in the kernel, run on single frames.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context;
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{ALLOW, Counter, NO_RULE};
use bookend_abi::{FROM_WORKLOAD, Reason, TO_WORKLOAD};
use bookend_enforcer::kernel::Trial;
use bookend_engine::Verdict;
use bookend_plan::Plan;
use bookend_testenv::requirement::artifact;
use bookend_testing::case::Crossing;
use bookend_testing::frame::Frame;
use bookend_testing::vehicle::{join, opening};
use bookend_testing::{Answer, Judged, Question, Sequence, Step, Traffic, Vehicle, World};

/// `bookend_ebpf.o` in this machine's kernel, on tables filled from the plan.
///
/// All frames of a trial come from one interface, so before each one the table says that it is the interface of the
/// workload in question. Connections keep apart by the workload's address.
pub(crate) struct Kernel {
    trial: Trial,
    host: Option<Host>,
    /// The next source port.
    ephemeral: u16,
}

/// One host with all workloads.
#[derive(Clone)]
struct Host {
    world: Arc<World>,
    plan: Plan,
    /// By interface.
    epochs: BTreeMap<String, u32>,
}

impl Host {
    fn new(world: &Arc<World>) -> anyhow::Result<Self> {
        let plan = Plan::build(&world.program, &world.inventory, &[])?;
        Ok(Self { world: Arc::clone(world), plan, epochs: BTreeMap::new() })
    }

    /// Puts other policies in force.
    fn change(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        let next = Self::new(world)?;
        for interface in &next.plan.interfaces {
            // Every write of an interface is a new epoch.
            let unchanged = self.plan.interfaces.contains(interface);
            *self.epochs.entry(interface.name.clone()).or_default() += u32::from(!unchanged);
        }
        *self = Self { epochs: std::mem::take(&mut self.epochs), ..next };
        Ok(())
    }

    /// The tables when frames come from this interface.
    fn tables(&self, interface: &str) -> PlainTables {
        let mut tables = self.plan.tables(|name| (name == interface).then_some(Trial::IFINDEX));
        for entry in tables.interfaces.values_mut() {
            entry.epoch = self.epochs.get(interface).copied().unwrap_or_default();
        }
        tables
    }
}

impl Kernel {
    /// Loads the programs.
    ///
    /// # Errors
    /// When the object was not built, or the kernel refuses it, for lack of root among other reasons.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let trial = Trial::load(&artifact("bookend_ebpf.o")?)?;
        Ok(Self { trial, host: None, ephemeral: 20_000 })
    }

    /// What becomes of a frame at one interface.
    fn cross(&mut self, host: &Host, frame: &Frame, crossing: &Crossing) -> anyhow::Result<Answer> {
        self.trial.change(&host.tables(&crossing.interface))?;
        let (reasons, rules) = (self.trial.counters()?, self.trial.rules()?);
        let direction = if crossing.outward { FROM_WORKLOAD } else { TO_WORKLOAD };
        let result = self.trial.run(direction, &frame.bytes, 1)?;
        let verdict = if result.allowed { Verdict::Allow } else { Verdict::Deny };
        let reason = counted(&reasons, &self.trial.counters()?)?;
        let id = match reason {
            Reason::RULE | Reason::DEFAULT | Reason::ISOLATION => {
                let rule = counted(&rules, &self.trial.rules()?)?;
                // Both ways in which a verdict is told name the same rule.
                let reported = result.event.map(|event| event.rule);
                anyhow::ensure!(reported.is_none_or(|reported| reported == rule), "{reported:?}, not {rule}");
                host.plan.rule(rule).context("a rule that nobody knows")?
            }
            other => other.name().context("a reason without a name")?,
        };
        let audit = match result.event.filter(|event| event.audit_rule != NO_RULE) {
            None => None,
            Some(event) => {
                let verdict = if event.audit_verdict == ALLOW { Verdict::Allow } else { Verdict::Deny };
                let rule = host.plan.rule(event.audit_rule).context("an audited rule that nobody knows")?;
                Some((verdict, rule.to_owned()))
            }
        };
        Ok(Answer::new(verdict, id).with(audit))
    }

    fn opening(&mut self, host: &Host, question: &Question) -> anyhow::Result<Answer> {
        self.ephemeral += 1;
        let frame = opening(question, self.ephemeral).frame();
        let mut at = |address: IpAddr, outward: bool| match host.world.interface(address) {
            // An end that is no workload is governed by nobody (S4).
            None => Ok(Answer::new(Verdict::Allow, "default-allow")),
            Some(interface) => {
                self.cross(host, &frame, &Crossing { interface: interface.to_owned(), outward })
            }
        };
        Ok(join(at(question.source.address, true)?, at(question.destination.address, false)?))
    }
}

/// The one key whose packets increased.
fn counted<K: Copy + Ord + std::fmt::Debug>(
    before: &BTreeMap<K, Counter>,
    after: &BTreeMap<K, Counter>,
) -> anyhow::Result<K> {
    let packets = |counters: &BTreeMap<K, Counter>, key: &K| counters.get(key).map_or(0, |c| c.packets);
    let increased: Vec<K> =
        after.keys().filter(|key| packets(after, key) != packets(before, key)).copied().collect();
    match increased.as_slice() {
        [key] => Ok(*key),
        other => anyhow::bail!("one frame was counted under {other:?}"),
    }
}

impl Vehicle for Kernel {
    fn name(&self) -> &'static str {
        "programs in the kernel"
    }

    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        self.trial.replace(&PlainTables::default())?;
        self.host = Some(Host::new(world)?);
        Ok(())
    }

    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged> {
        if question.traffic != Traffic::Packet {
            return Ok(Judged::NotApplicable("streams and requests are the proxy's business"));
        }
        let host = self.host.clone().context("no world was entered")?;
        Ok(self.opening(&host, question)?.into())
    }

    fn play(&mut self, sequence: &Sequence) -> anyhow::Result<Vec<Judged>> {
        let mut host = self.host.clone().context("no world was entered")?;
        self.trial.replace(&PlainTables::default())?;
        let mut judged = Vec::new();
        let (mut waited, mut dry) = (false, false);
        for step in &sequence.steps {
            match step {
                Step::Wait(_) => waited = true,
                Step::Change(world) => {
                    dry |= world.dry_run;
                    host.change(world)?;
                }
                Step::Frame { .. } if dry => {
                    judged.push(Judged::NotApplicable("a program in a dry run tells no verdict"));
                }
                Step::Frame { .. } if waited => {
                    judged.push(Judged::NotApplicable("the kernel's clock cannot be put forward"));
                }
                Step::Frame { frame, path, .. } => {
                    let answer = Crossing::along(path, |crossing| self.cross(&host, frame, crossing))?;
                    judged.push(answer.into());
                }
            }
        }
        Ok(judged)
    }
}
