//! What an object is called, whatever it says.

use std::fmt;

use serde_json::Value;

use crate::{Kind, Trouble};

/// An object's kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace, if its kind has any.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Key {
    /// What this object is called.
    ///
    /// # Errors
    /// When its kind is not known here, or it has no name.
    pub fn of(object: &Value) -> Result<Self, Trouble> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let what = || format!("`{}` ({})", text("/kind").unwrap_or("?"), text("/apiVersion").unwrap_or("?"));
        let unusable = |reason: &str| Trouble::Unusable { what: what(), reason: reason.to_owned() };
        let kind = Kind::of(object)
            .ok_or_else(|| unusable("its kind is none that Bookend writes; apply it with `kubectl`"))?;
        let name = text("/metadata/name")
            .ok_or_else(|| unusable("it has no name; give it one in `metadata`"))?
            .to_owned();
        let namespace = text("/metadata/namespace").filter(|_| kind.namespaced).map(str::to_owned);
        Ok(Self { kind: kind.clone(), namespace, name })
    }

    /// `kubectl`'s words for it: `daemonset/bookend-enforcer -n bookend-system`.
    pub fn command(&self) -> String {
        let kind = self.kind.resource();
        match &self.namespace {
            Some(namespace) => format!("{kind}/{} -n {namespace}", self.name),
            None => format!("{kind}/{}", self.name),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind.kind, self.name),
            None => write!(f, "{} {}", self.kind.kind, self.name),
        }
    }
}
