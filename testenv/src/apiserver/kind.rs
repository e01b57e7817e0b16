//! Which kinds of objects the server knows: those of Kubernetes that Bookend has to do with, and those that CRDs add.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::structural::Structure;

/// A kind as the API serves it, with all its versions.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// Whether Kubernetes defines it, and not a CRD.
    pub(crate) built_in: bool,
    pub(crate) versions: Vec<Version>,
}

/// One version of a kind.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) served: bool,
    /// Whether the status is written apart from the rest.
    pub(crate) status: bool,
    /// The schema, where a CRD gives one.
    pub(crate) structure: Option<Arc<Structure>>,
}

impl Kind {
    /// `deployments.apps`, or `pods` in the core group: as errors name it, and unique.
    pub(crate) fn id(&self) -> String {
        id(&self.group, &self.plural)
    }

    /// One of which nothing is known but how it is asked for.
    pub(crate) fn unknown(group: &str, plural: &str) -> Self {
        let own = str::to_owned;
        Self {
            group: own(group),
            kind: own(""),
            plural: own(plural),
            singular: own(""),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            built_in: false,
            versions: Vec::new(),
        }
    }

    /// The version of this name, if it is served.
    pub(crate) fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name && version.served)
    }

    /// What goes into `apiVersion`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// Whether anybody may create, change and delete such objects; reviews are only answered.
    pub(crate) fn is_review(&self) -> bool {
        self.group == "authorization.k8s.io"
    }
}

/// See [`Kind::id`].
pub(crate) fn id(group: &str, plural: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

/// What a row of [`BUILT_IN`] says: group, version, kind, plural, short names, namespaced, with a status.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, bool, bool);

/// Scope, short names and subresources as `kubectl api-resources` of Kubernetes 1.34 lists them.
const BUILT_IN: &[Row] = &[
    ("", "v1", "Namespace", "namespaces", "ns", false, true),
    ("", "v1", "Node", "nodes", "no", false, true),
    ("", "v1", "Pod", "pods", "po", true, true),
    ("", "v1", "Service", "services", "svc", true, true),
    ("", "v1", "ServiceAccount", "serviceaccounts", "sa", true, false),
    ("", "v1", "ConfigMap", "configmaps", "cm", true, false),
    ("", "v1", "Secret", "secrets", "", true, false),
    ("", "v1", "Endpoints", "endpoints", "ep", true, false),
    ("", "v1", "Event", "events", "ev", true, false),
    ("apps", "v1", "DaemonSet", "daemonsets", "ds", true, true),
    ("apps", "v1", "Deployment", "deployments", "deploy", true, true),
    ("apps", "v1", "ReplicaSet", "replicasets", "rs", true, true),
    ("apps", "v1", "StatefulSet", "statefulsets", "sts", true, true),
    ("apps", "v1", "ControllerRevision", "controllerrevisions", "", true, false),
    ("batch", "v1", "Job", "jobs", "", true, true),
    ("batch", "v1", "CronJob", "cronjobs", "cj", true, true),
    ("coordination.k8s.io", "v1", "Lease", "leases", "", true, false),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "", true, false),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol", true, false),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", true, true),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "pc", false, false),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", "", true, false),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "", true, false),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "", false, false),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "", false, false),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", CRDS, "crd", false, true),
    (ADMISSION, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", "", false, true),
    (
        ADMISSION,
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        "",
        false,
        false,
    ),
    ("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", "", false, false),
];

const CRDS: &str = "customresourcedefinitions";
const ADMISSION: &str = "admissionregistration.k8s.io";
/// The id of the kind that defines kinds.
pub(crate) const CRD: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// Every kind that Kubernetes brings along and this server knows, by its id.
pub(crate) fn built_in() -> BTreeMap<String, Arc<Kind>> {
    let kinds = BUILT_IN.iter().map(|&(group, version, kind, plural, short, namespaced, status)| {
        let short_names = short.split_whitespace().map(str::to_owned).collect();
        let version = Version { name: version.to_owned(), served: true, status, structure: None };
        Kind {
            group: group.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            short_names,
            categories: Vec::new(),
            namespaced,
            built_in: true,
            versions: vec![version],
        }
    });
    kinds.map(|kind| (kind.id(), Arc::new(kind))).collect()
}

/// The kind that a CustomResourceDefinition defines.
///
/// # Errors
/// A sentence, if it is none that a real server would establish.
pub(crate) fn defined(crd: &Value) -> Result<Kind, String> {
    let spec = crd.get("spec").ok_or("spec: Required value")?;
    let text = |path: &str| {
        let found = spec.pointer(path).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("spec{}: Required value", path.replace('/', ".")))
    };
    let list = |path: &str| -> Vec<String> {
        let found = spec.pointer(path).and_then(Value::as_array).into_iter().flatten();
        found.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (group, kind, plural) = (text("/group")?, text("/names/kind")?, text("/names/plural")?);
    let name = crd.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if name != id(&group, &plural) {
        return Err(format!(
            "metadata.name: Invalid value: \"{name}\": must be spec.names.plural+\".\"+spec.group"
        ));
    }
    let mut versions = Vec::new();
    for version in spec.get("versions").and_then(Value::as_array).into_iter().flatten() {
        let name = version.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let schema = version.pointer("/schema/openAPIV3Schema");
        let schema = schema.ok_or_else(|| format!("spec.versions[{name}].schema: Required value"))?;
        versions.push(Version {
            structure: Some(Arc::new(Structure::new(schema)?)),
            served: version.get("served").and_then(Value::as_bool).unwrap_or(false),
            status: version.pointer("/subresources/status").is_some(),
            name,
        });
    }
    if versions.is_empty() {
        return Err("spec.versions: Required value".to_owned());
    }
    let singular = text("/names/singular").unwrap_or_else(|_| kind.to_lowercase());
    Ok(Kind {
        namespaced: text("/scope")? == "Namespaced",
        short_names: list("/names/shortNames"),
        categories: list("/names/categories"),
        built_in: false,
        group,
        kind,
        plural,
        singular,
        versions,
    })
}
