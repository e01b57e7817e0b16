//! Lowering: what the engine says about every connection of one workload in one direction, written down.

use bookend_abi::table::{
    ALLOW, DENY, ICMP, ICMPV6, NO_RULE, OTHER_PROTOCOL, OUTSIDE, PolicyHead, TCP, UDP, VerdictKey,
    VerdictValue,
};
use bookend_engine::{
    Connection, End, Endpoint, Exchange, Identity, NoTrace, Program, Protocol, Verdict, decide_end,
};
use std::collections::{BTreeMap, BTreeSet};

use crate::block::{Class, Classes};
use crate::local::Local;
use crate::name::RuleNumbers;
use crate::port::{bounds, cover};
use crate::remote::{Remote, groups};
use crate::{PlanError, PolicyContents};

/// A verdict and the number of the rule that gave it.
type Answer = (u64, u8);

/// A port prefix of a protocol, and the answer there: the part of a verdict that does not depend on who the peer is.
type Row = (u8, u16, u8, Answer);

/// One workload in one direction, ready to be asked about.
struct Lowering<'a> {
    local: &'a Local<'a>,
    /// What can concern it.
    program: Program,
    /// The positions of the rules that do not say who the peer is.
    for_anyone: Vec<usize>,
    default: Answer,
}

/// The contents of the policy for `local` with any of `remotes`, or with a stranger. Not sealed yet.
///
/// # Errors
/// When two rules have one number.
pub(crate) fn lower(
    program: &Program,
    local: &Local<'_>,
    remotes: &[Remote<'_>],
    rules: &mut RuleNumbers,
) -> Result<PolicyContents, PlanError> {
    let mut lowering = Lowering::new(local, local.program(program));
    let classes = Classes::new(&lowering.program, remote_end(local.end), local.families_alike());
    lowering.default = lowering.default(rules)?;

    let mut verdicts = Vec::new();
    let mut write = |identity: u64, class: &Class, rows: &[Row]| {
        verdicts.extend(rows.iter().map(|(protocol, port, prefix_length, (rule, verdict))| {
            let key = VerdictKey {
                policy: 0,
                identity,
                block: class.number,
                port: *port,
                protocol: *protocol,
                prefix_length: *prefix_length,
            };
            (key, VerdictValue::new(*rule, *verdict))
        }));
    };
    let all_classes = classes.all();
    for class in &all_classes {
        write(OUTSIDE, class, &lowering.rows(&Identity::Outside, class, &[], rules)?);
    }
    for group in groups(remotes, &lowering.program, remote_end(local.end)) {
        let Some(representative) = group.members.first() else { continue };
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
        for class in &all_classes {
            let Some(members) = members.get(&class.number) else { continue };
            let identity = Identity::Workload(representative.identity);
            let rows = lowering.rows(&identity, class, &group.rules, rules)?;
            for number in members {
                write(*number, class, &rows);
            }
        }
    }

    let blocks = classes.entries();
    let head = lowering.head(!blocks.is_empty(), &verdicts);
    Ok(PolicyContents { head, blocks, verdicts })
}

impl<'a> Lowering<'a> {
    fn new(local: &'a Local<'a>, program: Program) -> Self {
        let end = remote_end(local.end);
        let rules = program.rules().iter().enumerate();
        let for_anyone = rules.filter(|(_, rule)| rule.peers(end).is_any()).map(|(position, _)| position);
        Self { local, for_anyone: for_anyone.collect(), program, default: (NO_RULE, DENY) }
    }

    /// What holds for a stranger in no block over a protocol that no rule can name.
    fn default(&self, rules: &mut RuleNumbers) -> Result<Answer, PlanError> {
        let nowhere = Class::nowhere();
        self.ask(&self.program, &Identity::Outside, &nowhere, Protocol::Other, 0, rules)
    }

    /// The part of the program that can concern a peer which the rules at `meant` mean by its identity, at an address
    /// of `class`.
    fn concerning(&self, class: &Class, meant: &[usize]) -> Program {
        let positions: BTreeSet<usize> =
            self.for_anyone.iter().chain(meant).chain(&class.rules).copied().collect();
        let rules = positions.iter().filter_map(|position| self.program.rules().get(*position)).cloned();
        Program::new(rules.collect(), self.program.isolations().to_vec())
    }

    /// Everything that is not the default for a peer known as `identity`, which the rules at `meant` mean, at the
    /// addresses of `class`.
    fn rows(
        &self,
        identity: &Identity<'_>,
        class: &Class,
        meant: &[usize],
        rules: &mut RuleNumbers,
    ) -> Result<Vec<Row>, PlanError> {
        let program = self.concerning(class, meant);
        let mut rows = Vec::new();
        for protocol in Protocol::ALL {
            let mut starts = Vec::new();
            let bounds = if protocol.has_ports() { bounds(&program, protocol) } else { BTreeSet::from([0]) };
            for port in bounds {
                starts.push((port, self.ask(&program, identity, class, protocol, port, rules)?));
            }
            // A protocol without ports is at port 0 with prefix length 0: what a single range gives.
            let prefixes = cover(&starts, self.default);
            rows.extend(prefixes.iter().map(|p| (protocol_number(protocol), p.port, p.length, p.value)));
        }
        Ok(rows)
    }

    /// Asks the engine about one connection.
    fn ask(
        &self,
        program: &Program,
        identity: &Identity<'_>,
        class: &Class,
        protocol: Protocol,
        port: u16,
        rules: &mut RuleNumbers,
    ) -> Result<Answer, PlanError> {
        let local = self.local.endpoint(class.family);
        let remote = Endpoint { identity: identity.clone(), location: class.location };
        let (source, destination) = match self.local.end {
            End::Source => (local, remote),
            End::Destination => (remote, local),
        };
        let connection = Connection { source, destination, protocol, port };
        let decision = decide_end(program, self.local.end, &connection, Exchange::Packet, &mut NoTrace);
        let verdict = match decision.verdict {
            Verdict::Allow => ALLOW,
            Verdict::Deny => DENY,
        };
        Ok((rules.of(decision.cause.id())?, verdict))
    }

    fn head(&self, has_blocks: bool, verdicts: &[(VerdictKey, VerdictValue)]) -> PolicyHead {
        let (default_rule, default) = self.default;
        let mut head = PolicyHead { default_rule, ..PolicyHead::default() };
        if has_blocks {
            head.flags |= PolicyHead::HAS_BLOCKS;
        }
        if default == ALLOW {
            head.flags |= PolicyHead::DEFAULT_ALLOW;
        }
        for (key, _) in verdicts {
            match key.protocol {
                TCP => head.tcp_prefixes |= 1 << key.prefix_length,
                UDP => head.udp_prefixes |= 1 << key.prefix_length,
                _ => {}
            }
        }
        head
    }
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
        Protocol::Icmp => ICMP,
        Protocol::Icmpv6 => ICMPV6,
        Protocol::Other => OTHER_PROTOCOL,
    }
}
