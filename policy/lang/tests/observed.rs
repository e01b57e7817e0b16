//! What is seen to run means what it would mean as documents, however it came to be seen.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "functions shared by tests fail as tests do"
)]

use std::{fmt::Write, net::IpAddr, sync::Arc};

use bookend_engine::{Instance, Service};
use bookend_lang::{Compiled, Compiler, Sighting, Source, compile};
use proptest::prelude::*;

const POLICY: &str = "
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: web, namespace: shop }
spec:
  isolate: [{ workloads: {} }]
  allow:
  - { name: in, from: [{ workloads: { labels: { app: web } } }], to: [{ workloads: { labels: { app: db } } }], ports: [{ port: sql }] }
";

const WORLD: [&str; 9] = [
    POLICY,
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}",
    "{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: {clusterIPs: [172.20.0.1], selector: {app: db}, \
     ports: [{port: 5432, targetPort: sql}, {name: metrics, port: 9090}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: all, namespace: shop}, spec: {clusterIPs: [172.20.0.2], selector: {team: a}, \
     ports: [{port: 80, targetPort: 8080}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: contested, namespace: shop}, spec: {clusterIPs: [10.0.0.3], \
     selector: {app: web}, ports: [{port: 80}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: i}, spec: {workloads: [{name: w0, namespace: shop, \
     proxy: false}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: j}, spec: {workloads: [{name: outside, namespace: shop, \
     labels: {app: web}, instances: [{addresses: [10.0.0.4], interface: v4}]}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: k}, spec: {services: [{name: old, namespace: shop, \
     addresses: [172.20.0.9], backends: [10.0.0.1], ports: [{port: 80, targetPort: sql}]}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: web, namespace: shop}, spec: {allow: [{name: r}]}}",
];

/// Who may run: labels, ports and more of a Pod's manifest.
const WHO: [(&str, &str); 5] = [
    ("{app: db, team: a}", "{containers: [{ports: [{name: sql, containerPort: 5432}]}]}"),
    ("{app: web, team: a}", "{serviceAccountName: web, containers: [{name: istio-proxy}]}"),
    ("{app: web}", "{}"),
    (
        "{app: db, sidecar.istio.io/inject: \"false\"}",
        "{containers: [{ports: [{name: sql, containerPort: 15432}]}]}",
    ),
    ("{app: node}", "{hostNetwork: true}"),
];

fn manifest(name: &str, who: usize) -> String {
    let (labels, spec) = WHO[who % WHO.len()];
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, labels: {labels}}}, spec: {spec}}}"
    )
}

/// A workload: who it is, and where, each instance by a number for its address.
type Worker = (usize, Vec<u8>);

fn address(number: u8) -> IpAddr {
    match number % 3 {
        0 => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)]),
        _ => IpAddr::from([10, 0, 0, number]),
    }
}

fn instance(number: u8) -> Instance {
    let interface = number.is_multiple_of(4).then(|| format!("v{number}"));
    Instance { addresses: vec![address(number)], interface, ..Instance::default() }
}

fn sightings(workers: &[Worker]) -> Vec<Sighting> {
    let sighting = |(number, (who, places)): (usize, &Worker)| Sighting {
        name: format!("w{number}").into(),
        manifest: Arc::new(Source::new("pod", manifest("whoever", *who))),
        instances: places.iter().map(|place| instance(*place)).collect(),
    };
    workers.iter().enumerate().map(sighting).collect()
}

/// The same as documents.
fn written(workers: &[Worker]) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut inventory =
        "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: {name: seen}\nspec:\n  workloads:\n"
            .to_owned();
    let mut somebody = false;
    for (number, (who, places)) in workers.iter().enumerate() {
        sources.push(Source::new(format!("pod{number}"), manifest(&format!("w{number}"), *who)));
        // Whoever uses its node's network is nowhere.
        if places.is_empty() || who % WHO.len() == 4 {
            continue;
        }
        somebody = true;
        writeln!(inventory, "  - name: w{number}\n    namespace: shop\n    instances:").unwrap();
        for place in places.iter().map(|place| instance(*place)) {
            let interface = place.interface.map_or(String::new(), |name| format!(", interface: {name}"));
            writeln!(inventory, "    - {{ addresses: [\"{}\"]{interface} }}", place.addresses[0]).unwrap();
        }
    }
    if somebody {
        sources.push(Source::new("seen", inventory));
    }
    sources
}

fn world(parts: &[bool]) -> Vec<Source> {
    let parts = WORLD.iter().zip(parts).enumerate().filter(|(_, (_, there))| **there);
    parts.map(|(number, (text, _))| Source::new(format!("world{number}"), *text)).collect()
}

type Told<'c> = (&'c bookend_engine::Program, &'c bookend_engine::Inventory, Vec<&'c Service>, Vec<String>);

fn told(compiled: &Compiled) -> Told<'_> {
    let mut warnings: Vec<String> =
        compiled.warnings.iter().map(|warning| format!("{} {}", warning.code, warning.message)).collect();
    warnings.sort();
    let services = compiled.inventory.services().iter().collect();
    (&compiled.program, &compiled.inventory, services, warnings)
}

/// What is done to what is seen.
#[derive(Clone, Debug)]
enum Step {
    /// A workload runs there now.
    Move(usize, Vec<u8>),
    Come(Worker),
    Leave(usize),
    Become(usize, usize),
    World(usize),
}

fn places() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::btree_set(1..24_u8, 0..4).prop_map(Vec::from_iter)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..8_usize, places()).prop_map(|(at, places)| Step::Move(at, places)),
        2 => (0..WHO.len(), places()).prop_map(Step::Come),
        1 => (0..8_usize).prop_map(Step::Leave),
        1 => (0..8_usize, 0..WHO.len()).prop_map(|(at, who)| Step::Become(at, who)),
        2 => (0..WORLD.len()).prop_map(Step::World),
    ];
    proptest::collection::vec(step, 1..24)
}

fn apply(step: Step, workers: &mut Vec<Worker>, parts: &mut [bool]) {
    let many = workers.len().max(1);
    match step {
        Step::Move(at, places) => {
            if let Some(worker) = workers.get_mut(at % many) {
                worker.1 = places;
            }
        }
        Step::Come(worker) => workers.push(worker),
        Step::Leave(at) if !workers.is_empty() => drop(workers.remove(at % many)),
        Step::Leave(_) => {}
        Step::Become(at, who) => {
            if let Some(worker) = workers.get_mut(at % many) {
                worker.0 = who;
            }
        }
        Step::World(part) => parts[part] = !parts[part],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_was_seen_step_by_step_is_what_is_written_at_the_end(
        silent: bool,
        workers in proptest::collection::vec((0..WHO.len(), places()), 0..6),
        steps in steps(),
    ) {
        let mut compiler = if silent { Compiler::default().silent() } else { Compiler::default() };
        let (mut workers, mut parts) = (workers, vec![true, true, true, true, false, false, false, false, false]);
        let (mut version, mut inventory) = (0, None);
        for step in [None].into_iter().chain(steps.into_iter().map(Some)) {
            if let Some(step) = step {
                apply(step, &mut workers, &mut parts);
            }
            let sources = world(&parts);
            let whole = compile(&[sources.clone(), written(&workers)].concat());
            let seen = compiler.compile_observed(&sources, &sightings(&workers));
            match (&seen, &whole) {
                (Ok(seen), Ok(whole)) => {
                    let (mut seen_told, mut whole_told) = (told(seen), told(whole));
                    if silent {
                        (seen_told.3, whole_told.3) = (Vec::new(), Vec::new());
                    }
                    prop_assert_eq!(seen_told, whole_told);
                    let same = inventory.as_ref() == Some(&seen.inventory);
                    prop_assert!(same || seen.version != version, "another inventory of the same version");
                    if let (Some(moved), Some(before), true) =
                        (&seen.moved, &inventory, seen.version == version + 1)
                    {
                        let before: &bookend_engine::Inventory = before;
                        let pairs = before.workloads().iter().zip(seen.inventory.workloads()).enumerate();
                        let differ: Vec<usize> = pairs.filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect();
                        prop_assert!(differ.iter().all(|at| moved.contains(at)), "{:?} moved, not only {:?}", differ, moved);
                    }
                    (version, inventory) = (seen.version, Some(seen.inventory.clone()));
                }
                (Err(_), Err(_)) => {}
                _ => prop_assert!(false, "{:?} as seen, {:?} as written", seen.err(), whole.err()),
            }
        }
    }
}

#[test]
fn a_pod_that_moves_costs_no_other_version_of_anything_but_its_place() {
    let sources = world(&[true; 4]);
    let mut compiler = Compiler::default();
    let first = sightings(&[(0, vec![1]), (1, vec![2])]);
    assert_eq!(compiler.compile_observed(&sources, &first).unwrap().moved, None);
    let version = compiler.compile_observed(&sources, &first).unwrap().version;
    assert_eq!(version, 1, "the same again is no other version");
    let moved = sightings(&[(0, vec![5, 7]), (1, vec![2])]);
    let compiled = compiler.compile_observed(&sources, &moved).unwrap();
    assert_eq!((compiled.version, compiled.moved.as_deref()), (2, Some(&[0][..])));
    let behind = &compiled.inventory.services()[1].ports[0].backends;
    assert_eq!(behind.len(), 2, "{behind:?}");
}

#[test]
fn a_manifest_that_is_no_pod_is_refused_at_its_place() {
    let mut sightings = sightings(&[(0, vec![1]), (1, vec![2])]);
    sightings[1].manifest = Arc::new(Source::new("pod shop/x", POLICY));
    let sources = world(&[true; 2]);
    let refused = Compiler::default().compile_observed(&sources, &sightings).map(|_| ()).unwrap_err();
    let found = &refused.diagnostics[0];
    assert_eq!((found.code.as_str(), found.span.source), ("B1800", 3));
}
