//! Policies, frames and damage as they fall.

use super::*;

/// A xorshift generator: the same frames with every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    /// The policies above with verdicts, blocks, flags, a quota and limits as they fall.
    pub(super) fn policies(&mut self) -> PlainTables {
        let mut tables = tables();
        // Fragments and buckets of other rounds stay in the kernel: neither is of this epoch, nor of these limits.
        let epoch = self.roll(1 << 30) as u32;
        let limits = [0, 0, 1 << 30 | epoch, 2 << 30 | epoch];
        tables.config.epoch = epoch;
        tables.config.sample = [0, 1, 1][self.roll(3)];
        let flags = [0, 0, 0, Interface::OBSERVE, Interface::HOST, Interface::HOST | Interface::FORWARDS]
            [self.roll(6)];
        let interface = tables.policed_mut(Trial::IFINDEX).unwrap();
        (interface.flags, interface.quota) = (flags, 1 << self.roll(8));
        let slow = Rate { interval: 1 << 50, depth: 3 << 50 };
        let each = Limit { connections_per_source: slow, packets: slow, ..Limit::default() };
        tables.limits.insert(limits[2], Limit { connections: slow, ..Limit::default() });
        tables.limits.insert(limits[3], each);
        for policy in [EGRESS, INGRESS] {
            let blocks =
                [("10.0.0.0", 8), ("10.0.0.0", 24), ("10.0.0.2", 32), ("192.0.0.0", 8), ("0.0.0.0", 0)];
            for (number, (text, length)) in (1..).zip(blocks) {
                if self.roll(2) == 0 {
                    tables.blocks.insert(BlockKey::new(policy, address(text), 96 + length), number);
                }
            }
            for _ in 0..self.roll(40) {
                let protocol = [TCP, TCP, UDP, SCTP, ICMP, ICMPV6, 0][self.roll(7)];
                let prefix_length = if protocol == 0 { 0 } else { [0, 3, 8, 16, 16][self.roll(5)] };
                let port = [9080_u16, 9081, 53, 5001, 40000, 3868, 8 << 8, 13 << 8, 128 << 8][self.roll(9)];
                let key = VerdictKey {
                    policy,
                    identity: [FRIEND_IDENTITY, OUTSIDE][self.roll(2)],
                    block: self.roll(6) as u32,
                    port: (u32::from(port) >> (16 - prefix_length) << (16 - prefix_length)) as u16,
                    protocol,
                    prefix_length: prefix_length as u8,
                };
                let value = VerdictValue::new(self.roll(5) as u64 + 1, self.roll(2) as u8);
                tables.verdicts.insert(key, value.limited(limits[self.roll(4)]));
            }
            let head = tables.policies.get_mut(&policy).unwrap();
            let every = 1 | 1 << 3 | 1 << 8 | 1 << 16;
            (head.tcp_prefixes, head.udp_prefixes, head.sctp_prefixes) = (every, every, every);
            (head.icmp_prefixes, head.icmpv6_prefixes) = (every, every);
            head.flags = self.roll(8) as u32;
        }
        tables
    }

    /// `frame` with some of its headers damaged, or cut, or padded.
    pub(super) fn damage(&mut self, mut frame: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.roll(4) {
            let (position, value) = (12 + self.roll(frame.len() - 12), self.roll(256) as u8);
            frame[position] = if self.roll(2) == 0 { value } else { frame[position] ^ (1 << (value % 8)) };
        }
        match self.roll(8) {
            0 => frame.truncate(34 + self.roll(frame.len() - 33)),
            1 => frame.extend(vec![0; self.roll(40)]),
            _ => {}
        }
        frame
    }
}

/// Frames beyond the conversation: fragments, tags, and what only hosts use.
pub(super) fn apart() -> Vec<(u8, Vec<u8>)> {
    let (from, to) = (FROM_WORKLOAD, TO_WORKLOAD);
    let body = [craft::tcp(40010, 9080, SYN), vec![7; 12]].concat();
    let v4 = |field: u16, body: &[u8]| {
        patched(craft::frame(ip(OWN), ip(FRIEND), TCP, body), 18, &[[0, 9], field.to_be_bytes()].concat())
    };
    let v6 = |field: u16, body: &[u8]| {
        let header = [&[TCP, 0][..], &field.to_be_bytes(), &[0, 0, 0, 9], body].concat();
        craft::frame(ip(OWN6), ip(FRIEND6), 44, &header)
    };
    let tagged = |frame: Vec<u8>| [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat();
    let dns = udp(FRIEND, OWN, (5000, 53));
    vec![
        (from, v4(0x2000, &body)),
        (from, v4(0x2000, &body[..24])),
        (from, v4(0x2000, &body[..16])),
        (from, v4(0x0004, &body)),
        (from, v4(0x2002, &body)),
        (from, v4(0x0003, &body)),
        (from, v4(0x1fff, &body)),
        (from, v6(0x0001, &body)),
        (from, v6(0x0020, &body)),
        (from, v6(0x0008, &body)),
        (from, v6(0x0000, &body)),
        (to, patched(dns.clone(), 18, &[0, 5, 0x20, 0])),
        (to, patched(dns.clone(), 18, &[0, 5, 0, 2])),
        (to, tagged(dns.clone())),
        (to, tagged(tagged(dns.clone()))),
        (to, tagged(tagged(tagged(dns)))),
        (from, udp("0.0.0.0", "255.255.255.255", (68, 67))),
        (to, udp("10.0.0.254", "10.0.0.9", (67, 68))),
        (to, udp(FRIEND, "224.0.0.251", (5353, 53))),
        (from, udp(STRANGER, "192.0.2.9", (1, 2))),
        (to, udp(FRIEND, OWN, (5001, 53))),
        (from, udp(OWN, FRIEND, (53, 5001))),
        (to, udp(FRIEND, OWN, (5001, 53))),
        (from, tcp(OWN, FRIEND, (40000, 9080), SYN)),
        (to, tcp(FRIEND, OWN, (9080, 40000), SYN | ACK)),
        (from, tcp(OWN, FRIEND, (40000, 9080), ACK)),
        (from, tcp(OWN, FRIEND, (40000, 9080), ACK | 1)),
        (to, tcp(FRIEND, OWN, (9080, 40000), ACK | 1)),
        (to, tcp(FRIEND, OWN, (9080, 40000), 4)),
        (to, tcp(FRIEND, OWN, (9080, 40000), ACK)),
    ]
}
