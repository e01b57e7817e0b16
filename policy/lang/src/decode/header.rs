//! What a document says it is.

use super::fields::{Fields, string};
use crate::{diagnostic::Report, document::Spanned};

/// `apiVersion` and `kind` of a document.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) api_version: Spanned<String>,
    pub(crate) kind: Spanned<String>,
}

impl Header {
    /// Reads both. What is left out is as the list has it in which the document stands, if it has it: Kubernetes writes
    /// neither into the items of a list of one kind.
    pub(crate) fn read(fields: &mut Fields<'_>, list: Option<&Self>, report: &mut Report) -> Option<Self> {
        let mut field = |name, inherited: Option<&Spanned<String>>| match (fields.get(name), inherited) {
            (None, Some(inherited)) => Some(inherited.clone()),
            (None, None) => fields.required(name, report).and_then(|node| string(node, name, report)),
            (Some(node), _) => string(node, name, report),
        };
        let api_version = field("apiVersion", list.map(|list| &list.api_version));
        let kind = field("kind", list.map(|list| &list.kind));
        Some(Self { api_version: api_version?, kind: kind? })
    }

    /// What the items of this list are, where it is a list of one kind.
    pub(crate) fn of_items(&self) -> Option<Self> {
        let value = self.kind.value.strip_suffix("List")?.to_owned();
        Some(Self { api_version: self.api_version.clone(), kind: Spanned { value, span: self.kind.span } })
    }

    /// The group of the API; empty for Kubernetes' own first one.
    pub(crate) fn group(&self) -> &str {
        self.api_version.value.rsplit_once('/').map_or("", |(group, _)| group)
    }
}
