//! Istio: AuthorizationPolicy, PeerAuthentication and RequestAuthentication.

use crate::{
    decode::{fields::Fields, header::Header},
    diagnostic::Report,
    document::Document,
};

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
    let _ = (header, report, documents);
    Err(fields)
}
