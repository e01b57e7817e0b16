//! Networks, tiers, and the addresses of the cluster: what is wrong with them is said where it is.

use bookend_lang::{Code, Source, compile};

const POLICY: &str = "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: p}, \
                      spec: {isolate: [{workloads: {}}]}}";

/// What is wrong with documents: code, and the text that is underlined.
fn refused(documents: &[&str]) -> Vec<(Code, String)> {
    let text = documents.join("\n---\n");
    let Err(refused) = compile(&[Source::new("x", text.clone())]) else { return Vec::new() };
    let underlined = |start: usize, end: usize| text.get(start..end).unwrap_or("?").to_owned();
    refused.diagnostics.iter().map(|d| (d.code, underlined(d.span.start, d.span.end))).collect()
}

fn codes(documents: &[&str]) -> Vec<Code> {
    refused(documents).into_iter().map(|(code, _)| code).collect()
}

fn network(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: bookend.dev/v1alpha1, kind: Network, metadata: {{name: {name}}}, spec: {{{spec}}}}}"
    )
}

fn tier(name: &str, spec: &str) -> String {
    format!("{{apiVersion: bookend.dev/v1alpha1, kind: Tier, metadata: {{name: {name}}}, spec: {{{spec}}}}}")
}

fn inventory(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {{name: {name}}}, spec: {{{spec}}}}}"
    )
}

/// A policy with a rule from these peers.
fn policy(peer: &str) -> String {
    format!(
        "{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p}}, \
         spec: {{allow: [{{name: r, from: [{peer}]}}]}}}}"
    )
}

#[test]
fn a_network_is_a_list_of_blocks() {
    for (spec, expected) in [
        ("cidrs: [10.0.0.0/8]", vec![]),
        ("cidrs: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}, \"2001:db8::/32\"]", vec![]),
        ("cidrs: []", vec![Code::EmptyList]),
        ("", vec![Code::MissingField]),
        ("cidrs: 10.0.0.0/8", vec![Code::WrongType]),
        ("cidrs: [10.0.0.1]", vec![Code::BadCidr]),
        ("cidrs: [10.0.0.1/8]", vec![Code::BadCidr]),
        ("cidrs: [8]", vec![Code::WrongType]),
        ("cidrs: [{except: [10.0.0.0/8]}]", vec![Code::MissingField]),
        ("cidrs: [{cidr: 10.0.0.0/8, but: 1}]", vec![Code::UnknownField]),
        ("cidrs: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}]", vec![Code::ExceptOutside]),
        ("cidrs: [10.0.0.0/8, 10.0.0.0/8]", vec![Code::DuplicateEntry]),
        ("dnsNames: [example.com]", vec![Code::NetworkOfNames]),
        ("cidrs: [10.0.0.0/8], dnsNames: [example.com]", vec![Code::NetworkOfNames]),
        ("cidrs: [10.0.0.0/8], blocks: []", vec![Code::UnknownField]),
    ] {
        assert_eq!(codes(&[&network("a", spec)]), expected, "{spec}");
    }
    let many: Vec<String> = (0..=10_000).map(|n| format!("10.{}.{}.0/24", n / 256, n % 256)).collect();
    assert_eq!(codes(&[&network("a", &format!("cidrs: [{}]", many.join(", ")))]), [Code::TooMany]);
}

#[test]
fn a_network_has_a_name_of_its_own_and_no_namespace() {
    let a = network("a", "cidrs: [10.0.0.0/8]");
    assert_eq!(codes(&[&a, &network("b", "cidrs: [10.0.0.0/8]")]), []);
    assert_eq!(refused(&[&a, &a]), [(Code::DuplicateObject, "a".to_owned())]);
    assert_eq!(codes(&[&a.replace("name: a", "name: a, namespace: default")]), [Code::UnknownField]);
    assert_eq!(codes(&[&a.replace("name: a", "name: A")]), [Code::BadName]);
    assert_eq!(codes(&[&a.replace("name: a", "name: a, labels: {zone: 1}")]), [Code::WrongType]);
    assert_eq!(codes(&[&a.replace("bookend.dev/v1alpha1", "v1")]), [Code::WrongApiVersion]);
    assert_eq!(codes(&[&a.replace("Network", "network")]), [Code::UnknownKind]);
}

#[test]
fn a_tier_has_a_place_that_no_other_has() {
    for (spec, expected) in [
        ("order: 1", vec![]),
        ("order: 1000000, namespaced: true", vec![]),
        ("", vec![Code::MissingField]),
        ("order: 0", vec![Code::OutOfRange]),
        ("order: 100000001", vec![Code::OutOfRange]),
        ("order: -1", vec![Code::OutOfRange]),
        ("order: 1.5", vec![Code::OutOfRange]),
        ("order: \"1\"", vec![Code::WrongType]),
        ("order: 5, namespaced: 1", vec![Code::WrongType]),
        ("order: 5, namespace: true", vec![Code::UnknownField]),
        ("order: 100", vec![Code::TierOrder]),
        ("order: 1000", vec![Code::TierOrder]),
        ("order: 10000", vec![Code::TierOrder]),
    ] {
        assert_eq!(codes(&[&tier("a", spec)]), expected, "{spec}");
    }
    let a = tier("a", "order: 5");
    assert_eq!(codes(&[&a, &tier("b", "order: 6")]), []);
    assert_eq!(refused(&[&a, &tier("b", "order: 5")]), [(Code::TierOrder, "5".to_owned())]);
    assert_eq!(codes(&[&a, &tier("a", "order: 6")]), [Code::DuplicateObject]);
    assert_eq!(codes(&[&a, &a]), [Code::DuplicateObject], "one mistake is one diagnostic");
    for built_in in ["admin", "default", "baseline"] {
        let document = tier(built_in, "order: 7");
        assert_eq!(refused(&[&document]), [(Code::BuiltInTier, built_in.to_owned())]);
    }
    assert_eq!(codes(&[&a.replace("name: a", "name: a, namespace: x")]), [Code::UnknownField]);
}

#[test]
fn the_addresses_of_the_cluster_are_addresses_and_blocks() {
    for (spec, expected) in [
        ("nodes: [192.0.2.1, 192.0.2.16/28, \"2001:db8::1\"]", vec![]),
        ("kubeApiserver: [192.0.2.1]", vec![]),
        ("clusterCidrs: [10.244.0.0/16, \"fd00::/48\"]", vec![]),
        ("nodes: []", vec![Code::EmptyList]),
        ("nodes: [node-1]", vec![Code::BadAddress]),
        ("nodes: [127.0.0.1]", vec![Code::BadAddress]),
        ("nodes: [192.0.2.1/28]", vec![Code::BadCidr]),
        ("nodes: 192.0.2.1", vec![Code::WrongType]),
        ("nodes: [192.0.2.1, 192.0.2.1]", vec![Code::DuplicateEntry]),
        ("clusterCidrs: [10.244.0.0]", vec![Code::BadCidr]),
        ("kubeApiServer: [192.0.2.1]", vec![Code::UnknownField]),
    ] {
        assert_eq!(codes(&[&inventory("i", spec)]), expected, "{spec}");
    }
    let a = inventory("a", "nodes: [192.0.2.1]");
    assert_eq!(codes(&[&a, &inventory("b", "nodes: [192.0.2.1]")]), [], "two may know the same node");
}

#[test]
fn a_node_is_where_its_status_says() {
    let node = |addresses: &str| {
        format!("{{apiVersion: v1, kind: Node, metadata: {{name: n}}, status: {{addresses: {addresses}}}}}")
    };
    let entity = policy("{entities: [node]}");
    let known = node("[{type: InternalIP, address: 192.0.2.1}, {type: Hostname, address: n}]");
    assert_eq!(codes(&[&known, &entity]), []);
    assert_eq!(codes(&[&node("[{type: Hostname, address: n}]"), &entity]), [Code::UnknownEntity]);
    assert_eq!(codes(&[&node("[{type: ExternalIP, address: n}]")]), [Code::BadAddress]);
    assert_eq!(codes(&[&node("{}")]), [Code::WrongType]);
    assert_eq!(codes(&[&known, &known]), [Code::DuplicateObject]);
    assert_eq!(codes(&[&known.replace("v1,", "v2,")]), [Code::WrongApiVersion]);
}

#[test]
fn what_a_broken_document_would_have_said_is_not_missed_elsewhere() {
    let peer = policy("{network: a}");
    assert_eq!(codes(&[&peer, &network("a", "cidrs: [10.0.0.0/8]")]), []);
    assert_eq!(codes(&[&peer]), [Code::UnknownNetwork]);
    assert_eq!(codes(&[&peer, &network("a", "cidrs: [10.0.0.1/8]")]), [Code::BadCidr]);
    let entity = policy("{entities: [node]}");
    assert_eq!(codes(&[&entity]), [Code::UnknownEntity]);
    assert_eq!(codes(&[&entity, &inventory("i", "nodes: [nowhere]")]), [Code::BadAddress]);
    let in_tier = POLICY.replace("spec: {", "spec: {tier: t, ");
    assert_eq!(codes(&[&in_tier]), [Code::UnknownTier]);
    assert_eq!(codes(&[&in_tier, &tier("t", "order: 5, namespaced: true")]), []);
    assert_eq!(codes(&[&in_tier, &tier("t", "order: 0, namespaced: true")]), [Code::OutOfRange]);
}

/// What is warned of, with the text that is underlined.
fn warned(documents: &[&str]) -> Vec<(Code, String)> {
    let text = documents.join("\n---\n");
    let compiled = compile(&[Source::new("x", text.clone())])
        .unwrap_or_else(|refused| unreachable!("{:?}", refused.diagnostics.first().map(|d| &d.message)));
    let underlined = |start: usize, end: usize| text.get(start..end).unwrap_or("?").to_owned();
    compiled.warnings.iter().map(|d| (d.code, underlined(d.span.start, d.span.end))).collect()
}

#[test]
fn a_peer_that_selects_no_network_is_told_at_its_place() {
    let partners = network("a", "cidrs: [203.0.113.0/24]")
        .replace("metadata: {name: a}", "metadata: {name: a, labels: {zone: dmz}}");
    for (networks, nobody) in [
        ("{labels: {zone: dmz}}", false),
        ("{labels: {zone: dmc}}", true),
        ("{labels: {zome: dmz}}", true),
        ("{matchExpressions: [{key: zone, operator: Exists}]}", false),
        ("{matchExpressions: [{key: zone, operator: NotIn, values: [dmz]}]}", true),
        ("{matchExpressions: [{key: zome, operator: DoesNotExist}]}", false),
    ] {
        let codes: Vec<Code> = warned(&[&partners, &policy(&format!("{{networks: {networks}}}"))])
            .into_iter()
            .map(|(code, underlined)| {
                assert!(networks.contains(&underlined) || underlined == "networks", "{underlined}");
                code
            })
            .collect();
        let expected: &[Code] = if nobody { &[Code::NoNetwork] } else { &[] };
        assert_eq!(codes, expected, "{networks}");
    }
}

#[test]
fn a_selector_that_selects_no_namespace_or_no_workload_is_told_at_its_place() {
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}";
    let empty = "{apiVersion: v1, kind: Namespace, metadata: {name: empty, labels: {team: b}}}";
    let known = inventory("i", "workloads: [{name: w, namespace: shop, labels: {app: w}}]");
    for (selector, nobody) in [
        ("{namespace: shop}", false),
        ("{namespace: shpo}", true),
        ("{namespaces: {}}", false),
        ("{namespaces: {labels: {team: a}}}", false),
        ("{namespaces: {labels: {team: c}}}", true),
        // There is such a namespace, but nobody is in it.
        ("{namespaces: {labels: {team: b}}}", true),
        ("{namespaces: {matchExpressions: [{key: team, operator: DoesNotExist}]}}", true),
        ("{namespaces: {labels: {kubernetes.io/metadata.name: shop}}}", false),
        ("{namespace: shop, labels: {app: w}}", false),
        ("{namespace: shop, labels: {app: v}}", true),
        ("{namespace: shop, serviceAccounts: [other]}", true),
    ] {
        let peer = policy(&format!("{{workloads: {selector}}}"));
        let told = warned(&[namespace, empty, &known, &peer]);
        let told: Vec<_> = told.into_iter().filter(|(code, _)| *code == Code::SelectsNothing).collect();
        match nobody {
            true => assert_eq!(told, [(Code::SelectsNothing, selector.to_owned())], "{selector}"),
            false => assert_eq!(told, [], "{selector}"),
        }
    }
    let alone = policy("{workloads: {labels: {app: v}}}");
    assert_eq!(warned(&[&alone]), [], "without an inventory there is nothing to compare with");
}

#[test]
fn a_deny_rule_about_requests_that_closes_every_stream_is_told() {
    let rule = |kind: &str, rest: &str| {
        format!(
            "{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p}}, \
             spec: {{{kind}: [{{name: r, http: [{{methods: [GET]}}]{rest}}}]}}}}"
        )
    };
    let told = [(Code::DeniesStreams, "[{methods: [GET]}]".to_owned())];
    assert_eq!(warned(&[&rule("deny", "")]), told);
    for (kind, rest) in
        [("deny", ", ports: [80]"), ("deny", ", notPorts: [5432]"), ("deny", ", mode: audit"), ("allow", "")]
    {
        assert_eq!(warned(&[&rule(kind, rest)]), [], "{kind}{rest}");
    }
}
