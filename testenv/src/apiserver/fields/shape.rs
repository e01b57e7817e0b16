//! How the parts of an object are merged: which lists have keys, which are sets, what is replaced as a whole.
//!
//! Source: `x-kubernetes-list-type`, `x-kubernetes-list-map-keys` and `x-kubernetes-map-type`; of CRDs as they state them, of
//! Kubernetes' own kinds as its OpenAPI document of 1.34 does.

use serde_json::{Map, Value};

use super::Element;

/// What is known of the value at a place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// A part of a kind of Kubernetes: its kind's id, and the name of the field.
    Known { kind: &'a str, name: &'a str },
    /// A structural schema of a CRD; `root` for the whole object, whose metadata no CRD describes.
    Schema { schema: &'a Value, root: bool },
    /// Nothing: below `x-kubernetes-preserve-unknown-fields`.
    Free,
}

/// How two values at one place become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Relation {
    /// One replaces the other.
    Atomic,
    /// Field by field.
    Granular,
    /// A list without doubles.
    Set,
    /// A list whose elements are told apart by these fields.
    Keyed(Vec<String>),
}

impl Relation {
    /// What an element of such a list is called.
    pub(crate) fn element(&self, item: &Value) -> Element {
        let Self::Keyed(keys) = self else { return Element::Value(item.to_string()) };
        let mut keys = keys.clone();
        keys.sort();
        let pairs: Vec<_> = keys
            .iter()
            .filter_map(|key| {
                let value = item.get(key).cloned();
                // The only default that Kubernetes has for a key.
                let value = value.or_else(|| (key == "protocol").then(|| Value::from("TCP")))?;
                Some(format!("{}:{value}", Value::from(key.as_str())))
            })
            .collect();
        Element::Key(format!("{{{}}}", pairs.join(",")))
    }
}

impl<'a> Shape<'a> {
    /// How this value is merged.
    pub(crate) fn relation(self, value: &Value) -> Relation {
        match (self, value) {
            (Self::Known { name, .. }, Value::Object(_)) if ATOMIC_OBJECTS.contains(&name) => {
                Relation::Atomic
            }
            (Self::Schema { schema, .. }, Value::Object(_))
                if is(schema, "x-kubernetes-map-type", "atomic") =>
            {
                Relation::Atomic
            }
            (_, Value::Object(_)) => Relation::Granular,
            (Self::Known { kind, name }, Value::Array(_)) => known_list(kind, name),
            (Self::Schema { schema, .. }, Value::Array(_)) => {
                if is(schema, "x-kubernetes-list-type", "set") {
                    return Relation::Set;
                }
                if !is(schema, "x-kubernetes-list-type", "map") {
                    return Relation::Atomic;
                }
                let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
                let keys = keys.into_iter().flatten().filter_map(Value::as_str);
                Relation::Keyed(keys.map(str::to_owned).collect())
            }
            _ => Relation::Atomic,
        }
    }

    /// The shape of a field.
    pub(crate) fn field<'b>(self, name: &'b str) -> Shape<'b>
    where
        'a: 'b,
    {
        match self {
            Self::Known { kind, .. } => Shape::Known { kind, name },
            Self::Schema { root: true, .. } if name == "metadata" => Shape::Known { kind: "", name },
            Self::Schema { schema, .. } => {
                let property = schema.get("properties").and_then(|properties| properties.get(name));
                let other = || schema.get("additionalProperties").filter(|schema| schema.is_object());
                property.or_else(other).map_or(Shape::Free, |schema| Shape::Schema { schema, root: false })
            }
            Self::Free => Shape::Free,
        }
    }

    /// The shape of a list's elements.
    pub(crate) fn element(self) -> Shape<'a> {
        match self {
            // The name of what they are in tells nothing of their fields.
            Self::Known { kind, .. } => Shape::Known { kind, name: "" },
            Self::Schema { schema, .. } => {
                schema.get("items").map_or(Shape::Free, |schema| Shape::Schema { schema, root: false })
            }
            Self::Free => Shape::Free,
        }
    }

    /// Whether a field is none that the schema names, as the keys of maps.
    pub(crate) fn is_free(self, name: &str) -> bool {
        match self {
            Self::Known { name: parent, .. } => FREE.contains(&parent),
            Self::Schema { root: true, .. } if name == "metadata" => false,
            Self::Schema { schema, .. } => schema
                .get("properties")
                .and_then(Value::as_object)
                .is_none_or(|known: &Map<_, _>| !known.contains_key(name)),
            Self::Free => true,
        }
    }
}

fn is(schema: &Value, key: &str, wanted: &str) -> bool {
    schema.get(key).and_then(Value::as_str) == Some(wanted)
}

/// Objects whose keys are anything.
const FREE: &[&str] =
    &["labels", "annotations", "data", "binaryData", "stringData", "limits", "requests", "capacity"];

const ATOMIC_OBJECTS: &[&str] = &[
    "selector",
    "nodeSelector",
    "labelSelector",
    "podSelector",
    "namespaceSelector",
    "matchLabels",
    "roleRef",
    "fieldRef",
    "resourceFieldRef",
    "secretKeyRef",
    "configMapKeyRef",
    "targetRef",
    "claimRef",
    "involvedObject",
];

fn known_list(kind: &str, name: &str) -> Relation {
    let keyed = |keys: &[&str]| Relation::Keyed(keys.iter().map(|&key| key.to_owned()).collect());
    match (kind, name) {
        (
            _,
            "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "imagePullSecrets" | "env",
        ) => keyed(&["name"]),
        ("serviceaccounts", "secrets") => keyed(&["name"]),
        (_, "conditions") | ("nodes", "addresses") => keyed(&["type"]),
        (_, "volumeMounts") => keyed(&["mountPath"]),
        (_, "volumeDevices") => keyed(&["devicePath"]),
        (_, "ownerReferences") => keyed(&["uid"]),
        (_, "podIPs" | "hostIPs" | "hostAliases") => keyed(&["ip"]),
        (_, "topologySpreadConstraints") => keyed(&["topologyKey", "whenUnsatisfiable"]),
        ("services", "ports") => keyed(&["port", "protocol"]),
        ("pods", "ports") | ("daemonsets.apps", "ports") | ("deployments.apps", "ports") => {
            keyed(&["containerPort", "protocol"])
        }
        ("statefulsets.apps", "ports") | ("replicasets.apps", "ports") => {
            keyed(&["containerPort", "protocol"])
        }
        (_, "finalizers" | "podCIDRs") => Relation::Set,
        _ => Relation::Atomic,
    }
}
