//! What a document is called. On a cluster an API server describes it, so these are only for the schema of files.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::selector::{Labels, labels};
use crate::text::{DnsLabel, Subdomain};

/// Declares what describes a document; an API server adds more, which says nothing here.
macro_rules! metadata {
    ($(#[$meta:meta])* $name:ident { $($field:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub(crate) struct $name {
            $($field)*
            /// Free text.
            #[serde(skip_serializing_if = "Option::is_none")]
            annotations: Option<BTreeMap<String, String>>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            creation_timestamp: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            deletion_grace_period_seconds: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            deletion_timestamp: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            finalizers: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            generate_name: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            generation: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            managed_fields: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            owner_references: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            resource_version: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            self_link: Option<Value>,
            /// Added by an API server; says nothing here.
            #[serde(skip_serializing_if = "Option::is_none")]
            uid: Option<Value>,
        }
    };
}

metadata! {
    /// What a document of a namespace is called.
    Metadata {
        /// Its name.
        name: Subdomain,
        /// Its namespace; `default` when left out.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<DnsLabel>,
        /// Labels of the document.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "labels")]
        labels: Option<Labels>,
    }
}

metadata! {
    /// What a document of the whole cluster is called.
    ClusterMetadata {
        /// Its name.
        name: Subdomain,
        /// Labels of the document.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "labels")]
        labels: Option<Labels>,
    }
}

metadata! {
    /// What a host is called; its labels stand in `spec`.
    HostMetadata {
        /// Its name, which is the value of a label, too.
        #[schemars(length(max = 63))]
        name: Subdomain,
        /// Its namespace; `default` when left out.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<DnsLabel>,
    }
}

/// What a test is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestMetadata {
    /// Its name.
    pub name: Subdomain,
    /// Where names without a namespace are looked for first; everywhere when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<DnsLabel>,
    /// Labels of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub labels: Option<Labels>,
}
