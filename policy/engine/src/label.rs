//! Label expressions, as Kubernetes `matchExpressions`.

use alloc::string::String;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::{Clause, Labels};

/// A condition on one label key.
///
/// `NotIn` and `DoesNotExist` hold for a workload that lacks the key (Kubernetes, "Resources that support
/// set-based requirements").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operator", deny_unknown_fields)]
pub enum LabelExpression {
    /// The label has one of these values.
    In {
        /// The label's key.
        key: String,
        /// At least one value.
        #[serde(deserialize_with = "some_values")]
        values: Clause<String>,
    },
    /// The label is absent or has none of these values.
    NotIn {
        /// The label's key.
        key: String,
        /// At least one value.
        #[serde(deserialize_with = "some_values")]
        values: Clause<String>,
    },
    /// The label is there, whatever its value.
    Exists {
        /// The label's key.
        key: String,
    },
    /// The label is not there.
    DoesNotExist {
        /// The label's key.
        key: String,
    },
}

impl LabelExpression {
    /// Whether `labels` satisfy the expression.
    pub fn holds(&self, labels: &Labels) -> bool {
        match self {
            Self::In { key, values } => labels.get(key).is_some_and(|value| among(values, value)),
            Self::NotIn { key, values } => labels.get(key).is_none_or(|value| !among(values, value)),
            Self::Exists { key } => labels.contains_key(key),
            Self::DoesNotExist { key } => !labels.contains_key(key),
        }
    }
}

/// Reads values, which `In` and `NotIn` must have: `NotIn` nothing would hold for everybody.
fn some_values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Clause<String>, D::Error> {
    let values = Clause::deserialize(deserializer)?;
    if values.is_any() { Err(D::Error::custom("the label expression has no values")) } else { Ok(values) }
}

fn among(values: &Clause<String>, value: &str) -> bool {
    values.alternatives().is_some_and(|list| list.iter().any(|v| v == value))
}
