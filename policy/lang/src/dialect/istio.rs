//! Istio: AuthorizationPolicy, PeerAuthentication and RequestAuthentication.
//!
//! A document is decoded by itself. What it means depends on the mesh (its root namespace, its trust domains), so it becomes a
//! policy only once that is known.

mod address;
mod attribute;
mod authorization;
mod conjunction;
mod excess;
mod expression;
mod fold;
mod form;
mod header;
mod host;
mod mesh;
mod method;
mod path;
mod peer;
mod peer_authentication;
mod port;
mod request_authentication;
mod target;
mod token;
mod trust;
mod values;

use crate::{
    Code,
    decode::{fields::Fields, header::Header},
    diagnostic::Report,
    document::Document,
};
pub(crate) use fold::{authorization_name, policy};
pub(crate) use mesh::{Mesh, ROOT_NAMESPACE};
pub(crate) use peer_authentication::{peer_authentication_name, peer_policy};
pub(crate) use trust::TrustDomains;

/// The API of Istio's policies about security.
const GROUP: &str = "security.istio.io";

/// Reads a document.
///
/// # Errors
/// The fields, where it is of another system.
pub(super) fn document<'n>(
    header: &Header,
    fields: Fields<'n>,
    report: &mut Report,
    documents: &mut Vec<Document>,
) -> Result<(), Fields<'n>> {
    let kind = header.kind.value.as_str();
    let known = matches!(kind, "AuthorizationPolicy" | "PeerAuthentication" | "RequestAuthentication");
    if header.group() != GROUP || !known {
        return Err(fields);
    }
    let version = header.api_version.value.as_str();
    if !matches!(version, "security.istio.io/v1" | "security.istio.io/v1beta1") {
        let message = format!("`{}` is not in `{version}`", header.kind.value);
        report.add(
            Code::WrongApiVersion,
            header.api_version.span,
            message,
            "write `apiVersion: security.istio.io/v1`",
        );
        return Ok(());
    }
    documents.extend(match kind {
        "PeerAuthentication" => {
            let read = peer_authentication::peer_authentication(fields, report);
            read.map(Document::PeerAuthentication)
        }
        "RequestAuthentication" => {
            let read = request_authentication::request_authentication(fields, report);
            read.map(Document::RequestAuthentication)
        }
        _ => authorization::authorization(fields, report).map(Document::Authorization),
    });
    Ok(())
}
