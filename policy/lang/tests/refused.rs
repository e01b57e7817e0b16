//! What would silently change a verdict is refused, or read so that it denies.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_lang::{Code, Source, compile};

const POLICY: &str = "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: p}, \
                      spec: {isolate: [{workloads: {}}]}}";

/// The codes of what is wrong with `documents`.
fn refused(documents: &str) -> Vec<Code> {
    let Err(refused) = compile(&[Source::new("x", documents)]) else { return Vec::new() };
    refused.diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

/// The codes of what is wrong with a rule that holds `fields`.
fn rule(fields: &str) -> Vec<Code> {
    refused(&format!(
        "{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p}}, \
         spec: {{allow: [{{name: r, {fields}}}]}}}}"
    ))
}

/// Whether the only workload of `documents` has a proxy.
fn proxied(documents: &[&str]) -> bool {
    let compiled = compile(&[Source::new("x", documents.join("\n---\n"))]).unwrap();
    let [workload] = compiled.inventory.workloads() else { unreachable!("one workload") };
    workload.identity.proxied
}

#[test]
fn a_list_whose_items_are_misspelt_is_not_an_empty_one() {
    assert_eq!(refused(&format!("{{apiVersion: v1, kind: List, items: [{POLICY}]}}")), []);
    assert_eq!(
        refused(&format!("{{apiVersion: v1, kind: List, itmes: [{POLICY}]}}")),
        [Code::MissingField, Code::UnknownField]
    );
    assert_eq!(refused("{apiVersion: v1, kind: List, items: []}"), [Code::NoDocument]);
    assert_eq!(refused("{apiVersion: v1, kind: List, items: null}"), [Code::WrongType]);
    let nested =
        format!("{{apiVersion: v1, kind: List, items: [{{apiVersion: v1, kind: List, itms: [{POLICY}]}}]}}");
    assert_eq!(refused(&nested), [Code::MissingField, Code::UnknownField]);
}

#[test]
fn the_items_of_a_list_of_one_kind_are_of_that_kind() {
    let policy = POLICY.replace("apiVersion: bookend.dev/v1alpha1, kind: Policy, ", "");
    assert_ne!(policy, POLICY);
    let list =
        |items: &str| format!("{{apiVersion: bookend.dev/v1alpha1, kind: PolicyList, items: [{items}]}}");
    assert_eq!(refused(&list(&policy)), []);
    assert_eq!(refused(&list(POLICY)), []);
    assert_eq!(refused(&list("{metadata: {name: a}}")), [Code::MissingField]);
    assert_eq!(refused(&list("{kind: Inventory, spec: {}}")), [Code::MissingField]);
    for (version, kind) in [
        ("v1", "PodList"),
        ("apps/v1", "DeploymentList"),
        ("batch/v1", "JobList"),
        ("bookend.dev/v1alpha1", "PolicyList"),
        ("networking.k8s.io/v1", "NetworkPolicyList"),
        ("security.istio.io/v1", "AuthorizationPolicyList"),
    ] {
        let document = format!("{{apiVersion: {version}, kind: {kind}, items: []}}");
        assert_eq!(refused(&document), [Code::NoDocument], "{kind}");
    }
    assert_eq!(refused("{apiVersion: v1, kind: ConfigMapList, items: []}"), []);
}

#[test]
fn a_policy_of_another_system_is_not_passed_over_whatever_its_group() {
    for (version, kind) in [
        ("crd.antrea.io/v1beta1", "ClusterNetworkPolicy"),
        ("policy.linkerd.io/v1alpha1", "AuthorizationPolicy"),
        ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
    ] {
        let document = format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}}}");
        assert_eq!(refused(&document), [Code::UnknownKind], "{kind}");
    }
}

#[test]
fn a_misspelt_policy_is_refused_with_the_kind_that_is_probably_meant() {
    for (version, kind, meant) in [
        ("networking.k8s.io/v1", "NetworkPolcy", "NetworkPolicy"),
        ("networking.k8s.io/v1", "NetworkPolicies", "NetworkPolicy"),
        ("networking.k8s.io/v1", "networkPolicy", "NetworkPolicy"),
        ("networking.k8s.io/v1", "Ingres", "Ingress"),
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolcy", "ClusterNetworkPolicy"),
        ("security.istio.io/v1", "AuthorisationPolicies", "AuthorizationPolicy"),
        ("security.istio.io/v1", "PeerAuthentications", "PeerAuthentication"),
        ("projectcalico.org/v3", "GlobalNetworkPolicies", "GlobalNetworkPolicy"),
        ("projectcalico.org/v3", "IPPol", "IPPool"),
    ] {
        let sources =
            [Source::new("x", format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}}}"))];
        let found = compile(&sources).unwrap_err().diagnostics;
        let found: Vec<_> = found.iter().map(|d| (d.code, d.cure.as_str())).collect();
        assert_eq!(found, [(Code::UnknownKind, format!("did you mean `{meant}`?").as_str())], "{kind}");
    }
}

#[test]
fn what_is_not_known_beside_policies_may_be_one() {
    for (version, kind, code) in [
        ("networking.k8s.io/v1", "Anything", Some(Code::UnknownKind)),
        ("policy.networking.k8s.io/v1alpha1", "Anything", Some(Code::UnknownKind)),
        ("security.istio.io/v1", "Anything", Some(Code::UnknownKind)),
        ("cilium.io/v2", "CiliumEnvoyConfig", Some(Code::UnknownKind)),
        ("usage.projectcalico.org/v1", "LicenseUsageReport", Some(Code::UnknownKind)),
        ("networking.k8s.io/v1", "Ingress", None),
        ("networking.k8s.io/v1", "IngressClass", None),
        ("networking.k8s.io/v1", "IPAddress", None),
        ("networking.k8s.io/v1", "ServiceCIDR", None),
        ("networking.k8s.io/v1", "IngressList", None),
        ("cilium.io/v2", "CiliumEndpoint", None),
        ("projectcalico.org/v3", "FelixConfiguration", None),
        ("projectcalico.org/v3", "BGPConfiguration", None),
    ] {
        let found = refused(&format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}}}"));
        assert_eq!(found, Vec::from_iter(code), "{kind}");
    }
}

#[test]
fn a_kind_in_other_case_is_not_passed_over() {
    for (version, kind, code) in [
        ("bookend.dev/v1alpha1", "policy", Code::UnknownKind),
        ("Bookend.dev/v1alpha1", "policy", Code::UnknownKind),
        ("Bookend.dev/v1alpha1", "Policy", Code::WrongApiVersion),
        ("bookend.dev", "Policy", Code::WrongApiVersion),
        ("example.org/v1", "Policy", Code::WrongApiVersion),
        ("v1", "pod", Code::UnknownKind),
        ("apps/v1", "deployment", Code::UnknownKind),
        ("extensions/v1beta1", "Deployment", Code::WrongApiVersion),
        ("batch/v1beta1", "CronJob", Code::WrongApiVersion),
        ("batch/v1", "cronjob", Code::UnknownKind),
        ("v1beta3", "ReplicationController", Code::WrongApiVersion),
    ] {
        let document = format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}}}");
        assert_eq!(refused(&document), [code], "{kind} in {version}");
    }
}

#[test]
fn a_number_that_may_be_octal_is_neither_port_nor_address() {
    for port in ["010", "00", "+010", "0x50", "0o17", "1e3", "80.0", "-1", "0"] {
        assert_eq!(rule(&format!("ports: [{port}]")), [Code::BadPort], "{port}");
    }
    assert_eq!(rule("ports: [80]"), []);
    for block in ["010.0.0.0/8", "10.0.0.00/8", "10.0.0.0/08", "::/00", "10.0.0.0/+8", "fe80::%1/64"] {
        assert_eq!(rule(&format!("to: [{{cidr: \"{block}\"}}]")), [Code::BadCidr], "{block}");
    }
    for block in ["0.0.0.0/0", "::/0", "10.0.0.0/8"] {
        assert_eq!(rule(&format!("to: [{{cidr: \"{block}\"}}]")), [], "{block}");
    }
}

#[test]
fn trust_in_addresses_is_not_decided_by_the_file_that_trusts_more() {
    let inventory = |name: &str, spec: &str| {
        format!(
            "{{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {{name: {name}}}, spec: {spec}}}"
        )
    };
    let both = |a: &str, b: &str| refused(&format!("{}\n---\n{}", inventory("a", a), inventory("b", b)));
    let (yes, no) = ("{trustAddresses: true}", "{trustAddresses: false}");
    assert_eq!(both(yes, no), [Code::DuplicateObject]);
    assert_eq!(both(no, yes), [Code::DuplicateObject]);
    assert_eq!(both(yes, yes), []);
    assert_eq!(both("{trustDomain: a}", "{trustDomain: b}"), [Code::DuplicateObject]);
}

#[test]
fn a_proxy_is_believed_in_only_where_all_inbound_traffic_passes_it() {
    let namespace = |value: &str| {
        format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: default, labels: {{istio-injection: {value}}}}}}}"
        )
    };
    let (enabled, disabled) = (namespace("enabled"), namespace("disabled"));
    let pod = |metadata: &str, spec: &str| {
        format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a{metadata}}}, spec: {{{spec}}}}}")
    };
    let labelled = |value: &str| pod(&format!(", labels: {{sidecar.istio.io/inject: \"{value}\"}}"), "");
    let annotated = |key: &str, value: &str| pod(&format!(", annotations: {{{key}: \"{value}\"}}"), "");
    let container = "containers: [{name: istio-proxy}]";

    assert!(proxied(&[&pod("", ""), &enabled]));
    assert!(!proxied(&[&pod("", ""), &disabled]));
    assert!(!proxied(&[&pod("", "")]));
    assert!(proxied(&[&pod("", container)]));
    assert!(!proxied(&[&pod("", "hostNetwork: true"), &enabled]));
    assert_eq!(refused(&pod("", "hostNetwork: yes")), [Code::WrongType]);

    assert!(proxied(&[&labelled("true")]));
    assert!(!proxied(&[&labelled("true"), &disabled]), "the namespace refuses");
    assert!(!proxied(&[&labelled("false"), &enabled]));
    assert!(!proxied(&[&labelled("no"), &enabled]), "versions differ");

    assert!(!proxied(&[&annotated("sidecar.istio.io/inject", "true")]), "no webhook looks at the annotation");
    assert!(proxied(&[&annotated("sidecar.istio.io/inject", "true"), &enabled]));
    assert!(!proxied(&[&annotated("sidecar.istio.io/inject", "false"), &enabled]));

    for (key, value) in [
        ("traffic.sidecar.istio.io/excludeInboundPorts", "8080"),
        ("traffic.sidecar.istio.io/includeInboundPorts", "80"),
        ("traffic.sidecar.istio.io/includeInboundPorts", ""),
        ("sidecar.istio.io/interceptionMode", "NONE"),
    ] {
        let around = annotated(key, value);
        assert!(!proxied(&[&around, &enabled]), "{key}: {value}");
        let around = pod(&format!(", annotations: {{{key}: \"{value}\"}}"), container);
        assert!(!proxied(&[&around]), "{key}: {value}");
        let knowing = "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: i}, \
                       spec: {workloads: [{name: a, proxy: true}]}}";
        assert!(proxied(&[&around, knowing]), "an inventory may know better");
    }
    assert!(proxied(&[&annotated("traffic.sidecar.istio.io/includeInboundPorts", "*"), &enabled]));
}

#[test]
fn whatever_runs_pods_is_a_workload() {
    let template = "template: {metadata: {labels: {app: a}}, spec: {serviceAccountName: runner}}";
    for (version, kind, spec) in [
        ("apps/v1", "Deployment", template.to_owned()),
        ("apps/v1", "StatefulSet", template.to_owned()),
        ("apps/v1", "DaemonSet", template.to_owned()),
        ("apps/v1", "ReplicaSet", template.to_owned()),
        ("v1", "ReplicationController", template.to_owned()),
        ("batch/v1", "Job", template.to_owned()),
        ("batch/v1", "CronJob", format!("schedule: \"@daily\", jobTemplate: {{spec: {{{template}}}}}")),
    ] {
        let document = format!(
            "{{apiVersion: {version}, kind: {kind}, metadata: {{name: a, labels: {{app: b}}}}, spec: {{{spec}}}}}"
        );
        let compiled = compile(&[Source::new("x", document)]).unwrap();
        assert_eq!(compiled.warnings, [], "{kind}");
        let [workload] = compiled.inventory.workloads() else { panic!("one {kind}") };
        assert_eq!(workload.identity.service_account, "runner", "{kind}");
        assert_eq!(workload.identity.labels.get("app").map(String::as_str), Some("a"), "{kind}");
    }
    let hollow = "{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {jobTemplate: {}}}";
    assert_eq!(refused(hollow), [Code::MissingField]);
}

#[test]
fn a_field_in_the_wrong_place_is_refused_once_with_the_right_place_as_its_cure() {
    for (fields, cure) in [
        ("from: [{workloads: {app: web}}]", "write `labels: { app: web }`"),
        ("from: [{workloads: {matchLabels: {app: web}}}]", "write `labels`"),
        ("from: [{labels: {app: web}}]", "put it into a selector: `workloads: { labels: … }`"),
        ("to: [{serviceAccounts: [web]}]", "put it into a selector: `workloads: { serviceAccounts: … }`"),
        ("to: [{podSelector: {}}]", "write `workloads: { namespace: …, labels: … }`"),
        ("to: [{ipBlock: {cidr: 10.0.0.0/8}}]", "write `cidr` and `except` themselves"),
        ("http: [{method: GET}]", "did you mean `methods`?"),
    ] {
        let document = format!(
            "{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p}}, \
             spec: {{allow: [{{name: r, {fields}}}]}}}}"
        );
        let Err(refused) = compile(&[Source::new("x", document)]) else { panic!("{fields}") };
        let said: Vec<_> = refused.diagnostics.iter().map(|d| (d.code, d.cure.as_str())).collect();
        assert_eq!(said, [(Code::UnknownField, cure)], "{fields}");
    }
}
