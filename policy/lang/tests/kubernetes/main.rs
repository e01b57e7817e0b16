//! Kubernetes' own policies: what is read, and that whatever is not is refused with its place, cause and cure.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

mod administrators;
mod corrupted;
mod network_policy;
#[path = "../shared/pointers.rs"]
mod pointers;

use bookend_lang::{Code, Source, compile};

/// What is wrong with `documents`: codes, places and texts.
fn diagnostics(documents: &str) -> Vec<(Code, String)> {
    let sources = [Source::new("x", documents)];
    let found = match compile(&sources) {
        Ok(compiled) => compiled.warnings,
        Err(refused) => refused.diagnostics,
    };
    found.iter().map(|d| (d.code, d.line(&sources).to_string())).collect()
}

fn codes(documents: &str) -> Vec<Code> {
    diagnostics(documents).into_iter().map(|(code, _)| code).collect()
}

/// Those of them that refuse the documents.
fn errors(documents: &str) -> Vec<Code> {
    match compile(&[Source::new("x", documents)]) {
        Ok(_) => Vec::new(),
        Err(refused) => refused.diagnostics.iter().map(|d| d.code).collect(),
    }
}

fn network_policy(spec: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p}}, spec: {{{spec}}}}}"
    )
}

fn cluster(spec: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: p}}, spec: {{{spec}}}}}"
    )
}

fn admin(spec: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {{name: p}}, spec: {{{spec}}}}}"
    )
}

fn baseline(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha1, kind: BaselineAdminNetworkPolicy, \
         metadata: {{name: {name}}}, spec: {{{spec}}}}}"
    )
}

/// The ids of all rules and isolations.
fn ids(documents: &str) -> Vec<String> {
    let compiled = compile(&[Source::new("x", documents)]).unwrap();
    let rules = compiled.program.rules().iter().map(|rule| rule.id.clone());
    let isolations = compiled.program.isolations().iter().map(|isolation| isolation.id.clone());
    rules.chain(isolations).collect()
}

#[test]
fn a_rule_is_named_by_where_it_stands() {
    assert_eq!(
        ids(&network_policy("policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}, {}]")),
        [
            "default/networkpolicy.p/egress[0]",
            "default/networkpolicy.p/egress[1]",
            "default/networkpolicy.p/ingress[0]",
            "default/networkpolicy.p/isolate[0]",
        ]
    );
    let rule = "ingress: [{action: Deny, from: [{namespaces: {}}]}]";
    let cnp = cluster(&format!("tier: Admin, priority: 3, subject: {{namespaces: {{}}}}, {rule}"));
    assert_eq!(ids(&cnp), ["clusternetworkpolicy.p/ingress[0]"]);
    let anp = admin(&format!("priority: 3, subject: {{namespaces: {{}}}}, {rule}"));
    assert_eq!(ids(&anp), ["adminnetworkpolicy.p/ingress[0]"]);
    let banp = baseline("default", &format!("subject: {{namespaces: {{}}}}, {rule}"));
    assert_eq!(ids(&banp), ["baselineadminnetworkpolicy.default/ingress[0]"]);
}

#[test]
fn another_version_is_named_with_the_one_that_is_read() {
    for (version, kind, cure) in [
        ("extensions/v1beta1", "NetworkPolicy", "write `apiVersion: networking.k8s.io/v1`"),
        ("networking.k8s.io/v1beta1", "NetworkPolicy", "write `apiVersion: networking.k8s.io/v1`"),
        ("v1", "NetworkPolicy", "write `apiVersion: networking.k8s.io/v1`"),
        (
            "policy.networking.k8s.io/v1alpha1",
            "ClusterNetworkPolicy",
            "write `apiVersion: policy.networking.k8s.io/v1alpha2`",
        ),
        (
            "policy.networking.k8s.io/v1alpha2",
            "AdminNetworkPolicy",
            "write `apiVersion: policy.networking.k8s.io/v1alpha1`",
        ),
    ] {
        let document = format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}, spec: {{}}}}");
        let found = diagnostics(&document);
        let [(Code::WrongApiVersion, line)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            *line,
            format!("x:1:14: error[B1103]: `{kind}` is not read in `{version}`; {cure}")
                .replace("B1103", Code::WrongApiVersion.as_str())
        );
    }
}
