//! `kind: Host`: what is read of it, what is refused, and the rules that nobody can take away.
#![expect(clippy::panic, reason = "functions shared by tests fail as tests do")]

use bookend_engine::{Action, FAILSAFE, FAILSAFE_TIER, HOST_LABEL, Role};
use bookend_lang::{Compiled, Refused, Source, compile};

fn compiled(documents: &str) -> Result<Compiled, Refused> {
    compile(&[Source::new("host.yaml", documents.as_bytes())])
}

fn host(spec: &str) -> String {
    format!(
        "apiVersion: bookend.dev/v1alpha1\nkind: Host\nmetadata: {{ name: db1, namespace: legacy }}\nspec: {spec}\n"
    )
}

const ETH0: &str = "interfaces: [{ name: eth0, addresses: [192.0.2.10] }]";

/// Codes and messages, one line each.
fn refused(documents: &str) -> String {
    let Err(refused) = compiled(documents) else { panic!("accepted:\n{documents}") };
    let said = refused.diagnostics.iter().map(|d| format!("{} {}", d.code, d.message));
    said.collect::<Vec<_>>().join("\n")
}

fn warned(documents: &str) -> String {
    let compiled = compiled(documents).unwrap_or_else(|refused| panic!("{:#?}", refused.diagnostics));
    let said = compiled.warnings.iter().map(|d| format!("{} {}", d.code, d.message));
    said.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_host_is_a_workload_with_interfaces_of_its_own() {
    let spec = "{ labels: { app: db }, serviceAccount: mysql, interfaces: [{ name: eth0, addresses: [192.0.2.10, \
                '2001:db8::1'] }, { name: eth1, addresses: [198.51.100.1, 192.0.2.10] }] }";
    let compiled = compiled(&host(spec)).unwrap();
    let workload = compiled.inventory.workload("legacy", "db1").unwrap();
    assert_eq!(workload.identity.service_account, "mysql");
    assert_eq!(workload.identity.labels.get(HOST_LABEL).map(String::as_str), Some("db1"));
    assert!(!workload.identity.proxied);
    let interfaces: Vec<_> =
        workload.instances.iter().map(|i| (i.interface.as_deref(), i.role, i.addresses.len())).collect();
    assert_eq!(interfaces, [(Some("eth0"), Role::Host, 2), (Some("eth1"), Role::Host, 2)]);
    assert_eq!(compiled.inventory.hosts().count(), 1);
}

#[test]
fn a_host_that_forwards_is_a_router() {
    let compiled = compiled(&host(&format!("{{ {ETH0}, forwards: true }}"))).unwrap();
    let workload = compiled.inventory.workload("legacy", "db1").unwrap();
    assert!(workload.instances.iter().all(|instance| instance.role == Role::Router));
}

#[test]
fn failsafe_rules_are_before_all_tiers_and_mean_one_host_each_direction() {
    let compiled = compiled(&host(&format!("{{ {ETH0} }}"))).unwrap();
    let rules = compiled.program.rules();
    assert_eq!(rules.len(), 2);
    for rule in rules {
        assert_eq!((rule.id.as_str(), rule.tier, rule.action), (FAILSAFE, FAILSAFE_TIER, Action::Allow));
        assert_ne!(rule.at.source, rule.at.destination);
    }
}

#[test]
fn hosts_of_one_failsafe_share_its_rules() {
    let other = host(&format!("{{ {} }}", ETH0.replace(".10", ".11"))).replace("db1", "db2");
    let third = host(&format!("{{ {}, failsafe: {{ inbound: [2222] }} }}", ETH0.replace(".10", ".12")));
    let third = third.replace("db1", "db3");
    let all = format!("{}---\n{other}---\n{third}", host(&format!("{{ {ETH0} }}")));
    let compiled = compiled(&all).unwrap();
    // Two for what is opened to them, one for what all of them open.
    assert_eq!(compiled.program.rules().len(), 3);
}

#[test]
fn one_interface_is_named_once() {
    let spec =
        "{ interfaces: [{ name: eth0, addresses: [192.0.2.10] }, { name: eth0, addresses: [192.0.2.11] }] }";
    assert_eq!(refused(&host(spec)), "B1250 the interface `eth0` is named twice");
}

#[test]
fn loopback_is_not_an_interface_to_police() {
    let spec = "{ interfaces: [{ name: lo, addresses: [192.0.2.10] }] }";
    assert_eq!(refused(&host(spec)), "B1256 what a host says to itself over `lo` is not judged");
}

#[test]
fn two_hosts_may_have_an_interface_of_one_name_but_no_address_in_common() {
    let sound = host(&format!("{{ {} }}", ETH0.replace(".10", ".11"))).replace("db1", "db2");
    assert!(compiled(&format!("{}---\n{sound}", host(&format!("{{ {ETH0} }}")))).is_ok());
    let taken = host(&format!("{{ {ETH0} }}")).replace("db1", "db2");
    let said = refused(&format!("{}---\n{taken}", host(&format!("{{ {ETH0} }}"))));
    assert_eq!(said, "B1252 the address `192.0.2.10` belongs to `db1` and to `db2`");
}

#[test]
fn an_address_of_a_workload_is_not_a_hosts() {
    let inventory = "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: i }\nspec:\n  workloads:\n  \
                     - { name: web, namespace: legacy, instances: [{ addresses: [192.0.2.10] }] }\n";
    let said = refused(&format!("{}---\n{inventory}", host(&format!("{{ {ETH0} }}"))));
    assert_eq!(said, "B1252 the address `192.0.2.10` belongs to `db1` and to `web`");
}

#[test]
fn a_host_is_described_once() {
    let one = host(&format!("{{ {ETH0} }}"));
    assert!(refused(&format!("{one}---\n{one}")).contains("B1404 the host `db1` is described twice"));
}

#[test]
fn failsafe_names_ports_that_there_are() {
    let said = |failsafe: &str| refused(&host(&format!("{{ {ETH0}, failsafe: {failsafe} }}")));
    assert_eq!(said("{ inbound: [{ port: 65536 }] }"), "B1203 `65536` is not a port");
    assert_eq!(said("{ inbound: [0] }"), "B1203 `0` is not a port");
    assert_eq!(said("{ inbound: [{ port: 22, endPort: 21 }] }"), "B1203 `endPort` 21 is below `port` 22");
    assert_eq!(said("{ outbound: [{ port: 8, protocol: ICMP }] }"), "B1253 ICMP has no ports");
    assert_eq!(said("{ inbound: [{ port: 22, peer: x }] }"), "B1105 the failsafe port has no field `peer`");
    assert_eq!(said("{ inbound: [22, 22] }"), "B1111 `inbound` says the same twice");
}

#[test]
fn nothing_failsafe_is_warned_of_by_direction() {
    let said = |failsafe: &str| warned(&host(&format!("{{ {ETH0}, failsafe: {failsafe} }}")));
    let inbound = "B1254 no failsafe for what others open to the host: a wrong policy locks you out";
    assert_eq!(said("{ inbound: [] }"), inbound);
    assert!(said("{ inbound: [], outbound: [] }").lines().count() == 2);
    // What is left out has its default.
    assert_eq!(said("{}"), "");
}

#[test]
fn unknown_fields_and_labels_in_the_wrong_place_are_refused() {
    assert!(refused(&host(&format!("{{ {ETH0}, forward: true }}"))).contains("has no field `forward`"));
    let labelled = host(&format!("{{ {ETH0} }}")).replace("name: db1", "name: db1, labels: { app: db }");
    assert!(refused(&labelled).contains("the labels of a host are not those of its document"));
    let own = format!("{{ {ETH0}, labels: {{ bookend.dev/host: other }} }}");
    assert!(refused(&host(&own)).contains("B1207 the label `bookend.dev/host` is the host's name"));
}

#[test]
fn nobody_else_can_have_the_label_that_failsafe_goes_by() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: p, namespace: legacy, labels: { bookend.dev/host: db1, app: p } }\n\
               spec: { containers: [] }\nstatus: { podIPs: [{ ip: 10.0.0.1 }] }\n";
    let documents = format!("{}---\n{pod}", host(&format!("{{ {ETH0} }}")));
    assert!(warned(&documents).contains("B1255 `p` is no host, so its label `bookend.dev/host` is left out"));
    let compiled = compiled(&documents).unwrap();
    let labels = &compiled.inventory.workload("legacy", "p").unwrap().identity.labels;
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["app"]);
}

#[test]
fn pods_on_the_network_of_a_host_are_part_of_it() {
    let pod = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{ name: {name}, namespace: kube-system }}\n\
             spec: {{ hostNetwork: true, containers: [] }}\n\
             status: {{ podIP: 192.0.2.10, podIPs: [{{ ip: 192.0.2.10 }}] }}\n"
        )
    };
    let documents = format!("{}---\n{}---\n{}", host(&format!("{{ {ETH0} }}")), pod("proxy"), pod("cni"));
    let compiled = compiled(&documents).unwrap();
    let at = compiled.inventory.at("192.0.2.10".parse().unwrap()).unwrap();
    assert_eq!(at.name, "db1");
}
