//! What no role can say: that every enforcer writes about its own node only.
//!
//! RBAC grants the ServiceAccount of all enforcers the same, so that whoever has taken over one node could write what others say of
//! themselves. The API server knows from which node's pod a token is (`authentication.kubernetes.io/node-name`, put there since
//! Kubernetes 1.30, KEP-4193), and a ValidatingAdmissionPolicy (served since 1.30) compares. Where tokens do not say it, RBAC alone
//! decides.

use serde_json::{Value, json};

use super::labels::global;
use super::{ENFORCER, Installation, Part};

/// Whether a token that says of which node it is writes about that node (CEL). Operations that delete are not asked about: no enforcer may.
pub const OWN_NODE: &str = "!has(request.userInfo.extra) \
    || !('authentication.kubernetes.io/node-name' in request.userInfo.extra) \
    || request.userInfo.extra['authentication.kubernetes.io/node-name'] == [object.metadata.name]";

/// Whether it is an enforcer of this installation who writes (CEL).
pub fn by_enforcer(namespace: &str) -> String {
    format!("request.userInfo.username == 'system:serviceaccount:{namespace}:{ENFORCER}'")
}

/// The policy and its binding.
pub(super) fn objects(installation: &Installation) -> Vec<Value> {
    let name = installation.global_name(ENFORCER);
    let metadata = global(installation, &name, Part::Enforcer);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["bookend.dev"],
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["enforcers", "enforcers/status"],
            }] },
            "matchConditions": [{ "name": "enforcers", "expression": by_enforcer(&installation.namespace) }],
            "validations": [{
                "expression": OWN_NODE,
                "message": "an enforcer writes the Enforcer of its own node, and no other",
                "reason": "Forbidden",
            }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": { "policyName": name, "validationActions": ["Deny"] },
    });
    vec![policy, binding]
}
