//! Label expressions, as Kubernetes `matchExpressions`.

use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::{Clause, Labels};

/// A condition on one label key.
///
/// `NotIn` and `DoesNotExist` hold for a workload that lacks the key (Kubernetes, "Resources that support
/// set-based requirements").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum LabelExpression {
    /// The label has one of these values.
    In {
        /// The label's key.
        key: String,
        /// At least one value.
        values: Clause<String>,
    },
    /// The label is absent or has none of these values.
    NotIn {
        /// The label's key.
        key: String,
        /// At least one value.
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

/// The serialized form of [`LabelExpression`], before it is checked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    operator: Operator,
    key: String,
    #[serde(default, skip_serializing_if = "Clause::is_any")]
    values: Clause<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// A label expression with values where there are none, or without where there must be some.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum ValuesError {
    /// `NotIn` nothing would hold for everybody.
    #[error("the label expression has no values")]
    Missing,
    #[error("the label expression takes no values")]
    Unexpected,
}

impl TryFrom<Written> for LabelExpression {
    type Error = ValuesError;

    fn try_from(Written { operator, key, values }: Written) -> Result<Self, ValuesError> {
        match (operator, values.is_any()) {
            (Operator::In, false) => Ok(Self::In { key, values }),
            (Operator::NotIn, false) => Ok(Self::NotIn { key, values }),
            (Operator::Exists, true) => Ok(Self::Exists { key }),
            (Operator::DoesNotExist, true) => Ok(Self::DoesNotExist { key }),
            (Operator::In | Operator::NotIn, true) => Err(ValuesError::Missing),
            (Operator::Exists | Operator::DoesNotExist, false) => Err(ValuesError::Unexpected),
        }
    }
}

impl From<LabelExpression> for Written {
    fn from(expression: LabelExpression) -> Self {
        let (operator, key, values) = match expression {
            LabelExpression::In { key, values } => (Operator::In, key, values),
            LabelExpression::NotIn { key, values } => (Operator::NotIn, key, values),
            LabelExpression::Exists { key } => (Operator::Exists, key, Clause::Any),
            LabelExpression::DoesNotExist { key } => (Operator::DoesNotExist, key, Clause::Any),
        };
        Self { operator, key, values }
    }
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

fn among(values: &Clause<String>, value: &str) -> bool {
    values.alternatives().is_some_and(|list| list.iter().any(|v| v == value))
}
