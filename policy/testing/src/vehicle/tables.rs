//! The plan, and the kernel's decision function over plain tables: what happens to packets, without a kernel.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{ALLOW, Interface, NO_RULE};
use bookend_abi::{FROM_WORKLOAD, Outcome, Reason, TO_WORKLOAD};
use bookend_engine::{Protocol, Verdict};
use bookend_plan::Plan;

use super::Vehicle;
use crate::case::Crossing;
use crate::frame::{Datagram, Frame, Payload};
use crate::{Answer, Audit, Judged, Question, Sequence, Step, Traffic, World};

/// `bookend_plan::Plan` and `bookend_abi::decide` for all workloads, as if all ran on one host.
#[derive(Debug, Default)]
pub struct Tables {
    host: Option<Host>,
}

/// One host with all workloads.
#[derive(Clone, Debug)]
struct Host {
    world: Arc<World>,
    plan: Plan,
    tables: PlainTables,
    numbers: BTreeMap<String, u32>,
    /// Nanoseconds.
    now: u64,
}

const SECOND: u64 = 1_000_000_000;

impl Host {
    fn new(world: &Arc<World>) -> anyhow::Result<Self> {
        let plan = Plan::build(&world.program, &world.inventory, &[])?;
        let names = plan.interfaces.iter().map(|interface| interface.name.clone());
        let numbers: BTreeMap<String, u32> = names.zip(1..).collect();
        let mut tables = plan.tables(|name| numbers.get(name).copied());
        if world.dry_run {
            tables.interfaces.values_mut().for_each(|interface| interface.flags |= Interface::OBSERVE);
        }
        Ok(Self { world: Arc::clone(world), plan, tables, numbers, now: SECOND })
    }

    /// Puts other policies in force, connections going on.
    fn change(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        let mut next = Self::new(world)?;
        for interface in next.tables.interfaces.values_mut() {
            // Every write of an interface is a new epoch.
            let before = self.tables.policed(interface.ifindex).copied().unwrap_or_default();
            let entry = |of: &Interface| (of.egress, of.ingress, of.flags);
            let same = entry(&before) == entry(interface);
            interface.epoch = before.epoch + u32::from(!same);
        }
        next.tables.flows = std::mem::take(&mut self.tables.flows);
        next.tables.ring = std::mem::take(&mut self.tables.ring);
        next.tables.slot_states = std::mem::take(&mut self.tables.slot_states);
        next.tables.buckets = std::mem::take(&mut self.tables.buckets);
        next.tables.fragments = std::mem::take(&mut self.tables.fragments);
        next.now = self.now;
        *self = next;
        Ok(())
    }

    fn cross(&mut self, frame: &Frame, crossing: &Crossing) -> anyhow::Result<Outcome> {
        let number = *self.numbers.get(&crossing.interface).context("the plan lacks the interface")?;
        let direction = if crossing.outward { FROM_WORKLOAD } else { TO_WORKLOAD };
        Ok(self.tables.judge(direction, number, &frame.bytes, self.now))
    }

    fn answer(&self, outcome: &Outcome) -> anyhow::Result<Answer> {
        let verdict = if outcome.verdict == ALLOW { Verdict::Allow } else { Verdict::Deny };
        let id = match outcome.reason {
            Reason::RULE | Reason::DEFAULT | Reason::ISOLATION => self
                .plan
                .rule(outcome.rule)
                .with_context(|| format!("nobody knows rule {:x}", outcome.rule))?,
            other => other.name().context("a reason without a name")?,
        };
        let audit = match self.plan.rule(outcome.audit_rule) {
            _ if outcome.audit_rule == NO_RULE => None,
            Some(id) if outcome.audit_verdict == ALLOW => Some((Verdict::Allow, id.to_owned())),
            Some(id) => Some((Verdict::Deny, id.to_owned())),
            None => anyhow::bail!("nobody knows rule {:x}", outcome.audit_rule),
        };
        Ok(Answer::new(verdict, id).with(audit))
    }

    /// The verdicts at the ends that are workloads, joined as S10 says.
    fn opening(&mut self, question: &Question) -> anyhow::Result<Answer> {
        let frame = opening(question, 40_000).frame();
        let mut answers = Vec::new();
        let ends = [(question.source.address, true), (question.destination.address, false)];
        for (address, outward) in ends {
            let answer = match self.world.interface(address) {
                // An end that is no workload is governed by nobody (S4).
                None => Answer::new(Verdict::Allow, UNRULED),
                Some(interface) => {
                    let crossing = Crossing { interface: interface.to_owned(), outward };
                    let outcome = self.cross(&frame, &crossing)?;
                    self.answer(&outcome)?
                }
            };
            answers.push(answer);
        }
        let [source, destination] = <[Answer; 2]>::try_from(answers).ok().context("two ends")?;
        Ok(join(source, destination))
    }
}

const UNRULED: &str = "default-allow";

/// The decision that stands for both (S10), and what it would be with what is only audited (S36).
pub fn join(source: Answer, destination: Answer) -> Answer {
    let rehearsed = |answer: &Answer| match &answer.audit {
        Audit::Would(verdict, id) => Answer::new(*verdict, id.clone()),
        Audit::Silent | Audit::Unseen => Answer::new(answer.verdict, answer.id.clone()),
    };
    let audit = deciding(rehearsed(&source), rehearsed(&destination));
    let enforced = deciding(source, destination).with(None);
    let differs = audit != enforced;
    enforced.with(differs.then_some((audit.verdict, audit.id)))
}

fn deciding(source: Answer, destination: Answer) -> Answer {
    match (source.verdict, destination.verdict) {
        (Verdict::Deny, _) => source,
        (_, Verdict::Deny) => destination,
        _ if destination.id == UNRULED => source,
        _ => destination,
    }
}

/// The first packet of the connection that a question is about, from the source's port (or with the identifier)
/// `ephemeral`.
pub fn opening(question: &Question, ephemeral: u16) -> Datagram {
    const SYN: u8 = 0x02;
    const INIT: u8 = 1;
    const GRE: u8 = 47;
    let (source, destination) = (ephemeral, question.port);
    let payload = match question.protocol {
        Protocol::Tcp => Payload::Tcp { source, destination, flags: SYN },
        Protocol::Udp => Payload::Udp { source, destination },
        Protocol::Sctp => Payload::Sctp { source, destination, chunk: INIT },
        Protocol::Icmp | Protocol::Icmpv6 => {
            let [kind, code] = question.port.to_be_bytes();
            Payload::Icmp { kind, code, identifier: ephemeral }
        }
        Protocol::Other => Payload::Other(GRE),
    };
    Datagram {
        // An IPv4-mapped address never travels (S14).
        source: question.source.address.to_canonical(),
        destination: question.destination.address.to_canonical(),
        payload,
    }
}

impl Vehicle for Tables {
    fn name(&self) -> &'static str {
        "plan and kernel function"
    }

    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        self.host = Some(Host::new(world)?);
        Ok(())
    }

    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged> {
        if question.traffic != Traffic::Packet {
            return Ok(Judged::NotApplicable("streams and requests are the proxy's business"));
        }
        let mut host = self.host.clone().context("no world was entered")?;
        Ok(host.opening(question)?.into())
    }

    fn play(&mut self, sequence: &Sequence) -> anyhow::Result<Vec<Judged>> {
        let mut host = self.host.clone().context("no world was entered")?;
        let mut judged = Vec::new();
        for step in &sequence.steps {
            match step {
                Step::Wait(duration) => {
                    host.now += u64::try_from(duration.as_nanos()).context("a wait of centuries")?;
                }
                Step::Change(world) => host.change(world)?,
                Step::Frame { frame, path, .. } => {
                    let answer = Crossing::along(path, |crossing| {
                        let outcome = host.cross(frame, crossing)?;
                        host.answer(&outcome)
                    })?;
                    judged.push(answer.into());
                }
            }
        }
        Ok(judged)
    }
}
