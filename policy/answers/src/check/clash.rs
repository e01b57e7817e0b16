//! What policies of a network plugin and of a mesh say of each other's connections, as diagnostics.

use bookend_analysis::{Clash, Name, Side, clashes};
use bookend_engine::Action;
use bookend_lang::{Code, Compiled, Diagnostic};

/// How many names a message lists.
const MAX_NAMES: usize = 4;

/// Everything that is found.
pub(super) fn advice(side: Side<'_>, compiled: &Compiled) -> Vec<Diagnostic> {
    clashes(side).iter().filter_map(|clash| diagnostic(clash, compiled)).collect()
}

fn diagnostic(clash: &Clash<'_>, compiled: &Compiled) -> Option<Diagnostic> {
    let place = |id: &str| compiled.places.get(id).copied();
    let (code, id, message, cure, related) = match clash {
        Clash::Dropped { rule, source, destination, port, by } => (
            Code::DroppedRequests,
            rule,
            format!(
                "what `{rule}` allows never arrives: the network drops TCP {port} from `{source}` to `{destination}`, by `{by}`"
            ),
            "allow it in a policy of the network too, or take it out of this rule".to_owned(),
            place(by).map(|span| (span, "this denies the packets".to_owned())),
        ),
        Clash::Unnarrowed { rule, workloads } => (
            Code::Unnarrowed,
            rule,
            format!(
                "whoever is admitted here may send any request to {}: no AuthorizationPolicy speaks of it",
                list(workloads.iter())
            ),
            "select it by an AuthorizationPolicy; check the labels in `selector`".to_owned(),
            None,
        ),
        Clash::PodBlock { rule, block, workload } => (
            Code::PodBlock,
            rule,
            format!("`{block}` has pods in it, such as `{workload}`, and network plugins differ about these"),
            "select pods by their labels, and leave their addresses out by `except`".to_owned(),
            None,
        ),
        Clash::ServicePort { rule, service, port, target } => (
            Code::ServicePortNumber,
            rule,
            format!(
                "{port} is the port of the Service `{}/{}`, and the pods behind it listen on {target}",
                service.namespace, service.name
            ),
            format!("write {target}"),
            None,
        ),
        Clash::NoRequests { rule, action, service, name } => {
            let effect = match action {
                Action::Deny => "this denies more there than the requests it means",
                Action::Allow | Action::Pass => "this allows nothing there",
            };
            (
                Code::NoRequests,
                rule,
                format!(
                    "Istio takes what comes by the port `{name}` of the Service `{}/{}` for no requests, so {effect}",
                    service.namespace, service.name
                ),
                "rename the port to `http-…` if it carries requests, or write `ports` without it".to_owned(),
                None,
            )
        }
        Clash::NoSidecar { id, workload } => (
            Code::NoSidecar,
            id,
            format!("`{workload}` has no proxy, so a mesh does not enforce this there"),
            "give it a proxy, or write a NetworkPolicy".to_owned(),
            None,
        ),
    };
    Some(Diagnostic { code, span: place(id)?, message, cure, related, tolerated: false })
}

fn list<'n>(names: impl ExactSizeIterator<Item = &'n Name<'n>>) -> String {
    let more = names.len().saturating_sub(MAX_NAMES);
    let shown: Vec<String> = names.take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
