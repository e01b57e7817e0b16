//! Kinds of other systems that no dialect reads.

use super::header::Header;
use crate::{Code, diagnostic::Report, lower::similar};

/// The policies of Kubernetes.
const KUBERNETES: &[&str] =
    &["NetworkPolicy", "ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy"];
/// What `networking.k8s.io` has besides policies.
const NETWORKING: &[&str] = &["Ingress", "IngressClass", "IPAddress", "ServiceCIDR"];
/// What Istio has in `security.istio.io`.
const ISTIO: &[&str] = &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];
/// What Cilium has that says how it works, or what it did, and nothing about what is allowed.
const CILIUM: &[&str] = &[
    "CiliumBGPAdvertisement",
    "CiliumBGPClusterConfig",
    "CiliumBGPNodeConfig",
    "CiliumBGPNodeConfigOverride",
    "CiliumBGPPeerConfig",
    "CiliumCIDRGroup",
    "CiliumEndpoint",
    "CiliumEndpointSlice",
    "CiliumIdentity",
    "CiliumLoadBalancerIPPool",
    "CiliumNode",
    "CiliumNodeConfig",
    "CiliumPodIPPool",
];

/// The kinds that are known of a group in which policies are, and those of them that are none. Whatever else is in it may
/// decide about traffic, so that to pass over it would change what is allowed.
fn known(group: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    match group {
        "networking.k8s.io" => Some((KUBERNETES, NETWORKING)),
        "policy.networking.k8s.io" => Some((KUBERNETES, &[])),
        "security.istio.io" => Some((ISTIO, &[])),
        "cilium.io" => Some((&[], CILIUM)),
        _ if group.ends_with("projectcalico.org") => Some((&[], &[])),
        _ => None,
    }
}

/// Whether a kind of another system decides about traffic, or may, so that ignoring it would change what is allowed.
pub(super) fn is_policy(group: &str, kind: &str) -> bool {
    let single = kind.strip_suffix("List").unwrap_or(kind);
    kind.ends_with("NetworkPolicy")
        || kind.ends_with("AuthorizationPolicy")
        || matches!(kind, "PeerAuthentication" | "RequestAuthentication")
        || known(group).is_some_and(|(_, besides)| !besides.contains(&single))
}

/// Refuses a document of such a kind.
pub(super) fn refuse(Header { api_version, kind }: &Header, group: &str, report: &mut Report) {
    let (name, version) = (&kind.value, &api_version.value);
    let (policies, besides) = known(group).unwrap_or_default();
    if let Some(cure) = misspelt(name, policies.iter().chain(besides).copied()) {
        report.add(Code::UnknownKind, kind.span, format!("there is no kind `{name}` in `{version}`"), cure);
        return;
    }
    let message = format!("policies of kind `{name}` in `{version}` are not understood");
    let cure = "express it as a Bookend `Policy`, or leave the document out";
    report.add(Code::UnknownKind, kind.span, message, cure);
}

/// The cure for a kind that is probably another one: misspelt, or more than one of them.
pub(crate) fn misspelt(kind: &str, known: impl Iterator<Item = &'static str>) -> Option<String> {
    let single = match kind.strip_suffix("ies") {
        Some(start) => format!("{start}y"),
        None => kind.to_owned(),
    };
    similar(&single, known.filter(|known| *known != kind))
}
