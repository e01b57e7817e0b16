//! An expression that makes sense, and whether it holds.

use alloc::{borrow::Cow, boxed::Box, string::String, vec::Vec};

use super::{
    ExpressionFault,
    actual::{self, Scalar, Scope},
    attribute::Attribute,
};
use crate::{Affix, Truth};

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Constant(bool),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Equal(Operand, Operand),
    In(Operand, Operand),
    Affix(Affix, Operand, Operand),
    Has(Attribute),
    /// A claim is `true`.
    True(Attribute),
}

/// A value: written out, or an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Text(String),
    Integer(i64),
    Boolean(bool),
    /// Texts or integers written out.
    List(Vec<Operand>),
    Attribute(Attribute),
}

/// What is known of a value before there is a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Boolean,
    List,
    /// Whatever the issuer put into the token.
    Claim,
}

impl Operand {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Integer(_) | Self::Attribute(Attribute::Port) => Kind::Integer,
            Self::Boolean(_) => Kind::Boolean,
            Self::List(_) => Kind::List,
            Self::Attribute(Attribute::Claim(_)) => Kind::Claim,
            Self::Attribute(_) => Kind::Text,
        }
    }

    /// What is wrong with this text as a part of `attribute`, whose letters are all of one case.
    pub(super) fn miswrites(&self, attribute: &Self) -> Option<ExpressionFault> {
        let Self::Text(text) = self else { return None };
        match attribute {
            Self::Attribute(Attribute::Host | Attribute::Authority | Attribute::ServerName)
                if text.bytes().any(|byte| byte.is_ascii_uppercase()) =>
            {
                Some(ExpressionFault::HostCase)
            }
            Self::Attribute(Attribute::Method) if text.bytes().any(|byte| byte.is_ascii_lowercase()) => {
                Some(ExpressionFault::MethodCase)
            }
            _ => None,
        }
    }

    /// What is written out, if it is one thing.
    pub(super) fn written(&self) -> Option<Scalar<'_>> {
        match self {
            Self::Text(text) => Some(Scalar::Text(Cow::Borrowed(text.as_bytes()))),
            Self::Integer(number) => Some(Scalar::Integer(*number)),
            Self::Boolean(truth) => Some(Scalar::Boolean(*truth)),
            Self::List(_) | Self::Attribute(_) => None,
        }
    }
}

/// Whether two values may be equal: one must be an attribute, and of the other's kind.
fn comparable(left: &Operand, right: &Operand) -> Result<(), ExpressionFault> {
    let fits = match (left.kind(), right.kind()) {
        (Kind::List, _) | (_, Kind::List) => false,
        (Kind::Claim, _) | (_, Kind::Claim) => true,
        (left, right) => left == right,
    };
    if !fits {
        return Err(ExpressionFault::NotComparable);
    }
    if !matches!((left, right), (Operand::Attribute(_), _) | (_, Operand::Attribute(_))) {
        return Err(ExpressionFault::Constant);
    }
    left.miswrites(right).or(right.miswrites(left)).map_or(Ok(()), Err)
}

impl Node {
    /// `left == right`.
    pub(super) fn equal(left: Operand, right: Operand) -> Result<Self, ExpressionFault> {
        comparable(&left, &right)?;
        Ok(Self::Equal(left, right))
    }

    /// `left in right`.
    pub(super) fn contained(left: Operand, right: Operand) -> Result<Self, ExpressionFault> {
        match &right {
            Operand::List(list) => list.iter().try_for_each(|element| comparable(&left, element))?,
            Operand::Attribute(Attribute::Claim(_)) => comparable(&left, &right)?,
            _ => return Err(ExpressionFault::NotAList),
        }
        Ok(Self::In(left, right))
    }

    /// Shows `see` every attribute.
    pub(super) fn visit<'n>(&'n self, see: &mut impl FnMut(&'n Attribute)) {
        let mut nodes = Vec::from([self]);
        while let Some(node) = nodes.pop() {
            match node {
                Self::Constant(_) => {}
                Self::Not(inner) => nodes.push(inner),
                Self::All(list) | Self::Any(list) => nodes.extend(list),
                Self::Equal(left, right) | Self::In(left, right) | Self::Affix(_, left, right) => {
                    for operand in [left, right] {
                        if let Operand::Attribute(attribute) = operand {
                            see(attribute);
                        }
                    }
                }
                Self::Has(attribute) | Self::True(attribute) => see(attribute),
            }
        }
    }

    /// Whether the condition holds. A comparison with something that is not there is in doubt.
    pub(super) fn holds(&self, scope: &Scope<'_>) -> Truth {
        match self {
            Self::Constant(truth) => (*truth).into(),
            Self::Not(inner) => inner.holds(scope).negated(),
            Self::All(list) => Truth::any(list, |node| node.holds(scope).negated()).negated(),
            Self::Any(list) => Truth::any(list, |node| node.holds(scope)),
            Self::Equal(left, right) => scope.compare(left, right, |left, right| left.equals(right)),
            Self::In(left, Operand::List(list)) => {
                let left = scope.readings(left);
                actual::agreed(&left, |left| {
                    Truth::any(list, |element| {
                        element.written().map_or(Truth::Unknown, |element| left.equals(&element))
                    })
                })
            }
            Self::In(left, right) => {
                let left = scope.readings(left);
                match scope.list(right) {
                    Some(list) => actual::agreed(&left, |left| {
                        Truth::any(list, |element| left.equals(&Scalar::Claim(element)))
                    }),
                    None => Truth::Unknown,
                }
            }
            Self::Affix(affix, text, part) => {
                scope.compare(text, part, |text, part| match (text.text(), part.text()) {
                    // Every text has an empty part, which nobody means when it comes from outside.
                    (Some(text), Some(part)) if !part.is_empty() => affix.holds(text, part).into(),
                    _ => Truth::Unknown,
                })
            }
            Self::Has(attribute) => scope.has(attribute),
            Self::True(claim) => scope.is_true(claim),
        }
    }
}
