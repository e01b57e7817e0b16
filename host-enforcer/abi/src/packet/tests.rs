use super::*;
use crate::craft;
use crate::table::{ICMP, ICMPV6, SCTP, TCP, UDP};
use std::net::IpAddr;

const A4: &str = "10.0.0.1";
const B4: &str = "10.0.0.2";
const A6: &str = "fd00::1";
const B6: &str = "fd00::2";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn frame(from: &str, to: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    craft::frame(ip(from), ip(to), protocol, payload)
}

fn parsed(frame: &[u8]) -> Result<Packet, Reason> {
    let mut packet = Packet::default();
    parse(frame, &mut packet).map(|()| packet)
}

/// The frame is refused for `reason`.
fn refused(frame: &[u8], reason: Reason) {
    assert_eq!(parsed(frame).map(|packet| packet.kind), Err(reason), "{:?}", reason.name());
}

/// `frame` with `bytes` written at `offset`.
fn patched(mut frame: Vec<u8>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    frame[offset..offset + bytes.len()].copy_from_slice(bytes);
    frame
}

/// An IPv6 frame whose payload follows the extension headers in `chain`: (number, bytes after the next-header byte).
fn extended(chain: &[(u8, &[u8])], last: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (position, (_, rest)) in chain.iter().enumerate() {
        body.push(chain.get(position + 1).map_or(last, |next| next.0));
        body.extend_from_slice(rest);
    }
    body.extend_from_slice(payload);
    let first = chain.first().map_or(last, |header| header.0);
    craft::ethernet(craft::IPV6, &craft::packet(ip(A6), ip(B6), first, &body))
}

#[test]
fn tcp_and_udp_ports_are_read_over_both_families() {
    for (from, to) in [(A4, B4), (A6, B6)] {
        let packet = parsed(&frame(from, to, TCP, &craft::tcp(40000, 9080, SYN))).unwrap();
        assert_eq!(packet.source, address::from_ip(ip(from)));
        assert_eq!(packet.destination, address::from_ip(ip(to)));
        assert_eq!((packet.source_port, packet.destination_port), (40000, 9080));
        assert!(packet.is_syn());
        let packet = parsed(&frame(from, to, UDP, &craft::udp(5353, 53, b"?"))).unwrap();
        assert_eq!((packet.source_port, packet.destination_port), (5353, 53));
        assert_eq!(packet.kind, Kind::Datagram);
    }
}

#[test]
fn a_frame_cut_anywhere_before_the_end_of_its_headers_is_refused() {
    for whole in [
        frame(A4, B4, TCP, &craft::tcp(1, 2, SYN)),
        frame(A6, B6, TCP, &craft::tcp(1, 2, SYN)),
        frame(A4, B4, UDP, &craft::udp(1, 2, b"")),
        frame(A4, B4, SCTP, &craft::sctp_init(1, 2)),
        frame(A4, B4, ICMP, &craft::icmp(8, [0; 4], b"")),
        craft::arp(1, [10, 0, 0, 1], [10, 0, 0, 2]),
    ] {
        for length in 0..whole.len() {
            refused(&whole[..length], Reason::TRUNCATED);
        }
        assert!(parsed(&whole).is_ok());
    }
}

#[test]
fn padding_behind_the_packet_is_ignored_and_not_read_as_header() {
    let mut padded = frame(A4, B4, UDP, &craft::udp(1, 2, b""));
    padded.extend([0; 18]);
    assert!(parsed(&padded).is_ok());
    // The packet ends within the TCP header; the padding would complete it.
    let mut short = frame(A4, B4, TCP, &craft::tcp(1, 2, SYN)[..8]);
    short.extend([0x50, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    refused(&short, Reason::TRUNCATED);
}

#[test]
fn ports_are_found_behind_ipv4_options() {
    let plain = frame(A4, B4, TCP, &craft::tcp(40000, 9080, SYN));
    // Router alert, then a no-operation and the end of the list.
    let mut with_options = plain[..34].to_vec();
    with_options.extend([148, 4, 0, 0, 1, 0, 0, 0]);
    with_options.extend(&plain[34..]);
    let with_options = patched(patched(with_options, 14, &[0x47]), 16, &48_u16.to_be_bytes());
    assert_eq!(parsed(&with_options).unwrap().destination_port, 9080);
    // As the sixth byte of the options, loose source route.
    refused(&patched(with_options.clone(), 39, &[131, 3]), Reason::SOURCE_ROUTED);
    // Inside another option it is data.
    assert!(parsed(&patched(with_options.clone(), 36, &[131, 131])).is_ok());
    // An option of length 0, or beyond the header.
    refused(&patched(with_options.clone(), 35, &[0]), Reason::MALFORMED);
    refused(&patched(with_options, 35, &[9]), Reason::MALFORMED);
}

#[test]
fn contradictory_ipv4_headers_are_refused() {
    let plain = frame(A4, B4, TCP, &craft::tcp(1, 2, SYN));
    refused(&patched(plain.clone(), 14, &[0x65]), Reason::MALFORMED);
    refused(&patched(plain.clone(), 14, &[0x44]), Reason::MALFORMED);
    refused(&patched(plain.clone(), 16, &[0, 19]), Reason::MALFORMED);
    refused(&patched(plain.clone(), 16, &[0xff, 0xff]), Reason::TRUNCATED);
    // IPv6 in name, IPv4 in fact.
    refused(&patched(plain, 12, &craft::IPV6.to_be_bytes()), Reason::MALFORMED);
}

#[test]
fn fragments_are_told_by_where_they_lie() {
    let body = [craft::tcp(40000, 9080, SYN), vec![0; 4]].concat();
    let first = parsed(&patched(frame(A4, B4, TCP, &body), 20, &[0x20, 0])).unwrap();
    assert!(first.fragmented && first.is_syn() && (first.fragment_offset, first.fragment_end) == (0, 24));
    let later = parsed(&patched(frame(A4, B4, TCP, &body), 20, &[0, 3])).unwrap();
    assert_eq!((later.kind, later.fragment_offset, later.fragment_end), (Kind::Fragment, 24, 48));
    let first = parsed(&extended(&[(44, &[0, 0, 1, 0, 0, 0, 9])], TCP, &body)).unwrap();
    assert_eq!((first.fragmented, first.fragment_id, first.destination_port), (true, 9, 9080));
    let later = parsed(&extended(&[(44, &[0, 0, 24, 0, 0, 0, 9])], TCP, &body)).unwrap();
    assert_eq!((later.kind, later.fragment_offset, later.fragment_end), (Kind::Fragment, 24, 48));
    // With neither an offset nor more to come it is none (RFC 6946).
    let atomic = parsed(&extended(&[(44, &[0, 0, 0, 0, 0, 0, 9])], TCP, &body)).unwrap();
    assert_eq!((atomic.fragmented, atomic.kind, atomic.destination_port), (false, Kind::Tcp, 9080));
}

#[test]
fn fragments_that_only_deceive_are_refused() {
    let body = [craft::tcp(1, 2, SYN), vec![0; 4]].concat();
    let v4 = |body: &[u8], field: [u8; 2]| patched(frame(A4, B4, TCP, body), 20, &field);
    // Without the whole transport header, or without the options it announces.
    refused(&v4(&body[..16], [0x20, 0]), Reason::FRAGMENT_TINY);
    refused(&v4(&patched(body.clone(), 12, &[0x70]), [0x20, 0]), Reason::FRAGMENT_TINY);
    refused(&extended(&[(44, &[0, 0, 1, 0, 0, 0, 9])], TCP, &body[..16]), Reason::FRAGMENT_TINY);
    refused(
        &extended(&[(44, &[0, 0, 1, 0, 0, 0, 9]), (60, &[9, 0, 0, 0, 0, 0, 0])], TCP, &[]),
        Reason::FRAGMENT_TINY,
    );
    // Of a length that leaves a gap, or of none.
    refused(&v4(&body[..20], [0x20, 0]), Reason::MALFORMED);
    refused(&v4(&[], [0, 8]), Reason::MALFORMED);
    // Beyond the longest packet.
    refused(&v4(&body, [0x1f, 0xff]), Reason::FRAGMENT_OVERLAP);
    // Twice a fragment.
    refused(
        &extended(&[(44, &[0, 0, 1, 0, 0, 0, 9]), (44, &[0, 0, 1, 0, 0, 0, 9])], TCP, &body),
        Reason::MALFORMED,
    );
    // What never comes in fragments.
    let quoted = craft::packet(ip(B4), ip(A4), TCP, &craft::tcp(1, 2, SYN));
    let error = frame(A4, B4, ICMP, &[craft::icmp(3, [0; 4], &quoted), vec![0; 4]].concat());
    assert!(parsed(&patched(error, 20, &[0x20, 0])).is_err());
    refused(
        &extended(&[(44, &[0, 0, 1, 0, 0, 0, 9])], ICMPV6, &craft::icmp(135, [0; 4], &[0; 16])),
        Reason::ND_FORBIDDEN,
    );
}

#[test]
fn up_to_two_vlan_tags_are_read_over() {
    let plain = frame(A4, B4, TCP, &craft::tcp(40000, 9080, SYN));
    let tagged = |tags: &[[u8; 4]]| [&plain[..12], tags.as_flattened(), &plain[12..]].concat();
    let (inner, outer) = ([0x81, 0, 0, 7], [0x88, 0xa8, 0, 9]);
    for (tags, count) in [(&[][..], 0), (&[inner], 1), (&[outer, inner], 2)] {
        let packet = parsed(&tagged(tags)).unwrap();
        assert_eq!((packet.tags, packet.destination_port), (count, 9080));
    }
    refused(&tagged(&[outer, inner, inner]), Reason::VLAN);
}

#[test]
fn extension_headers_are_walked() {
    let segment = craft::tcp(40000, 9080, SYN);
    let hop: (u8, &[u8]) = (0, &[0, 5, 2, 0, 0, 1, 0]);
    let options: (u8, &[u8]) = (60, &[1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let route: (u8, &[u8]) = (43, &[0, 2, 0, 0, 0, 0, 0]);
    let authentication: (u8, &[u8]) = (51, &[1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    for chain in
        [&[hop][..], &[hop, options], &[options, route], &[authentication], &[hop, options, authentication]]
    {
        assert_eq!(parsed(&extended(chain, TCP, &segment)).unwrap().destination_port, 9080);
    }
    refused(&extended(&[options, hop], TCP, &segment), Reason::MALFORMED);
    refused(&extended(&[(43, &[0, 2, 1, 0, 0, 0, 0])], TCP, &segment), Reason::SOURCE_ROUTED);
    refused(&extended(&[options; 7], TCP, &segment), Reason::UNKNOWN_PROTOCOL);
    // Longer than the packet.
    refused(&extended(&[(60, &[200, 1, 4, 0, 0, 0, 0])], TCP, &segment), Reason::TRUNCATED);
}

#[test]
fn protocols_that_hide_what_follows_are_refused() {
    for number in [1, 59, 135, 139, 140, 253, 254] {
        refused(&extended(&[], number, &[0; 40]), Reason::UNKNOWN_PROTOCOL);
    }
    for number in [0, 43, 44, 58, 59, 60] {
        refused(&frame(A4, B4, number, &[0; 40]), Reason::UNKNOWN_PROTOCOL);
    }
}

#[test]
fn an_ipv4_address_may_not_come_in_an_ipv6_header() {
    refused(&frame("::ffff:10.0.0.1", B6, TCP, &craft::tcp(1, 2, SYN)), Reason::MALFORMED);
    refused(&frame(A6, "::ffff:10.0.0.2", TCP, &craft::tcp(1, 2, SYN)), Reason::MALFORMED);
}

#[test]
fn unknown_ethertypes_and_vlan_tags_are_refused() {
    for ethertype in [0x8100, 0x88a8, 0x8847, 0x0101, 0x88cc] {
        refused(&craft::ethernet(ethertype, &[0; 60]), Reason::UNKNOWN_ETHERTYPE);
    }
}

#[test]
fn contradictory_tcp_and_udp_headers_are_refused() {
    refused(&frame(A4, B4, TCP, &craft::tcp(1, 2, SYN | FIN)), Reason::MALFORMED);
    refused(&frame(A4, B4, TCP, &craft::tcp(1, 2, SYN | RST)), Reason::MALFORMED);
    let plain = frame(A4, B4, TCP, &craft::tcp(1, 2, SYN));
    refused(&patched(plain.clone(), 46, &[0x40]), Reason::MALFORMED);
    refused(&patched(plain, 46, &[0x60]), Reason::MALFORMED);
    let plain = frame(A4, B4, UDP, &craft::udp(1, 2, b""));
    refused(&patched(plain.clone(), 38, &[0, 7]), Reason::MALFORMED);
    refused(&patched(plain, 38, &[0, 9]), Reason::MALFORMED);
}

#[test]
fn an_init_comes_alone_and_without_a_tag_and_nothing_else_does() {
    for (from, to) in [(A4, B4), (A6, B6)] {
        let packet = parsed(&frame(from, to, SCTP, &craft::sctp_init(5000, 3868))).unwrap();
        assert_eq!((packet.kind, packet.source_port, packet.destination_port), (Kind::Sctp, 5000, 3868));
        assert!(packet.is_syn());
    }
    let data = craft::sctp(5000, 3868, 7, 0, &[0; 13]);
    assert!(!parsed(&frame(A4, B4, SCTP, &data)).unwrap().is_syn());
    let init = craft::sctp_init(5000, 3868);
    let bundled = [init.as_slice(), &data[12..]].concat();
    // The verification tag, the length of the chunk; behind 34 bytes of Ethernet and IPv4.
    let tagged = |frame, tag: u8| patched(frame, 41, &[tag]);
    let long = |frame, length: u16| patched(frame, 48, &length.to_be_bytes());
    for wrong in [
        frame(A4, B4, SCTP, &bundled),
        tagged(frame(A4, B4, SCTP, &init), 1),
        tagged(frame(A4, B4, SCTP, &data), 0),
        frame(A4, B4, SCTP, &craft::sctp(5000, 3868, 0, INIT, &[0; 12])),
        long(frame(A4, B4, SCTP, &init), 16),
        long(frame(A4, B4, SCTP, &init), 24),
        long(frame(A4, B4, SCTP, &data), 3),
        long(frame(A4, B4, SCTP, &data), 100),
    ] {
        refused(&wrong, Reason::MALFORMED);
    }
}

#[test]
fn icmp_is_an_exchange_a_known_error_or_a_message() {
    assert_eq!(
        parsed(&frame(A4, B4, ICMP, &craft::icmp(8, [0, 7, 0, 1], b""))).unwrap().kind,
        Kind::EchoRequest
    );
    assert_eq!(
        parsed(&frame(A6, B6, ICMPV6, &craft::icmp(129, [0, 7, 0, 1], b""))).unwrap().kind,
        Kind::EchoReply
    );
    for (kind, expected) in [(13, Kind::TimestampRequest), (14, Kind::TimestampReply)] {
        let packet = parsed(&frame(A4, B4, ICMP, &craft::icmp(kind, [0, 7, 0, 1], &[0; 12]))).unwrap();
        assert_eq!((packet.kind, packet.source_port), (expected, 7));
    }
    for kind in [1, 2, 6, 7, 9, 10, 15, 17, 18, 42, 255] {
        let message = craft::icmp_with_code(kind, 3, [0; 4], &[0; 40]);
        let packet = parsed(&frame(A4, B4, ICMP, &message)).unwrap();
        assert_eq!((packet.kind, packet.destination_port), (Kind::Message, u16::from_be_bytes([kind, 3])));
    }
    for kind in [138, 139, 142, 144, 151, 160, 255] {
        let packet = parsed(&frame(A6, B6, ICMPV6, &craft::icmp(kind, [0; 4], &[0; 40]))).unwrap();
        assert_eq!((packet.kind, packet.destination_port), (Kind::Message, u16::from_be_bytes([kind, 0])));
    }
    for kind in [4, 5] {
        refused(&frame(A4, B4, ICMP, &craft::icmp(kind, [0; 4], &[0; 40])), Reason::ICMP_FORBIDDEN);
    }
    for kind in [0, 5, 100, 127] {
        refused(&frame(A6, B6, ICMPV6, &craft::icmp(kind, [0; 4], &[0; 40])), Reason::ICMP_FORBIDDEN);
    }
}

#[test]
fn a_request_or_a_reply_with_a_code_is_refused() {
    for kind in [0, 8, 13, 14] {
        let message = craft::icmp_with_code(kind, 1, [0, 7, 0, 1], &[0; 12]);
        refused(&frame(A4, B4, ICMP, &message), Reason::ICMP_FORBIDDEN);
    }
    for kind in [128, 129] {
        let message = craft::icmp_with_code(kind, 1, [0, 7, 0, 1], &[0; 12]);
        refused(&frame(A6, B6, ICMPV6, &message), Reason::ICMP_FORBIDDEN);
    }
}

#[test]
fn an_icmp_error_names_the_connection_it_is_about() {
    for (from, to, router, protocol, kind) in [(A4, B4, "10.9.9.9", ICMP, 3), (A6, B6, "fd00::9", ICMPV6, 2)]
    {
        let quoted = craft::packet(ip(from), ip(to), UDP, &craft::udp(5000, 53, b""));
        let packet = parsed(&frame(router, from, protocol, &craft::icmp(kind, [0; 4], &quoted))).unwrap();
        assert_eq!(packet.kind, Kind::IcmpError);
        assert_eq!(packet.subject, address::from_ip(ip(to)));
        assert_eq!((packet.subject_protocol, packet.source_port, packet.destination_port), (UDP, 5000, 53));
        // Sent to somebody who did not send the quoted packet.
        refused(&frame(router, to, protocol, &craft::icmp(kind, [0; 4], &quoted)), Reason::ICMP_UNRELATED);
        // The quotation breaks off before the ports.
        let short = &quoted[..quoted.len() - 4];
        refused(&frame(router, from, protocol, &craft::icmp(kind, [0; 4], short)), Reason::TRUNCATED);
    }
}

#[test]
fn neighbor_discovery_from_beyond_a_router_is_refused() {
    let message = craft::icmp(135, [0; 4], &[0; 16]);
    let near = frame(A6, "ff02::1:ff00:2", ICMPV6, &message);
    assert_eq!(parsed(&near).unwrap().kind, Kind::Neighbor);
    refused(&patched(near.clone(), 21, &[254]), Reason::ND_FORBIDDEN);
    refused(&patched(near, 55, &[1]), Reason::ND_FORBIDDEN);
    refused(&frame(A6, "ff02::1", ICMPV6, &message[..16]), Reason::TRUNCATED);
}

#[test]
fn a_listener_report_is_for_this_link_only() {
    // As Linux sends it: behind a hop-by-hop header with a router alert, hop limit 1.
    let hop: (u8, &[u8]) = (0, &[0, 5, 2, 0, 0, 1, 0]);
    let message = craft::icmp(143, [0; 4], &[0; 20]);
    let report = extended(&[hop], ICMPV6, &message);
    let packet = parsed(&patched(report.clone(), 21, &[1])).unwrap();
    assert_eq!((packet.kind, packet.detail), (Kind::Neighbor, 143));
    refused(&report, Reason::ND_FORBIDDEN);
}

#[test]
fn arp_that_is_not_ethernet_and_ipv4_is_refused() {
    let request = craft::arp(1, [10, 0, 0, 1], [10, 0, 0, 2]);
    let packet = parsed(&request).unwrap();
    assert_eq!((packet.kind, packet.detail), (Kind::Arp, 1));
    assert_eq!(packet.source, address::mapped([10, 0, 0, 1]));
    for (offset, byte) in [(15, 6), (16, 0x86), (18, 8), (19, 16), (21, 0), (21, 3), (21, 8)] {
        refused(&patched(request.clone(), offset, &[byte]), Reason::ARP_FORBIDDEN);
    }
}
