//! What an index leaves out never matters: decisions over random programs are the same with it and without.

use alloc::{format, string::String, string::ToString, sync::Arc, vec, vec::Vec};

use crate::*;

/// Xorshift: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()].clone()
    }

    fn clause<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Clause<T> {
        match self.roll(3) {
            0 => Clause::Any,
            n => Clause::one_of((0..n).map(|_| item(self)).collect()).unwrap(),
        }
    }

    fn name(&mut self) -> String {
        self.pick(&["a", "b", "c"]).to_string()
    }

    fn labels(&mut self) -> Labels {
        (0..self.roll(3)).map(|_| (self.name(), self.name())).collect()
    }

    fn selector(&mut self) -> Selector {
        let expression = |dice: &mut Self| {
            let (key, values) = (dice.name(), Clause::one_of(vec![dice.name(), dice.name()]).unwrap());
            match dice.roll(3) {
                0 => LabelExpression::NotIn { key, values },
                1 => LabelExpression::In { key, values },
                _ => LabelExpression::Exists { key },
            }
        };
        Selector {
            namespaces: match self.roll(3) {
                0 => NamespaceMatch::any(),
                1 => NamespaceMatch::Labelled(LabelMatch { labels: self.labels(), expressions: vec![] }),
                _ => NamespaceMatch::Named(self.name()),
            },
            labels: self.labels(),
            expressions: (0..self.roll(2)).map(|_| expression(self)).collect(),
            service_accounts: self.clause(Self::name),
            proxied: self.pick(&[None, None, Some(true), Some(false)]),
        }
    }

    fn peer(&mut self, depth: u32) -> PeerMatch {
        let nets = ["10.0.0.0/8", "10.0.0.1/32", "10.0.0.0/24", "fd00::/8", "fd00::1/128", "0.0.0.0/0"];
        PeerMatch {
            workloads: self.one_in(2).then(|| self.selector()),
            blocks: if self.one_in(2) {
                self.clause(|dice| Block::new(dice.pick(&nets).parse().unwrap(), vec![]).unwrap())
            } else {
                Clause::Any
            },
            principals: if self.one_in(3) {
                self.clause(|dice| PrincipalPattern::parse(dice.pick(&PRINCIPALS)).unwrap())
            } else {
                Clause::Any
            },
            not: if depth > 0 && self.one_in(4) { vec![self.peer(depth - 1)] } else { vec![] },
        }
    }

    fn port(&mut self) -> PortMatch {
        match self.roll(3) {
            0 => PortMatch::named(Protocol::Tcp, self.name()),
            1 => PortMatch::range(Protocol::Tcp, 80, 90).unwrap(),
            _ => PortMatch::range(self.pick(&[Protocol::Tcp, Protocol::Udp]), 80, 80).unwrap(),
        }
    }

    fn rule(&mut self, number: usize) -> Rule {
        let paths = ["/a", "/a/*", "/a/b", "/b/{x}", "/{x}", "/a/{**}", "/*", "/a/b*", "*b"];
        Rule {
            id: format!("r{number}"),
            plane: self.pick(&Plane::ALL),
            tier: self.pick(&[1, 2]),
            priority: self.pick(&[0, 0, 1]),
            action: self.pick(&[Action::Deny, Action::Pass, Action::Allow, Action::Allow]),
            mode: self.pick(&[Mode::Enforce, Mode::Enforce, Mode::Audit]),
            at: self.pick(&[Ends::BOTH, Ends { source: true, destination: false }]),
            namespace: self.one_in(2).then(|| self.name()),
            from: self.clause(|dice| dice.peer(1)),
            to: self.clause(|dice| dice.peer(1)),
            ports: self.clause(Self::port),
            not_ports: if self.one_in(5) { vec![self.port()] } else { vec![] },
            http: if self.one_in(2) {
                self.clause(|dice| {
                    let paths = dice.clause(|dice| PathPattern::parse(dice.pick(&paths)).unwrap());
                    HttpMatch { paths, ..HttpMatch::default() }
                })
            } else {
                Clause::Any
            },
            answer: None,
            limits: None,
        }
    }

    fn workload(&mut self) -> WorkloadIdentity {
        let port = NamedPort { name: self.name(), protocol: Protocol::Tcp, port: 80 };
        WorkloadIdentity {
            namespace: self.name(),
            service_account: self.name(),
            labels: self.labels(),
            proxied: self.one_in(2),
            jwt: false,
            ports: self.one_in(2).then(|| vec![port]),
            namespace_labels: self.one_in(2).then(|| Arc::new(self.labels())),
        }
    }

    fn endpoint<'a>(&mut self, workloads: &'a [WorkloadIdentity], ids: &'a [&'a str]) -> Endpoint<'a> {
        let pick = |dice: &mut Self| &workloads[usize::try_from(dice.roll(workloads.len() as u64)).unwrap()];
        let identity = match self.roll(7) {
            0 => Identity::Outside,
            1 => Identity::Anonymous,
            2 => Identity::Claimed(pick(self)),
            3 => Identity::Candidates(vec![pick(self), pick(self)]),
            4 => Identity::Account {
                namespace: self.name(),
                service_account: self.name(),
                namespace_labels: None,
            },
            _ => Identity::Workload(pick(self)),
        };
        let location = match self.roll(5) {
            0 => Location::Unknown,
            1 => Location::Elsewhere,
            2 => Location::Block(self.pick(&["10.0.0.0/24", "192.0.2.0/24"]).parse().unwrap()),
            _ => Location::of(self.pick(&["10.0.0.1", "10.9.9.9", "fd00::1", "192.0.2.1"]).parse().unwrap()),
        };
        let principal = match self.roll(5) {
            0 => Principal::Open,
            1 => Principal::Unknown,
            2 => Principal::Derived { trust_domain: "t" },
            n => Principal::Verified(&ids[..usize::try_from(n - 3).unwrap()]),
        };
        Endpoint { identity, location, principal }
    }
}

const PRINCIPALS: [&str; 4] = ["spiffe://t/ns/a/sa/a", "spiffe://t/ns/a/sa/b", "spiffe://t/*", "*/sa/a"];

#[test]
fn an_index_leaves_out_only_what_cannot_match() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for _ in 0..300 {
        let rules = (0..dice.roll(40) as usize).map(|number| dice.rule(number)).collect();
        let isolations = (0..dice.roll(4)).map(|number| Isolation {
            id: format!("i{number}"),
            plane: dice.pick(&Plane::ALL),
            tier: dice.pick(&[1, 2]),
            mode: dice.pick(&[Mode::Enforce, Mode::Audit]),
            workloads: dice.selector(),
            egress: true,
            ingress: dice.one_in(2),
        });
        let plain = Program::new(rules, isolations.collect());
        let indexed = plain.clone().indexed();
        let workloads: Vec<_> = (0..6).map(|_| dice.workload()).collect();
        for _ in 0..100 {
            let connection = Connection {
                source: dice.endpoint(&workloads, &PRINCIPALS[..2]),
                destination: dice.endpoint(&workloads, &PRINCIPALS[..2]),
                protocol: dice.pick(&[Protocol::Tcp, Protocol::Tcp, Protocol::Udp, Protocol::Icmp]),
                port: dice.pick(&[80, 85, 443]),
            };
            let path = dice.pick(&["/a", "/a/b", "/a/", "/b/7", "/", "/a//b", "/a/b/c", "x"]);
            let (method, path) = (Some(&b"GET"[..]), Some(path.as_bytes()));
            let request = Request::new(Head { method, path, ..Head::default() });
            let exchange = match dice.roll(4) {
                0 => Exchange::Packet,
                1 => Exchange::Stream,
                _ => Exchange::Http(&request),
            };
            let judge = |program| {
                let judgement = decide(program, &connection, exchange, &mut NoTrace);
                let audit = rehearse(program, &connection, exchange, &judgement, &mut NoTrace);
                (
                    judgement.deciding().1.cause.id().to_string(),
                    judgement.verdict(),
                    audit.map(|a| a.verdict()),
                )
            };
            assert_eq!(judge(&indexed), judge(&plain), "{connection:?} {exchange:?} {plain:#?}");
        }
    }
}
