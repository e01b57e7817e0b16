//! Requests that were made up, by a number alone: the same in every run.

use std::net::{IpAddr, Ipv4Addr};

use super::setting::SETTINGS;

/// Who asks: from where, and with which names.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    pub(super) names: Vec<&'static str>,
}

/// Everybody who asks.
pub(super) fn peers() -> [Peer; 7] {
    const WEB: &str = "spiffe://cluster.local/ns/default/sa/web";
    const OTHER: &str = "spiffe://cluster.local/ns/default/sa/other";
    let peer = |last: u8, names: &[&'static str]| Peer {
        address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
        names: names.to_vec(),
    };
    [
        peer(1, &[WEB]),
        peer(3, &[OTHER]),
        peer(1, &[OTHER, WEB]),
        peer(1, &[]),
        peer(9, &[]),
        peer(9, &["spiffe://cluster.local/ns/default/sa/web%2c,spiffe"]),
        peer(3, &["https://example.com/a", "spiffe://other.domain/ns/default/sa/web"]),
    ]
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) number: usize,
    pub(super) setting: usize,
    pub(super) peer: usize,
    pub(super) method: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) authority: Vec<u8>,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The first so many requests.
pub(super) fn questions(number: usize) -> impl Iterator<Item = Question> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    (0..number).map(move |number| dice.question(number))
}

/// Numbers that look like chance (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or_default() % sides
    }

    fn pick<'p>(&mut self, from: &[&'p [u8]]) -> &'p [u8] {
        from[self.roll(from.len())]
    }

    fn question(&mut self, number: usize) -> Question {
        let setting = self.roll(SETTINGS.len());
        let peer = self.roll(peers().len());
        let method = self.pick(METHODS).to_vec();
        let path = self.path();
        let authority = self.pick(AUTHORITIES).to_vec();
        let headers = (0..self.roll(6)).map(|_| (self.pick(NAMES).to_vec(), self.value())).collect();
        Question { number, setting, peer, method, path, authority, headers }
    }

    fn path(&mut self) -> Vec<u8> {
        let mut path = Vec::new();
        for _ in 0..=self.roll(4) {
            path.push(b'/');
            path.extend_from_slice(self.pick(SEGMENTS));
        }
        if self.roll(3) == 0 {
            path.push(b'?');
            path.extend_from_slice(self.pick(SEGMENTS));
        }
        if self.roll(20) == 0 {
            path.extend(std::iter::repeat_n(b'a', 3000));
        }
        path
    }

    fn value(&mut self) -> Vec<u8> {
        match self.roll(3) {
            // Any byte that a line of HTTP may hold.
            0 => (0..self.roll(12))
                .map(|_| [b' ', b'\t', 0x80, 0xff, b'!', b'~', b'"', b',', b'%', b'a'][self.roll(10)])
                .collect(),
            _ => self.pick(VALUES).to_vec(),
        }
    }
}

const METHODS: &[&[u8]] = &[
    b"GET",
    b"GET",
    b"GET",
    b"GET",
    b"GET",
    b"GET",
    b"GET",
    b"POST",
    b"POST",
    b"POST",
    b"HEAD",
    b"OPTIONS",
    b"DELETE",
    b"get",
    b"PURGE",
    b"M-SEARCH",
    b"G\x80T",
    b"!#$%&'*+-.^_`|~",
];

const AUTHORITIES: &[&[u8]] = &[
    b"server",
    b"server",
    b"server",
    b"shop.test",
    b"server:9080",
    b"SERVER.default.svc",
    b"shop.test",
    b"shop.test.",
    b"shop.test:443",
    b"[::1]:80",
    b"\x80\xff",
    b"",
];

const SEGMENTS: &[&[u8]] = &[
    // Such as people write, more often than such as attackers write.
    b"open",
    b"open",
    b"open",
    b"open",
    b"open",
    b"open",
    b"a",
    b"a",
    b"a",
    b"a",
    b"soon",
    b"soon",
    b"old",
    b"7",
    b"7",
    b"items",
    b"items",
    b"items",
    b"x-y_z~",
    b"v1.2",
    b"open",
    b"open",
    b"old",
    b"soon",
    b"teapot",
    b"a",
    b"",
    b".",
    b"..",
    b"%2e%2e",
    b"%2f",
    b"%5c",
    b"..;",
    b"a;b=c",
    b"open%00",
    b"%",
    b"%zz",
    b"\xc3\xa4",
    b"\xff",
    b"*",
    b"{id}",
    b"OPEN",
    b"open.",
    b"a&b=c",
    b"\\",
    b"%252e",
    b"#x",
    b"a=b&a=c",
];

const NAMES: &[&[u8]] = &[
    b"x-role",
    b"X-Role",
    b"x_role",
    b"x-debug",
    b"content-type",
    b"user-agent",
    b"cookie",
    b"x-forwarded-for",
    b"accept",
    b"x-a",
    b"authorization",
    b"forwarded",
    b"x-envoy-peer-metadata",
    b"baggage",
];

const VALUES: &[&[u8]] = &[
    b"admin",
    b"ops",
    b"admin,ops",
    b" admin ",
    b"",
    b"application/grpc",
    b"application/grpc+proto",
    b"application/grpc-web",
    b"text/plain",
    b"10.0.0.1",
    b"a=b; c=d",
    b"\xc3\xa4",
    b"Bearer x",
    b"ADMIN",
];
