//! What is read of documents that cannot be said exactly never allows what they deny.

use bookend_engine::{
    Connection, Endpoint, Exchange, Head, Identity, Location, NoTrace, Principal, Protocol, Request, Verdict,
    Workload, decide,
};
use bookend_lang::{Code, Compiled, Options, Source, compile, compile_with};

const WORLD: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: world }
spec:
  nodes: [192.0.2.0/28]
  workloads:
  - { name: web, namespace: shop, serviceAccount: web, labels: { app: web }, proxy: true, instances: [{ addresses: [10.0.0.1] }] }
  - { name: api, namespace: shop, serviceAccount: api, labels: { app: api }, proxy: true, instances: [{ addresses: [10.0.0.2] }] }
  - { name: db, namespace: shop, serviceAccount: db, labels: { app: db }, proxy: true, instances: [{ addresses: [10.0.0.3] }] }
  - { name: job, namespace: batch, serviceAccount: job, labels: { app: job }, proxy: true, instances: [{ addresses: [10.1.0.1] }] }
";

const CLOSED: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed, namespace: shop}, \
                      spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}";

fn cluster(tier: &str, rules: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: p}}, \
         spec: {{tier: {tier}, priority: 1, subject: {{namespaces: {{}}}}, egress: [{rules}]}}}}\n---\n{CLOSED}"
    )
}

fn istio(spec: &str) -> String {
    format!(
        "{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: p, namespace: shop}}, spec: {{{spec}}}}}"
    )
}

/// In a tier before the default one, at whose end everybody is denied.
fn calico(spec: &str) -> String {
    format!(
        "{{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {{name: first}}, spec: {{order: 1}}}}\n---\n\
         {{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {{name: first.p}}, spec: {{tier: first, {spec}}}}}"
    )
}

/// Documents of which something cannot be said, and the most that may be left of them.
fn table() -> Vec<(String, String)> {
    let everybody = "{namespaces: {}}, {networks: [0.0.0.0/0]}";
    let deny_all = format!("{{action: Deny, to: [{everybody}]}}");
    let pods = "{namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}";
    let gateway = "{group: gateway.networking.k8s.io, kind: Gateway, name: b}";
    let service = "{kind: Service, name: a}";
    let starts = "serviceAccounts: {selector: \"projectcalico.org/name starts with 'w'\"}";
    let both = |rules: &str| format!("ingress: [{rules}], egress: [{rules}]");
    let mut table = Vec::new();
    for tier in ["Admin", "Baseline"] {
        for (unsayable, rest) in [
            ("{action: Accept, to: [{domainNames: [example.org]}]}", "".to_owned()),
            (
                &*format!("{{action: Accept, to: [{{domainNames: [example.org]}}, {pods}]}}"),
                format!("{{action: Accept, to: [{pods}]}}"),
            ),
            ("{action: Deny, to: [{domainNames: [example.org]}]}", deny_all.clone()),
            ("{action: Pass, to: [{domainNames: [example.org]}]}", deny_all.clone()),
            ("{action: Accept, to: [{nodes: {matchLabels: {a: b}}}]}", "".to_owned()),
            (
                "{action: Deny, to: [{nodes: {matchLabels: {a: b}}}]}",
                "{action: Deny, to: [{nodes: {}}]}".to_owned(),
            ),
            (
                "{action: Pass, to: [{nodes: {matchLabels: {a: b}}}]}",
                "{action: Deny, to: [{nodes: {}}]}".to_owned(),
            ),
        ] {
            let accept = format!("{{action: Accept, to: [{everybody}]}}");
            let rest = if rest.is_empty() { rest } else { format!("{rest}, ") };
            table.push((cluster(tier, unsayable), cluster(tier, rest.trim_end_matches(", "))));
            // What comes after it is not reached by more than before.
            table.push((
                cluster(tier, &format!("{unsayable}, {accept}")),
                cluster(tier, &format!("{rest}{accept}")),
            ));
        }
    }
    for (unsayable, rest) in [
        (format!("targetRefs: [{service}], rules: [{{}}]"), ""),
        (format!("targetRefs: [{service}, {gateway}], rules: [{{}}]"), ""),
        (format!("targetRefs: [{service}], rules: [{{to: [{{operation: {{methods: [GET]}}}}]}}]"), ""),
        (format!("targetRefs: [{service}], action: DENY, rules: [{{}}]"), "action: DENY, rules: [{}]"),
        (
            format!("targetRefs: [{service}, {gateway}], action: DENY, rules: [{{}}]"),
            "action: DENY, rules: [{}]",
        ),
        (format!("targetRefs: [{service}], action: AUDIT, rules: [{{}}]"), "action: AUDIT, rules: [{}]"),
        (
            "rules: [{from: [{source: {trustDomains: ['*.local']}}, {source: {namespaces: [shop]}}]}]"
                .to_owned(),
            "rules: [{from: [{source: {namespaces: [shop]}}]}]",
        ),
        ("rules: [{from: [{source: {notTrustDomains: ['*.local', other]}}]}]".to_owned(), ""),
        (
            "action: DENY, rules: [{from: [{source: {trustDomains: ['*.local']}}]}]".to_owned(),
            "action: DENY, rules: [{}]",
        ),
        (
            "action: DENY, rules: [{from: [{source: {notTrustDomains: ['*.local', other]}}]}]".to_owned(),
            "action: DENY, rules: [{from: [{source: {notTrustDomains: [other]}}]}]",
        ),
        (
            "action: CUSTOM, provider: {name: x}, rules: [{to: [{operation: {paths: [/a]}}]}]".to_owned(),
            "action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]",
        ),
    ] {
        table.push((istio(&unsayable), istio(rest)));
    }
    let deny = both("{action: Deny}");
    for (unsayable, rest) in [
        (both(&format!("{{action: Allow, source: {{{starts}}}}}")), both("")),
        (both(&format!("{{action: Deny, source: {{{starts}}}}}, {{action: Pass}}")), deny.clone()),
        (both(&format!("{{action: Pass, source: {{{starts}}}}}")), deny.clone()),
        (both(&format!("{{action: Pass, destination: {{{starts}}}}}")), deny.clone()),
        (both("{action: Pass, source: {domains: [example.org]}}"), deny.clone()),
        (
            format!(
                "serviceAccountSelector: \"projectcalico.org/name starts with 'w'\", {}",
                both("{action: Allow}")
            ),
            both(""),
        ),
        (
            format!(
                "serviceAccountSelector: \"projectcalico.org/name starts with 'w'\", {}",
                both("{action: Pass}")
            ),
            deny.clone(),
        ),
        (
            "applyOnForward: true, doNotTrack: true, ingress: [{action: Deny, source: {nets: [10.0.0.0/31]}}, {action: Allow}]".to_owned(),
            "ingress: [{action: Deny, source: {nets: [10.0.0.0/31]}}, {action: Pass}]".to_owned(),
        ),
    ] {
        table.push((calico(&unsayable), calico(&rest)));
    }
    table
}

/// Every question of a small set that is allowed.
fn allowed(compiled: &Compiled) -> Vec<String> {
    fn end(workload: &Workload) -> Endpoint<'_> {
        let mut addresses = workload.instances.iter().flat_map(|instance| &instance.addresses);
        Endpoint {
            identity: Identity::Workload(&workload.identity),
            location: addresses.next().copied().map_or(Location::Elsewhere, Location::of),
            principal: Principal::Derived { trust_domain: "cluster.local" },
        }
    }
    let get = Request::new(Head {
        method: Some(b"GET"),
        authority: Some(b"api"),
        path: Some(b"/a"),
        headers: Some(&[]),
        ..Head::default()
    });
    let workloads = compiled.inventory.workloads();
    let pairs =
        workloads.iter().flat_map(|source| workloads.iter().map(move |destination| (source, destination)));
    let mut found = Vec::new();
    for ((source, destination), port) in pairs.flat_map(|pair| [(pair, 8080), (pair, 53)]) {
        for (name, exchange) in
            [("packet", Exchange::Packet), ("stream", Exchange::Stream), ("request", Exchange::Http(&get))]
        {
            let connection = Connection {
                source: end(source),
                destination: end(destination),
                protocol: Protocol::Tcp,
                port,
            };
            if decide(&compiled.program, &connection, exchange, &mut NoTrace).verdict() == Verdict::Allow {
                found.push(format!("{} to {} at {port}: {name}", source.name, destination.name));
            }
        }
    }
    found
}

#[test]
fn nothing_becomes_allowed_by_what_cannot_be_said() {
    for (unsayable, rest) in table() {
        let read = |documents: &str, best_effort| {
            compile_with(&[Source::new("x", format!("{documents}\n---\n{WORLD}"))], Options { best_effort })
        };
        let refused = compile(&[Source::new("x", format!("{unsayable}\n---\n{WORLD}"))]);
        let Err(refused) = refused else { panic!("it can be said: {unsayable}") };
        let inexact =
            |code| matches!(code, Code::InexactKubernetes | Code::InexactIstio | Code::InexactCalico);
        assert!(
            refused.diagnostics.iter().any(|d| inexact(d.code)),
            "{unsayable}\n{:#?}",
            refused.diagnostics
        );
        let [some, most] = [read(&unsayable, true), read(&rest, false)].map(|read| {
            allowed(&read.unwrap_or_else(|refused| panic!("{unsayable}\n{rest}\n{:#?}", refused.diagnostics)))
        });
        let more: Vec<_> = some.iter().filter(|question| !most.contains(question)).collect();
        assert!(more.is_empty(), "{unsayable}\nallows more than\n{rest}\n{more:#?}");
    }
}
