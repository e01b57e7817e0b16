//! What is asked of an object before it is kept.

use serde_json::{Value, json};

use super::{Order, Unknown};
use crate::apiserver::kind::Kind;
use crate::apiserver::refusal::{Cause, Outcome, Refusal, set};
use crate::apiserver::store::Store;
use crate::apiserver::typed;

/// Whether the object is of the kind, the namespace and the name that the request is about; returns its name.
pub(crate) fn address(order: Order<'_>, body: &mut Value) -> Outcome<String> {
    let text =
        |body: &Value, path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text(body, "/apiVersion"), text(body, "/kind"));
    if !body.is_object() || kind.is_empty() || api_version.is_empty() {
        let what = if kind.is_empty() { "Kind" } else { "apiVersion" };
        return Err(Refusal::bad_request(format!("Object '{what}' is missing in '{body}'")));
    }
    let (wanted, group_version) = (&order.kind.kind, order.kind.api_version(&order.version.name));
    if kind != *wanted || api_version != group_version {
        return Err(Refusal::bad_request(format!(
            "{kind} in version \"{api_version}\" cannot be handled as a {wanted}: the request is about \"{group_version}\""
        )));
    }
    if !body.get("metadata").is_some_and(Value::is_object) {
        set(body, "metadata", json!({}));
    }
    let namespace = text(body, "/metadata/namespace");
    if !namespace.is_empty() && namespace != order.namespace {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let mut name = text(body, "/metadata/name");
    let prefix = text(body, "/metadata/generateName");
    if name.is_empty() && order.name.is_empty() && !prefix.is_empty() {
        static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        name = format!("{prefix}{count:05x}");
    }
    if name.is_empty() {
        name = order.name.to_owned();
    }
    if name.is_empty() {
        let message = "Required value: name or generateName is required".to_owned();
        let cause = Cause { reason: "FieldValueRequired", message, field: "metadata.name".to_owned() };
        return Err(Refusal::invalid(order.kind, "", &[cause]));
    }
    if !order.name.is_empty() && name != order.name {
        return Err(Refusal::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            order.name
        )));
    }
    if let Some(metadata) = body.get_mut("metadata") {
        set(metadata, "name", json!(name));
    }
    Ok(name)
}

/// Whether the namespace takes new objects.
pub(crate) fn room(store: &Store, order: Order<'_>) -> Outcome<()> {
    if !order.kind.namespaced {
        return Ok(());
    }
    let namespace = store.get("namespaces", "", order.namespace);
    let Some(namespace) = namespace else {
        let message = format!("namespaces \"{}\" not found", order.namespace);
        let mut refusal = Refusal::new(404, "NotFound", message);
        set(&mut refusal.body, "details", json!({ "name": order.namespace, "kind": "namespaces" }));
        return Err(refusal);
    };
    if namespace.pointer("/metadata/deletionTimestamp").is_some() {
        let why = format!(
            "unable to create new content in namespace {} because it is being terminated",
            order.namespace
        );
        return Err(Refusal::forbidden(order.kind, order.name, &why));
    }
    Ok(())
}

/// Drops fields that nobody knows, or refuses them; returns warnings.
pub(crate) fn known(order: Order<'_>, body: &mut Value) -> Outcome<Vec<String>> {
    let mut unknown = strangers(order, body)?;
    let metadata = body.get("metadata").and_then(Value::as_object);
    let strange = metadata.into_iter().flatten().filter(|(key, _)| !METADATA.contains(&key.as_str()));
    let strange: Vec<_> = strange.map(|(key, _)| key.clone()).collect();
    for key in strange {
        body.get_mut("metadata").and_then(Value::as_object_mut).map(|metadata| metadata.remove(&key));
        let path = format!("metadata.{key}");
        if !unknown.contains(&path) {
            unknown.push(path);
        }
    }
    let told: Vec<_> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    match order.unknown {
        _ if told.is_empty() => Ok(told),
        Unknown::Ignore => Ok(Vec::new()),
        Unknown::Warn => Ok(told),
        Unknown::Refuse => {
            let message = format!("strict decoding error: {}", told.join(", "));
            Err(Refusal::bad_request(format!(
                "{} in version \"{}\" cannot be handled as a {}: {message}",
                order.kind.kind, order.version.name, order.kind.kind
            )))
        }
    }
}

/// The paths of what is not in the schema, which is gone from the object afterwards.
pub(crate) fn strangers(order: Order<'_>, body: &mut Value) -> Outcome<Vec<String>> {
    if let Some(structure) = &order.version.structure {
        return Ok(structure.prune(body));
    }
    let unknown = typed::unknown(&order.kind.id(), body).map_err(|why| {
        let (kind, version) = (&order.kind.kind, &order.version.name);
        Refusal::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: json: {why}"
        ))
    })?;
    for path in &unknown {
        drop_path(body, path);
    }
    Ok(unknown)
}

/// Removes `spec.rules[0].too` from an object.
fn drop_path(value: &mut Value, path: &str) {
    let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
    if let Some((parent, last)) = pointer.rsplit_once('/')
        && let Some(Value::Object(fields)) = value.pointer_mut(parent)
    {
        fields.remove(last);
    }
}

/// The fields of `ObjectMeta`.
const METADATA: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The part of `body` that this request may write, in the place of that part of `live`.
pub(crate) fn part(order: Order<'_>, live: &Value, mut body: Value) -> Outcome<Value> {
    for (key, what) in [("resourceVersion", true), ("uid", false)] {
        let given = body.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).unwrap_or_default();
        let found = live.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).unwrap_or_default();
        if !given.is_empty() && given != found {
            if what {
                return Err(Refusal::stale(order.kind, order.name));
            }
            let why =
                format!("Precondition failed: UID in precondition: {given}, UID in object meta: {found}");
            return Err(Refusal::conflict(order.kind, order.name, &why));
        }
    }
    if order.subresource == "status" {
        let mut new = live.clone();
        match body.get_mut("status").map(Value::take) {
            Some(status) => set(&mut new, "status", status),
            None => drop(new.as_object_mut().map(|fields| fields.remove("status"))),
        }
        return Ok(new);
    }
    if order.version.status
        && let Some(fields) = body.as_object_mut()
    {
        match live.get("status") {
            Some(status) => fields.insert("status".to_owned(), status.clone()),
            None => fields.remove("status"),
        };
    }
    Ok(body)
}

/// The status that Kubernetes gives to what is new.
pub(crate) fn begin(kind: &Kind, body: &mut Value) {
    let name = body.pointer("/metadata/name").cloned();
    match kind.id().as_str() {
        "namespaces" => {
            set(body, "status", json!({ "phase": "Active" }));
            set(body, "spec", json!({ "finalizers": ["kubernetes"] }));
            let Some(metadata) = body.get_mut("metadata") else { return };
            if !metadata.get("labels").is_some_and(Value::is_object) {
                set(metadata, "labels", json!({}));
            }
            if let (Some(labels), Some(name)) = (metadata.get_mut("labels"), name) {
                set(labels, "kubernetes.io/metadata.name", name);
            }
        }
        "pods" if body.get("status").is_none() => {
            set(body, "status", json!({ "phase": "Pending", "qosClass": "BestEffort" }));
        }
        _ => {}
    }
}

/// What is refused of an object as it would be kept.
pub(crate) fn valid(order: Order<'_>, live: Option<&Value>, object: &Value) -> Outcome<()> {
    let mut causes = Vec::new();
    if live.is_none() && !is_name(order.kind, order.name) {
        let message = format!(
            "Invalid value: \"{}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            order.name
        );
        causes.push(Cause { reason: "FieldValueInvalid", message, field: "metadata.name".to_owned() });
    }
    if let Some(structure) = &order.version.structure {
        causes.extend(structure.refused(object));
    }
    let immutable = match order.kind.id().as_str() {
        "daemonsets.apps" | "deployments.apps" | "replicasets.apps" | "statefulsets.apps" => "/spec/selector",
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            "/roleRef"
        }
        _ => "",
    };
    if !immutable.is_empty() {
        let (new, old) = (object.pointer(immutable), live.map(|live| live.pointer(immutable)));
        if old.is_some_and(|old| old != new) {
            let shown = new.map(Value::to_string).unwrap_or_default();
            let message = match immutable {
                "/roleRef" => format!("Invalid value: {shown}: cannot change roleRef"),
                _ => format!("Invalid value: {shown}: field is immutable"),
            };
            causes.push(Cause {
                reason: "FieldValueInvalid",
                message,
                field: immutable.trim_start_matches('/').replace('/', "."),
            });
        }
    }
    causes.extend(selected(object));
    match causes.is_empty() {
        true => Ok(()),
        false => Err(Refusal::invalid(order.kind, order.name, &causes)),
    }
}

/// The controllers of pods must select the pods they make.
fn selected(object: &Value) -> Option<Cause> {
    let wanted = object.pointer("/spec/selector/matchLabels")?.as_object()?;
    let labels = object.pointer("/spec/template")?.pointer("/metadata/labels");
    let fits = wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value));
    let message = || {
        let shown = labels.map(Value::to_string).unwrap_or_default();
        format!("Invalid value: {shown}: `selector` does not match template `labels`")
    };
    let field = "spec.template.metadata.labels".to_owned();
    (!fits).then(|| Cause { reason: "FieldValueInvalid", message: message(), field })
}

fn is_name(kind: &Kind, name: &str) -> bool {
    // Names of roles and their bindings may hold anything that fits into a path.
    if kind.group == "rbac.authorization.k8s.io" {
        return !name.contains(['/', '%']);
    }
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    edge(bytes.first().copied())
        && edge(bytes.last().copied())
        && name.len() <= 253
        && bytes.iter().all(|&byte| edge(Some(byte)) || matches!(byte, b'-' | b'.'))
}

pub(crate) fn must_be_specified(order: Order<'_>) -> Refusal {
    let cause = Cause {
        reason: "FieldValueInvalid",
        message: "Invalid value: 0: must be specified for an update".to_owned(),
        field: "metadata.resourceVersion".to_owned(),
    };
    Refusal::invalid(order.kind, order.name, &[cause])
}
