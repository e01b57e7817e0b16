//! The same frame, read by somebody else: the crate `etherparse`, which knows nothing of this one.
//!
//! A header that two readers read differently is a way around a policy. So whatever the kernel's parser takes is read again,
//! and both must tell the same ends, the same protocol, the same ports and flags.

use bookend_abi::packet::Kind;
use bookend_abi::table::{TCP, UDP};
use bookend_abi::{Address, Packet, address};
use etherparse::{IpNumber, NetSlice, SlicedPacket, TcpHeaderSlice, UdpHeaderSlice};

/// Fails unless the other reader tells the same of `frame` as `packet`.
pub(super) fn agrees(frame: &[u8], packet: &Packet) {
    // Behind the headers of a fragment, and of messages and protocols without ports, the readers look for different things.
    if packet.fragmented || !matches!(packet.protocol, TCP | UDP) {
        return;
    }
    let net = match SlicedPacket::from_ethernet(frame) {
        Ok(read) => {
            assert!(read.link_exts.is_empty(), "a tag that was not seen");
            read.net.expect("a packet")
        }
        Err(error) => panic!("the other reader refuses it: {error}"),
    };
    let (ends, number, payload): ((Address, Address), IpNumber, &[u8]) = match &net {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            let ends = (address::mapped(header.source()), address::mapped(header.destination()));
            let number = header.protocol();
            (ends, number, ip.payload().payload)
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            ((header.source(), header.destination()), ip.payload().ip_number, ip.payload().payload)
        }
        NetSlice::Arp(_) => panic!("ARP for TCP or UDP"),
    };
    assert_eq!((packet.source, packet.destination, packet.protocol), (ends.0, ends.1, number.0));
    let ports = (packet.source_port, packet.destination_port);
    match (packet.kind, number.0) {
        (Kind::Tcp, TCP) => {
            let header = TcpHeaderSlice::from_slice(payload).expect("a TCP header");
            assert_eq!(ports, (header.source_port(), header.destination_port()));
            let flags = [header.fin(), header.syn(), header.rst(), header.psh(), header.ack(), header.urg()];
            let told = flags.iter().zip(0..).fold(0, |flags, (set, bit)| flags | u8::from(*set) << bit);
            assert_eq!(packet.detail & 0x3f, told);
        }
        (Kind::Datagram, UDP) => {
            let header = UdpHeaderSlice::from_slice(payload).expect("a UDP header");
            assert_eq!(ports, (header.source_port(), header.destination_port()));
        }
        (kind, _) => panic!("{kind:?} of a protocol with ports"),
    }
}
