//! Calico: NetworkPolicy, GlobalNetworkPolicy and their staged forms, tiers, sets of networks, endpoints of hosts.

mod entity;
mod field;
mod host;
mod http;
mod policy;
mod port;
mod rule;
mod selector;
mod set;
mod tier;

use crate::{
    Code,
    decode::{fields::Fields, foreign, header::Header},
    diagnostic::Report,
    document::Document,
};
pub(crate) use policy::refuse_replacements;
pub(crate) use selector::{Expression, Test};

/// The versions in which Calico's objects come: from its API server, and as `kubectl` prints what it keeps.
const VERSIONS: [&str; 2] = ["projectcalico.org/v3", "crd.projectcalico.org/v1"];

/// Kinds that are read.
const KINDS: [&str; 9] = [
    "NetworkPolicy",
    "GlobalNetworkPolicy",
    "StagedNetworkPolicy",
    "StagedGlobalNetworkPolicy",
    "StagedKubernetesNetworkPolicy",
    "Tier",
    "NetworkSet",
    "GlobalNetworkSet",
    "HostEndpoint",
];

/// Kinds that say how Calico works, or what it did, and nothing about what is allowed.
const BESIDES: [&str; 17] = [
    "BGPConfiguration",
    "BGPFilter",
    "BGPPeer",
    "BlockAffinity",
    "CalicoNodeStatus",
    "ClusterInformation",
    "DatastoreMigration",
    "FelixConfiguration",
    "IPAMBlock",
    "IPAMConfig",
    "IPAMConfiguration",
    "IPAMHandle",
    "IPPool",
    "IPReservation",
    "KubeControllersConfiguration",
    "Node",
    "WorkloadEndpoint",
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
    let kind = header.kind.value.as_str();
    if !matches!(header.group(), "projectcalico.org" | "crd.projectcalico.org") || kind.ends_with("List") {
        return Err(fields);
    }
    let version = &header.api_version;
    if !VERSIONS.contains(&version.value.as_str()) {
        let message = format!("there is no `{kind}` in `{}`", version.value);
        let cure =
            "write `apiVersion: projectcalico.org/v3`, or `crd.projectcalico.org/v1` as `kubectl` prints it";
        report.add(Code::WrongApiVersion, version.span, message, cure);
        return Ok(());
    }
    match kind {
        "NetworkPolicy" => documents.extend(policy::namespaced(fields, report)),
        "GlobalNetworkPolicy" => documents.extend(policy::global(fields, report)),
        "StagedNetworkPolicy" => documents.extend(policy::staged(fields, report)),
        "StagedGlobalNetworkPolicy" => documents.extend(policy::staged_global(fields, report)),
        "StagedKubernetesNetworkPolicy" => documents.extend(policy::staged_kubernetes(fields, report)),
        "Tier" => documents.extend(tier::tier(fields, report).map(Document::CalicoTier)),
        "NetworkSet" => documents.extend(set::networks(fields, report).map(Document::CalicoSet)),
        "GlobalNetworkSet" => documents.extend(set::global(fields, report).map(Document::CalicoSet)),
        "HostEndpoint" => host::endpoint(fields, report, documents),
        _ if BESIDES.contains(&kind) => {
            let message = format!("a `{kind}` of Calico is not read");
            let cure = "leave it out to silence this; it says nothing about who may connect to whom";
            report.add(Code::Unread, header.kind.span, message, cure);
        }
        _ => {
            let message = format!("documents of kind `{kind}` in `{}` are not understood", version.value);
            let cure = foreign::misspelt(kind, KINDS.into_iter().chain(BESIDES))
                .unwrap_or_else(|| "leave the document out, if it decides nothing about traffic".to_owned());
            report.add(Code::UnknownKind, header.kind.span, message, cure);
        }
    }
    Ok(())
}
