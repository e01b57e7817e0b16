//! Kinds of objects, as an API server knows them.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::kinds;

/// A kind of objects: what it is called in an object, and in an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// The API group; empty for Kubernetes' core.
    pub group: Cow<'static, str>,
    /// The version, such as `v1`.
    pub version: Cow<'static, str>,
    /// The kind as objects say it, such as `Policy`.
    pub kind: Cow<'static, str>,
    /// Its name in addresses, such as `policies`.
    pub plural: Cow<'static, str>,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
}

impl Kind {
    /// A kind whose objects lie in namespaces.
    pub const fn namespaced(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self::new(group, version, kind, plural, true)
    }

    /// A kind whose objects lie in no namespace.
    pub const fn global(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self::new(group, version, kind, plural, false)
    }

    const fn new(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
        namespaced: bool,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
            namespaced,
        }
    }

    /// The kind of an object, if it is one of those that this crate [knows](kinds::ALL).
    pub fn of(object: &Value) -> Option<&'static Self> {
        let api_version = object.get("apiVersion")?.as_str()?;
        let kind = object.get("kind")?.as_str()?;
        kinds::ALL.iter().copied().find(|known| known.kind == kind && known.api_version() == api_version)
    }

    /// `group/version`, or `version` in Kubernetes' core.
    pub fn api_version(&self) -> String {
        match &*self.group {
            "" => self.version.to_string(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// `policies.bookend.dev`, or `pods` in Kubernetes' core: how RBAC and custom resource definitions say it.
    pub fn resource(&self) -> String {
        match &*self.group {
            "" => self.plural.to_string(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// The path of its objects in a namespace, or in all of them.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let api_version = self.api_version();
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/{api_version}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{api_version}/{}", self.plural),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, self.api_version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_says_its_kind() {
        let object = serde_json::json!({ "apiVersion": "bookend.dev/v1alpha1", "kind": "Policy" });
        assert_eq!(Kind::of(&object), Some(&kinds::POLICY));
        let other = serde_json::json!({ "apiVersion": "bookend.dev/v1", "kind": "Policy" });
        assert_eq!(Kind::of(&other), None);
    }

    #[test]
    fn an_address_has_a_namespace_only_where_the_kind_has() {
        assert_eq!(kinds::POD.path(Some("shop")), "/api/v1/namespaces/shop/pods");
        assert_eq!(kinds::POD.path(None), "/api/v1/pods");
        assert_eq!(kinds::NODE.path(Some("shop")), "/api/v1/nodes");
        assert_eq!(kinds::POLICY.path(Some("shop")), "/apis/bookend.dev/v1alpha1/namespaces/shop/policies");
        assert_eq!(kinds::POLICY.resource(), "policies.bookend.dev");
        assert_eq!(kinds::POD.resource(), "pods");
    }

    #[test]
    fn no_kind_is_listed_twice() {
        let mut seen = std::collections::BTreeSet::new();
        assert!(kinds::ALL.iter().all(|kind| seen.insert(*kind)));
    }
}
