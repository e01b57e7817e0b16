//! Calico's policies beside what is not theirs, and what others may do to them.

#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]
use bookend_engine::Rule;
use bookend_lang::{Code, Compiled, Source, compile};

fn codes(documents: &str) -> Vec<Code> {
    match compile(&[Source::new("x", documents)]) {
        Ok(compiled) => compiled.warnings.iter().map(|warning| warning.code).collect(),
        Err(refused) => refused.diagnostics.iter().map(|diagnostic| diagnostic.code).collect(),
    }
}

fn read(documents: &str) -> Compiled {
    compile(&[Source::new("x", documents)]).unwrap()
}

fn document(kind: &str, metadata: &str, spec: &str) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: p{metadata}}}, spec: {{{spec}}}}}\n"
    )
}

fn network(name: &str, labels: &str) -> String {
    format!(
        "---\n{{apiVersion: bookend.dev/v1alpha1, kind: Network, metadata: {{name: {name}, labels: {{{labels}}}}}, spec: {{cidrs: [0.0.0.0/0]}}}}\n"
    )
}

/// How many peers a rule means as its source.
fn sources(compiled: &Compiled) -> Vec<usize> {
    let sources = |rule: &Rule| rule.from.alternatives().map_or(0, <[_]>::len);
    compiled.program.rules().iter().map(sources).collect()
}

#[test]
fn a_network_is_no_set_unless_import_wrote_it_in_place_of_one() {
    let policy = document(
        "GlobalNetworkPolicy",
        "",
        "ingress: [{action: Allow, source: {selector: '!has(quarantine)'}}]",
    );
    let set = document("GlobalNetworkSet", "", "nets: [192.0.2.0/24]");
    assert_eq!(sources(&read(&policy)), [1]);
    assert_eq!(sources(&read(&format!("{}{policy}", network("internet", "")))), [1]);
    assert_eq!(sources(&read(&format!("{set}{policy}"))), [2]);
    let written = network("internet", "bookend.dev/calico-set: GlobalNetworkSet");
    assert_eq!(sources(&read(&format!("{written}{policy}"))), [2]);
    let asks = policy.replace("!has(quarantine)", "has(bookend.dev/calico-set)");
    assert_eq!(sources(&read(&format!("{set}{asks}"))), [1]);
}

#[test]
fn a_set_does_not_replace_a_network_of_its_name() {
    let set = document("NetworkSet", ", namespace: evil", "nets: [0.0.0.0/0]");
    let global = document("GlobalNetworkSet", "", "");
    for documents in [
        format!("{set}{}", network("networkset.evil.p", "")),
        format!("{}{set}", network("networkset.evil.p", "")),
        format!("{}{global}", network("globalnetworkset.p", "")),
    ] {
        assert_eq!(codes(&documents), [Code::DuplicateObject], "{documents}");
    }
    assert_eq!(codes(&format!("{set}{global}{}", network("networkset.evil.q", ""))), []);
}

#[test]
fn a_namespace_with_the_name_of_that_of_hosts_is_one_as_any_other() {
    let pods = |namespace: &str| {
        format!(
            "---\n{{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {{name: i}}, spec: {{workloads: [{{name: a, namespace: {namespace}, labels: {{app: db}}, instances: [{{addresses: [10.0.0.1]}}]}}]}}}}\n"
        )
    };
    let spec = "selector: app == 'db', ingress: [{action: Deny, source: {namespaceSelector: 'all()'}}, {action: Allow}]";
    let policy = document("GlobalNetworkPolicy", "", spec);
    let means = |documents: String| {
        let compiled = read(&documents);
        let rules = compiled.program.rules().iter().filter(|rule| rule.id != "failsafe");
        format!("{:?}", rules.collect::<Vec<_>>())
    };
    let ordinary = means(format!("{}{policy}", pods("ordinary")));
    assert_eq!(means(format!("{}{policy}", pods("host-endpoints"))), ordinary);
    // Where there are hosts, their label tells them.
    let host = document("HostEndpoint", "", "node: n, interfaceName: e, expectedIPs: [192.0.2.1]");
    let both = means(format!("{host}{}{policy}", pods("host-endpoints")));
    assert!(both.contains("bookend.dev/host") && !both.contains("host-endpoints"), "{both}");
}

#[test]
fn what_calico_accepts_as_idle_is_warned_of_and_left_out() {
    let idle = "ingress: [{action: Allow, destination: {notSelector: 'all()'}}, {action: Deny}]";
    for policy in
        [document("NetworkPolicy", ", namespace: a", idle), document("GlobalNetworkPolicy", "", idle)]
    {
        assert_eq!(codes(&policy), [Code::IdleCalico]);
        assert_eq!(read(&policy).program.rules().len(), 1);
    }
    let policy = document("GlobalNetworkPolicy", "", "tier: security, ingress: [{action: Allow}]");
    assert_eq!(codes(&policy), [Code::IdleCalico]);
    let program = read(&policy).program;
    assert_eq!((program.rules().len(), program.isolations().len()), (0, 0));
}

#[test]
fn what_is_multiplied_out_is_refused_before_it_is_built() {
    let factor = |n: usize| format!("(a{n} == '1' || b{n} == '1')");
    let wide = (0..7).map(factor).collect::<Vec<_>>().join(" && ");
    let rules = |count: usize| vec!["{action: Allow}"; count].join(", ");
    let policy = |count: usize| {
        document("GlobalNetworkPolicy", "", &format!("selector: \"{wide}\", ingress: [{}]", rules(count)))
    };
    assert_eq!(codes(&policy(100)), []);
    assert_eq!(codes(&policy(10_000)), [Code::SelectorTooLarge]);
    let sets: String = (0..40)
        .map(|n| {
            format!(
                "---\n{{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {{name: s{n}, labels: {{a: x}}}}, spec: {{nets: [10.0.{n}.0/24]}}}}\n"
            )
        })
        .collect();
    let rule = "ingress: [{action: Allow, destination: {selector: \"a == 'x'\"}}]";
    let policy = document("GlobalNetworkPolicy", "", &format!("selector: \"{wide}\", {rule}"));
    assert_eq!(codes(&format!("{sets}{policy}")), [Code::SelectorTooLarge]);
}
