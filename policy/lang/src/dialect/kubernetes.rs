//! Kubernetes: NetworkPolicy, ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy.

mod cluster;
mod network_policy;
mod peer;
mod port;
mod rule;
mod selector;
mod values;

use crate::{
    Code,
    decode::{fields::Fields, header::Header},
    diagnostic::Report,
    document::Document,
};
use cluster::Form;
pub(crate) use cluster::warn_of_ties;
pub(super) use network_policy::network_policy_with;

/// The API of NetworkPolicy.
const NETWORKING: &str = "networking.k8s.io";
/// The API of the policies of administrators.
const POLICY: &str = "policy.networking.k8s.io";

/// The kinds, the version in which each is read, and the groups whose other versions of it are named as such.
const KINDS: [(&str, &str, &[&str]); 4] = [
    // It began in `extensions`, and who leaves the group out means this one.
    ("NetworkPolicy", "networking.k8s.io/v1", &[NETWORKING, "extensions", ""]),
    ("ClusterNetworkPolicy", "policy.networking.k8s.io/v1alpha2", &[POLICY, NETWORKING, ""]),
    ("AdminNetworkPolicy", "policy.networking.k8s.io/v1alpha1", &[POLICY, NETWORKING, ""]),
    ("BaselineAdminNetworkPolicy", "policy.networking.k8s.io/v1alpha1", &[POLICY, NETWORKING, ""]),
];

/// Reads a document.
///
/// # Errors
/// The fields, where it is of another system.
pub(super) fn document<'n>(
    header: &Header,
    fields: Fields<'n>,
    report: &mut Report,
    documents: &mut Vec<Document>,
) -> Result<(), Fields<'n>> {
    let Header { api_version, kind } = header;
    let known =
        KINDS.iter().find(|(name, _, groups)| *name == kind.value && groups.contains(&header.group()));
    let Some((name, version, _)) = known else { return Err(fields) };
    if api_version.value != *version {
        let message = format!("`{name}` is not read in `{}`", api_version.value);
        let cure = format!("write `apiVersion: {version}`");
        report.add(Code::WrongApiVersion, api_version.span, message, cure);
        return Ok(());
    }
    let policy = match *name {
        "NetworkPolicy" => network_policy::network_policy(fields, report),
        "ClusterNetworkPolicy" => cluster::policy(Form::Cluster, fields, report),
        "AdminNetworkPolicy" => cluster::policy(Form::Admin, fields, report),
        _ => cluster::policy(Form::Baseline, fields, report),
    };
    documents.extend(policy.map(Document::Policy));
    Ok(())
}
