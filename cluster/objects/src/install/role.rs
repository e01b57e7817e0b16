//! Who Bookend's programs are, and what they may do: what each verb is needed for is said where it is granted.

use serde_json::{Value, json};

use super::labels::{global, within};
use super::{CONTROLLER, ENFORCER, Installation, Istio, Part};

/// Verbs on resources of one API group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The API group; empty for Kubernetes' core.
    pub group: &'static str,
    /// The resources, and their parts as in `policies/status`.
    pub resources: &'static [&'static str],
    /// What may be done with them.
    pub verbs: &'static [&'static str],
}

const fn grant(
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Grant {
    Grant { group, resources, verbs }
}

/// Reading all that is, and what becomes of it.
const FOLLOW: &[&str] = &["list", "watch"];
/// Applying: the API server wants `create` too of who applies what is not there yet.
const APPLY: &[&str] = &["create", "patch"];
/// Keeping a set of objects: what is no longer wanted is deleted.
const KEEP: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete"];

const POLICIES: &[&str] =
    &["policies", "clusterpolicies", "networks", "hosts", "tiers", "reportings", "inventories"];
const STATUSES: &[&str] = &[
    "policies/status",
    "clusterpolicies/status",
    "networks/status",
    "hosts/status",
    "tiers/status",
    "reportings/status",
    "inventories/status",
];

/// What policies are about: everybody follows it.
const WORLD: [Grant; 5] = [
    grant("bookend.dev", POLICIES, FOLLOW),
    // Who is who: identities and addresses, the addresses of nodes, and the labels of namespaces.
    grant("", &["namespaces", "pods", "services", "nodes"], FOLLOW),
    grant("discovery.k8s.io", &["endpointslices"], FOLLOW),
    // Whose tokens proxies verify, which policies depend on. Where there is no mesh it is followed too, and an API server says that it has no such
    // kind only to those who might read it.
    grant("security.istio.io", &["requestauthentications"], FOLLOW),
    // Whether a node is still there, and which one an `Enforcer` goes with.
    grant("", &["nodes"], &["get"]),
];

/// What an enforcer may do, in all namespaces.
pub fn enforcer_grants() -> Vec<Grant> {
    let mut grants = WORLD.to_vec();
    // It says how it is in an object of its node's name.
    grants.push(grant("bookend.dev", &["enforcers"], APPLY));
    grants.push(grant("bookend.dev", &["enforcers/status"], &["patch"]));
    grants
}

/// What the controller may do, in all namespaces.
pub fn controller_grants(istio: Istio) -> Vec<Grant> {
    let mut grants = WORLD.to_vec();
    // It sums up what enforcers say of themselves, in the status of policies.
    grants.push(grant("bookend.dev", &["enforcers"], FOLLOW));
    grants.push(grant("bookend.dev", STATUSES, &["patch"]));
    // The object of a node that is gone.
    grants.push(grant("bookend.dev", &["enforcers"], &["delete"]));
    let filters: &[Grant] = match istio {
        Istio::Auto => &[
            grant("extensions.istio.io", &["wasmplugins", "trafficextensions"], KEEP),
            grant("networking.istio.io", &["envoyfilters"], KEEP),
        ],
        Istio::WasmPlugin => &[
            grant("extensions.istio.io", &["wasmplugins"], KEEP),
            grant("networking.istio.io", &["envoyfilters"], KEEP),
        ],
        Istio::TrafficExtension => &[
            grant("extensions.istio.io", &["trafficextensions"], KEEP),
            grant("networking.istio.io", &["envoyfilters"], KEEP),
        ],
        Istio::EnvoyFilter => &[grant("networking.istio.io", &["envoyfilters"], KEEP)],
        Istio::None => &[],
    };
    grants.extend(filters);
    grants
}

fn rules(grants: &[Grant]) -> Vec<Value> {
    grants
        .iter()
        .map(
            |grant| json!({ "apiGroups": [grant.group], "resources": grant.resources, "verbs": grant.verbs }),
        )
        .collect()
}

/// ServiceAccounts, roles and bindings.
pub(super) fn objects(installation: &Installation) -> Vec<Value> {
    let mut objects = Vec::new();
    let istio = installation.istio;
    let accounts = [
        (ENFORCER, Part::Enforcer, enforcer_grants()),
        (CONTROLLER, Part::Controller, controller_grants(istio)),
    ];
    for (name, part, grants) in accounts {
        let whole = installation.global_name(name);
        objects.push(json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": within(installation, name, part),
            // Its pods ask for a token themselves.
            "automountServiceAccountToken": false,
        }));
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": global(installation, &whole, part),
            "rules": rules(&grants),
        }));
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": global(installation, &whole, part),
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": whole },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": installation.namespace }],
        }));
    }
    objects.extend(own(installation));
    objects
}

/// What is written and read in the installation's namespace: which of the controller's pods leads, and which proxies have a filter.
fn own(installation: &Installation) -> Vec<Value> {
    let (leases, maps) = (["leases"], ["configmaps"]);
    let coordination = ["coordination.k8s.io"];
    // Nobody can be kept from creating an object of another name, so that is granted in this namespace only.
    let controller = [
        json!({ "apiGroups": coordination, "resources": leases, "verbs": ["create"] }),
        json!({
            "apiGroups": coordination,
            "resources": leases,
            "resourceNames": [CONTROLLER],
            "verbs": ["get", "update"],
        }),
        json!({ "apiGroups": [""], "resources": maps, "verbs": ["list", "create", "patch", "delete"] }),
    ];
    let enforcer = [json!({ "apiGroups": [""], "resources": maps, "verbs": ["list", "watch"] })];
    let mut objects = role(installation, ENFORCER, Part::Enforcer, &enforcer).to_vec();
    objects.extend(role(installation, CONTROLLER, Part::Controller, &controller));
    objects
}

fn role(installation: &Installation, name: &str, part: Part, rules: &[Value]) -> [Value; 2] {
    let metadata = within(installation, name, part);
    [
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": rules,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": installation.namespace }],
        }),
    ]
}
