//! What a cluster has to be like, checked before anything is touched.

use anyhow::anyhow;
use bookend_cluster::delivery::{Delivery, Key, Stage};
use bookend_cluster::{Cluster, Kind, Permission, Scope, Trouble, kinds};
use bookend_objects::install::{Installation, Istio, KUBERNETES};
use serde_json::Value;

use super::told::Told;

/// The kernel that brought tcx links.
const KERNEL: (u32, u32) = (6, 6);
/// The Istio whose Envoy (1.37) can hold streams and record peers where that has to be.
const ISTIO: (u32, u32) = (1, 29);
/// How many nodes are named.
const SHOWN: usize = 5;

/// Checks versions, kernels and permissions.
///
/// # Errors
/// Names what is missing, all of its kind at once, and how to get it.
pub(super) async fn check(
    cluster: &Cluster,
    installation: Option<&Installation>,
    stages: &[Stage],
    prune: bool,
    told: &Told,
) -> anyhow::Result<()> {
    let version = cluster.version().await?;
    let (major, minor) = KUBERNETES;
    if (version.major, version.minor) < KUBERNETES {
        let (what, needed) = ("Bookend".to_owned(), format!("{major}.{minor}"));
        return Err(Trouble::TooOld { version: version.text, what, needed }.into());
    }
    permissions(cluster, stages, prune).await?;
    let programs = stages.iter().any(|stage| stage.title == "programs");
    if let Some(installation) = installation.filter(|_| programs) {
        kernels(cluster, told).await?;
        if installation.istio != Istio::None {
            mesh(cluster, installation.istio, told).await?;
        }
    }
    Ok(())
}

/// What a cluster may go without: it keeps the enforcers of nodes apart, where RBAC cannot.
static OPTIONAL: [&Kind; 2] =
    [&kinds::VALIDATING_ADMISSION_POLICY, &kinds::VALIDATING_ADMISSION_POLICY_BINDING];

/// Leaves out what the cluster does not serve and can go without, and says what that means.
///
/// # Errors
/// When the cluster cannot be asked.
pub(super) async fn leave_out_unserved(
    cluster: &Cluster,
    stages: &mut [Stage],
    told: &Told,
) -> anyhow::Result<()> {
    let optional = |object: &Value| Kind::of(object).is_some_and(|kind| OPTIONAL.contains(&kind));
    if !stages.iter().flat_map(|stage| &stage.objects).any(optional) {
        return Ok(());
    }
    for kind in OPTIONAL {
        if !cluster.serves(kind).await? {
            told.say(&format!(
                "note: the cluster does not serve {}, so that whoever takes over a node can write what the enforcers of other nodes say of \
                 themselves; enable `admissionregistration.k8s.io/v1`",
                kind.resource()
            ));
            stages.iter_mut().for_each(|stage| stage.objects.retain(|object| !optional(object)));
            return Ok(());
        }
    }
    Ok(())
}

/// No other installation is meant, and none is disturbed.
///
/// # Errors
/// Names the other one, and what to do.
pub(super) async fn neighbours(
    delivery: &Delivery,
    installation: &Installation,
    told: &Told,
) -> anyhow::Result<()> {
    let neighbours = match delivery.neighbours().await {
        Err(Trouble::Forbidden { .. }) => {
            told.say("note: you may not list workloads of all namespaces, so it is not known whether there is another installation");
            return Ok(());
        }
        neighbours => neighbours?,
    };
    delivery.tell_apart(&neighbours)?;
    match neighbours.iter().find(|other| other.filters && installation.istio != Istio::None) {
        Some(other) => Err(anyhow!(
            "the installation {other} gives the mesh's proxies their filters, and a proxy takes only one's; deploy without `--filter-image`, or \
             the other one"
        )),
        None => Ok(()),
    }
}

/// Whoever deploys may do what has to be done.
async fn permissions(cluster: &Cluster, stages: &[Stage], prune: bool) -> anyhow::Result<()> {
    let mut needed = Vec::new();
    for object in stages.iter().flat_map(|stage| &stage.objects) {
        let Key { kind, namespace, .. } = Key::of(object)?;
        let verbs = ["get", "create", "patch"].into_iter().chain(prune.then_some("delete"));
        needed.extend(verbs.map(|verb| Permission {
            verb,
            kind: kind.clone(),
            subresource: None,
            namespace: namespace.clone(),
        }));
    }
    needed.sort();
    needed.dedup();
    let mut missing = Vec::new();
    for permission in &needed {
        if !cluster.can(permission).await? {
            let place = permission.namespace.as_ref().map_or(String::new(), |name| format!(" in `{name}`"));
            missing.push(format!("{} {}{place}", permission.verb, permission.kind.resource()));
        }
    }
    match missing.len() {
        0 => Ok(()),
        _ => Err(anyhow!(
            "you may not {}; deploy as somebody who may, or ask for a role that allows it",
            missing.join(", ")
        )),
    }
}

/// Every node whose kernel is known has one that enforcers run on.
async fn kernels(cluster: &Cluster, told: &Told) -> anyhow::Result<()> {
    let nodes: Vec<Value> = match cluster.list(&kinds::NODE, &Scope::all()).await {
        Ok(nodes) => nodes,
        Err(Trouble::Forbidden { .. }) => {
            told.say("note: you may not list nodes, so their kernels are not checked");
            return Ok(());
        }
        Err(trouble) => return Err(trouble.into()),
    };
    let old: Vec<_> = nodes
        .iter()
        .filter_map(|node| {
            let text = |path: &str| node.pointer(path).and_then(Value::as_str);
            let kernel = text("/status/nodeInfo/kernelVersion")?;
            let linux = text("/status/nodeInfo/operatingSystem").is_none_or(|system| system == "linux");
            let name = text("/metadata/name")?;
            (linux && numbers(kernel).is_some_and(|version| version < KERNEL))
                .then(|| format!("`{name}` ({kernel})"))
        })
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let shown = old.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more =
        old.len().checked_sub(SHOWN + 1).map_or(String::new(), |more| format!(" and {} more", more + 1));
    Err(anyhow!(
        "enforcers need Linux {}.{} or newer, and these nodes have an older one: {shown}{more}; give them a newer kernel, or leave them out with \
         `--node-selector`",
        KERNEL.0,
        KERNEL.1
    ))
}

/// The mesh has what brings filters into its proxies, and is not too old.
async fn mesh(cluster: &Cluster, istio: Istio, told: &Told) -> anyhow::Result<()> {
    let kind = match istio {
        Istio::WasmPlugin => &kinds::WASM_PLUGIN,
        Istio::TrafficExtension => &kinds::TRAFFIC_EXTENSION,
        Istio::Auto | Istio::EnvoyFilter | Istio::None => &kinds::ENVOY_FILTER,
    };
    if !cluster.serves(kind).await? {
        return Err(Trouble::NoSuchKind { kind: Box::new(kind.clone()) }.into());
    }
    let scope = Scope::all().with_labels("app=istiod");
    let Ok(istiods) = cluster.list::<Value>(&kinds::DEPLOYMENT, &scope).await else { return Ok(()) };
    for istiod in &istiods {
        let image = istiod.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
        let tag = image.and_then(|image| image.split('@').next()?.rsplit_once(':')).map(|(_, tag)| tag);
        if let Some(version) = tag.and_then(numbers).filter(|version| *version < ISTIO) {
            told.say(&format!(
                "note: Istio is {}.{}; before {}.{} its proxies cannot hold streams over TLS until they are judged, and refuse them",
                version.0, version.1, ISTIO.0, ISTIO.1
            ));
        }
    }
    Ok(())
}

/// Major and minor number at the beginning of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(numbers("6.18.44-gke.1") >= Some(KERNEL));
        assert!(numbers("5.15.0-1051-aws") < Some(KERNEL));
        assert!(numbers("1.30.2-distroless") >= Some(ISTIO));
        assert_eq!(numbers("latest"), None);
    }
}
