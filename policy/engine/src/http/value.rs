//! What is asked of a header, a query parameter or a claim.

use alloc::string::String;
use serde::Serialize;

use crate::{
    TextMatch, Truth,
    request::Reading,
    tape::{Mismatch, Read, Value},
    text::is_plain,
};

/// A condition on something that may be there or not, and has a text if it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ValueMatch {
    /// Whether it is there.
    Present(bool),
    /// It is there, and its text is one of these.
    Text(TextMatch),
}

impl ValueMatch {
    /// Whether the condition holds for what a request says.
    pub(super) fn holds(&self, reading: &Reading<'_>) -> Truth {
        match self {
            Self::Present(wanted) => is(reading.present(), *wanted),
            Self::Text(texts) => reading.holds(|text| texts.holds(text)),
        }
    }
}

/// Whether something is as `wanted`, given whether it is.
pub(super) fn is(truth: Truth, wanted: bool) -> Truth {
    if wanted { truth } else { truth.negated() }
}

/// A condition on a request header (S51).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeaderMatch {
    name: String,
    value: ValueMatch,
}

/// A condition on a query parameter (S52).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryMatch {
    name: String,
    value: ValueMatch,
}

/// Why the name of a header or query parameter is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a field name (RFC 9110, 5.1); `:path` and its like are none either.
    #[error("a header name is made of letters, digits and `-`, such as `x-role`")]
    NotAHeader,
    /// `host`, which is no header by the time it is judged.
    #[error("the host is not among the headers; use `hosts`")]
    Host,
    /// A header that is about one hop, and gone or another when the service reads it (RFC 9110, 7.6.1).
    #[error("this header is about one hop, so what is judged is not what the service reads")]
    Hop,
    /// An empty name, or one with characters that are never compared (S49).
    #[error("a parameter name is made of printable ASCII characters")]
    NotAParameter,
}

/// The name of a header as conditions on it are kept: in lower case.
///
/// # Errors
/// When there is no header of that name to be judged.
pub(crate) fn header_name(name: &str) -> Result<String, NameError> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "host" => Err(NameError::Host),
        "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" => Err(NameError::Hop),
        "" => Err(NameError::NotAHeader),
        _ if !lower.chars().all(token) => Err(NameError::NotAHeader),
        _ => Ok(lower),
    }
}

/// Checks the name of a query parameter.
///
/// # Errors
/// When no parameter of that name is ever certain.
pub(crate) fn parameter_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() || !is_plain(name.as_bytes()) { Err(NameError::NotAParameter) } else { Ok(()) }
}

impl HeaderMatch {
    /// A condition on the header `name`, in any case.
    ///
    /// # Errors
    /// When there is no header of that name to be judged.
    pub fn new(name: &str, value: ValueMatch) -> Result<Self, NameError> {
        Ok(Self { name: header_name(name)?, value })
    }

    /// The name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is asked of it.
    pub fn value(&self) -> &ValueMatch {
        &self.value
    }
}

impl QueryMatch {
    /// A condition on the query parameter `name`, written decoded.
    ///
    /// # Errors
    /// When no parameter of that name is ever certain.
    pub fn new(name: &str, value: ValueMatch) -> Result<Self, NameError> {
        parameter_name(name)?;
        Ok(Self { name: String::from(name), value })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is asked of it.
    pub fn value(&self) -> &ValueMatch {
        &self.value
    }
}

impl Read for ValueMatch {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        match value.variant()? {
            ("present", wanted) => wanted.read().map(Self::Present),
            ("text", texts) => texts.read().map(Self::Text),
            (other, _) => Err(Mismatch::unknown(other)),
        }
    }
}

impl Read for HeaderMatch {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let [name, value] = value.members(["name", "value"])?;
        Self::new(&name.read::<String>()?, value.read()?).map_err(|error| Mismatch::because(&error))
    }
}

impl Read for QueryMatch {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let [name, value] = value.members(["name", "value"])?;
        Self::new(&name.read::<String>()?, value.read()?).map_err(|error| Mismatch::because(&error))
    }
}
