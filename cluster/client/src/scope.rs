//! Which objects of a kind are meant.

/// Which objects of a kind are meant: all, or those of a namespace, and those that selectors select.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Only those in this namespace.
    pub namespace: Option<String>,
    /// Only those with these labels, as `kubectl -l` takes them.
    pub labels: Option<String>,
    /// Only those with these fields, as `kubectl --field-selector` takes them.
    pub fields: Option<String>,
}

impl Scope {
    /// All objects of a kind, of all namespaces.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those of a namespace.
    pub fn within(namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..Self::default() }
    }

    /// Of these, those with labels.
    #[must_use]
    pub fn with_labels(self, labels: impl Into<String>) -> Self {
        Self { labels: Some(labels.into()), ..self }
    }

    /// Of these, those with fields.
    #[must_use]
    pub fn with_fields(self, fields: impl Into<String>) -> Self {
        Self { fields: Some(fields.into()), ..self }
    }
}
