//! What a refused peer is told: the filter's words, known from the documents alone.

use std::collections::BTreeMap;

use bookend_engine::{Answer, Cause, Verdict};
use serde::Serialize;

use crate::documents::Documents;
use crate::request::Request;

/// What the filter answers in the place of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// HTTP status code; of a gRPC request 200, as gRPC has it.
    pub status: u16,
    /// The body; of a gRPC request its `grpc-message`.
    pub body: String,
    /// Headers of the rule's own.
    pub headers: BTreeMap<String, String>,
    /// The status of a gRPC request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<u32>,
}

impl Told {
    /// What the proxy answers to a request, if this refuses it.
    pub(super) fn new(
        verdict: Verdict,
        cause: Cause<'_>,
        request: &Request,
        documents: &Documents,
    ) -> Option<Self> {
        if verdict == Verdict::Allow {
            return None;
        }
        let (status, body, headers) = match cause.answer() {
            Some(answer) => (answer.status, answer.body.clone(), answer.headers.iter().cloned().collect()),
            None if documents.compiled.settings.answers.rule => {
                (Answer::FORBIDDEN, format!("{}: {}", Answer::BODY, cause.id()), BTreeMap::new())
            }
            None => (Answer::FORBIDDEN, Answer::BODY.to_owned(), BTreeMap::new()),
        };
        let grpc_status = is_grpc(request).then_some(Answer::PERMISSION_DENIED);
        Some(Self { status: if grpc_status.is_some() { 200 } else { status }, body, headers, grpc_status })
    }
}

impl std::fmt::Display for Told {
    /// ``403 `denied by policy` ``.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.grpc_status {
            Some(status) => write!(f, "gRPC status {status}")?,
            None => write!(f, "{}", self.status)?,
        }
        match self.body.as_str() {
            "" => f.write_str(" without a body")?,
            body => write!(f, " `{}`", body.escape_debug())?,
        }
        for (number, (name, value)) in self.headers.iter().enumerate() {
            write!(f, "{} `{name}: {value}`", if number == 0 { " with" } else { "," })?;
        }
        Ok(())
    }
}

/// Whether the proxy answers as gRPC does: it goes by the content type (Envoy `Grpc::Common::hasGrpcContentType`).
fn is_grpc(request: &Request) -> bool {
    let types = request.headers.iter().filter(|(name, _)| name == "content-type");
    types
        .map(|(_, value)| value.strip_prefix("application/grpc"))
        .any(|rest| rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('+')))
}
