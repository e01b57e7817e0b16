//! Workloads, their namespaces and their ports, from manifests and inventories.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_engine::{Inventory, NamedPort, Protocol, Workload};
use bookend_lang::{Code, Compiled, Source, compile};

fn compiled(documents: &[&str]) -> Compiled {
    compile(&[Source::new("x", documents.join("\n---\n"))]).unwrap_or_else(|refused| {
        unreachable!("{:?}: {:?}", documents, refused.diagnostics.first().map(|d| &d.message))
    })
}

/// What is wrong with documents: code, message and cure.
fn refused(documents: &[&str]) -> Vec<(Code, String, String)> {
    let Err(refused) = compile(&[Source::new("x", documents.join("\n---\n"))]) else { return Vec::new() };
    refused.diagnostics.into_iter().map(|d| (d.code, d.message, d.cure)).collect()
}

fn codes(documents: &[&str]) -> Vec<Code> {
    refused(documents).into_iter().map(|(code, ..)| code).collect()
}

fn inventory(spec: &str) -> String {
    format!("{{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {{name: i}}, spec: {{{spec}}}}}")
}

fn workloads(entries: &str) -> String {
    inventory(&format!("workloads: [{entries}]"))
}

fn pod(metadata: &str, spec: &str, status: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: a{metadata}}}, spec: {{{spec}}}, status: {{{status}}}}}"
    )
}

fn controller(version: &str, kind: &str, label: &str) -> String {
    format!(
        "{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}, \
         spec: {{template: {{metadata: {{labels: {{app: {label}}}}}, spec: {{}}}}}}}}"
    )
}

fn named<'i>(inventory: &'i Inventory, name: &str) -> &'i Workload {
    inventory.workload("default", name).unwrap()
}

fn port(name: &str, protocol: Protocol, port: u16) -> NamedPort {
    NamedPort { name: name.to_owned(), protocol, port }
}

#[test]
fn pods_on_the_network_of_their_node_share_its_address_and_are_known_all_the_same() {
    let one = |name: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: kube-system}}, \
             spec: {{hostNetwork: true, serviceAccountName: {name}}}, status: {{podIPs: [{{ip: 192.0.2.1}}]}}}}"
        )
    };
    let compiled =
        compiled(&[&one("kube-proxy"), &one("cni"), &one("exporter"), &pod("", "", "podIP: 10.0.0.1")]);
    let said: Vec<_> = compiled.warnings.iter().map(|d| (d.code, d.message.as_str())).collect();
    let expected = "`kube-system/cni` and 2 other workloads use the network of their node, so their packets are the node's";
    assert_eq!(said, [(Code::HostNetwork, expected)]);
    let proxy = compiled.inventory.workload("kube-system", "kube-proxy").unwrap();
    assert_eq!(proxy.identity.service_account, "kube-proxy");
    assert_eq!(proxy.instances, []);
    assert!(compiled.inventory.at("192.0.2.1".parse().unwrap()).is_none());
    assert!(compiled.inventory.at("10.0.0.1".parse().unwrap()).is_some());
}

#[test]
fn a_workload_on_the_network_of_its_node_is_given_no_address_by_an_inventory() {
    let pod = pod("", "hostNetwork: true", "podIP: 192.0.2.1");
    assert_eq!(codes(&[&pod, &workloads("{name: a, proxy: false}")]), []);
    let entry = workloads("{name: a, instances: [{addresses: [192.0.2.1]}]}");
    assert_eq!(codes(&[&pod, &entry]), [Code::HostNetwork, Code::HostNetworkAddress]);
}

#[test]
fn an_inventory_names_the_interface_of_a_pod() {
    let pod = pod("", "", "podIPs: [{ip: 10.0.0.1}, {ip: \"fd00::1\"}]");
    for documents in [
        [pod.clone(), workloads("{name: a, instances: [{addresses: [10.0.0.1], interface: veth1}]}")],
        [workloads("{name: a, instances: [{addresses: [10.0.0.1], interface: veth1}]}"), pod.clone()],
    ] {
        let compiled = compiled(&[&documents[0], &documents[1]]);
        let [instance] = named(&compiled.inventory, "a").instances.as_slice() else {
            unreachable!("one instance")
        };
        assert_eq!(instance.interface.as_deref(), Some("veth1"));
        assert_eq!(instance.addresses.len(), 2);
    }
    let other = workloads("{name: a, instances: [{addresses: [10.0.0.2], interface: veth1}]}");
    assert_eq!(named(&compiled(&[&pod, &other]).inventory, "a").instances.len(), 2);
    let twice = inventory(
        "workloads: [{name: a, instances: [{addresses: [10.0.0.1], interface: x}]}, \
         {name: a, instances: [{addresses: [10.0.0.1], interface: y}]}]",
    );
    assert_eq!(codes(&[&twice]), [Code::DuplicateAddress]);
    let one_list = workloads("{name: a, instances: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.1]}]}");
    assert_eq!(codes(&[&one_list]), [Code::DuplicateAddress], "nobody writes an instance twice on purpose");
}

#[test]
fn workloads_of_one_name_and_two_kinds_are_two() {
    let (deployment, job) =
        (controller("apps/v1", "Deployment", "web"), controller("batch/v1", "Job", "migrate"));
    let both = compiled(&[&deployment, &job]);
    let label = |name: &str| named(&both.inventory, name).identity.labels.get("app").cloned();
    assert_eq!(label("deployment/a").as_deref(), Some("web"));
    assert_eq!(label("job/a").as_deref(), Some("migrate"));
    assert!(both.inventory.workload("default", "a").is_none());

    let alone = compiled(&[&deployment, &workloads("{name: a, proxy: true}")]);
    assert!(named(&alone.inventory, "a").identity.proxied);

    let unclear = workloads("{name: a, proxy: true}");
    for documents in [[&deployment, &job, &unclear], [&unclear, &deployment, &job]] {
        let said = refused(&documents.map(String::as_str));
        let message = "there are 2 workloads `a` in namespace `default`".to_owned();
        let cure = "say which one is meant: `kind: Deployment` or `kind: Job`".to_owned();
        assert_eq!(said, [(Code::AmbiguousWorkload, message, cure)]);
    }
    let clear = compiled(&[&deployment, &job, &workloads("{name: a, kind: Job, proxy: true}")]);
    assert!(named(&clear.inventory, "job/a").identity.proxied);
    assert!(!named(&clear.inventory, "deployment/a").identity.proxied);

    assert_eq!(codes(&[&workloads("{name: a, kind: deployment}")]), [Code::UnknownWord]);
    assert_eq!(
        codes(&[&deployment, &controller("apps/v1", "Deployment", "other")]),
        [Code::DuplicateWorkload]
    );
}

#[test]
fn the_named_ports_of_a_pod_are_those_of_its_containers_and_sidecars() {
    let pod = pod(
        "",
        "containers: [{name: a, ports: [{name: http, containerPort: 8080}, {containerPort: 1}, \
         {name: dns, containerPort: 53, protocol: UDP}]}, {name: b, ports: [{name: dns, containerPort: 53}]}], \
         initContainers: [{name: c, restartPolicy: Always, ports: [{name: metrics, containerPort: 9090}]}, \
         {name: d, ports: [{name: gone, containerPort: 1}]}]",
        "",
    );
    let compiled = compiled(&[&pod]);
    assert_eq!(
        named(&compiled.inventory, "a").identity.ports.as_deref(),
        Some(
            [
                port("dns", Protocol::Tcp, 53),
                port("dns", Protocol::Udp, 53),
                port("http", Protocol::Tcp, 8080),
                port("metrics", Protocol::Tcp, 9090)
            ]
            .as_slice()
        )
    );
}

#[test]
fn the_named_ports_of_a_workload_are_known_only_if_somebody_says_them() {
    let ports = |documents: &[&str]| named(&compiled(documents).inventory, "a").identity.ports.clone();
    assert_eq!(ports(&[&workloads("{name: a}")]), None);
    assert_eq!(ports(&[&pod("", "", "")]), Some(Vec::new()));
    assert_eq!(
        ports(&[&workloads(
            "{name: a, ports: [{name: http, port: 80}, {name: sig, port: 36412, protocol: SCTP}]}"
        )]),
        Some(vec![port("http", Protocol::Tcp, 80), port("sig", Protocol::Sctp, 36412)])
    );
    assert_eq!(
        codes(&[&pod("", "", ""), &workloads("{name: a, ports: [{name: http, port: 80}]}")]),
        [Code::DuplicateWorkload]
    );
}

#[test]
fn a_port_name_means_one_port() {
    let container = |ports: &str| pod("", &format!("containers: [{{ports: [{ports}]}}]"), "");
    for (documents, code) in [
        (container("{name: a, containerPort: 1}, {name: a, containerPort: 2}"), Code::AmbiguousPort),
        (container("{name: A, containerPort: 1}"), Code::BadPortName),
        (container("{name: \"1\", containerPort: 1}"), Code::BadPortName),
        (container("{name: 1, containerPort: 1}"), Code::WrongType),
        (container("{name: a, containerPort: 0}"), Code::BadPort),
        (container("{name: a}"), Code::MissingField),
        (container("{name: a, containerPort: 1, protocol: ICMP}"), Code::BadProtocol),
        (workloads("{name: a, ports: [{name: a, port: 1}, {name: a, port: 2}]}"), Code::AmbiguousPort),
        (workloads("{name: a, ports: []}"), Code::EmptyList),
        (workloads("{name: a, ports: [{port: 1}]}"), Code::MissingField),
        (workloads("{name: a, ports: [{name: a}]}"), Code::MissingField),
        (workloads("{name: a, ports: [{name: a, port: 1, number: 2}]}"), Code::UnknownField),
        (workloads("{name: a, ports: [80]}"), Code::WrongType),
    ] {
        assert_eq!(codes(&[&documents]), [code], "{documents}");
    }
    assert_eq!(codes(&[&container("{name: a, containerPort: 1}, {name: a, containerPort: 1}")]), []);
}

#[test]
fn tokens_are_verified_by_a_proxy_or_by_nobody() {
    let jwt = |documents: &[&str]| named(&compiled(documents).inventory, "a").identity.jwt;
    assert!(jwt(&[&workloads("{name: a, proxy: true, jwt: true}")]));
    assert!(!jwt(&[&workloads("{name: a, proxy: true}")]));
    assert_eq!(codes(&[&workloads("{name: a, jwt: true}")]), [Code::JwtWithoutProxy]);
    assert_eq!(codes(&[&workloads("{name: a, proxy: false, jwt: true}")]), [Code::JwtWithoutProxy]);
    assert_eq!(codes(&[&workloads("{name: a, jwt: false}")]), []);
    let sidecar = pod("", "containers: [{name: istio-proxy}]", "");
    assert!(jwt(&[&sidecar, &workloads("{name: a, jwt: true}")]));
    assert_eq!(
        codes(&[&workloads("{name: a, proxy: true, jwt: true}, {name: a, jwt: false}")]),
        [Code::DuplicateWorkload]
    );
}

#[test]
fn every_namespace_has_its_name_as_a_label() {
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}";
    let compiled = compiled(&[namespace, &workloads("{name: a}, {name: b, namespace: shop}")]);
    let labels = |name: &str| compiled.inventory.namespaces().get(name).map(|labels| format!("{labels:?}"));
    assert_eq!(
        labels("shop").as_deref(),
        Some("{\"kubernetes.io/metadata.name\": \"shop\", \"team\": \"a\"}")
    );
    assert_eq!(labels("default").as_deref(), Some("{\"kubernetes.io/metadata.name\": \"default\"}"));
    assert_eq!(labels("other"), None);
    let false_name =
        "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {kubernetes.io/metadata.name: b}}}";
    assert_eq!(codes(&[false_name]), [Code::NamespaceName]);
}
