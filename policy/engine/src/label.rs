//! Label expressions, as Kubernetes `matchExpressions`.

use alloc::string::String;
use serde::Serialize;

use crate::{
    Affix, Clause, Labels,
    tape::{Mismatch, Read, Value},
};

/// A condition on one label key.
///
/// `NotIn`, `DoesNotExist` and the other negations hold for a workload that lacks the key (Kubernetes, "Resources that support
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
    /// The label's value has one of these texts in this place; negated: the label is absent, or its value has none of them
    /// there (S84; Calico's `starts with`, `ends with` and `contains`). With regard to case, byte for byte.
    Affix {
        /// The label's key.
        key: String,
        /// Where in the value.
        affix: Affix,
        /// At least one text. An empty one is in every value.
        values: Clause<String>,
        /// Whether none of them may be there.
        negated: bool,
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
    StartsWith,
    NotStartsWith,
    EndsWith,
    NotEndsWith,
    Contains,
    NotContains,
}

impl From<LabelExpression> for Written {
    fn from(expression: LabelExpression) -> Self {
        let (operator, key, values) = match expression {
            LabelExpression::In { key, values } => (Operator::In, key, values),
            LabelExpression::NotIn { key, values } => (Operator::NotIn, key, values),
            LabelExpression::Exists { key } => (Operator::Exists, key, Clause::Any),
            LabelExpression::DoesNotExist { key } => (Operator::DoesNotExist, key, Clause::Any),
            LabelExpression::Affix { key, affix, values, negated } => {
                let operator = match (affix, negated) {
                    (Affix::Start, false) => Operator::StartsWith,
                    (Affix::Start, true) => Operator::NotStartsWith,
                    (Affix::End, false) => Operator::EndsWith,
                    (Affix::End, true) => Operator::NotEndsWith,
                    (Affix::Inside, false) => Operator::Contains,
                    (Affix::Inside, true) => Operator::NotContains,
                };
                (operator, key, values)
            }
        };
        Self { operator, key, values }
    }
}

impl Read for LabelExpression {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let [operator, key, values] = value.members(["operator", "key", "values"])?;
        let (key, values) = (key.read()?, values.read_or(Clause::Any)?);
        let refused = |_| value.unlike("a label operator with the values that it takes");
        Self::of(&operator.read::<String>()?, key, values).map_err(refused)
    }
}

/// Why a label expression is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelExpressionError {
    /// There is no such operator.
    #[error("there is no such label operator")]
    UnknownOperator,
    /// The operator compares with values, and there are none. `NotIn` nothing would hold for everybody.
    #[error("the label expression has no values")]
    NoValues,
    /// The operator asks whether the label is there, whatever its value.
    #[error("the label expression takes no values")]
    Values,
}

impl LabelExpression {
    /// The expression with this operator: `In`, `Exists`, `StartsWith`, `EndsWith`, `Contains`, each with `Not` before it
    /// to say the opposite, which of `Exists` is `DoesNotExist`.
    ///
    /// # Errors
    /// When there is no such operator, or it does not go with the values.
    pub fn of(operator: &str, key: String, values: Clause<String>) -> Result<Self, LabelExpressionError> {
        let (plain, negated) = operator.strip_prefix("Not").map_or((operator, false), |plain| (plain, true));
        let affix = match plain {
            "StartsWith" => Some(Affix::Start),
            "EndsWith" => Some(Affix::End),
            "Contains" => Some(Affix::Inside),
            _ => None,
        };
        let bare = values.is_any();
        match (plain, affix, negated) {
            ("In", ..) | (_, Some(_), _) if bare => Err(LabelExpressionError::NoValues),
            (_, Some(affix), _) => Ok(Self::Affix { key, affix, values, negated }),
            ("In", None, false) => Ok(Self::In { key, values }),
            ("In", None, true) => Ok(Self::NotIn { key, values }),
            ("Exists" | "DoesNotExist", None, false) if !bare => Err(LabelExpressionError::Values),
            ("Exists", None, false) => Ok(Self::Exists { key }),
            ("DoesNotExist", None, false) => Ok(Self::DoesNotExist { key }),
            _ => Err(LabelExpressionError::UnknownOperator),
        }
    }

    /// Whether `labels` satisfy the expression.
    pub fn holds(&self, labels: &Labels) -> bool {
        match self {
            Self::In { key, values } => labels.get(key).is_some_and(|value| among(values, value)),
            Self::NotIn { key, values } => labels.get(key).is_none_or(|value| !among(values, value)),
            Self::Exists { key } => labels.contains_key(key),
            Self::DoesNotExist { key } => !labels.contains_key(key),
            Self::Affix { key, affix, values, negated } => {
                let has = |value: &String| {
                    values.alternatives().unwrap_or_default().iter().any(|part| affix.holds(value, part))
                };
                labels.get(key).is_some_and(has) != *negated
            }
        }
    }
}

fn among(values: &Clause<String>, value: &str) -> bool {
    values.alternatives().is_some_and(|list| list.iter().any(|v| v == value))
}
