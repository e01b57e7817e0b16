//! The answer to a request that may not pass.

use crate::Denied;

/// An answer in the place of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status code.
    pub status: u32,
    /// The body, for people; for a gRPC request it becomes the `grpc-message`, so it has no line end.
    pub body: String,
    /// `%RESPONSE_CODE_DETAILS%` in access logs, without spaces.
    pub details: String,
    /// The status if the request is gRPC. The proxy knows that from its content type and turns the answer
    /// into a gRPC one.
    pub grpc_status: i32,
}

/// PERMISSION_DENIED in `google.rpc.Code`.
const PERMISSION_DENIED: i32 = 7;

impl From<&Denied<'_>> for Refusal {
    fn from(denied: &Denied<'_>) -> Self {
        match denied {
            Denied::ByRule(rule) => Self::new(format!("denied by bookend: {rule}"), "bookend_denied", rule),
            // What is wrong goes to the log, not to the peer.
            Denied::InDoubt(fault) => {
                let body = "denied by bookend: the request cannot be judged".to_owned();
                Self::new(body, "bookend_fault", fault.code())
            }
        }
    }
}

impl Refusal {
    fn new(body: String, kind: &str, name: &str) -> Self {
        // Envoy writes the details into logs whose fields are divided by spaces.
        let name: String = name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
        Self { status: 403, body, details: format!("{kind}{{{name}}}"), grpc_status: PERMISSION_DENIED }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fault;

    fn denied(rule: &str) -> Refusal {
        Refusal::from(&Denied::ByRule(rule))
    }

    fn in_doubt(fault: Fault) -> Refusal {
        Refusal::from(&Denied::InDoubt(fault))
    }

    #[test]
    fn a_denial_names_its_rule_to_the_peer_and_in_the_details() {
        let refusal = denied("default/bookinfo/isolate[0]");
        assert_eq!(refusal.body, "denied by bookend: default/bookinfo/isolate[0]");
        assert_eq!(refusal.details, "bookend_denied{default/bookinfo/isolate[0]}");
    }

    #[test]
    fn details_are_one_word() {
        assert_eq!(denied("a b\n\u{e9}").details, "bookend_denied{a_b__}");
        assert_eq!(in_doubt(Fault::HeadersMalformed).details, "bookend_fault{request.headers}");
    }

    #[test]
    fn a_fault_is_not_explained_to_the_peer() {
        let fault = Fault::Absent { attribute: "xds.node.metadata.LABELS".to_owned() };
        assert!(!in_doubt(fault).body.contains("LABELS"));
    }
}
