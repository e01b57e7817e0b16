//! Lowering: what the engine says about every connection of one workload in one direction, written down.

use bookend_abi::table::{
    ALLOW, DENY, ICMP, ICMPV6, NO_LIMIT, NO_RULE, OTHER_PROTOCOL, OUTSIDE, PolicyHead, SCTP, TCP, UDP,
    VerdictKey, VerdictValue,
};
use bookend_engine::{
    Connection, Decision, End, Endpoint, Exchange, Identity, Location, NoTrace, Principal, Program, Protocol,
    Truth, Verdict, WorkloadIdentity, decide_end, rehearse_end,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::block::{Class, Classes, Runs};
use crate::group::Groups;
use crate::local::Local;
use crate::name::RuleNumbers;
use crate::port::{bounds, cover};
use crate::remote::Remotes;
use crate::service::{self, Peers, Served};
use crate::view::{Known, View};
use crate::{PlanError, PolicyContents};

/// What the engine says of a connection, in the form of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Answer {
    /// The number of the rule.
    rule: u64,
    verdict: u8,
    /// The number of the rule that an audit reports, or [`NO_RULE`].
    audit_rule: u64,
    audit_verdict: u8,
    /// The number of the limits that the rule sets to what it allows, or [`NO_LIMIT`].
    limit: u32,
}

/// A peer of whom something is asked: somebody known, or a stranger.
type Peer<'a> = Option<&'a WorkloadIdentity>;

/// A port prefix of a protocol, and the answer there: the part of a verdict that does not depend on who the peer is.
type Row = (u8, u16, u8, Answer);

/// One workload in one direction, ready to be asked about.
pub(crate) struct Lowering<'a> {
    pub(crate) local: &'a Local<'a>,
    /// What can concern it.
    program: Program,
    /// The positions of the rules that may mean a peer of whom they do not speak.
    for_anyone: Vec<usize>,
    default: Answer,
}

/// The contents of the policy for `local`, whom `program` concerns, with any of `remotes`, or with a stranger, and, as the source, through any of the Services that are
/// `served`. Not sealed yet. The program is given back, with
/// how addresses are told apart.
///
/// # Errors
/// When two rules have one number.
pub(crate) fn lower(
    program: Program,
    local: &Local<'_>,
    (remotes, served): (&Remotes<'_>, &Served<'_>),
    rules: &mut RuleNumbers,
) -> Result<(PolicyContents, Program, Arc<Runs>), PlanError> {
    let mut lowering = Lowering::new(local, program);
    let classes = Classes::new(&lowering.program, remote_end(local.end), local.families_alike());
    lowering.default = lowering.default(rules)?;

    let mut verdicts = Vec::new();
    let mut write = |identity: u64, class: &Class, rows: &[Row]| {
        verdicts.extend(rows.iter().map(|(protocol, port, prefix_length, answer)| {
            let key = VerdictKey {
                policy: 0,
                identity,
                block: class.number,
                port: *port,
                protocol: *protocol,
                prefix_length: *prefix_length,
            };
            (key, answer.value())
        }));
    };
    let all_classes = classes.all();
    for class in &all_classes {
        write(OUTSIDE, class, &lowering.rows(None, class, &[], rules)?);
    }
    let groups = Groups::new(remotes, &lowering.program, remote_end(local.end), local);
    for group in &groups.spoken {
        let mut members: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for remote in &group.members {
            let occupied: BTreeSet<u32> = if remote.retained {
                all_classes.iter().map(|class| class.number).collect()
            } else {
                remote.addresses.iter().map(|address| classes.of(*address)).collect()
            };
            for class in occupied {
                members.entry(class).or_default().push(remote.number);
            }
        }
        for (class, members) in &members {
            let Some(class) = classes.get(*class) else { continue };
            let rows = lowering.rows(Some(group.identity), class, &group.rules, rules)?;
            for number in members {
                write(*number, class, &rows);
            }
        }
    }
    for rest in &groups.rest {
        for class in &all_classes {
            if groups.inside(rest, class, &classes).next().is_none() {
                continue;
            }
            let rows = lowering.rows(Some(rest.identity), class, &[], rules)?;
            if !rows.is_empty() {
                let members: BTreeSet<u64> = groups.inside(rest, class, &classes).collect();
                members.iter().for_each(|number| write(*number, class, &rows));
            }
        }
    }

    if local.end == End::Source {
        let peers = Peers { groups: &groups, classes: &classes };
        verdicts.extend(service::rows(&lowering, &peers, served, rules)?);
    }

    let blocks = classes.entries();
    let head = lowering.head(!blocks.is_empty(), &verdicts);
    Ok((PolicyContents { head, blocks, verdicts }, lowering.program, Arc::clone(classes.runs())))
}

impl<'a> Lowering<'a> {
    fn new(local: &'a Local<'a>, program: Program) -> Self {
        let end = remote_end(local.end);
        let stranger = stranger(Location::Elsewhere);
        let may_mean = |peers| {
            View::of(peers, Known::SomebodyElsewhere) != View::Certain(Truth::No)
                || peers.means(&stranger) != Truth::No
        };
        let rules = program.rules().iter().enumerate();
        let for_anyone = rules.filter(|(_, rule)| may_mean(rule.peers(end))).map(|(position, _)| position);
        let for_anyone = for_anyone.collect();
        let default = Answer {
            rule: NO_RULE,
            verdict: DENY,
            audit_rule: NO_RULE,
            audit_verdict: DENY,
            limit: NO_LIMIT,
        };
        Self { local, for_anyone, program, default }
    }

    /// What holds for a stranger in no block over a protocol that no rule can name.
    fn default(&self, rules: &mut RuleNumbers) -> Result<Answer, PlanError> {
        let nowhere = Class::nowhere();
        let answer = self.ask(&self.program, None, &nowhere, Protocol::Other, 0, rules)?;
        // The head has no place for limits: where they hold, an entry says so.
        Ok(Answer { limit: NO_LIMIT, ..answer })
    }

    /// The part of the program that can concern a peer of whom the rules at `speaking` speak, at an address of `class`.
    pub(crate) fn concerning(&self, class: &Class, speaking: &[usize]) -> Program {
        let positions: BTreeSet<usize> =
            self.for_anyone.iter().chain(speaking).chain(&class.rules).copied().collect();
        let rules = positions.iter().filter_map(|position| self.program.rules().get(*position)).cloned();
        Program::new(rules.collect(), self.program.isolations().to_vec())
    }

    /// Everything that is not the default for `peer`, of whom the rules at `speaking` speak, at the addresses of `class`.
    fn rows(
        &self,
        peer: Peer<'_>,
        class: &Class,
        speaking: &[usize],
        rules: &mut RuleNumbers,
    ) -> Result<Vec<Row>, PlanError> {
        let program = self.concerning(class, speaking);
        let destination = if self.local.end == End::Destination { Some(self.local.identity) } else { peer };
        let named = destination.and_then(|identity| identity.ports.as_deref()).unwrap_or_default();
        let mut rows = Vec::new();
        for protocol in Protocol::ALL {
            let mut starts = Vec::new();
            for port in bounds(&program, protocol, named) {
                starts.push((port, self.ask(&program, peer, class, protocol, port, rules)?));
            }
            // What has neither ports nor types is at port 0 with prefix length 0: what a single range gives.
            let prefixes = cover(&starts, self.default);
            rows.extend(prefixes.iter().map(|p| (protocol_number(protocol), p.port, p.length, p.value)));
        }
        Ok(rows)
    }

    /// Asks the engine about one connection.
    fn ask(
        &self,
        program: &Program,
        peer: Peer<'_>,
        class: &Class,
        protocol: Protocol,
        port: u16,
        rules: &mut RuleNumbers,
    ) -> Result<Answer, PlanError> {
        let local = self.local.endpoint(class.family);
        let remote = match peer {
            Some(identity) => self.local.known(identity, class.location),
            None => stranger(class.location),
        };
        let (source, destination) = match self.local.end {
            End::Source => (local, remote),
            End::Destination => (remote, local),
        };
        let connection = Connection { source, destination, protocol, port };
        let (end, exchange) = (self.local.end, Exchange::Packet);
        let decision = decide_end(program, end, &connection, exchange, &mut NoTrace);
        let audit = rehearse_end(program, end, &connection, exchange, &decision, &mut NoTrace);
        self.answer(decision, audit, rules)
    }

    /// What was decided, and what an audit says about it, in the form of the tables.
    pub(crate) fn answer(
        &self,
        decision: Decision<'_>,
        audit: Option<Decision<'_>>,
        rules: &mut RuleNumbers,
    ) -> Result<Answer, PlanError> {
        let mut number = |decision: Decision<'_>| -> Result<(u64, u8), PlanError> {
            let verdict = match decision.verdict {
                Verdict::Allow => ALLOW,
                Verdict::Deny => DENY,
            };
            Ok((rules.of(decision.cause.id())?, verdict))
        };
        let (rule, verdict) = number(decision)?;
        let (audit_rule, audit_verdict) = audit.map(number).transpose()?.unwrap_or((NO_RULE, DENY));
        let limit = match (decision.verdict, decision.cause.limits()) {
            (Verdict::Allow, Some(limits)) => rules.limit(decision.cause.id(), self.local.end, limits)?,
            _ => NO_LIMIT,
        };
        Ok(Answer { rule, verdict, audit_rule, audit_verdict, limit })
    }

    fn head(&self, has_blocks: bool, verdicts: &[(VerdictKey, VerdictValue)]) -> PolicyHead {
        let Answer { rule, verdict, audit_rule, audit_verdict, limit: _ } = self.default;
        let mut head =
            PolicyHead { default_rule: rule, default_audit_rule: audit_rule, ..PolicyHead::default() };
        if has_blocks {
            head.flags |= PolicyHead::HAS_BLOCKS;
        }
        if verdict == ALLOW {
            head.flags |= PolicyHead::DEFAULT_ALLOW;
        }
        if audit_verdict == ALLOW {
            head.flags |= PolicyHead::DEFAULT_AUDIT_ALLOW;
        }
        for (key, _) in verdicts {
            match key.protocol {
                TCP => head.tcp_prefixes |= 1 << key.prefix_length,
                UDP => head.udp_prefixes |= 1 << key.prefix_length,
                SCTP => head.sctp_prefixes |= 1 << key.prefix_length,
                ICMP => head.icmp_prefixes |= 1 << key.prefix_length,
                ICMPV6 => head.icmpv6_prefixes |= 1 << key.prefix_length,
                _ => {}
            }
        }
        head
    }
}

impl Answer {
    pub(crate) fn value(self) -> VerdictValue {
        VerdictValue::new(self.rule, self.verdict)
            .audited(self.audit_rule, self.audit_verdict)
            .limited(self.limit)
    }
}

/// Somebody outside, as the kernel sees him: a filter may yet see who he is (S41).
pub(crate) fn stranger<'a>(location: Location) -> Endpoint<'a> {
    Endpoint { identity: Identity::Outside, location, principal: Principal::Open }
}

/// The end where a workload's peers are.
fn remote_end(end: End) -> End {
    match end {
        End::Source => End::Destination,
        End::Destination => End::Source,
    }
}

/// The protocol in a [`VerdictKey`].
pub(crate) fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => TCP,
        Protocol::Udp => UDP,
        Protocol::Sctp => SCTP,
        Protocol::Icmp => ICMP,
        Protocol::Icmpv6 => ICMPV6,
        Protocol::Other => OTHER_PROTOCOL,
    }
}
