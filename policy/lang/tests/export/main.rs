//! What other systems are told, and what they are not.
#![expect(clippy::unwrap_used, clippy::panic, reason = "functions shared by tests fail as tests do")]

use bookend_engine::Plane;
use bookend_lang::export::{Export, Gap, Target, Wish, export};
use bookend_lang::{Compiled, Source, compile};

mod calico;
mod istio;
mod kubernetes;
mod mesh;
mod whole;

/// Two namespaces, four workloads, and where they are.
const WORLD: &str = "
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: world }
spec:
  clusterCidrs: [10.0.0.0/8]
  workloads:
  - { name: web, serviceAccount: web, labels: { app: web, tier: front }, proxy: true, instances: [{ addresses: [10.0.0.1] }] }
  - { name: api, serviceAccount: api, labels: { app: api, tier: back }, proxy: true, instances: [{ addresses: [10.0.0.2] }] }
  - { name: job, serviceAccount: api, labels: { app: job, tier: back }, proxy: false, instances: [{ addresses: [10.0.0.3] }] }
  - { name: ops, namespace: ops, serviceAccount: ops, labels: { app: ops }, proxy: true, instances: [{ addresses: [10.0.0.4] }] }
";

/// What a policy says; it must be right.
fn compiled(policy: &str) -> Compiled {
    let sources = [WORLD, policy].map(|text| Source::new("test.yaml", text.as_bytes().to_vec()));
    match compile(&sources) {
        Ok(compiled) => compiled,
        Err(refused) => {
            let lines: Vec<_> = refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect();
            panic!("{}", lines.join("\n"))
        }
    }
}

/// A policy of the namespace `default` with this `spec`.
fn policy(spec: &str) -> String {
    format!("apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: {{ name: p }}\nspec: {spec}\n")
}

/// What a target is told of a policy.
fn told(target: Target, spec: &str) -> Export {
    let wish = Wish { target, plane: Plane::Bookend, cluster_policies: true };
    export(&compiled(&policy(spec)), wish)
}

/// The gaps, one in a line.
fn gaps(export: &Export) -> Vec<String> {
    let line = |gap: &Gap| format!("{} {}: {}; {}", gap.effect.name(), gap.rule, gap.reason, gap.instead);
    export.gaps.iter().map(line).collect()
}

/// The documents as YAML, then the gaps.
fn shown(export: &Export) -> String {
    let mut texts: Vec<String> =
        export.documents.iter().map(|document| serde_saphyr::to_string(&document["spec"]).unwrap()).collect();
    texts.extend(gaps(export));
    texts.join("\n")
}

#[track_caller]
fn says(target: Target, spec: &str, wanted: &[&str]) {
    let shown = shown(&told(target, spec));
    // How deep a line is indented says nothing here.
    let plain: Vec<&str> = shown.split_whitespace().collect();
    let plain = plain.join(" ");
    for part in wanted {
        assert!(plain.contains(part), "no `{part}` in\n{shown}");
    }
}

/// How many documents of each kind there are.
fn kinds(export: &Export) -> Vec<&str> {
    export.documents.iter().filter_map(|document| document["kind"].as_str()).collect()
}
