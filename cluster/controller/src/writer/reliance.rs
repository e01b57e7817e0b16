//! What nodes may rely on.

use bookend_cluster::view::Filtered;
use bookend_objects::mesh::Gateway;
use serde_json::Value;

use super::stock::Id;
use crate::share::Share;

/// Which proxies of a namespace its objects are for.
pub(super) fn reliable(share: &Share, root: bool) -> Filtered {
    let labels = share.gateways.iter().map(Gateway::label);
    let gateways = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Filtered { sidecars: !root, gateways }
}

/// What should be known of the proxies of a namespace that get no filter.
pub(super) fn bare(share: &Share, root: bool) -> Option<String> {
    if root && share.sidecars > 0 {
        return Some(format!(
            "it is the root namespace of the mesh, whose objects are for every namespace, so its {} workloads with sidecars have no filter; \
             move them to another namespace",
            share.sidecars
        ));
    }
    (share.nameless > 0).then(|| {
        format!(
            "{} of its gateways have no filter: their pods have neither a label `istio` nor that of a Gateway, or one that is no name, or there are too \
             many; give each gateway a label `istio` of its own, and a namespace 64 of them at most",
            share.nameless
        )
    })
}

/// What of this has all its objects, each of which `is` as it has to be.
pub(super) fn there(
    all: &Filtered,
    objects: &[(Option<Gateway>, Value)],
    is: impl Fn(&Id, &Value) -> bool,
) -> Filtered {
    let has = |label: Option<(&str, &str)>| {
        let mut needed = objects
            .iter()
            .filter(|(gateway, _)| gateway.as_ref().is_none_or(|gateway| Some(gateway.label()) == label));
        needed.all(|(_, object)| Id::of(object).is_some_and(|id| is(&id, object)))
    };
    let gateways = all.gateways.iter().filter(|(key, value)| has(Some((key, value))));
    Filtered { sidecars: all.sidecars && has(None), gateways: gateways.cloned().collect() }
}
