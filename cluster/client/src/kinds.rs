//! The kinds that Bookend deals with.

use crate::Kind;

/// The API group of Bookend's own kinds.
pub const GROUP: &str = "bookend.dev";
/// The version of Bookend's own kinds.
pub const VERSION: &str = "v1alpha1";

macro_rules! kinds {
    ($($(#[$documentation:meta])* $name:ident = $scope:ident($group:expr, $version:expr, $kind:literal, $plural:literal);)*) => {
        $($(#[$documentation])* pub static $name: Kind = Kind::$scope($group, $version, $kind, $plural);)*

        /// All of them.
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    /// A policy of a namespace.
    POLICY = namespaced(GROUP, VERSION, "Policy", "policies");
    /// A policy for all namespaces.
    CLUSTER_POLICY = global(GROUP, VERSION, "ClusterPolicy", "clusterpolicies");
    /// What lies outside, by a name.
    NETWORK = global(GROUP, VERSION, "Network", "networks");
    /// A machine that is no pod.
    HOST = namespaced(GROUP, VERSION, "Host", "hosts");
    /// An order of policies.
    TIER = global(GROUP, VERSION, "Tier", "tiers");
    /// What filters tell.
    REPORTING = global(GROUP, VERSION, "Reporting", "reportings");
    /// What Kubernetes does not say.
    INVENTORY = namespaced(GROUP, VERSION, "Inventory", "inventories");
    /// What the enforcer of a node says of itself.
    ENFORCER = global(GROUP, VERSION, "Enforcer", "enforcers");

    /// A pod.
    POD = namespaced("", "v1", "Pod", "pods");
    /// A namespace.
    NAMESPACE = global("", "v1", "Namespace", "namespaces");
    /// A node.
    NODE = global("", "v1", "Node", "nodes");
    /// A service.
    SERVICE = namespaced("", "v1", "Service", "services");
    /// The account of a workload.
    SERVICE_ACCOUNT = namespaced("", "v1", "ServiceAccount", "serviceaccounts");
    /// A map of texts.
    CONFIG_MAP = namespaced("", "v1", "ConfigMap", "configmaps");
    /// What should not be read by everybody.
    SECRET = namespaced("", "v1", "Secret", "secrets");
    /// Something that happened.
    EVENT = namespaced("", "v1", "Event", "events");
    /// The endpoints of services.
    ENDPOINT_SLICE = namespaced("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices");
    /// A pod for each node.
    DAEMON_SET = namespaced("apps", "v1", "DaemonSet", "daemonsets");
    /// A number of pods.
    DEPLOYMENT = namespaced("apps", "v1", "Deployment", "deployments");
    /// A number of pods with names.
    STATEFUL_SET = namespaced("apps", "v1", "StatefulSet", "statefulsets");
    /// A number of pods of one version of a Deployment.
    REPLICA_SET = namespaced("apps", "v1", "ReplicaSet", "replicasets");
    /// A version of a DaemonSet.
    CONTROLLER_REVISION = namespaced("apps", "v1", "ControllerRevision", "controllerrevisions");
    /// How many pods may be missing.
    POD_DISRUPTION_BUDGET = namespaced("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets");
    /// Who leads.
    LEASE = namespaced("coordination.k8s.io", "v1", "Lease", "leases");
    /// A definition of a kind.
    CUSTOM_RESOURCE_DEFINITION =
        global("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
    /// Verbs on kinds, in all namespaces.
    CLUSTER_ROLE = global("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles");
    /// Who has a ClusterRole.
    CLUSTER_ROLE_BINDING = global("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings");
    /// Verbs on kinds, in one namespace.
    ROLE = namespaced("rbac.authorization.k8s.io", "v1", "Role", "roles");
    /// Who has a Role.
    ROLE_BINDING = namespaced("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings");
    /// What the API server asks of objects before it keeps them.
    VALIDATING_ADMISSION_POLICY = global(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies"
    );
    /// That it does ask, and what follows.
    VALIDATING_ADMISSION_POLICY_BINDING = global(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings"
    );
    /// A question about what whoever asks may do.
    SELF_SUBJECT_ACCESS_REVIEW =
        global("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews");
    /// A way to a port of a pod.
    POD_PORT_FORWARD = namespaced("", "v1", "PodPortForwardOptions", "pods/portforward");
    /// What a container of a pod wrote.
    POD_LOG = namespaced("", "v1", "PodLogOptions", "pods/log");
    /// A policy of Kubernetes.
    NETWORK_POLICY = namespaced("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies");

    /// A module in Istio's proxies.
    WASM_PLUGIN = namespaced("extensions.istio.io", "v1alpha1", "WasmPlugin", "wasmplugins");
    /// A module in Istio's proxies, from Istio 1.30 on.
    TRAFFIC_EXTENSION = namespaced("extensions.istio.io", "v1alpha1", "TrafficExtension", "trafficextensions");
    /// A patch of what Istio tells its proxies.
    ENVOY_FILTER = namespaced("networking.istio.io", "v1alpha3", "EnvoyFilter", "envoyfilters");
    /// A policy of Istio.
    AUTHORIZATION_POLICY = namespaced("security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies");
    /// What peers have to prove.
    PEER_AUTHENTICATION = namespaced("security.istio.io", "v1", "PeerAuthentication", "peerauthentications");
    /// Which tokens are verified.
    REQUEST_AUTHENTICATION =
        namespaced("security.istio.io", "v1", "RequestAuthentication", "requestauthentications");
}

/// Bookend's own documents: policies, and what they refer to. Each has a status.
pub const DOCUMENTS: [&Kind; 7] = [&POLICY, &CLUSTER_POLICY, &NETWORK, &HOST, &TIER, &REPORTING, &INVENTORY];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_lie_where_their_definitions_say() {
        for kind in DOCUMENTS.into_iter().chain([&ENFORCER]) {
            let path = format!("{}/../crds/{}.yaml", env!("CARGO_MANIFEST_DIR"), kind.plural);
            let definition = std::fs::read_to_string(&path).unwrap();
            let scope = if kind.namespaced { "scope: Namespaced" } else { "scope: Cluster" };
            assert!(definition.contains(scope), "`{}` is not `{scope}` in `{path}`", kind.kind);
        }
    }
}
