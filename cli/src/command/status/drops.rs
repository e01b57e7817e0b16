//! What is denied on some nodes, by rule.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use bookend_cluster::{Cluster, Scope, kinds};
use bookend_objects::install::ENFORCER;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fleet::Fleet;
use crate::inquiry::{PORT, Page};

/// How many nodes are asked where none is named.
const SOME: usize = 10;

/// Reasons for which packets pass.
const PASSING: [&str; 3] = ["rule", "default", "established"];

/// Packets that were denied meanwhile.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Drops {
    /// For how long they were counted.
    pub(super) seconds: u64,
    /// The nodes that were asked.
    pub(super) nodes: Vec<String>,
    /// By rule.
    pub(super) rules: BTreeMap<String, u64>,
    /// By what else denies.
    pub(super) reasons: BTreeMap<String, u64>,
}

/// The counters of an enforcer.
#[derive(Clone, Debug, Default, Deserialize)]
struct Counters {
    #[serde(default)]
    rules: BTreeMap<String, u64>,
    #[serde(default)]
    reasons: BTreeMap<String, u64>,
}

/// Reads the counters of some nodes twice, a `window` apart.
///
/// # Errors
/// When there is no such node, or an enforcer cannot be asked.
pub(super) async fn count(
    cluster: &Cluster,
    namespace: &str,
    fleet: &Fleet,
    named: &[String],
    window: Duration,
) -> anyhow::Result<Drops> {
    let pods = enforcers(cluster, namespace).await?;
    let nodes: Vec<String> = match named {
        [] => pods.keys().take(SOME).cloned().collect(),
        named => named.to_vec(),
    };
    ensure!(!nodes.is_empty(), "no node runs an enforcer");
    let before = read(cluster, namespace, &pods, &nodes).await?;
    tokio::time::sleep(window).await;
    let after = read(cluster, namespace, &pods, &nodes).await?;
    let mut drops = Drops { seconds: window.as_secs(), nodes, ..Drops::default() };
    for (before, after) in before.iter().zip(&after) {
        drops.add(before, after, &fleet.denying());
    }
    Ok(drops)
}

/// The pod of the enforcer of each node.
pub(crate) async fn enforcers(
    cluster: &Cluster,
    namespace: &str,
) -> anyhow::Result<BTreeMap<String, String>> {
    let scope = Scope::within(namespace)
        .with_labels("app.kubernetes.io/name=bookend,app.kubernetes.io/component=enforcer");
    let pods: Vec<Value> = cluster.list(&kinds::POD, &scope).await?;
    let text = |pod: &Value, path: &str| pod.pointer(path).and_then(Value::as_str).map(str::to_owned);
    Ok(pods
        .iter()
        .filter(|pod| text(pod, "/status/phase").as_deref() == Some("Running"))
        .filter_map(|pod| Some((text(pod, "/spec/nodeName")?, text(pod, "/metadata/name")?)))
        .collect())
}

async fn read(
    cluster: &Cluster,
    namespace: &str,
    pods: &BTreeMap<String, String>,
    nodes: &[String],
) -> anyhow::Result<Vec<Counters>> {
    let mut all = Vec::new();
    for node in nodes {
        let pod = pods.get(node).ok_or_else(|| anyhow!("no `{ENFORCER}` runs on a node `{node}`"))?;
        let stream = cluster.forward(namespace, pod, PORT).await?;
        let page = Page::open(stream, "/status").await.with_context(|| format!("node `{node}`"))?;
        let text = page.text().await.with_context(|| format!("node `{node}`"))?;
        all.push(
            serde_json::from_str(&text)
                .with_context(|| format!("the answer of the node `{node}` makes no sense"))?,
        );
    }
    Ok(all)
}

impl Drops {
    fn add(&mut self, before: &Counters, after: &Counters, denying: &BTreeSet<&str>) {
        // An enforcer that was installed anew counts from nothing.
        let since = |before: &BTreeMap<String, u64>, name: &str, now: u64| {
            now.checked_sub(before.get(name).copied().unwrap_or_default()).unwrap_or(now)
        };
        for (rule, now) in after.rules.iter().filter(|(rule, _)| denying.contains(rule.as_str())) {
            let more = since(&before.rules, rule, *now);
            if more > 0 {
                *self.rules.entry(rule.clone()).or_default() += more;
            }
        }
        for (reason, now) in after.reasons.iter().filter(|(reason, _)| !PASSING.contains(&reason.as_str())) {
            let more = since(&before.reasons, reason, *now);
            if more > 0 {
                *self.reasons.entry(reason.clone()).or_default() += more;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_denied_meanwhile_is_what_was_counted_meanwhile() {
        let counters = |text: &str| serde_json::from_str::<Counters>(text).unwrap();
        let before = counters(
            r#"{"rules": {"a/p/deny": 5, "a/p/allow": 5, "a/p/new": 9}, "reasons": {"spoofed": 1}}"#,
        );
        let after = counters(
            r#"{"rules": {"a/p/deny": 7, "a/p/allow": 9, "a/p/new": 2}, "reasons": {"spoofed": 4, "rule": 90}}"#,
        );
        let mut drops = Drops::default();
        drops.add(&before, &after, &BTreeSet::from(["a/p/deny", "a/p/new"]));
        assert_eq!(drops.rules, BTreeMap::from([("a/p/deny".to_owned(), 2), ("a/p/new".to_owned(), 2)]));
        assert_eq!(drops.reasons, BTreeMap::from([("spoofed".to_owned(), 3)]));
    }
}
