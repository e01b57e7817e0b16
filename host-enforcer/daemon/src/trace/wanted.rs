//! Which flow is meant: what the kernel is asked for, and what it cannot be asked.

use crate::command::{FlowEnd, FlowProtocol, TraceOptions};
use crate::failure::Failure;
use crate::interfaces::Interfaces;
use crate::kernel::Pinned;
use crate::names::Names;
use bookend_abi::Event;
use bookend_abi::address::{from_ip, to_ip};
use bookend_abi::table::{ICMP, ICMPV6, SCTP, TCP, TraceFilter, UDP};
use bookend_abi::{Address, table::OwnedKey};
use std::collections::BTreeSet;

/// The flow, as it is seen at the interfaces of this host.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    ifindex: Option<u32>,
    interface: Option<String>,
    protocol: Option<u8>,
    from: BTreeSet<Address>,
    to: BTreeSet<Address>,
    port: Option<u16>,
    /// Whose interface is looked at.
    near: Near,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Near {
    /// That of whoever opens the flow.
    Source,
    /// That of whoever is asked.
    Destination,
    /// Both, or nobody knows.
    #[default]
    Either,
}

impl Wanted {
    pub(super) fn new(
        options: &TraceOptions,
        pinned: &Pinned,
        names: &Names,
        system: &Interfaces,
    ) -> Result<Self, Failure> {
        if options.from.is_none() && options.to.is_none() && options.interface.is_none() {
            return Err(Failure::new(
                "say whose packets to show, for example `--from default/web --to 10.0.0.7 --port 443`, or \
                 `--interface veth0`",
            ));
        }
        let interface = options.interface.clone();
        let index = |name: &String| {
            system.links().index(name).ok_or_else(|| {
                Failure::new(format!("there is no interface `{name}` here; `ip link` lists them"))
            })
        };
        let ifindex = interface.as_ref().map(index).transpose()?;
        let owned = pinned.owned()?.keys().collect::<Result<BTreeSet<_>, _>>()?;
        let addresses = |end: &Option<FlowEnd>| -> Result<BTreeSet<Address>, Failure> {
            match end {
                None => Ok(BTreeSet::new()),
                Some(FlowEnd::Address(address)) => Ok(BTreeSet::from([from_ip(address.to_canonical())])),
                Some(FlowEnd::Workload(name)) => of_workload(name, pinned, names),
            }
        };
        let (from, to) = (addresses(&options.from)?, addresses(&options.to)?);
        let here = |ends: &BTreeSet<Address>| {
            owned.iter().any(|OwnedKey { ifindex: at, address }| {
                ifindex.is_none_or(|ifindex| ifindex == *at) && ends.contains(address)
            })
        };
        let near = match (here(&from), here(&to)) {
            (true, false) => Near::Source,
            (false, true) => Near::Destination,
            (false, false) if !from.is_empty() || !to.is_empty() => {
                // Everybody who talks to an address elsewhere may be meant, if only one end was named.
                if !from.is_empty() && !to.is_empty() {
                    return Err(Failure::new(
                        "neither end is at an interface that is policed here; ask on the host of one of them, or see \
                         `bookend-enforcer status`",
                    ));
                }
                if from.is_empty() { Near::Source } else { Near::Destination }
            }
            _ => Near::Either,
        };
        let protocol = options.protocol.map(number);
        Ok(Self { ifindex, interface, protocol, from, to, port: options.port, near })
    }

    /// What the kernel is asked for, without a time: the flow, or more than it where one question cannot say it.
    pub(super) fn filter(&self) -> TraceFilter {
        let mut filter = TraceFilter::default();
        if let Some(ifindex) = self.ifindex {
            (filter.ifindex, filter.flags) = (ifindex, filter.flags | TraceFilter::IFINDEX);
        }
        if let Some(protocol) = self.protocol {
            (filter.protocol, filter.flags) = (u32::from(protocol), filter.flags | TraceFilter::PROTOCOL);
        }
        let (local, remote) = match self.near {
            Near::Source => (&self.from, &self.to),
            Near::Destination => (&self.to, &self.from),
            Near::Either => return filter,
        };
        if let [local] = Vec::from_iter(local)[..] {
            (filter.local, filter.flags) = (*local, filter.flags | TraceFilter::LOCAL);
        }
        if let [remote] = Vec::from_iter(remote)[..] {
            (filter.remote, filter.flags) = (*remote, filter.flags | TraceFilter::REMOTE);
        }
        match (self.port, self.near) {
            (Some(port), Near::Source) => {
                (filter.remote_port, filter.flags) = (port, filter.flags | TraceFilter::REMOTE_PORT);
            }
            (Some(port), _) => {
                (filter.local_port, filter.flags) = (port, filter.flags | TraceFilter::LOCAL_PORT);
            }
            (None, _) => {}
        }
        filter
    }

    /// Whether a packet is of the flow.
    pub(super) fn fits(&self, event: &Event) -> bool {
        let among = |ends: &BTreeSet<Address>, address: &Address| ends.is_empty() || ends.contains(address);
        let at_source = among(&self.from, &event.local)
            && among(&self.to, &event.remote)
            && self.port.is_none_or(|port| port == event.remote_port);
        let at_destination = among(&self.from, &event.remote)
            && among(&self.to, &event.local)
            && self.port.is_none_or(|port| port == event.local_port);
        let ends = match self.near {
            Near::Source => at_source,
            Near::Destination => at_destination,
            Near::Either => at_source || at_destination,
        };
        ends && self.ifindex.is_none_or(|ifindex| ifindex == event.ifindex)
            && self.protocol.is_none_or(|protocol| protocol == event.protocol)
    }

    /// What is looked at, for people.
    pub(super) fn told(&self) -> String {
        let ends = |ends: &BTreeSet<Address>| {
            if ends.is_empty() {
                return "anybody".to_owned();
            }
            ends.iter().map(|address| to_ip(*address).to_string()).collect::<Vec<_>>().join(" or ")
        };
        let place = match (&self.interface, self.near) {
            (Some(interface), _) => format!("at `{interface}`"),
            (None, Near::Source) => "at the interface of whoever opens it".to_owned(),
            (None, Near::Destination) => "at the interface of whoever is asked".to_owned(),
            (None, Near::Either) => "at both ends".to_owned(),
        };
        format!("packets between {} and {}, {place}", ends(&self.from), ends(&self.to))
    }
}

/// The addresses of a workload, wherever it is.
fn of_workload(name: &str, pinned: &Pinned, names: &Names) -> Result<BTreeSet<Address>, Failure> {
    let mut found = BTreeSet::new();
    for row in pinned.identities()?.iter() {
        let (address, identity) = row?;
        if names.identity(identity).split(", ").any(|one| one == name) {
            found.insert(address);
        }
    }
    if found.is_empty() {
        return Err(Failure::new(format!(
            "no workload `{name}` has an address; write `namespace/name` as `bookend-enforcer dump --table identities` \
             does, or an address"
        )));
    }
    Ok(found)
}

fn number(protocol: FlowProtocol) -> u8 {
    match protocol {
        FlowProtocol::Tcp => TCP,
        FlowProtocol::Udp => UDP,
        FlowProtocol::Sctp => SCTP,
        FlowProtocol::Icmp => ICMP,
        FlowProtocol::Icmpv6 => ICMPV6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Address {
        from_ip([10, 0, 0, last].into())
    }

    fn wanted(near: Near) -> Wanted {
        let (from, to) = (BTreeSet::from([address(1)]), BTreeSet::from([address(2)]));
        Wanted { from, to, port: Some(80), near, ..Wanted::default() }
    }

    #[test]
    fn the_kernel_is_asked_for_the_flow_as_the_near_end_sees_it() {
        let source = wanted(Near::Source).filter();
        assert_eq!((source.local, source.remote, source.remote_port), (address(1), address(2), 80));
        assert_eq!(source.flags, TraceFilter::LOCAL | TraceFilter::REMOTE | TraceFilter::REMOTE_PORT);
        let destination = wanted(Near::Destination).filter();
        assert_eq!((destination.local, destination.local_port), (address(2), 80));
        assert_eq!(wanted(Near::Either).filter().flags, 0);
    }

    #[test]
    fn what_the_kernel_shows_beyond_the_flow_is_left_out() {
        let event = Event { local: address(1), remote: address(2), remote_port: 80, ..Event::default() };
        assert!(wanted(Near::Source).fits(&event));
        assert!(wanted(Near::Either).fits(&event));
        assert!(!wanted(Near::Destination).fits(&event));
        assert!(!wanted(Near::Either).fits(&Event { remote_port: 81, local_port: 80, ..event }));
        let answer = Event { local: address(2), remote: address(1), local_port: 80, ..Event::default() };
        assert!(wanted(Near::Either).fits(&answer) && wanted(Near::Destination).fits(&answer));
    }
}
