//! What has a name and a value that is compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::list::{Listing, OneOrMany};
use crate::text::{ClaimKey, HeaderName, ParameterName, Regex, SomeValue, Value};

/// Declares a condition on a value that may be absent.
macro_rules! compared {
    ($(#[$meta:meta])* $name:ident { $(#[$field_meta:meta])* $field:ident: $type:ty }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(extend(
            "minProperties" = 2,
            "anyOf" = [{ "not": { "required": ["present"] } }, { "maxProperties": 2 }]
        ))]
        pub struct $name {
            $(#[$field_meta])*
            pub $field: $type,
            /// The whole value, with regard to case.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub exact: Option<OneOrMany<Value>>,
            /// What it starts with.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub prefix: Option<OneOrMany<SomeValue>>,
            /// What it ends in.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub suffix: Option<OneOrMany<SomeValue>>,
            /// A regular expression that matches the whole value.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub regex: Option<OneOrMany<Regex>>,
            /// Whether it is there at all; stands alone.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub present: Option<bool>,
        }
    };
}

compared! {
    /// A condition on a header (S51). The name is compared without regard to case.
    HttpHeader {
        /// The name of the header.
        name: HeaderName
    }
}

compared! {
    /// A condition on a query parameter (S52), written decoded.
    Parameter {
        /// The name of the parameter.
        name: ParameterName
    }
}

compared! {
    /// A condition on a claim (S54). A claim that is a list holds if an element does.
    Claim {
        /// A key, or the keys that lead to a nested claim.
        claim: ClaimPath
    }
}

/// A key, or the keys that lead to a nested claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum ClaimPath {
    /// A claim of the token.
    Key(ClaimKey),
    /// A claim inside others.
    Keys(Listing<ClaimKey, 8>),
}

/// Comparisons, which are alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("minProperties" = 1))]
pub struct Comparisons {
    /// The whole value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<OneOrMany<SomeValue>>,
    /// What it starts with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<OneOrMany<SomeValue>>,
    /// What it ends in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<OneOrMany<SomeValue>>,
    /// A regular expression that matches the whole value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<OneOrMany<Regex>>,
}
