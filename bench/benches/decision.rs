//! One request decided by the engine, at several numbers of rules: the ratio between them is what matters.

use std::hint::black_box;

use bookend_bench::policy_of;
use bookend_engine::{Connection, Endpoint, Exchange, Identity, Location, NoTrace, Protocol, Request, decide};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn decision(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide");
    for rules in [1, 10, 100, 1000] {
        let compiled = policy_of(rules);
        let end = |address: &str| {
            let address = address.parse().expect("an address");
            Endpoint { identity: compiled.inventory.behind_address(address), location: Location::of(address) }
        };
        let connection =
            Connection { source: end("10.0.0.1"), destination: end("10.0.0.2"), protocol: Protocol::Tcp, port: 80 };
        assert!(matches!(connection.source.identity, Identity::Workload(_)));
        let path = format!("/api/v{}/7", rules - 1);
        group.bench_function(BenchmarkId::new("last rule matches", rules), |b| {
            b.iter(|| {
                let request = Request::new(Some(b"GET"), Some(black_box(path.as_bytes())));
                decide(&compiled.program, &connection, Exchange::Http(&request), &mut NoTrace).verdict()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
