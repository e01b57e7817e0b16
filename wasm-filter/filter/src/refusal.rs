//! The answer to a request that may not pass.

use bookend_engine::Answer;

use crate::Fault;

/// An answer in the place of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// HTTP status code.
    pub status: u16,
    /// The body, for people. For a gRPC request it becomes the `grpc-message`.
    pub body: &'a str,
    /// Further headers.
    pub headers: &'a [(String, String)],
    /// `%RESPONSE_CODE_DETAILS%` in access logs: one word of printable ASCII.
    pub details: &'a str,
    /// The status if the request is gRPC. The proxy knows that from its content type and turns the answer
    /// into a gRPC one.
    pub grpc_status: u32,
}

/// What is told about a refusal, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason<'g> {
    /// For the operator.
    pub(crate) details: String,
    /// For the peer.
    body: Option<String>,
    answer: Option<&'g Answer>,
}

impl<'g> Reason<'g> {
    /// A rule denies. The peer is told its id if `tell`, and otherwise what the rule says itself.
    pub(crate) fn rule(id: &str, tell: bool, answer: Option<&'g Answer>) -> Self {
        let body = tell.then(|| [Answer::BODY, ": ", id].concat());
        Self { details: details("bookend_denied", id), body, answer }
    }

    /// The stream cannot be judged. The peer is not told why.
    pub(crate) fn fault(fault: &Fault) -> Self {
        Self { details: details("bookend_fault", fault.code()), body: None, answer: None }
    }

    /// The answer to an HTTP request.
    pub(crate) fn refusal(&self) -> Refusal<'_> {
        let body = self.body.as_deref().unwrap_or(Answer::BODY);
        let (status, body, headers) = match self.answer {
            // Somebody wrote these words for this rule: they go before what is said of all of them.
            Some(answer) => (answer.status, answer.body.as_str(), answer.headers.as_slice()),
            None => (Answer::FORBIDDEN, body, [].as_slice()),
        };
        Refusal { status, body, headers, details: &self.details, grpc_status: Answer::PERMISSION_DENIED }
    }
}

/// `kind{name}`. Envoy writes it into logs whose fields are divided by spaces.
fn details(kind: &str, name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    [kind, "{", &name, "}"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_its_rule_to_the_operator_and_to_the_peer_only_if_it_should() {
        let silent = Reason::rule("default/bookinfo/isolate[0]", false, None);
        assert_eq!(silent.refusal().body, "denied by policy");
        assert_eq!(silent.refusal().details, "bookend_denied{default/bookinfo/isolate[0]}");
        let telling = Reason::rule("default/bookinfo/isolate[0]", true, None);
        assert_eq!(telling.refusal().body, "denied by policy: default/bookinfo/isolate[0]");
        assert_eq!((telling.refusal().status, telling.refusal().grpc_status), (403, 7));
    }

    #[test]
    fn a_rule_may_have_words_of_its_own() {
        let headers = vec![("retry-after".to_owned(), "60".to_owned())];
        let answer = Answer { status: 429, body: "later".to_owned(), headers: headers.clone() };
        for tell in [false, true] {
            let reason = Reason::rule("a/b", tell, Some(&answer));
            let refusal = reason.refusal();
            assert_eq!((refusal.status, refusal.body, refusal.headers), (429, "later", headers.as_slice()));
            assert_eq!((refusal.details, refusal.grpc_status), ("bookend_denied{a/b}", 7));
        }
    }

    #[test]
    fn details_are_one_word() {
        assert_eq!(Reason::rule("a b\n\u{e9}", false, None).details, "bookend_denied{a_b__}");
        assert_eq!(Reason::fault(&Fault::HeadersMalformed).details, "bookend_fault{request.headers}");
    }

    #[test]
    fn a_fault_is_not_explained_to_the_peer() {
        let fault = Fault::Absent { attribute: "xds.node.metadata.LABELS".to_owned() };
        let reason = Reason::fault(&fault);
        assert_eq!(reason.refusal().body, "denied by policy");
        assert!(reason.details.contains("LABELS"));
    }
}
