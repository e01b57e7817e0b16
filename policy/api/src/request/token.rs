//! JSON web tokens that a proxy verified.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compared::{Claim, Comparisons};
use crate::list::{Distinct, OneOrMany};
use crate::text::SomeValue;

/// Conditions on one verified token (S54); all that is written must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Token {
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<OneOrMany<SomeValue>>,
    /// One of these, or comparisons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Distinct<SomeValue, 1000>>,
    /// All of these must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Distinct<Claim, 100>>,
}

/// Whom a token is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Subject {
    /// One.
    One(SomeValue),
    /// One of these.
    Many(Distinct<SomeValue, 1000>),
    /// Whoever fits.
    Compared(Box<Comparisons>),
}
