//! Measures following a large cluster, as one node's enforcer does, without its kernel and without an API server: `cargo run --release -p
//! bookend-cluster --example churn -- <pods> <nodes> <changes a round> <rounds> <seconds> <empty namespaces>`; `scripts/bench-cluster` does that.
//!
//! Pods are of Deployments of twenty, ten Deployments in a namespace, each with a Service; every namespace has a policy with five rules. Twenty
//! pods of the first Deployments run here. What is measured is the time of this thread's processor, and the memory of the process.
//!
//! At the end 200 pods change in each of so many seconds of a made-up clock, which runs on by what each round really took, and rounds begin
//! when an enforcer begins them: that tells how long a label waits until it is planned, without waiting for it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that cannot go on stops")]

use bookend_cluster::view::{Attached, Outlook, View};
use bookend_cluster::{Event, Key, Kind, kinds};
use bookend_lang::Inventory;
use bookend_plan::{Plan, Planner};
use serde_json::{Value, json};
use std::time::Duration;

const OF_DEPLOYMENT: usize = 20;
const OF_NAMESPACE: usize = 10;

fn spent() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn memory() -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    format!("{} / {}", line("VmRSS"), line("VmHWM")).replace('\t', " ")
}

fn key(object: &Value) -> Key {
    let text = |name: &str| object["metadata"][name].as_str().map(str::to_owned);
    let name = text("name").unwrap();
    // As an API server writes one (RFC 9562), another for each name.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let uid = format!("0f3a1c52-7f0c-4b6e-{:04x}-{:012x}", hash >> 48, hash & 0xffff_ffff_ffff);
    Key { namespace: text("namespace"), uid, name }
}

fn put(view: &mut View, kind: &Kind, object: Value) {
    let key = key(&object);
    view.take(kind, Event::Put(key, serde_json::from_value(object).unwrap()));
}

/// A pod as an API server would tell it, with an address and labels of its own choice.
fn pod(number: usize, nodes: usize, address: u32, label: Option<&str>) -> (Key, Value) {
    let deployment = number / OF_DEPLOYMENT;
    let namespace = format!("n{}", deployment / OF_NAMESPACE);
    let local = number.is_multiple_of(OF_DEPLOYMENT) && deployment < 20;
    let mut labels = json!({
        "app": format!("app{deployment}"), "app.kubernetes.io/part-of": "shop", "version": "v1", "pod-template-hash": "5d4f9c7b68"
    });
    if let Some(label) = label {
        labels["canary"] = label.into();
    }
    let object = json!({
        "metadata": {
            "name": format!("app{deployment}-5d4f9c7b68-{number:05}"), "namespace": namespace, "labels": labels,
            "ownerReferences": [{ "kind": "ReplicaSet", "name": format!("app{deployment}-5d4f9c7b68"), "controller": true }],
        },
        "spec": {
            "nodeName": if local { "here".to_owned() } else { format!("node{}", number % nodes) },
            "serviceAccountName": format!("app{deployment}"),
            "containers": [
                { "name": "main", "ports": [{ "name": "http", "containerPort": 8080 }] }, { "name": "istio-proxy", "image": "proxyv2:1.29.0", "args": ["proxy", "sidecar"] }
            ],
        },
        "status": { "phase": "Running", "podIPs": [{ "ip": std::net::Ipv4Addr::from(address).to_string() }] },
    });
    (key(&object), object)
}

fn namespace(view: &mut View, name: &str, injection: &str) {
    let metadata = json!({ "name": name, "labels": { "istio-injection": injection } });
    put(view, &kinds::NAMESPACE, json!({ "metadata": metadata }));
}

fn world(view: &mut View, pods: usize, nodes: usize) {
    let deployments = pods / OF_DEPLOYMENT;
    for number in 0..nodes {
        let address = std::net::Ipv4Addr::from(0x0b00_0000 + u32::try_from(number).unwrap()).to_string();
        let status = json!({ "addresses": [{ "type": "InternalIP", "address": address }] });
        put(view, &kinds::NODE, json!({ "metadata": { "name": format!("node{number}") }, "status": status }));
    }
    for number in 0..deployments.div_ceil(OF_NAMESPACE) {
        let name = format!("n{number}");
        namespace(view, &name, "enabled");
        let rules: Vec<Value> = (0..5)
            .map(|rule| {
                let app = |of: usize| json!([{ "workloads": { "labels": { "app": format!("app{}", number * OF_NAMESPACE + of) } } }]);
                json!({ "name": format!("r{rule}"), "from": app(rule), "to": app(rule + 5), "ports": [{ "port": 8080 }] })
            })
            .collect();
        let spec = json!({ "isolate": [{ "workloads": {} }], "allow": rules });
        put(
            view,
            &kinds::POLICY,
            json!({ "metadata": { "name": "web", "namespace": name, "generation": 1 }, "spec": spec }),
        );
    }
    for number in 0..deployments {
        let address = std::net::Ipv4Addr::from(0xac10_0000 + u32::try_from(number).unwrap()).to_string();
        let metadata =
            json!({ "name": format!("app{number}"), "namespace": format!("n{}", number / OF_NAMESPACE) });
        let spec = json!({
            "clusterIPs": [address], "selector": { "app": format!("app{number}") }, "ports": [{ "port": 80, "targetPort": "http" }]
        });
        put(view, &kinds::SERVICE, json!({ "metadata": metadata, "spec": spec }));
    }
}

/// How long after a change nothing more may come, how long changes are collected, how many times as long as it took is rested after a round, and
/// how long at most: what `view::Follower` does.
const SETTLE: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_millis(200);
const RESTS: u32 = 4;
const REST: Duration = Duration::from_secs(5);

/// A label changes so often.
const LABEL_EVERY: u32 = 1_000;
const CHANGE_EVERY: Duration = Duration::from_millis(5);

struct Node {
    view: View,
    planner: Planner,
    plan: Plan,
    version: Option<u64>,
    /// What the rounds took that are told next: to compile, to plan, to compare.
    parts: Vec<[Duration; 3]>,
}

impl Node {
    /// What an enforcer does with a change, but for the kernel: how long it took, and how many steps there are.
    fn follow(&mut self) -> (Duration, usize) {
        let begun = spent();
        let compiled = self.view.compile(&[]).unwrap();
        let known = spent();
        let follows = self.version.is_some_and(|before| before + 1 == compiled.version);
        let inventory: &Inventory = &compiled.inventory;
        let plan = match compiled.moved.as_ref().filter(|_| follows) {
            Some(moved) => self.planner.plan_moved(&compiled.program, inventory, &self.plan, moved),
            None => self.planner.plan(&compiled.program, inventory, &self.plan),
        };
        let plan = plan.unwrap();
        let planned = spent();
        self.version = Some(compiled.version);
        plan.check_capacity(&self.plan).unwrap();
        let steps = plan.change_from(&self.plan).steps.len();
        self.plan = plan;
        let end = spent();
        self.parts.push([known - begun, planned - known, end - planned]);
        (end - begun, steps)
    }

    /// How long that took, but for making the pod up.
    fn put(&mut self, (key, object): (Key, Value)) -> Duration {
        let text = serde_json::to_vec(&object).unwrap();
        drop(object);
        let begun = spent();
        self.view.take_pod(Event::Put(key, serde_json::from_slice(&text).unwrap()));
        spent() - begun
    }

    /// What rounds took, and what their parts did.
    fn tell(&mut self, what: &str, times: Vec<(Duration, usize)>) {
        told(what, times);
        let mut middle = [0, 1, 2].map(|part| {
            let mut times: Vec<Duration> = self.parts.iter().map(|parts| parts[part]).collect();
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e3
        });
        middle.iter_mut().for_each(|time| *time = (*time * 10.0).round() / 10.0);
        let [compiled, planned, compared] = middle;
        println!("{:>34}  compiled {compiled} ms, planned {planned} ms, compared {compared} ms", "");
        self.parts.clear();
    }

    /// Follows 200 changes a second for so many seconds of a made-up clock: how long each label waited, and how long the processor was busy.
    fn live(
        &mut self,
        seconds: u32,
        pods: usize,
        nodes: usize,
        next: &mut dyn FnMut() -> (usize, u32),
    ) -> (Vec<Duration>, Duration) {
        let (mut waiting, mut waited, mut busy): (Vec<Duration>, Vec<Duration>, Duration) =
            Default::default();
        let mut due: Option<(Duration, Duration)> = None;
        let (mut free, mut rested) = (Duration::ZERO, Duration::ZERO);
        assert!(pods > 0, "somebody has to change");
        for number in 0..seconds * 200 {
            let now = CHANGE_EVERY * number;
            if let Some((_, at)) = due
                && at.max(rested) <= now
            {
                let (took, _) = self.follow();
                busy += took;
                free = at.max(rested) + took;
                rested = free + (took * RESTS).min(REST);
                waited.extend(waiting.drain(..).map(|since| free - since));
                due = None;
            }
            let (pod_number, address) = next();
            let label = (number % LABEL_EVERY == LABEL_EVERY / 2).then(|| format!("l{number}"));
            if label.is_some() {
                waiting.push(now);
            }
            busy += self.put(pod(pod_number, nodes, address, label.as_deref()));
            let seen = now.max(free);
            let since = due.map_or(seen, |(since, _)| since);
            due = Some((since, (seen + SETTLE).min(since + PATIENCE)));
        }
        waited.sort_unstable();
        (waited, busy)
    }
}

fn told(what: &str, mut times: Vec<(Duration, usize)>) {
    times.sort_unstable();
    let at = |part: usize| {
        times.get((times.len() * part / 100).min(times.len() - 1)).unwrap().0.as_secs_f64() * 1e3
    };
    let steps = times.iter().map(|(_, steps)| steps).max().unwrap();
    println!("{what:>34}: {:>8.1} ms (99 %: {:>8.1} ms), {steps} steps", at(50), at(99));
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let pods = arguments.next().unwrap_or(100_000);
    let nodes = arguments.next().unwrap_or(5_000);
    let changes = arguments.next().unwrap_or(50);
    let rounds = arguments.next().unwrap_or(40);
    let seconds = u32::try_from(arguments.next().unwrap_or(120)).unwrap();
    let namespaces = arguments.next().unwrap_or(0);
    let mut node = Node {
        view: View::new(&Outlook { node: Some("here".to_owned()), ..Outlook::default() }),
        planner: Planner::default(),
        plan: Plan::default(),
        version: None,
        parts: Vec::new(),
    };
    println!("{pods} pods on {nodes} nodes; before: {}", memory());
    let begun = spent();
    world(&mut node.view, pods, nodes);
    for number in 0..namespaces {
        namespace(&mut node.view, &format!("empty{number}"), "none");
    }
    println!("{:>34}: {:>8.1} ms", "everything but pods read", (spent() - begun).as_secs_f64() * 1e3);
    let begun = spent();
    for number in 0..pods {
        node.put(pod(number, nodes, 0x0a00_0001 + u32::try_from(number).unwrap(), None));
    }
    println!("{:>34}: {:>8.1} ms (made up and read)", "pods read", (spent() - begun).as_secs_f64() * 1e3);
    let attached: Vec<Attached> = (0..20)
        .map(|number| {
            let (key, _) = pod(number * OF_DEPLOYMENT, nodes, 0, None);
            Attached { uid: key.uid, interface: format!("veth{number}"), addresses: Vec::new() }
        })
        .collect();
    node.view.attach(&attached);
    println!("{:>34}: {}", "memory", memory());
    let first = vec![node.follow()];
    node.tell("first plan", first);
    println!("{:>34}: {:?}", "tables", node.plan.sizes());
    println!("{:>34}: {}", "memory", memory());

    let mut fresh = 0x0a80_0000_u32;
    let mut number = 4_007;
    let mut next = || {
        (fresh, number) = (fresh + 1, (number + 7_919) % pods);
        (number, fresh)
    };
    let times = (0..rounds).map(|_| node.follow()).collect();
    node.tell("nothing", times);
    let moved = |node: &mut Node, next: &mut dyn FnMut() -> (usize, u32)| {
        for _ in 0..changes {
            let (number, address) = next();
            node.put(pod(number, nodes, address, None));
        }
        node.follow()
    };
    let times = (0..rounds).map(|_| moved(&mut node, &mut next)).collect();
    node.tell(&format!("{changes} pods elsewhere"), times);
    let labels = |node: &mut Node, round: usize, next: &mut dyn FnMut() -> (usize, u32)| {
        let (number, address) = next();
        node.put(pod(number, nodes, address, Some(&format!("c{round}"))));
        for _ in 1..changes {
            let (number, address) = next();
            node.put(pod(number, nodes, address, None));
        }
        node.follow()
    };
    let times = (0..rounds).map(|round| labels(&mut node, round, &mut next)).collect();
    node.tell("a label and the rest elsewhere", times);
    println!("{:>34}: {} after {} changes", "memory", memory(), 2 * changes * rounds);
    let times = (0..rounds).map(|round| {
        namespace(&mut node.view, "elsewhere", &format!("v{round}"));
        node.follow()
    });
    let times = times.collect();
    node.tell("a label of a namespace", times);
    let (waited, busy) = node.live(seconds, pods, nodes, &mut next);
    let share = busy.as_secs_f64() / f64::from(seconds) * 100.0;
    println!("{:>34}: {share:.1} % of a processor, at 200 changes a second, a label every 5 s", "busy");
    if let (Some(middle), Some(longest)) = (waited.get(waited.len() / 2), waited.last()) {
        println!(
            "{:>34}: {:.2} s (longest of {}: {:.2} s)",
            "a label waits until it is planned",
            middle.as_secs_f64(),
            waited.len(),
            longest.as_secs_f64()
        );
    }
    println!(
        "{:>34}: {} after {} changes",
        "memory",
        memory(),
        2 * changes * rounds + seconds as usize * 200
    );
}
