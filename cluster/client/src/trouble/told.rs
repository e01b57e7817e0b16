//! The sentences of troubles that have more than one form.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Cause, Clash};
use crate::{Kind, kinds};

/// How many causes are told; the first ones cause the others more often than not.
const MAX_CAUSES: usize = 5;

pub(super) fn forbidden(
    user: &str,
    verb: &str,
    resource: &str,
    namespace: Option<&str>,
    name: &str,
) -> String {
    let who = if user.is_empty() { "you".to_owned() } else { format!("`{user}`") };
    let verb = if verb.is_empty() { "use" } else { verb };
    let place = namespace.map_or(String::new(), |namespace| format!(" in the namespace `{namespace}`"));
    let which = if name.is_empty() { String::new() } else { format!(" `{name}`") };
    let asked = match namespace {
        Some(namespace) => format!("kubectl auth can-i {verb} {resource} -n {namespace}"),
        None => format!("kubectl auth can-i {verb} {resource}"),
    };
    format!(
        "{who} may not {verb} `{resource}`{which}{place}; ask for a role that allows it, and see with `{asked}`"
    )
}

pub(super) fn no_such_kind(kind: &Kind) -> String {
    let cure = match &*kind.group {
        kinds::GROUP => "install Bookend's definitions with `bookend deploy --only crds`",
        "extensions.istio.io" if kind.kind == "TrafficExtension" => {
            "it came with Istio 1.30; with older ones use WasmPlugin"
        }
        group if group.ends_with("istio.io") => "install Istio, or leave the mesh out with `--istio none`",
        _ => "upgrade the cluster, or install what defines it",
    };
    format!("the cluster knows no {kind}; {cure}")
}

pub(super) fn not_found(resource: &str, namespace: Option<&str>, name: &str) -> String {
    let which = if name.is_empty() { String::new() } else { format!(" `{name}`") };
    if resource == "namespaces" {
        return format!("there is no namespace{which}; create it first: `kubectl create namespace {name}`");
    }
    let (place, flag) = namespace.map_or((String::new(), String::new()), |namespace| {
        (format!(" in the namespace `{namespace}`"), format!(" -n {namespace}"))
    });
    format!(
        "there is no{which} of `{resource}`{place}; see what there is with `kubectl get {resource}{flag}`"
    )
}

pub(super) fn conflict(object: &str, clashes: &[Clash]) -> String {
    let mut managers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for clash in clashes {
        managers.entry(&clash.manager).or_default().push(&clash.field);
    }
    let told: Vec<_> = managers
        .iter()
        .map(|(manager, fields)| {
            let fields: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
            format!("`{manager}` manages {}", fields.join(", "))
        })
        .collect();
    let told = if told.is_empty() { "somebody else manages parts of it".to_owned() } else { told.join("; ") };
    format!(
        "`{object}` is not only yours: {told}; agree with them on who manages it, or take it over with `--force`"
    )
}

pub(super) fn invalid(object: &str, causes: &[Cause]) -> String {
    let mut told: Vec<_> = causes
        .iter()
        .take(MAX_CAUSES)
        .map(|cause| match &*cause.field {
            "" | "<nil>" => cause.message.clone(),
            field => format!("`{field}`: {}", cause.message),
        })
        .collect();
    if causes.len() > MAX_CAUSES {
        told.push(format!("and {} more", causes.len() - MAX_CAUSES));
    }
    let old = causes.iter().any(|cause| cause.message.contains("unknown field"));
    let cure = if old {
        "correct it, or, if the cluster's definition of this kind is older than it, update that first"
    } else {
        "correct it"
    };
    format!("the API server does not accept `{object}`: {}; {cure}", told.join("; "))
}

pub(super) fn later(after: Option<&Duration>) -> String {
    after.map_or("later".to_owned(), |after| format!("in {} s", after.as_secs()))
}
