//! Hosts (S50).

use super::super::fields::{quoted, text};
use crate::{Code, diagnostic::Report, limit, yaml::Node};
use bookend_engine::{HostPattern, HostPatternError};

/// An element of `hosts`.
pub(super) fn host(node: &Node, report: &mut Report) -> Option<HostPattern> {
    let text = text(node, "hosts", limit::HOST, report)?;
    let host = text.value.as_str();
    let bad = |report: &mut Report, cause: &str, cure: String| {
        report.add(Code::BadHost, text.span, format!("`{}` {cause}", quoted(host)), cure);
        None
    };
    if host == "*" {
        return bad(report, "would be every host", "leave `hosts` out to mean every host".to_owned());
    }
    if let Some((scheme, rest)) = host.split_once("://") {
        let rest = rest.split('/').next().unwrap_or_default();
        let cause = format!("holds a scheme, `{}`", quoted(scheme));
        return bad(report, &cause, format!("write `{}`", quoted(rest)));
    }
    if let Some((name, _)) = host.split_once('/') {
        let cure = format!("write `{}`, and the path in `paths`", quoted(name));
        return bad(report, "holds a path", cure);
    }
    if !host.is_ascii() {
        let cure = "write it in ASCII, as it is sent: `xn--…`".to_owned();
        return bad(report, "is not in ASCII", cure);
    }
    if let Some(name) = host.strip_suffix('.') {
        return bad(report, "ends in a dot", format!("write `{}`", quoted(name)));
    }
    if host.parse::<core::net::Ipv6Addr>().is_ok() {
        return bad(report, "is an IPv6 address without brackets", format!("write `[{host}]`"));
    }
    match HostPattern::parse(host) {
        Ok(pattern) => Some(pattern),
        Err(error @ HostPatternError::BadStar) => bad(
            report,
            &format!("is not a host: {error}"),
            "write `*.example.com` for every name below one".to_owned(),
        ),
        Err(error @ HostPatternError::Doubtful(_)) => bad(
            report,
            &format!("is not a host: {error}"),
            "write it like `example.com`, `example.com:8443` or `[2001:db8::1]`".to_owned(),
        ),
    }
}
