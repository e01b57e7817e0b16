//! gRPC methods (S53).

use alloc::string::String;
use serde::Serialize;

use crate::{
    Request, Truth,
    request::Reading,
    tape::{Mismatch, Read, Value},
};

/// A gRPC service, or one method of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcMatch {
    service: String,
    method: Option<String>,
}

/// Why a gRPC condition is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrpcMatchError {
    /// Not a full name as protocol buffers write it.
    #[error("a service is written with its package, such as `shop.v1.Orders`")]
    BadService,
    /// Not an identifier of protocol buffers.
    #[error("a method is a name such as `Get`; leave it out to mean every method")]
    BadMethod,
}

impl GrpcMatch {
    /// One method of a service; without `method`, every method.
    ///
    /// # Errors
    /// When a name is none.
    pub fn new(service: String, method: Option<String>) -> Result<Self, GrpcMatchError> {
        if !service.split('.').all(is_identifier) {
            return Err(GrpcMatchError::BadService);
        }
        if !method.as_deref().is_none_or(is_identifier) {
            return Err(GrpcMatchError::BadMethod);
        }
        Ok(Self { service, method })
    }

    /// The service with its package.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The method; every one when there is none.
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// Whether the request calls the method. A request for its path that is no gRPC is in doubt, for it may reach the same code.
    pub(super) fn holds(&self, request: &Request<'_>) -> Truth {
        let Ok(path) = request.path() else { return Truth::Unknown };
        let mut segments = path.segments();
        let (service, method) = (segments.next(), segments.next().unwrap_or_default());
        let called = service == Some(self.service.as_str())
            && segments.next().is_none()
            && self.method.as_deref().map_or(!method.is_empty(), |wanted| wanted == method);
        if !called {
            return Truth::No;
        }
        let posted = request.method() == Some("POST");
        match request.header("content-type") {
            Reading::One(kind) if posted && is_grpc(&kind) => Truth::Yes,
            _ => Truth::Unknown,
        }
    }
}

/// `application/grpc` or `application/grpc-web`, then nothing, a codec or a parameter. Media types are compared without
/// regard to case (RFC 9110, 8.3.1).
fn is_grpc(kind: &[u8]) -> bool {
    let starts = |prefix: &str| {
        let (start, rest) = kind.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix.as_bytes()).then_some(rest)
    };
    ["application/grpc", "application/grpc-web", "application/grpc-web-text"]
        .into_iter()
        .filter_map(starts)
        .any(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl Read for GrpcMatch {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let [service, method] = value.members(["service", "method"])?;
        Self::new(service.read()?, method.read()?).map_err(|error| Mismatch::because(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Head;

    #[test]
    fn a_call_is_a_path_and_a_content_type() {
        use Truth::{No, Unknown, Yes};
        for (wanted, path, kind, truth) in [
            (Some("Get"), "/shop.v1.Orders/Get", Some("application/grpc"), Yes),
            (Some("Get"), "/shop.v1.Orders/Get", Some("application/grpc+proto"), Yes),
            (Some("Get"), "/shop.v1.Orders/Get", Some("Application/gRPC;x=1"), Yes),
            (Some("Get"), "/shop.v1.Orders/Get", Some("application/grpc-web"), Yes),
            (Some("Get"), "/shop.v1.Orders/Get", Some("application/grpc-web-text+proto"), Yes),
            (Some("Get"), "/shop.v1.Orders/Get", Some("application/grpcx"), Unknown),
            (Some("Get"), "/shop.v1.Orders/Get", Some("application/json"), Unknown),
            (Some("Get"), "/shop.v1.Orders/Get", Some("application/grpc, text/html"), Unknown),
            (Some("Get"), "/shop.v1.Orders/Get", None, Unknown),
            (Some("Get"), "/shop.v1.Orders/Put", Some("application/grpc"), No),
            (Some("Get"), "/shop.v1.Orders/Get/", Some("application/grpc"), No),
            (Some("Get"), "/shop.v1.Orders2/Get", Some("application/grpc"), No),
            (Some("Get"), "/shop.v1.Orders%2FGet", Some("application/grpc"), Unknown),
            (None, "/shop.v1.Orders/Put", Some("application/grpc"), Yes),
            (None, "/shop.v1.Orders/", Some("application/grpc"), No),
            (None, "/shop.v1.Orders", Some("application/grpc"), No),
        ] {
            let grpc = GrpcMatch::new("shop.v1.Orders".into(), wanted.map(Into::into)).unwrap();
            let lines: alloc::vec::Vec<_> =
                kind.iter().map(|kind| (&b"content-type"[..], kind.as_bytes())).collect();
            let head = |method: &'static str| Head {
                method: Some(method.as_bytes()),
                path: Some(path.as_bytes()),
                headers: Some(&lines),
                ..Head::default()
            };
            assert_eq!(grpc.holds(&Request::new(head("POST"))), truth, "{wanted:?} on {path} {kind:?}");
            let other = if truth == No { No } else { Unknown };
            assert_eq!(grpc.holds(&Request::new(head("GET"))), other, "{wanted:?} on GET {path} {kind:?}");
        }
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for service in ["", ".A", "a..B", "a/B", "a.B/", "ä.B", "1a"] {
            assert_eq!(GrpcMatch::new(service.into(), None), Err(GrpcMatchError::BadService), "{service}");
        }
        for method in ["", "*", "a.b", "a/b"] {
            let refused = GrpcMatch::new("a.B".into(), Some(method.into()));
            assert_eq!(refused, Err(GrpcMatchError::BadMethod), "{method}");
        }
    }
}
