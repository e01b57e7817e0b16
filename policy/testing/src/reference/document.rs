//! Documents, taken as they are written.

use core::net::IpAddr;
use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::service::{Service, Slice};

/// Everything the documents say.
#[derive(Clone, Debug, Default)]
pub(super) struct Documents {
    /// Whether there is a policy of another system among them.
    pub(super) foreign: bool,
    pub(super) rules: Vec<Rule>,
    pub(super) isolations: Vec<Isolation>,
    /// Of each plane in order of trial (S83): the orders of its tiers, ascending.
    pub(super) planes: [Vec<Step>; 3],
    /// Labels and blocks, by name.
    pub(super) networks: BTreeMap<String, (Value, Vec<Value>)>,
    /// Labels, by name.
    pub(super) namespaces: BTreeMap<String, Value>,
    pub(super) trust_domain: String,
    pub(super) trust_addresses: bool,
    pub(super) nodes: Vec<Value>,
    pub(super) api_servers: Vec<Value>,
    pub(super) cluster_cidrs: Vec<Value>,
    pub(super) workloads: Vec<Workload>,
    pub(super) services: Vec<Service>,
    pub(super) slices: Vec<Slice>,
}

/// A tier: its plane, by its place among them, and its order there.
pub(super) type Step = (usize, u64);

/// The planes, in order of trial.
const PLANES: [&str; 3] = ["bookend", "network", "mesh"];

/// The tiers that nobody has to describe: plane, name and order.
const TIERS: [(usize, &str, u64); 8] = [
    (0, "admin", 100),
    (0, "default", 1000),
    (0, "baseline", 10_000),
    (1, "network-admin", 1000),
    (1, "network", 1_000_000),
    (1, "network-baseline", 10_000_000),
    (1, "network-profiles", 100_000_000),
    (2, "mesh", 1000),
];

/// A rule, with what its policy says where it says nothing itself.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) tier: Step,
    pub(super) priority: i64,
    pub(super) action: Action,
    pub(super) audit: bool,
    /// Of its policy; nothing for one of the cluster.
    pub(super) namespace: Option<String>,
    pub(super) body: Value,
}

/// In the order of trial (S2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Deny,
    Pass,
    Allow,
}

#[derive(Clone, Debug)]
pub(super) struct Isolation {
    pub(super) id: String,
    pub(super) tier: Step,
    pub(super) audit: bool,
    pub(super) namespace: Option<String>,
    pub(super) body: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Workload {
    pub(super) namespace: String,
    pub(super) account: String,
    pub(super) labels: Value,
    pub(super) proxied: bool,
    pub(super) jwt: bool,
    /// Named ports, where they are known.
    pub(super) ports: Option<Vec<Value>>,
    pub(super) addresses: Vec<IpAddr>,
    /// Of a host: what it must never lose, by direction (S75).
    pub(super) failsafe: Option<Value>,
}

/// The entries of a list, none where it is left out; a value that is no list is a list of one.
pub(super) fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    match value.get(field) {
        Some(Value::Array(entries)) => entries,
        Some(Value::Null) | None => &[],
        Some(one) => core::slice::from_ref(one),
    }
}

/// The text of a field, empty where it is left out.
pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn flag(value: &Value, field: &str) -> bool {
    value.get(field).and_then(Value::as_bool).unwrap_or_default()
}

fn text_or(value: &Value, field: &str, other: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or(other).to_owned()
}

/// The label that every namespace has. (Kubernetes.)
const NAME: &str = "kubernetes.io/metadata.name";

/// Whether an API is of another system and not only of what it describes the world with.
fn is_foreign(version: &str) -> bool {
    !matches!(version, "bookend.dev/v1alpha1" | "v1" | "discovery.k8s.io/v1")
}

/// All documents.
pub(super) fn values(texts: &[String]) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    for text in texts {
        // YAML 1.2, where `on` is a name.
        let options = serde_saphyr::options! { strict_booleans: true };
        let values: Vec<Value> =
            serde_saphyr::from_multiple_with_options(text, options).context("documents")?;
        all.extend(values.into_iter().filter(|value| !value.is_null()));
    }
    Ok(all)
}

impl Documents {
    pub(super) fn read(texts: &[String]) -> anyhow::Result<Self> {
        let all = values(texts)?;
        let mut steps = BTreeMap::from(TIERS.map(|(plane, name, order)| (name.to_owned(), (plane, order))));
        let own =
            |document: &&Value| text(document, "kind") == "Tier" && !is_foreign(text(document, "apiVersion"));
        for tier in all.iter().filter(own) {
            let order = tier.pointer("/spec/order").and_then(Value::as_u64).context("a tier's order")?;
            let plane = tier.pointer("/spec/plane").and_then(Value::as_str).unwrap_or("bookend");
            let plane = PLANES.iter().position(|name| *name == plane).context("a plane")?;
            let name = tier.pointer("/metadata/name").and_then(Value::as_str).context("name")?;
            steps.insert(name.to_owned(), (plane, order));
        }
        let mut documents = Self { trust_domain: "cluster.local".to_owned(), ..Self::default() };
        for (number, plane) in documents.planes.iter_mut().enumerate() {
            plane.extend(steps.values().filter(|(own, _)| *own == number));
            plane.sort_unstable();
        }
        let nothing = Value::Object(Map::new());
        for document in &all {
            let metadata = document.get("metadata").unwrap_or(&nothing);
            let spec = document.get("spec").unwrap_or(&nothing);
            let name = text(metadata, "name").to_owned();
            match text(document, "kind") {
                _ if is_foreign(text(document, "apiVersion")) => documents.foreign = true,
                "Policy" => {
                    let namespace = text_or(metadata, "namespace", "default");
                    documents.policy(&format!("{namespace}/{name}"), Some(&namespace), spec, &steps)?;
                }
                "ClusterPolicy" => documents.policy(&name, None, spec, &steps)?,
                // The first is read above, the others change no verdict, but for policies of other systems.
                "Tier" | "Reporting" | "ServiceAccount" => {}
                "Network" => {
                    let labels = metadata.get("labels").unwrap_or(&nothing).clone();
                    documents.networks.insert(name, (labels, list(spec, "cidrs").to_vec()));
                }
                "Namespace" => documents.namespace(&name, metadata.get("labels")),
                "Node" => {
                    let addresses = document.pointer("/status/addresses").and_then(Value::as_array);
                    let used = addresses.into_iter().flatten();
                    let used = used.filter(|a| matches!(text(a, "type"), "InternalIP" | "ExternalIP"));
                    documents.nodes.extend(used.filter_map(|a| a.get("address").cloned()));
                }
                "Inventory" => documents.inventory(spec)?,
                "Service" => {
                    let namespace = text_or(metadata, "namespace", "default");
                    documents.services.push(Service::of_manifest(namespace, name, document));
                }
                "EndpointSlice" => documents.slices.push(Slice {
                    namespace: text_or(metadata, "namespace", "default"),
                    service: text(&metadata["labels"], "kubernetes.io/service-name").to_owned(),
                    body: document.clone(),
                }),
                "Host" => documents.host(name, text_or(metadata, "namespace", "default"), spec)?,
                other => bail!("the reference reads no documents of kind `{other}`"),
            }
        }
        documents.rules.sort_by(|a, b| {
            (a.tier, a.priority, a.action, &a.id).cmp(&(b.tier, b.priority, b.action, &b.id))
        });
        documents.isolations.sort_by(|a, b| (a.tier, &a.id).cmp(&(b.tier, &b.id)));
        Ok(documents)
    }

    fn policy(
        &mut self,
        id: &str,
        namespace: Option<&str>,
        spec: &Value,
        steps: &BTreeMap<String, Step>,
    ) -> anyhow::Result<()> {
        let tier = *steps.get(&text_or(spec, "tier", "default")).context("a tier")?;
        let audit = |body: &Value| text_or(body, "mode", &text_or(spec, "mode", "enforce")) == "audit";
        let namespace = namespace.map(str::to_owned);
        for (field, action) in [("deny", Action::Deny), ("pass", Action::Pass), ("allow", Action::Allow)] {
            self.rules.extend(list(spec, field).iter().map(|body| Rule {
                id: format!("{id}/{}", text(body, "name")),
                tier,
                priority: [body, spec].iter().find_map(|v| v.get("priority")?.as_i64()).unwrap_or_default(),
                action,
                audit: audit(body),
                namespace: namespace.clone(),
                body: body.clone(),
            }));
        }
        self.isolations.extend(list(spec, "isolate").iter().enumerate().map(|(number, body)| Isolation {
            id: format!("{id}/isolate[{number}]"),
            tier,
            audit: audit(body),
            namespace: namespace.clone(),
            body: body.clone(),
        }));
        Ok(())
    }

    /// S54: a proxy verifies tokens where a RequestAuthentication of its namespace, or of the root namespace, says so.
    pub(super) fn verify(&mut self, all: &[Value]) {
        let of_kind = |kind| all.iter().filter(move |document| text(document, "kind") == kind);
        let root =
            of_kind("Inventory").find_map(|inventory| inventory.pointer("/spec/rootNamespace")?.as_str());
        let root = root.unwrap_or("istio-system");
        for document in of_kind("RequestAuthentication") {
            let spec = document.get("spec").unwrap_or(&Value::Null);
            let namespace = text_or(document.get("metadata").unwrap_or(&Value::Null), "namespace", "default");
            let wanted = spec.pointer("/selector/matchLabels").and_then(Value::as_object);
            for workload in &mut self.workloads {
                let here = namespace == root || namespace == workload.namespace;
                let meant =
                    wanted.into_iter().flatten().all(|(key, value)| workload.labels.get(key) == Some(value));
                workload.jwt |= here && meant && !list(spec, "jwtRules").is_empty();
            }
        }
    }

    fn namespace(&mut self, name: &str, labels: Option<&Value>) {
        let known = self.namespaces.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
        if let Some(all) = known.as_object_mut() {
            all.extend(labels.and_then(Value::as_object).cloned().unwrap_or_default());
            all.insert(NAME.to_owned(), name.into());
        }
    }

    fn inventory(&mut self, spec: &Value) -> anyhow::Result<()> {
        self.trust_domain = text_or(spec, "trustDomain", &self.trust_domain);
        self.trust_addresses |= flag(spec, "trustAddresses");
        self.nodes.extend_from_slice(list(spec, "nodes"));
        self.api_servers.extend_from_slice(list(spec, "kubeApiserver"));
        self.cluster_cidrs.extend_from_slice(list(spec, "clusterCidrs"));
        self.services.extend(list(spec, "services").iter().map(Service::of_inventory));
        for workload in list(spec, "workloads") {
            let namespace = text_or(workload, "namespace", "default");
            self.namespace(&namespace, None);
            let addresses = list(workload, "instances").iter().flat_map(|one| list(one, "addresses"));
            let addresses = addresses.map(|a| Ok(a.as_str().context("an address")?.parse()?));
            self.workloads.push(Workload {
                namespace,
                account: text_or(workload, "serviceAccount", "default"),
                labels: workload.get("labels").unwrap_or(&Value::Null).clone(),
                proxied: flag(workload, "proxy"),
                jwt: flag(workload, "jwt"),
                ports: workload.get("ports").and_then(Value::as_array).cloned(),
                addresses: addresses.collect::<anyhow::Result<_>>()?,
                failsafe: None,
            });
        }
        Ok(())
    }

    /// S75 and S76: a host is a workload, with a label and a failsafe that others do not have.
    fn host(&mut self, name: String, namespace: String, spec: &Value) -> anyhow::Result<()> {
        self.namespace(&namespace, None);
        let mut labels = spec.get("labels").and_then(Value::as_object).cloned().unwrap_or_default();
        labels.insert("bookend.dev/host".to_owned(), name.into());
        let defaults = json!({
            "inbound": [
                22, 179, 2379, 2380, 6443, { "port": 68, "protocol": "UDP" }, { "port": 546, "protocol": "UDP" },
            ],
            "outbound": [
                53, 179, 2379, 2380, 6443, { "port": 53, "protocol": "UDP" }, { "port": 67, "protocol": "UDP" },
                { "port": 123, "protocol": "UDP" }, { "port": 547, "protocol": "UDP" },
            ],
        });
        let written = spec.get("failsafe").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut failsafe = defaults.as_object().cloned().unwrap_or_default();
        failsafe.extend(written);
        let addresses = list(spec, "interfaces").iter().flat_map(|one| list(one, "addresses"));
        let addresses = addresses.map(|a| Ok(a.as_str().context("an address")?.parse()?));
        self.workloads.push(Workload {
            namespace,
            account: text_or(spec, "serviceAccount", "default"),
            labels: Value::Object(labels),
            proxied: false,
            jwt: false,
            ports: None,
            addresses: addresses.collect::<anyhow::Result<_>>()?,
            failsafe: Some(Value::Object(failsafe)),
        });
        Ok(())
    }

    pub(super) fn at(&self, address: IpAddr) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.addresses.contains(&address.to_canonical()))
    }
}
