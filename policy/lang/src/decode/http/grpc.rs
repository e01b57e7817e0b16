//! Conditions on calls of gRPC (S53).

use super::super::fields::{Fields, optional, quoted, text};
use crate::{Code, diagnostic::Report, limit, yaml::Node};
use bookend_engine::GrpcMatch;

/// An element of `grpc`.
pub(super) fn grpc(node: &Node, report: &mut Report) -> Option<GrpcMatch> {
    let mut fields = Fields::of(node, "gRPC condition", report)?;
    let service =
        fields.required("service", report).and_then(|node| identifier(node, "service", true, report));
    let method = optional(fields.get("method").map(|node| identifier(node, "method", false, report)));
    fields.finish(report);
    GrpcMatch::new(service?, method?).ok()
}

/// An identifier of protocol buffers, or, of a service, several joined by dots.
fn identifier(node: &Node, what: &str, dotted: bool, report: &mut Report) -> Option<String> {
    let text = text(node, what, limit::GRPC, report)?;
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let good = if dotted { text.value.split('.').all(part) } else { part(&text.value) };
    if !good {
        let cure = match (dotted, text.value.as_str()) {
            (true, service) if service.contains('/') => "write what follows the `/` as `method`",
            (true, _) => "write the full name, such as `grpc.health.v1.Health`",
            (false, "*") => "leave `method` out to mean every method",
            (false, _) => "write the bare name, such as `Check`",
        };
        let message = format!("`{}` is not the name of a gRPC {what}", quoted(&text.value));
        report.add(Code::BadGrpc, text.span, message, cure);
        return None;
    }
    Some(text.value)
}
