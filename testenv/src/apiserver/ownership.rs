//! `metadata.managedFields`: who set which field, what applying as one does to what others own, and when that is a conflict.
//!
//! Source: `k8s.io/apimachinery/pkg/util/managedfields` and sigs.k8s.io/structured-merge-diff (`merge.Updater`). Not done: conversion of
//! field sets between versions of a CRD, and capping the number of update entries.

use serde_json::{Value, json};

use super::clock;
use super::fields::{FieldSet, Shape, merge};
use super::refusal::{Cause, Outcome, Refusal, set};

/// Who writes, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub(crate) manager: &'a str,
    pub(crate) api_version: &'a str,
    pub(crate) subresource: &'a str,
    /// Whether the kind's status is written apart from the rest.
    pub(crate) apart: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Owner {
    manager: String,
    operation: &'static str,
    api_version: String,
    subresource: String,
    time: String,
    fields: FieldSet,
}

const APPLY: &str = "Apply";
const UPDATE: &str = "Update";

/// What the server writes itself and nobody owns.
const NOBODYS: &[&[&str]] = &[
    &["apiVersion"],
    &["kind"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "deletionTimestamp"],
    &["metadata", "deletionGracePeriodSeconds"],
    &["metadata", "generateName"],
    &["metadata", "uid"],
    &["metadata", "resourceVersion"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "selfLink"],
];

impl Owner {
    fn read(entry: &Value) -> Self {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            manager: text("manager"),
            operation: if text("operation") == APPLY { APPLY } else { UPDATE },
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields: FieldSet::read(entry.get("fieldsV1").unwrap_or(&Value::Null)),
        }
    }

    fn written(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager, "operation": self.operation, "apiVersion": self.api_version,
            "time": self.time, "fieldsType": "FieldsV1", "fieldsV1": self.fields.written(),
        });
        if !self.subresource.is_empty() {
            set(&mut entry, "subresource", json!(self.subresource));
        }
        entry
    }

    fn is(&self, writer: Writer<'_>, operation: &str) -> bool {
        self.manager == writer.manager
            && self.operation == operation
            && self.subresource == writer.subresource
    }

    fn shown(&self) -> String {
        let mut text = format!("\"{}\"", self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource \"{}\"", self.subresource));
        }
        text.push_str(&format!(" using {}", self.api_version));
        if self.operation == UPDATE && !self.time.is_empty() {
            text.push_str(&format!(" at {}", self.time));
        }
        text
    }
}

fn owners(object: &Value) -> Vec<Owner> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().map(Owner::read).collect()
}

fn write_owners(object: &mut Value, owners: &[Owner]) {
    let written: Vec<_> =
        owners.iter().filter(|owner| !owner.fields.is_empty()).map(Owner::written).collect();
    if let Some(metadata) = object.get_mut("metadata") {
        set(metadata, "managedFields", Value::Array(written));
    }
}

/// What is not to be owned: what the server writes, and what this subresource does not write.
fn strip(fields: &mut FieldSet, writer: Writer<'_>) {
    for path in NOBODYS {
        fields.cut(path);
    }
    if writer.subresource == "status" {
        fields.keep("status");
    } else if writer.apart {
        fields.cut(&["status"]);
    }
}

/// `live` after `applied` is applied to it: merged, without what the writer applied before and does so no more.
///
/// # Errors
/// The conflicts, unless `force`.
pub(crate) fn apply(
    live: &Value,
    applied: &Value,
    shape: Shape<'_>,
    writer: Writer<'_>,
    force: bool,
) -> Outcome<Value> {
    let mut owners = owners(live);
    let mut wanted = FieldSet::of(applied, shape);
    strip(&mut wanted, writer);
    let mut merged = merge::lay_over(live, applied, shape);
    let before = owners.iter().find(|owner| owner.is(writer, APPLY)).map(|owner| owner.fields.clone());
    let difference = merge::compare(live, &merged, shape);
    let mut conflicts = Vec::new();
    for owner in owners.iter_mut().filter(|owner| !owner.is(writer, APPLY)) {
        let conflict = owner.fields.shared(&difference.set);
        if !conflict.is_empty() {
            owner.fields = owner.fields.without(&conflict);
            conflicts.push((owner.clone(), conflict));
        }
    }
    if !conflicts.is_empty() && !force {
        return Err(refuse(&conflicts));
    }
    // What was applied before and is not any more goes, unless somebody else wants it.
    if let Some(dropped) = before.map(|before| before.without(&wanted)).filter(|dropped| !dropped.is_empty())
    {
        let mut kept = wanted.clone();
        for owner in owners.iter().filter(|owner| !owner.is(writer, APPLY)) {
            kept.add(&owner.fields);
        }
        let dropped = dropped.without(&kept);
        merged = merge::take_out(&merged, &dropped, Some(&kept), shape).unwrap_or(merged);
    }
    own(&mut owners, writer, APPLY, wanted);
    forget_missing(&mut owners, &merged, shape);
    write_owners(&mut merged, &owners);
    Ok(merged)
}

/// `new` with the fields that differ from `live` given to the writer, as an update does.
pub(crate) fn update(live: Option<&Value>, mut new: Value, shape: Shape<'_>, writer: Writer<'_>) -> Value {
    let nothing = json!({});
    let mut owners = live.map(owners).unwrap_or_default();
    let mut difference = merge::compare(live.unwrap_or(&nothing), &new, shape);
    strip(&mut difference.set, writer);
    for owner in owners.iter_mut().filter(|owner| !owner.is(writer, UPDATE)) {
        owner.fields = owner.fields.without(&difference.set);
    }
    let own_before = owners.iter().find(|owner| owner.is(writer, UPDATE)).map(|owner| owner.fields.clone());
    let mut fields = own_before.unwrap_or_default();
    let changed = !difference.set.is_empty();
    fields.add(&difference.set);
    if changed {
        own(&mut owners, writer, UPDATE, fields);
    }
    forget_missing(&mut owners, &new, shape);
    write_owners(&mut new, &owners);
    new
}

/// Nobody owns what is not there.
fn forget_missing(owners: &mut Vec<Owner>, object: &Value, shape: Shape<'_>) {
    for owner in owners.iter_mut() {
        owner.fields = merge::present(&owner.fields, object, shape);
    }
    owners.retain(|owner| !owner.fields.is_empty());
}

fn own(owners: &mut Vec<Owner>, writer: Writer<'_>, operation: &'static str, fields: FieldSet) {
    let api_version = writer.api_version.to_owned();
    match owners.iter_mut().find(|owner| owner.is(writer, operation)) {
        Some(owner) if owner.fields == fields && owner.api_version == api_version => {}
        Some(owner) => {
            (owner.fields, owner.time, owner.api_version) = (fields, clock::now(), api_version);
        }
        None => owners.push(Owner {
            manager: writer.manager.to_owned(),
            operation,
            api_version,
            subresource: writer.subresource.to_owned(),
            time: clock::now(),
            fields,
        }),
    }
}

fn refuse(conflicts: &[(Owner, FieldSet)]) -> Refusal {
    let mut causes = Vec::new();
    let mut blocks = Vec::new();
    for (owner, fields) in conflicts {
        let message = format!("conflict with {}", owner.shown());
        let paths = fields.paths();
        blocks.push(format!("conflicts with {}:\n- {}", owner.shown(), paths.join("\n- ")));
        causes.extend(paths.into_iter().map(|field| Cause {
            reason: "FieldManagerConflict",
            message: message.clone(),
            field,
        }));
    }
    let message = match causes.as_slice() {
        [one] => format!("Apply failed with 1 conflict: {}: {}", one.message, one.field),
        several => format!("Apply failed with {} conflicts: {}", several.len(), blocks.join("\n")),
    };
    Refusal::owned(message, &causes)
}
