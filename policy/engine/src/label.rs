//! Label expressions, as Kubernetes `matchExpressions`.

use alloc::string::String;
use serde::Serialize;

use crate::{
    Clause, Labels,
    tape::{Mismatch, Read, Value},
};

/// A condition on one label key.
///
/// `NotIn` and `DoesNotExist` hold for a workload that lacks the key (Kubernetes, "Resources that support
/// set-based requirements").
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Written")]
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

/// The serialized form of [`LabelExpression`].
#[derive(Clone, Serialize)]
struct Written {
    operator: Operator,
    key: String,
    #[serde(skip_serializing_if = "Clause::is_any")]
    values: Clause<String>,
}

#[derive(Clone, Copy, Serialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
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

impl Read for LabelExpression {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let [operator, key, values] = value.members(["operator", "key", "values"])?;
        let (key, values) = (key.read()?, values.read_or(Clause::Any)?);
        match (operator.read::<String>()?.as_str(), values.is_any()) {
            ("In", false) => Ok(Self::In { key, values }),
            ("NotIn", false) => Ok(Self::NotIn { key, values }),
            ("Exists", true) => Ok(Self::Exists { key }),
            ("DoesNotExist", true) => Ok(Self::DoesNotExist { key }),
            // `NotIn` nothing would hold for everybody.
            ("In" | "NotIn", true) => Err(Mismatch::because(&"the label expression has no values")),
            ("Exists" | "DoesNotExist", false) => {
                Err(Mismatch::because(&"the label expression takes no values"))
            }
            (other, _) => Err(Mismatch::unknown(other)),
        }
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
