//! Reading frames, only as far as a witness needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Arrival, ETHERTYPE, ICMP, ICMPV6, TCP, Transport, UDP};

/// How much of a packet's data is kept.
const KEPT: usize = 160;

/// Reads an Ethernet frame; `None` if it is not IP or is cut short before the addresses.
pub fn read(frame: &[u8]) -> Option<Arrival> {
    let ethertype = u16::from_be_bytes(frame.get(12..14)?.try_into().ok()?);
    let packet = frame.get(14..)?;
    let [v4, v6] = ETHERTYPE;
    if ethertype == v4 {
        let header = usize::from(packet.first()? & 0x0f) * 4;
        let first = u16::from_be_bytes(packet.get(6..8)?.try_into().ok()?) & 0x1fff == 0;
        let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
        let destination: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
        let length = usize::from(u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?));
        let data = packet.get(header..length.min(packet.len()))?;
        let ends = (Ipv4Addr::from(source).into(), Ipv4Addr::from(destination).into());
        Some(arrival(ends, *packet.get(9)?, first, data))
    } else if ethertype == v6 {
        let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
        let destination: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
        let ends = (Ipv6Addr::from(source).into(), Ipv6Addr::from(destination).into());
        Some(arrival(ends, *packet.get(6)?, true, packet.get(40..)?))
    } else {
        None
    }
}

fn arrival((source, destination): (IpAddr, IpAddr), protocol: u8, first: bool, data: &[u8]) -> Arrival {
    let flags = data.get(13).copied().unwrap_or_default();
    let transport = match protocol {
        _ if !first => Transport::Other(protocol),
        TCP => Transport::Tcp { opens: flags & 0x12 == 0x02, resets: flags & 0x04 != 0 },
        UDP => Transport::Udp,
        ICMP | ICMPV6 => Transport::Icmp(data.first().copied().unwrap_or_default()),
        _ => Transport::Other(protocol),
    };
    let has_ports = matches!(transport, Transport::Tcp { .. } | Transport::Udp);
    let port = |at: usize| match (data.get(at), data.get(at + 1)) {
        (Some(high), Some(low)) if has_ports => u16::from_be_bytes([*high, *low]),
        _ => 0,
    };
    Arrival {
        source,
        destination,
        transport,
        source_port: port(0),
        destination_port: port(2),
        data: data.iter().take(KEPT).copied().collect(),
    }
}
