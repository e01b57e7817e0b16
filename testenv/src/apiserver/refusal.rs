//! Refusals in the words of a real server: `Status` objects with reason, details and causes.
//!
//! Source: `k8s.io/apimachinery/pkg/api/errors`, whose sentences clients match on.

use serde_json::{Value, json};

use super::kind::Kind;

/// An answer that says no.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// The `Status` object, or a text where real servers answer with one.
    pub body: Value,
    /// What `Retry-After` says, in seconds.
    pub retry_after: Option<u32>,
}

/// One of the causes in a refusal: reason, message, field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) field: String,
}

impl Cause {
    fn value(&self) -> Value {
        json!({ "reason": self.reason, "message": self.message, "field": self.field })
    }
}

/// Every refusal's result.
pub(crate) type Outcome<T> = Result<T, Refusal>;

impl Refusal {
    /// A refusal with a reason of Kubernetes' own (`NotFound`, `Conflict`, …) and a sentence.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message.into(), "reason": reason, "code": code,
        });
        Self { code, body, retry_after: None }
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        self.body.get("message").or(Some(&self.body)).and_then(Value::as_str).unwrap_or_default()
    }

    fn details(mut self, kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let mut details = json!({ "kind": kind.plural });
        if !name.is_empty() {
            set(&mut details, "name", json!(name));
        }
        if !kind.group.is_empty() {
            set(&mut details, "group", json!(kind.group));
        }
        if !causes.is_empty() {
            set(&mut details, "causes", causes.iter().map(Cause::value).collect());
        }
        set(&mut self.body, "details", details);
        self
    }

    /// The path leads nowhere: no such group, version or kind. Real servers answer with a line of text.
    pub(crate) fn no_such_path() -> Self {
        Self { code: 404, body: json!("404 page not found\n"), retry_after: None }
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.id())).details(kind, name, &[])
    }

    pub(crate) fn exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.id());
        Self::new(409, "AlreadyExists", message).details(kind, name, &[])
    }

    /// Somebody else wrote the object since it was read.
    pub(crate) fn stale(kind: &Kind, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.id());
        Self::new(409, "Conflict", message).details(kind, name, &[])
    }

    /// Others own fields that an apply wants to set.
    pub(crate) fn owned(message: String, causes: &[Cause]) -> Self {
        let mut refusal = Self::new(409, "Conflict", message);
        let causes: Value = causes.iter().map(Cause::value).collect();
        set(&mut refusal.body, "details", json!({ "causes": causes }));
        refusal
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let listed: Vec<_> =
            causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let listed = match listed.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let id =
            if kind.group.is_empty() { kind.kind.clone() } else { format!("{}.{}", kind.kind, kind.group) };
        let mut refusal = Self::new(422, "Invalid", format!("{id} \"{name}\" is invalid: {listed}"));
        refusal = refusal.details(kind, name, causes);
        if let Some(details) = refusal.body.get_mut("details") {
            set(details, "kind", json!(kind.kind));
        }
        refusal
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let quoted = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let message = format!("{}{quoted} is forbidden: {why}", kind.id());
        Self::new(403, "Forbidden", message).details(kind, name, &[])
    }

    pub(crate) fn method(code_of: &str) -> Self {
        Self::new(405, "MethodNotAllowed", format!("{code_of} is not allowed on resources of this kind"))
    }
}

/// Sets a field of an object; does nothing to anything else.
pub(crate) fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}
