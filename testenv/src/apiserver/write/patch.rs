//! PATCH: merge patches (RFC 7396) and server-side apply. JSON patches and strategic merge patches are refused.

use serde_json::{Value, json};

use super::{Done, Order, change, check, keep, shape};
use crate::apiserver::ownership;
use crate::apiserver::refusal::{Cause, Outcome, Refusal, set};
use crate::apiserver::store::Store;

/// A patch of the media type `media`.
pub(crate) fn patch(store: &mut Store, order: Order<'_>, media: &str, body: &Value) -> Outcome<Done> {
    match media {
        "application/merge-patch+json" => merge(store, order, body),
        "application/apply-patch+yaml" | "application/apply-patch+cbor" => apply(store, order, body.clone()),
        _ => Err(Refusal::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: application/merge-patch+json, application/apply-patch+yaml; it was `{media}`"
            ),
        )),
    }
}

fn merge(store: &mut Store, order: Order<'_>, body: &Value) -> Outcome<Done> {
    let live = order.live(store)?;
    let mut merged = Value::clone(&live);
    lay(&mut merged, body);
    // Only a revision that the patch itself names is a condition.
    check::address(order, &mut merged)?;
    let warnings = check::known(order, &mut merged)?;
    change(store, order, &live, merged, warnings)
}

fn lay(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (name, value) in changes {
        if value.is_null() {
            fields.remove(name);
        } else {
            lay(fields.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

fn apply(store: &mut Store, order: Order<'_>, mut body: Value) -> Outcome<Done> {
    if order.manager.is_empty() {
        let cause = Cause {
            reason: "FieldValueRequired",
            message: "Required value: is required for apply patch".to_owned(),
            field: "fieldManager".to_owned(),
        };
        let mut refusal = Refusal::invalid(order.kind, "", &[cause]);
        let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
        set(&mut refusal.body, "message", json!(message));
        return Err(refusal);
    }
    check::address(order, &mut body)?;
    if body.pointer("/metadata/managedFields").is_some_and(|entries| !entries.is_null()) {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    let (id, api_version) = (order.kind.id(), order.kind.api_version(&order.version.name));
    // Applying never drops what it does not know, whatever `fieldValidation` says.
    let unknown = check::strangers(order, &mut body)?;
    if let Some(first) = unknown.first() {
        let object = match order.namespace {
            "" => order.name.to_owned(),
            namespace => format!("{namespace}/{}", order.name),
        };
        return Err(Refusal::new(
            500,
            "",
            format!(
                "failed to create typed patch object ({object}; {api_version}, Kind={}): .{first}: field not declared in schema",
                order.kind.kind
            ),
        ));
    }
    drop_nulls(&mut body);
    let live = store.get(&id, order.namespace, order.name);
    let apart = order.version.status;
    if let Some(fields) = body.as_object_mut() {
        match order.subresource {
            "status" => {
                fields.retain(|key, _| matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "status"))
            }
            _ if apart => drop(fields.remove("status")),
            _ => {}
        }
    }
    if order.subresource == "status" {
        let name = json!({ "name": order.name });
        set(&mut body, "metadata", name);
    }
    let (shape, writer) = (shape(&id, order.version), order.writer(&api_version));
    let Some(live) = live else {
        if order.subresource == "status" {
            return Err(Refusal::not_found(order.kind, order.name));
        }
        check::room(store, order)?;
        if body.pointer("/metadata/resourceVersion").is_some() || body.pointer("/metadata/uid").is_some() {
            return Err(Refusal::conflict(order.kind, order.name, "the object does not exist any more"));
        }
        let start =
            json!({ "apiVersion": api_version, "kind": order.kind.kind, "metadata": { "name": order.name } });
        let mut new = ownership::apply(&start, &body, shape, writer, order.force)?;
        if let Some(structure) = &order.version.structure {
            structure.fill(&mut new);
        }
        return super::born(store, order, new, Vec::new());
    };
    let given = |key: &str| body.pointer(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if given("/metadata/resourceVersion")
        .is_some_and(|given| live.pointer("/metadata/resourceVersion").and_then(Value::as_str) != Some(given))
    {
        return Err(Refusal::stale(order.kind, order.name));
    }
    if given("/metadata/uid")
        .is_some_and(|given| live.pointer("/metadata/uid").and_then(Value::as_str) != Some(given))
    {
        return Err(Refusal::conflict(
            order.kind,
            order.name,
            "Precondition failed: UID in precondition differs",
        ));
    }
    let mut start = Value::clone(&live);
    set(&mut start, "apiVersion", json!(api_version));
    let mut new = ownership::apply(&start, &body, shape, writer, order.force)?;
    if let Some(structure) = &order.version.structure {
        structure.fill(&mut new);
    }
    keep(store, order, &live, new, Vec::new())
}

/// What is applied as null is not applied.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
