//! Why an expression is refused.

use crate::NameError;

/// An expression that is refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct ExpressionError {
    /// At which byte of the expression, from 0; its length where something is missing at the end.
    pub at: usize,
    /// The reason.
    pub fault: ExpressionFault,
}

/// What is wrong with an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionFault {
    /// More than 1,024 bytes (S58).
    #[error("an expression has at most 1024 bytes; write several rules")]
    TooLong,
    /// Parentheses and negations inside each other, more than 16 (S58).
    #[error("an expression nests at most 16 deep")]
    TooDeep,
    /// More than 64 operators and functions (S58).
    #[error("an expression has at most 64 operators; write several rules, or a list with `in`")]
    TooManyOperators,
    /// A character that starts nothing.
    #[error("`{0}` is no operator here; there are `==`, `!=`, `in`, `&&`, `||` and `!`")]
    BadCharacter(char),
    /// A text without its closing quote.
    #[error("the text has no closing quote")]
    Unclosed,
    /// An escape other than of a quote or a backslash.
    #[error("a backslash stands before a quote or a backslash only")]
    BadEscape,
    /// A text with characters that are never compared (S49).
    #[error("only printable ASCII characters, spaces and tabs are compared")]
    NotPlain,
    /// A number that is no integer of 64 bits.
    #[error("a number is an integer of 64 bits")]
    BadNumber,
    /// Something else stands here than could.
    #[error("{0} is expected here")]
    Expected(&'static str),
    /// There is no such attribute.
    #[error(
        "there is no such attribute; there are `request.`, `jwt.claims.`, `path.`, `source.`, `destination.` and `connection.sni`"
    )]
    UnknownAttribute,
    /// There is no such function.
    #[error("there is no such function; there are `.startsWith()`, `.endsWith()`, `.contains()` and `has()`")]
    UnknownFunction,
    /// A header or parameter that cannot be judged.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A value where a condition must stand.
    #[error("this is a value and no condition; compare it with something")]
    NotACondition,
    /// A condition where a value must stand.
    #[error("this is a condition and no value; join conditions by `&&` and `||`")]
    NotAValue,
    /// Kinds that are never equal.
    #[error("the two sides are of different kinds, so they are never equal; a list is compared with `in`")]
    NotComparable,
    /// Both sides are written out.
    #[error("both sides are written out, so the request makes no difference; one must be an attribute")]
    Constant,
    /// Behind `in` stands neither a list nor a claim.
    #[error("behind `in` stands a list such as `['a', 'b']`, or a claim that is one")]
    NotAList,
    /// A list without elements, which nothing is in.
    #[error("nothing is in an empty list")]
    EmptyList,
    /// A list of elements of different kinds.
    #[error("a list has elements of one kind: texts, or integers")]
    MixedList,
    /// A text function of something else.
    #[error("this function is about texts")]
    NotText,
    /// A text function of nothing, which holds for every text.
    #[error("every text starts with, ends in and contains nothing")]
    EmptyText,
    /// A host with capitals, which no host is equal to.
    #[error("hosts are compared in lower case; write it so")]
    HostCase,
    /// A method with small letters, which servers do not tell from capitals.
    #[error("methods are compared in capitals; write it so")]
    MethodCase,
}
