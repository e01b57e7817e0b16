//! Comparisons between attributes: `when` (S55).
//!
//! An expression is read once, and everything that could make no sense of it later is refused then: an attribute or function
//! that does not exist, a comparison between kinds, a size beyond the limits. So judging it cannot fail.

mod actual;
mod attribute;
mod error;
mod lexer;
mod looks;
mod node;
mod parser;

use alloc::{string::String, vec::Vec};
use serde::Serialize;

use crate::{
    CanonicalPath, Connection, End, Needs, PathPattern, Request, Truth, http::verified, written::written,
};
use actual::{Scope, Token};
use attribute::Attribute;
pub use error::{ExpressionError, ExpressionFault};
use looks::Looks;
use node::Node;

/// An expression in the syntax of CEL:
///
/// * attributes: `request.method`, `.host`, `.authority`, `.path`, `.headers['x-role']`, `.query['q']`; `path.NAME`, a named segment of the
///   path pattern that matched; `jwt.claims.sub`, `jwt.claims['a']`; `source` or `destination` with `.namespace`,
///   `.serviceAccount`, `.labels['app']`; `source.principal`; `destination.port`; `connection.sni`;
/// * `==`, `!=`, `in`, `&&`, `||`, `!`, parentheses, `.startsWith(…)`, `.endsWith(…)`, `.contains(…)`, `has(…)`;
/// * texts in either quotes, integers, `true`, `false`, and lists of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Expression {
    text: String,
    node: Node,
    needs: Needs,
    segments: Vec<String>,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none, makes no sense, or is beyond the limits (S58).
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let node = parser::parse(text)?;
        let (mut needs, mut segments) = (Needs::default(), Vec::new());
        node.visit(&mut |attribute| match attribute {
            // A `host` header may contradict the authority.
            Attribute::Header(_) | Attribute::Host | Attribute::Authority => needs.headers = true,
            Attribute::ServerName => needs.server_name = true,
            Attribute::Claim(_) => needs.tokens = true,
            Attribute::Segment(name) => segments.push(name.clone()),
            _ => {}
        });
        Ok(Self { text: String::from(text), node, needs, segments })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the path segments it speaks of. A comparison with a segment that the path pattern does not name is in doubt.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// What must be read of a request so that the expression can be judged.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// What the expression looks at in one `end` of the connection.
    pub(crate) fn looks_at(&self, end: End) -> Looks<'_> {
        Looks::of(&self.node, end)
    }

    /// Whether the expression holds. `segments` is a pattern and the path it matched, which give `path.NAME` its meaning.
    ///
    /// Where several tokens were verified, any of them may be the one the service looks at.
    pub(crate) fn holds(
        &self,
        connection: &Connection<'_>,
        request: &Request<'_>,
        segments: Option<(&PathPattern, &CanonicalPath)>,
    ) -> Truth {
        let holds = |token| self.node.holds(&Scope { connection, request, token, segments });
        if !self.needs.tokens {
            return holds(Token::Doubt);
        }
        match verified(connection, request) {
            None => holds(Token::Doubt),
            Some([]) => holds(Token::Absent),
            Some(tokens) => Truth::agreed(tokens.iter().map(|token| holds(Token::One(token)))),
        }
    }
}

written!(Expression);

#[cfg(test)]
mod tests;
