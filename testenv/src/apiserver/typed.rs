//! Kubernetes' own kinds as the typed API has them: which fields they know, and of which types those are.

use k8s_openapi::api::{
    admissionregistration as admission, apps, authorization, batch, coordination, core, discovery,
    networking, policy, rbac, scheduling,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What of `object` its type does not know, by paths. Kinds without a type here know everything.
///
/// # Errors
/// A sentence, if a field is of another type than it must be.
pub(crate) fn unknown(kind: &str, object: &Value) -> Result<Vec<String>, String> {
    let read = match kind {
        "namespaces" => back::<core::v1::Namespace>,
        "nodes" => back::<core::v1::Node>,
        "pods" => back::<core::v1::Pod>,
        "services" => back::<core::v1::Service>,
        "serviceaccounts" => back::<core::v1::ServiceAccount>,
        "configmaps" => back::<core::v1::ConfigMap>,
        "secrets" => back::<core::v1::Secret>,
        "endpoints" => back::<core::v1::Endpoints>,
        "events" => back::<core::v1::Event>,
        "daemonsets.apps" => back::<apps::v1::DaemonSet>,
        "deployments.apps" => back::<apps::v1::Deployment>,
        "replicasets.apps" => back::<apps::v1::ReplicaSet>,
        "statefulsets.apps" => back::<apps::v1::StatefulSet>,
        "controllerrevisions.apps" => back::<apps::v1::ControllerRevision>,
        "jobs.batch" => back::<batch::v1::Job>,
        "cronjobs.batch" => back::<batch::v1::CronJob>,
        "leases.coordination.k8s.io" => back::<coordination::v1::Lease>,
        "endpointslices.discovery.k8s.io" => back::<discovery::v1::EndpointSlice>,
        "networkpolicies.networking.k8s.io" => back::<networking::v1::NetworkPolicy>,
        "poddisruptionbudgets.policy" => back::<policy::v1::PodDisruptionBudget>,
        "priorityclasses.scheduling.k8s.io" => back::<scheduling::v1::PriorityClass>,
        "roles.rbac.authorization.k8s.io" => back::<rbac::v1::Role>,
        "rolebindings.rbac.authorization.k8s.io" => back::<rbac::v1::RoleBinding>,
        "clusterroles.rbac.authorization.k8s.io" => back::<rbac::v1::ClusterRole>,
        "clusterrolebindings.rbac.authorization.k8s.io" => back::<rbac::v1::ClusterRoleBinding>,
        "customresourcedefinitions.apiextensions.k8s.io" => {
            back::<apiextensions::v1::CustomResourceDefinition>
        }
        "validatingadmissionpolicies.admissionregistration.k8s.io" => {
            back::<admission::v1::ValidatingAdmissionPolicy>
        }
        "validatingadmissionpolicybindings.admissionregistration.k8s.io" => {
            back::<admission::v1::ValidatingAdmissionPolicyBinding>
        }
        "selfsubjectaccessreviews.authorization.k8s.io" => back::<authorization::v1::SelfSubjectAccessReview>,
        _ => return Ok(Vec::new()),
    };
    let known = read(object)?;
    let mut unknown = Vec::new();
    compare(object, &known, "", &mut unknown);
    Ok(unknown)
}

/// Reads a value into its type and writes it again: what it did not know is gone then.
fn back<T: Serialize + DeserializeOwned>(object: &Value) -> Result<Value, String> {
    let typed: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(typed).map_err(|error| error.to_string())
}

fn compare(given: &Value, known: &Value, path: &str, unknown: &mut Vec<String>) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            for (name, value) in given {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match known.get(name) {
                    Some(known) => compare(value, known, &path, unknown),
                    // What is written as null or empty may be left out when it is written again.
                    None if is_nothing(value) => {}
                    None => unknown.push(path),
                }
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (index, (given, known)) in given.iter().zip(known).enumerate() {
                compare(given, known, &format!("{path}[{index}]"), unknown);
            }
        }
        _ => {}
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
