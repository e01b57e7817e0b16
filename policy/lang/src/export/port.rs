//! Ports of a rule, as lists of what a target can name.

use bookend_engine::{PortMatch, PortRange, Protocol, Rule};

/// What a rule means by its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    /// `None`: every protocol and port.
    pub(super) list: Option<Vec<PortMatch>>,
    /// What is meant and not in the list.
    pub(super) lost: Option<&'static str>,
}

impl Ports {
    /// What is left of a rule's ports without those that it excepts.
    pub(super) fn of(rule: &Rule) -> Self {
        let written = rule.ports.alternatives();
        if written.is_none() && rule.http.is_any() && rule.not_ports.is_empty() {
            return Self { list: None, lost: None };
        }
        let every = || Protocol::ALL.map(|protocol| PortMatch::Range(PortRange::all(protocol))).to_vec();
        let mut ports = Self { list: None, lost: None };
        let mut left = written.map_or_else(every, <[PortMatch]>::to_vec);
        // HTTP is over TCP (S6).
        left.retain(|port| rule.http.is_any() || port.protocol() == Protocol::Tcp);
        for except in &rule.not_ports {
            let mut rest = Vec::new();
            for port in left {
                match (&port, except) {
                    _ if port.protocol() != except.protocol() => rest.push(port),
                    (PortMatch::Range(range), PortMatch::Range(except)) => {
                        ports.without(*range, *except, &mut rest)
                    }
                    (PortMatch::Named(a), PortMatch::Named(b)) if a == b => {}
                    _ => ports.lost = Some("only the destination tells which number a port's name means"),
                }
            }
            left = rest;
        }
        ports.list = Some(left);
        ports
    }

    /// Adds the ports of `range` that are not in `except`.
    fn without(&mut self, range: PortRange, except: PortRange, rest: &mut Vec<PortMatch>) {
        if except.last() < range.first() || range.last() < except.first() {
            rest.push(PortMatch::Range(range));
            return;
        }
        let below = except.first().checked_sub(1).map(|last| (range.first(), last));
        let above = except.last().checked_add(1).map(|first| (first, range.last()));
        for (first, last) in [below, above].into_iter().flatten().filter(|(first, last)| first <= last) {
            match PortMatch::range(range.protocol(), first.max(1), last) {
                Ok(part) => rest.push(part),
                // Port 0, which nobody connects to.
                Err(_) if range.protocol().has_ports() => {}
                Err(_) => self.lost = Some("kinds of ICMP that are excepted cannot be written"),
            }
        }
    }

    /// Takes out protocols without ports, for those who know only TCP, UDP and SCTP.
    pub(super) fn only_with_ports(mut self) -> Self {
        if let Some(list) = &mut self.list {
            let before = list.len();
            list.retain(|port| port.protocol().has_ports());
            if list.len() < before {
                self.lost = Some("only TCP, UDP and SCTP can be named");
            }
        }
        self
    }
}
