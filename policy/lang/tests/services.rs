//! Services: which addresses they have, and who is behind each of their ports.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_engine::Protocol;
use bookend_lang::{Code, Compiled, Source, compile};

fn compiled(documents: &[&str]) -> Compiled {
    compile(&[Source::new("x", documents.join("\n---\n"))]).unwrap_or_else(|refused| {
        unreachable!("{:?}: {:?}", documents, refused.diagnostics.first().map(|d| &d.message))
    })
}

/// What is wrong with documents: errors, or warnings where there are none.
fn said(documents: &[&str]) -> Vec<(Code, String)> {
    let diagnostics = match compile(&[Source::new("x", documents.join("\n---\n"))]) {
        Ok(compiled) => compiled.warnings,
        Err(refused) => refused.diagnostics,
    };
    diagnostics.into_iter().map(|d| (d.code, d.message)).collect()
}

fn codes(documents: &[&str]) -> Vec<Code> {
    said(documents).into_iter().map(|(code, _)| code).collect()
}

const WORKLOADS: &str = "
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: w }
spec:
  workloads:
  - { name: a, labels: { app: a }, ports: [{ name: web, port: 8080 }], instances: [{ addresses: [10.0.0.1, \"fd00::1\"] }] }
  - { name: b, labels: { app: a, more: x }, ports: [{ name: web, port: 8081 }], instances: [{ addresses: [10.0.0.2] }] }
  - { name: c, namespace: other, labels: { app: a }, instances: [{ addresses: [10.0.0.3] }] }
";

fn service(spec: &str) -> String {
    format!("{{apiVersion: v1, kind: Service, metadata: {{name: s}}, spec: {{{spec}}}}}")
}

fn slice(spec: &str) -> String {
    format!(
        "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, \
         metadata: {{name: s-1, labels: {{kubernetes.io/service-name: s}}}}, {spec}}}"
    )
}

/// `address:port` of everybody behind a port of the Service `s`.
fn behind(documents: &[&str], port: u16) -> Vec<String> {
    let compiled = compiled(documents);
    let [service] = compiled.inventory.services() else { unreachable!("one Service") };
    let port = service.port(Protocol::Tcp, port).unwrap();
    port.backends.iter().map(|backend| format!("{} {}", backend.address, backend.port)).collect()
}

#[test]
fn a_selector_means_workloads_of_the_namespace_at_the_ports_that_they_name() {
    let named = service("clusterIP: 10.96.0.1, selector: {app: a}, ports: [{port: 80, targetPort: web}]");
    assert_eq!(behind(&[WORKLOADS, &named], 80), ["10.0.0.1 8080", "10.0.0.2 8081", "fd00::1 8080"]);
    let numbered = service("clusterIP: 10.96.0.1, selector: {more: x}, ports: [{port: 80, targetPort: 9}]");
    assert_eq!(behind(&[WORKLOADS, &numbered], 80), ["10.0.0.2 9"]);
    let same = service("clusterIP: 10.96.0.1, selector: {more: x}, ports: [{port: 80}]");
    assert_eq!(behind(&[WORKLOADS, &same], 80), ["10.0.0.2 80"]);
}

#[test]
fn slices_tell_who_is_behind_by_the_name_of_the_port() {
    let s = service(
        "clusterIP: 10.96.0.1, selector: {app: a}, ports: [{name: x, port: 80}, {name: y, port: 81}]",
    );
    let v4 = slice(
        "addressType: IPv4, ports: [{name: y, port: 9001}], endpoints: [{addresses: [10.0.0.9]}, \
         {addresses: [10.0.0.8], conditions: {ready: false}}, {addresses: [10.0.0.7], conditions: {serving: true, terminating: true, ready: false}}]",
    );
    assert_eq!(behind(&[WORKLOADS, &s, &v4], 81), ["10.0.0.7 9001", "10.0.0.9 9001"]);
    assert!(behind(&[WORKLOADS, &s, &v4], 80).is_empty());
    let names =
        slice("addressType: FQDN, ports: [{name: x, port: 1}], endpoints: [{addresses: [a.example]}]");
    assert!(behind(&[WORKLOADS, &s, &names], 80).is_empty());
    assert_eq!(codes(&[WORKLOADS, &s, &v4]), []);
    assert_eq!(codes(&[&v4]), [Code::Unread], "no such Service");
    assert_eq!(codes(&[&slice("addressType: IPv9")]), [Code::UnknownWord]);
}

#[test]
fn a_manifest_has_the_addresses_that_the_cluster_assigned_and_no_others() {
    let addresses = |spec: &str, status: &str| -> Vec<String> {
        let text = format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: s}}, spec: {{{spec}, selector: {{app: a}}}}, status: {{{status}}}}}"
        );
        let compiled = compiled(&[WORKLOADS, &text]);
        let all = compiled.inventory.services().iter().flat_map(|service| &service.addresses);
        all.map(ToString::to_string).collect()
    };
    let ports = "ports: [{port: 80}]";
    let balanced = "loadBalancer: {ingress: [{ip: 203.0.113.1}, {ip: 203.0.113.2, ipMode: VIP}, {ip: 203.0.113.3, ipMode: Proxy}, {hostname: a.example}]}";
    assert_eq!(
        addresses(
            &format!(
                "clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, \"fd00:96::1\"], externalIPs: [198.51.100.1], {ports}"
            ),
            balanced
        ),
        ["10.96.0.1", "fd00:96::1"]
    );
    assert!(
        addresses(&format!("clusterIP: None, externalIPs: [198.51.100.1], {ports}"), balanced).is_empty()
    );
    assert!(addresses(&format!("clusterIP: None, clusterIPs: [None], {ports}"), "").is_empty());
    assert!(addresses(&format!("clusterIP: \"\", {ports}"), "").is_empty());
    assert!(addresses(&format!("type: ExternalName, externalIPs: [198.51.100.1], {ports}"), "").is_empty());
}

#[test]
fn addresses_that_a_manifest_only_claims_are_told_of_once() {
    let claimed = service(
        "clusterIP: 10.96.0.1, externalIPs: [198.51.100.1, 198.51.100.2], selector: {app: a}, ports: [{port: 80}]",
    );
    let warned = said(&[WORKLOADS, &claimed]);
    let [(Code::ForeignServiceAddress, message)] = warned.as_slice() else { unreachable!("{warned:?}") };
    assert!(
        message.contains("`198.51.100.1`, `198.51.100.2`") && message.contains("`default/s`"),
        "{message}"
    );
    let balanced = |entry: &str| {
        let s = service("clusterIP: 10.96.0.1, selector: {app: a}, ports: [{port: 80}]");
        let status = format!(", status: {{loadBalancer: {{ingress: [{entry}]}}}}}}");
        codes(&[WORKLOADS, &s.strip_suffix('}').map(|head| format!("{head}{status}")).unwrap()])
    };
    assert_eq!(balanced("{ip: 203.0.113.1}"), [Code::ForeignServiceAddress]);
    assert_eq!(
        balanced("{ip: 203.0.113.1, ipMode: Proxy}, {hostname: a.example}"),
        [],
        "nobody takes it for one"
    );
}

fn native(name: &str, spec: &str) -> String {
    let head = format!("apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {{name: {name}}}");
    format!("{{{head}, spec: {{services: [{{name: {name}, backends: [10.0.0.2], {spec}}}]}}}}")
}

#[test]
fn an_address_and_a_port_lead_to_one_place() {
    let at_workload = native("s", "addresses: [10.0.0.1], ports: [{port: 80}]");
    assert_eq!(codes(&[WORKLOADS, &at_workload]), [Code::ServiceAtWorkload]);
    let other = native("t", "addresses: [10.96.0.1], ports: [{port: 80}]");
    let same = native("s", "addresses: [10.96.0.1], ports: [{port: 80}]");
    assert_eq!(codes(&[WORKLOADS, &same, &other]), [Code::SharedServicePort]);
    let beside = native("s", "addresses: [10.96.0.1], ports: [{port: 81}]");
    assert_eq!(codes(&[WORKLOADS, &beside, &other]), []);
    let twice = service("clusterIP: 10.96.0.2, selector: {app: a}, ports: [{port: 80}, {port: 80}]");
    assert_eq!(codes(&[WORKLOADS, &twice]), [Code::SharedServicePort]);
    assert_eq!(codes(&[WORKLOADS, &same, &same]), [Code::DuplicateObject, Code::SharedServicePort]);
}

#[test]
fn a_manifest_that_contests_an_address_refuses_nothing_and_gets_nothing() {
    let manifest = |name: &str, ips: &str, port: u16| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, \
             spec: {{clusterIPs: [{ips}], selector: {{app: a}}, ports: [{{port: {port}}}]}}}}"
        )
    };
    let had = |documents: &[&str]| -> Vec<String> {
        let services = compiled(documents).inventory.services().to_vec();
        let shown = services.iter().flat_map(|s| s.addresses.iter().map(|a| format!("{} {a}", s.name)));
        shown.collect()
    };
    let warned = |documents: &[&str], times: usize| {
        assert_eq!(codes(documents), vec![Code::ContestedServiceAddress; times], "{documents:?}");
    };

    let at_workload = manifest("s", "10.0.0.1, 10.96.0.9", 80);
    warned(&[WORKLOADS, &at_workload], 1);
    assert_eq!(had(&[WORKLOADS, &at_workload]), ["s 10.96.0.9"]);
    let nothing_else = manifest("s", "10.0.0.1", 80);
    warned(&[WORKLOADS, &nothing_else], 1);
    assert!(had(&[WORKLOADS, &nothing_else]).is_empty());

    let (first, second) = (manifest("s", "10.96.0.1, 10.96.0.9", 80), manifest("t", "10.96.0.1", 80));
    warned(&[WORKLOADS, &first, &second], 1);
    assert_eq!(had(&[WORKLOADS, &first, &second]), ["s 10.96.0.9"]);
    let beside = manifest("u", "10.96.0.1", 81);
    warned(&[WORKLOADS, &beside, &first, &second], 1);
    assert_eq!(had(&[WORKLOADS, &beside, &first, &second]), ["s 10.96.0.9"], "what is contested is nobody's");
    assert_eq!(codes(&[WORKLOADS, &beside, &second]), []);

    let vouched = native("z", "addresses: [10.96.0.1], ports: [{port: 80}]");
    warned(&[WORKLOADS, &second, &vouched], 1);
    assert_eq!(had(&[WORKLOADS, &second, &vouched]), ["z 10.96.0.1"], "an operator vouches for it");
}

#[test]
fn a_service_with_nobody_behind_it_is_told_of() {
    let unselected = service("clusterIP: 10.96.0.1, ports: [{port: 80}]");
    assert_eq!(codes(&[WORKLOADS, &unselected]), [Code::UnknownBackends]);
    let nobody = service("clusterIP: 10.96.0.1, selector: {app: nobody}, ports: [{port: 80}]");
    assert_eq!(codes(&[WORKLOADS, &nobody]), [Code::UnknownBackends]);
    let nameless = service("clusterIP: 10.96.0.1, selector: {app: a}, ports: [{port: 80, targetPort: none}]");
    assert_eq!(codes(&[WORKLOADS, &nameless]), [Code::NoTargetPort]);
    let empty = slice("addressType: IPv4, endpoints: []");
    assert_eq!(codes(&[WORKLOADS, &unselected, &empty]), [], "it is known that nobody is");
    let headless = service("clusterIP: None, ports: [{port: 80}]");
    assert_eq!(codes(&[WORKLOADS, &headless]), []);
}

#[test]
fn a_service_of_an_inventory_says_once_who_is_behind_it() {
    let inventory = |entry: &str| {
        let head = "apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: i}";
        codes(&[WORKLOADS, &format!("{{{head}, spec: {{services: [{entry}]}}}}")])
    };
    let rest = "name: s, addresses: [10.96.0.1], ports: [{port: 80}]";
    assert_eq!(inventory(&format!("{{{rest}, backends: [10.0.0.1]}}")), []);
    assert_eq!(inventory(&format!("{{{rest}}}")), [Code::MissingField]);
    assert_eq!(
        inventory(&format!("{{{rest}, selector: {{app: a}}, backends: [10.0.0.1]}}")),
        [Code::Conflict]
    );
    assert_eq!(inventory(&format!("{{{rest}, selector: {{}}}}")), [Code::EmptyMapping]);
    assert_eq!(inventory(&format!("{{{rest}, backends: [10.0.0.1, 10.0.0.1]}}")), [Code::DuplicateEntry]);
    assert_eq!(
        inventory(
            "{name: s, addresses: [10.96.0.1], backends: [10.0.0.1], ports: [{port: 80, protocol: ICMP}]}"
        ),
        [Code::BadProtocol]
    );
}

#[test]
fn filters_are_not_told_of_services() {
    let s = service("clusterIP: 10.96.0.1, selector: {app: a}, ports: [{port: 80}]");
    let with = compiled(&[WORKLOADS, &s]);
    assert_eq!(with.configuration(), compiled(&[WORKLOADS]).configuration());
    assert_eq!(with.inventory.services().len(), 1);
}
