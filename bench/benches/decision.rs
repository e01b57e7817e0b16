//! One request decided by the engine, at several numbers of rules. What matters is the ratio within a shape: it says what a
//! decision costs more when there are more rules.

use std::hint::black_box;

use bookend_engine::{
    Action, Block, Clause, Connection, DEFAULT_TIER, Endpoint, Ends, Exchange, Head, HttpMatch, Identity,
    Isolation, Location, Mode, NamespaceMatch, NoTrace, PathPattern, PeerMatch, Plane, Principal,
    PrincipalPattern, Program, Protocol, Request, Rule, Selector, Verdict, WorkloadIdentity, decide,
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// What tells the rules of a program apart.
const SHAPES: [&str; 4] = ["labels and path", "path", "principal", "cidr"];
const SIZES: [usize; 3] = [10, 1_000, 10_000];
const TRUST_DOMAIN: &str = "cluster.local";

fn principal(number: usize) -> String {
    format!("spiffe://{TRUST_DOMAIN}/ns/default/sa/client-{number}")
}

fn address(number: usize) -> [u8; 4] {
    let [high, low] = u16::try_from(number).expect("few rules").to_be_bytes();
    [10, high, low, 7]
}

fn labelled(app: String) -> PeerMatch {
    let labels = [("app".to_owned(), app)].into();
    PeerMatch::workloads(Selector { labels, ..Selector::all(NamespaceMatch::Named("default".to_owned())) })
}

fn rule(shape: &str, number: usize) -> Rule {
    let path = PathPattern::parse(&format!("/api/v{number}/{{id}}")).expect("a pattern");
    let http = HttpMatch { paths: Clause::only(path), ..HttpMatch::default() };
    let with_method = HttpMatch { methods: Clause::only("GET".to_owned()), ..http.clone() };
    let [a, b, c, _] = address(number);
    let block =
        Block::new(format!("{a}.{b}.{c}.0/24").parse().expect("a block"), Vec::new()).expect("a block");
    let pattern = PrincipalPattern::parse(&principal(number)).expect("a principal");
    let (from, http) = match shape {
        "labels and path" => {
            (Clause::only(labelled(format!("client-{}", number % 50))), Clause::only(with_method))
        }
        "path" => (Clause::Any, Clause::only(http)),
        "principal" => (
            Clause::only(PeerMatch { principals: Clause::only(pattern), ..PeerMatch::default() }),
            Clause::Any,
        ),
        _ => (Clause::only(PeerMatch::block(block)), Clause::Any),
    };
    Rule {
        id: format!("default/bench/r{number}"),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        priority: 0,
        action: Action::Allow,
        mode: Mode::Enforce,
        at: Ends::BOTH,
        namespace: Some("default".to_owned()),
        from,
        to: Clause::only(labelled("server".to_owned())),
        ports: Clause::Any,
        not_ports: Vec::new(),
        http,
        answer: None,
        limits: None,
    }
}

fn program(shape: &str, rules: usize) -> Program {
    let isolation = Isolation {
        id: "default/bench/isolate[0]".to_owned(),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        mode: Mode::Enforce,
        workloads: Selector::all(NamespaceMatch::Named("default".to_owned())),
        egress: false,
        ingress: true,
    };
    Program::new((0..rules).map(|number| rule(shape, number)).collect(), vec![isolation]).indexed()
}

fn workload(app: String, number: usize) -> WorkloadIdentity {
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    WorkloadIdentity {
        namespace: "default".to_owned(),
        service_account: format!("client-{number}"),
        labels: [label("app", &app), label("version", "v1"), label("pod-template-hash", "6d4cf56db6")].into(),
        proxied: true,
        ..WorkloadIdentity::default()
    }
}

fn decision(c: &mut Criterion) {
    for shape in SHAPES {
        let mut group = c.benchmark_group(format!("decide by {shape}"));
        for rules in SIZES {
            let last = rules - 1;
            let program = program(shape, rules);
            let (source, destination) =
                (workload(format!("client-{}", last % 50), last), workload("server".to_owned(), 0));
            let id = principal(last);
            let ids = [id.as_str()];
            let connection = Connection {
                source: Endpoint {
                    identity: Identity::Workload(&source),
                    location: Location::of(address(last).into()),
                    principal: Principal::Verified(&ids),
                },
                destination: Endpoint {
                    identity: Identity::Workload(&destination),
                    location: Location::of([192, 0, 2, 1].into()),
                    principal: Principal::Derived { trust_domain: TRUST_DOMAIN },
                },
                protocol: Protocol::Tcp,
                port: 80,
            };
            let path = format!("/api/v{last}/7");
            let ask = || {
                let path = Some(black_box(path.as_bytes()));
                let request = Request::new(Head { method: Some(b"GET"), path, ..Head::default() });
                decide(&program, &connection, Exchange::Http(&request), &mut NoTrace).verdict()
            };
            assert_eq!(ask(), Verdict::Allow, "the last rule matches");
            group.bench_function(BenchmarkId::from_parameter(rules), |b| b.iter(ask));
        }
        group.finish();
    }
}

criterion_group!(benches, decision);
criterion_main!(benches);
