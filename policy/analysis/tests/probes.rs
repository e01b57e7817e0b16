//! Which probes an isolation is found to keep out.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::fmt::Write;

use bookend_analysis::{Name, Probe, Side, unprobed};
use bookend_lang::{Code, Compiled, Source, compile};

/// A Pod with a container; `sidecar` annotations and labels are written into its metadata.
fn pod(metadata: &str, container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{ name: web, namespace: shop{metadata} }}\n\
         spec:\n  containers:\n  - {{ name: web, ports: [{{ name: http, containerPort: 8080 }}], {container} }}\n\
         status: {{ podIP: 10.0.0.1 }}\n"
    )
}

const READINESS: &str = "readinessProbe: { httpGet: { port: http, path: / } }";
const ISOLATED: &str = "isolate: [{ workloads: {}, directions: [ingress] }]";
const NODES: &str = "nodes: [192.0.2.0/28, 198.51.100.7]";

fn compiled(pod: &str, policy: &str, inventory: &str) -> Compiled {
    let documents = format!(
        "{pod}---\napiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: {{ name: p, namespace: shop }}\n\
         spec:\n  {}\n---\napiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: {{ name: i }}\nspec:\n  \
         {inventory}\n  workloads: [{{ name: other, namespace: shop, proxy: false, instances: [{{ addresses: [10.0.0.2] }}] }}]\n",
        policy.replace('\n', "\n  ")
    );
    let sources = [Source::new("documents.yaml", documents)];
    compile(&sources).unwrap_or_else(|refused| {
        unreachable!(
            "{}",
            refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect::<String>()
        )
    })
}

/// The probes that are read, and those of them that are cut off.
fn check(pod: &str, policy: &str, inventory: &str) -> String {
    let compiled = compiled(pod, policy, inventory);
    let side = Side { program: &compiled.program, inventory: &compiled.inventory };
    let mut told = String::new();
    for probe in &compiled.probes {
        write!(told, "{} {} ", probe.purpose.name(), probe.port).unwrap();
    }
    let probes: Vec<_> = compiled
        .probes
        .iter()
        .map(|p| Probe { workload: Name { namespace: &p.namespace, name: &p.workload }, port: p.port })
        .collect();
    for found in unprobed(side, &probes, &compiled.nodes) {
        let ports: Vec<_> = found.probes.iter().map(|probe| probe.port.to_string()).collect();
        write!(told, "| {} denies {}", found.isolation, ports.join(" ")).unwrap();
    }
    told
}

#[test]
fn an_isolation_without_a_rule_for_nodes_cuts_off_probes() {
    let denied = "readiness 8080 | shop/p/isolate[0] denies 8080";
    assert_eq!(check(&pod("", READINESS), ISOLATED, NODES), denied);
    assert_eq!(check(&pod("", READINESS), ISOLATED, ""), denied);
    let allow = |rule: &str| format!("{ISOLATED}\nallow: [{{ name: r, {rule} }}]");
    for (rule, inventory) in [
        ("from: [{ entities: [node] }], ports: [8081]", NODES),
        ("from: [{ entities: [node] }], ports: [{ port: 8080, protocol: UDP }]", NODES),
        ("from: [{ cidr: 203.0.113.0/24 }], ports: [8080]", NODES),
        ("from: [{ workloads: {} }], ports: [8080]", NODES),
        ("from: [{ workloads: {} }]", ""),
        ("at: [source], ports: [8080]", NODES),
        ("mode: audit, from: [{ entities: [node] }], ports: [8080]", NODES),
    ] {
        assert_eq!(check(&pod("", READINESS), &allow(rule), inventory), denied, "{rule}");
    }
}

#[test]
fn a_probe_that_a_node_gets_through_is_not_told() {
    let fine = "readiness 8080 ";
    for (policy, inventory) in [
        (format!("{ISOLATED}\nallow: [{{ name: r, from: [{{ entities: [node] }}], ports: [8080] }}]"), NODES),
        (format!("{ISOLATED}\nallow: [{{ name: r, from: [{{ entities: [node] }}], ports: [http] }}]"), NODES),
        (format!("{ISOLATED}\nallow: [{{ name: r, ports: [8080] }}]"), NODES),
        // Some of what is called nodes may be none.
        (
            format!("{ISOLATED}\nallow: [{{ name: r, from: [{{ cidr: 192.0.2.4/30 }}], ports: [8080] }}]"),
            NODES,
        ),
        // Somebody may know where nodes are without saying so.
        (format!("{ISOLATED}\nallow: [{{ name: r, from: [{{ cidr: 192.0.2.0/24 }}], ports: [8080] }}]"), ""),
        ("isolate: [{ workloads: {}, directions: [egress] }]".to_owned(), NODES),
        ("isolate: [{ workloads: {}, directions: [ingress], mode: audit }]".to_owned(), NODES),
        ("isolate: [{ workloads: { labels: { app: other } } }]".to_owned(), NODES),
        // Whoever writes this knows what it does.
        (format!("{ISOLATED}\ndeny: [{{ name: r, ports: [8080] }}]"), NODES),
    ] {
        assert_eq!(check(&pod("", READINESS), &policy, inventory), fine, "{policy}");
    }
}

#[test]
fn probes_are_read_as_kubelets_understand_them() {
    let read = |container: &str| check(&pod("", container), "deny: [{ name: r, ports: [1] }]", "");
    for (container, expected) in [
        ("livenessProbe: { tcpSocket: { port: 9000 } }", "liveness 9000 "),
        ("startupProbe: { grpc: { port: 9001, service: x } }", "startup 9001 "),
        ("livenessProbe: { httpGet: { port: '9002' } }", "liveness 9002 "),
        (
            "livenessProbe: { httpGet: { port: 9002 } }, readinessProbe: { httpGet: { port: http } }",
            "readiness 8080 liveness 9002 ",
        ),
        ("livenessProbe: { exec: { command: [true] } }", ""),
        ("livenessProbe: { periodSeconds: 3 }", ""),
        ("livenessProbe: null", ""),
        ("livenessProbe: { httpGet: { port: 80, host: example.com } }", ""),
        ("livenessProbe: { httpGet: { port: 80, host: '' } }", "liveness 80 "),
    ] {
        assert_eq!(read(container), expected, "{container}");
    }
    let host = pod("", READINESS).replace("spec:\n", "spec:\n  hostNetwork: true\n");
    assert_eq!(check(&host, ISOLATED, NODES), "", "it is asked at the address of its node");
}

#[test]
fn probes_of_a_pod_that_istio_injects_go_to_its_proxy() {
    let labelled = ", labels: { sidecar.istio.io/inject: 'true' }";
    let both = format!("{READINESS}, livenessProbe: {{ tcpSocket: {{ port: 9000 }} }}");
    let rewritten = "liveness 15020 readiness 15020 ";
    let told = check(&pod(labelled, &both), ISOLATED, NODES);
    assert_eq!(told, format!("{rewritten}| shop/p/isolate[0] denies 15020"));
    let allowed =
        format!("{ISOLATED}\nallow: [{{ name: r, from: [{{ entities: [node] }}], ports: [15020] }}]");
    assert_eq!(check(&pod(labelled, &both), &allowed, NODES), rewritten);
    let annotated = |text: &str| pod(&format!("{labelled}, annotations: {{ {text} }}"), READINESS);
    let open = "deny: [{ name: r, ports: [1] }]";
    let off = annotated("sidecar.istio.io/rewriteAppHTTPProbers: 'false'");
    assert_eq!(check(&off, open, ""), "readiness 8080 ");
    let moved = annotated("status.sidecar.istio.io/port: '15555'");
    assert_eq!(check(&moved, open, ""), "readiness 15555 ");
    // A manifest that has the proxy already is what the injector wrote.
    let injected = pod(labelled, &format!("{READINESS} }}\n  - {{ name: istio-proxy"));
    assert_eq!(check(&injected, open, ""), "readiness 8080 ");
}

#[test]
fn a_probe_that_makes_no_sense_is_told() {
    let text = pod("", "readinessProbe: { httpGet: { port: htp } }");
    let warned = compiled(&text, ISOLATED, "").warnings;
    assert_eq!(warned.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::NoSuchPort]);
    for (container, code) in [
        ("readinessProbe: []", Code::WrongType),
        ("readinessProbe: { httpGet: 80 }", Code::WrongType),
        ("readinessProbe: { httpGet: {} }", Code::MissingField),
        ("readinessProbe: { httpGet: { port: 0 } }", Code::BadPort),
        ("readinessProbe: { tcpSocket: { port: [80] } }", Code::WrongType),
        ("readinessProbe: { grpc: { port: http } }", Code::WrongType),
    ] {
        let refused = compile(&[Source::new("x", pod("", container))]).unwrap_err();
        assert_eq!(refused.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [code], "{container}");
    }
    let text = pod(", annotations: { status.sidecar.istio.io/port: no }", "").replace(" }}]", "");
    let codes: Vec<_> =
        compile(&[Source::new("x", text)]).unwrap_err().diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, [Code::WrongType], "`no` is a boolean to some readers");
}
