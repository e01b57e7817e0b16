//! An estate of any size, as its operators would write it down: one inventory file per namespace, and policies of ten rules.

use std::fmt::Write as _;

use bookend_lang::Source;

/// How many rules a policy has.
const RULES_PER_POLICY: usize = 10;

/// How many workloads a namespace has.
const WORKLOADS_PER_NAMESPACE: usize = 1000;

/// The size of an estate.
#[derive(Clone, Copy, Debug)]
pub struct Estate {
    /// How many workloads; a thousand in each namespace.
    pub workloads: usize,
    /// How many rules; ten in each policy.
    pub rules: usize,
}

/// How it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// Block style, as people write it.
    Yaml,
    /// As programs write it.
    Json,
}

impl Estate {
    /// All of its files, inventories first.
    #[must_use]
    pub fn sources(self, notation: Notation) -> Vec<Source> {
        let namespaces = self.workloads.div_ceil(WORKLOADS_PER_NAMESPACE).max(1);
        let mut sources = Vec::new();
        for namespace in 0..namespaces {
            let first = namespace * WORKLOADS_PER_NAMESPACE;
            let many = first..(first + WORKLOADS_PER_NAMESPACE).min(self.workloads);
            let text = match notation {
                Notation::Yaml => inventory_yaml(namespace, many),
                Notation::Json => inventory_json(namespace, many),
            };
            sources.push(Source::new(format!("inventory-{namespace}"), text));
        }
        let mut texts = vec![String::new(); namespaces];
        for policy in 0..self.rules.div_ceil(RULES_PER_POLICY) {
            let namespace = policy % namespaces;
            let first = policy * RULES_PER_POLICY;
            let many = first..(first + RULES_PER_POLICY).min(self.rules);
            let Some(text) = texts.get_mut(namespace) else { continue };
            match notation {
                Notation::Yaml => *text += &policy_yaml(namespace, policy, many),
                // A YAML stream of JSON documents: JSON itself has no notion of several.
                Notation::Json => *text += &format!("---\n{}\n", policy_json(namespace, policy, many)),
            }
        }
        for (namespace, text) in texts.into_iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            sources.push(Source::new(format!("policy-{namespace}"), text));
        }
        sources
    }
}

/// An IPv4 address that no other workload has.
fn address(workload: usize) -> String {
    format!("10.{}.{}.{}", workload >> 16 & 255, workload >> 8 & 255, workload & 255)
}

fn inventory_yaml(namespace: usize, workloads: impl Iterator<Item = usize>) -> String {
    let mut text = format!(
        "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata:\n  name: team-{namespace}\nspec:\n  workloads:\n"
    );
    for w in workloads {
        let (version, address) = (w % 3, address(w));
        let _ = write!(
            text,
            "  - name: app-{w}\n    namespace: team-{namespace}\n    serviceAccount: app-{w}\n    labels:\n      app: app-{w}\n      \
             version: v{version}\n      part-of: team-{namespace}\n    proxy: true\n    instances:\n    - addresses: [{address}]\n"
        );
    }
    text
}

fn inventory_json(namespace: usize, workloads: impl Iterator<Item = usize>) -> String {
    let workloads: Vec<String> = workloads
        .map(|w| {
            let (version, address) = (w % 3, address(w));
            format!(
                "{{\"name\":\"app-{w}\",\"namespace\":\"team-{namespace}\",\"serviceAccount\":\"app-{w}\",\"labels\":{{\"app\":\"app-{w}\",\
                 \"version\":\"v{version}\",\"part-of\":\"team-{namespace}\"}},\"proxy\":true,\"instances\":[{{\"addresses\":[\"{address}\"]}}]}}"
            )
        })
        .collect();
    format!(
        "{{\"apiVersion\":\"bookend.dev/v1alpha1\",\"kind\":\"Inventory\",\"metadata\":{{\"name\":\"team-{namespace}\"}},\
         \"spec\":{{\"workloads\":[{}]}}}}",
        workloads.join(",")
    )
}

/// Two neighbours in a namespace that may talk.
fn ends(namespace: usize, rule: usize) -> (usize, usize) {
    let first = namespace * WORKLOADS_PER_NAMESPACE;
    (first + rule % WORKLOADS_PER_NAMESPACE, first + (rule + 1) % WORKLOADS_PER_NAMESPACE)
}

fn policy_yaml(namespace: usize, policy: usize, rules: impl Iterator<Item = usize>) -> String {
    let mut text = format!(
        "---\napiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata:\n  name: policy-{policy}\n  namespace: team-{namespace}\n\
         spec:\n  isolate:\n  - workloads: {{}}\n  allow:\n"
    );
    for rule in rules {
        let (from, to) = ends(namespace, rule);
        let _ = write!(
            text,
            "  - name: rule-{rule}\n    from:\n    - workloads:\n        labels: {{ app: app-{from} }}\n    to:\n    - workloads:\n        \
             labels: {{ app: app-{to} }}\n    ports: [8080]\n    http:\n    - methods: [GET, HEAD]\n      paths: [\"/api/v{rule}/{{id}}\"]\n"
        );
    }
    text
}

fn policy_json(namespace: usize, policy: usize, rules: impl Iterator<Item = usize>) -> String {
    let rules: Vec<String> = rules
        .map(|rule| {
            let (from, to) = ends(namespace, rule);
            format!(
                "{{\"name\":\"rule-{rule}\",\"from\":[{{\"workloads\":{{\"labels\":{{\"app\":\"app-{from}\"}}}}}}],\
                 \"to\":[{{\"workloads\":{{\"labels\":{{\"app\":\"app-{to}\"}}}}}}],\"ports\":[8080],\
                 \"http\":[{{\"methods\":[\"GET\",\"HEAD\"],\"paths\":[\"/api/v{rule}/{{id}}\"]}}]}}"
            )
        })
        .collect();
    format!(
        "{{\"apiVersion\":\"bookend.dev/v1alpha1\",\"kind\":\"Policy\",\"metadata\":{{\"name\":\"policy-{policy}\",\
         \"namespace\":\"team-{namespace}\"}},\"spec\":{{\"isolate\":[{{\"workloads\":{{}}}}],\"allow\":[{}]}}}}",
        rules.join(",")
    )
}
