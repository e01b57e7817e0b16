//! What whoever asks may do.

use serde_json::{Value, json};

use super::Cluster;
use crate::{Kind, Trouble, kinds};

/// Something that may be allowed: a verb, on a kind, in a namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// The verb, such as `patch`.
    pub verb: &'static str,
    /// The kind.
    pub kind: Kind,
    /// Part of it, such as `status`.
    pub subresource: Option<&'static str>,
    /// The namespace; nothing for what lies in none, or for all of them.
    pub namespace: Option<String>,
}

impl Cluster {
    /// Whether whoever asks may do this, as far as the server can say. It is asked with a SelfSubjectAccessReview, which
    /// everybody may create.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn can(&self, permission: &Permission) -> Result<bool, Trouble> {
        let Permission { verb, kind, subresource, namespace } = permission;
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "verb": verb,
                "group": kind.group,
                "version": kind.version,
                "resource": kind.plural,
                "subresource": subresource.unwrap_or_default(),
                "namespace": namespace.as_deref().unwrap_or_default(),
            } },
        });
        let asked = self.asked("create", &kinds::SELF_SUBJECT_ACCESS_REVIEW, None, "");
        let request = http::Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(review.to_string().into_bytes());
        let request = request.map_err(|error| asked.failed(kube::Error::HttpError(error)))?;
        let answer: Value = self.within(self.client.request(request), &asked).await?;
        let allowed = answer.get("status").and_then(|status| status.get("allowed"));
        allowed.and_then(Value::as_bool).ok_or_else(|| Trouble::Garbage {
            what: asked.object(),
            reason: "it does not say whether it is allowed".to_owned(),
        })
    }
}
