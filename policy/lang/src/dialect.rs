//! The policy languages of other systems, read into the documents that Bookend's own become.
//!
//! Each module turns the nodes of its documents into [`Document`]s, mostly policies, and knows nothing of the others. What
//! Bookend cannot say is refused as [inexact](crate::Code), with the reason, and narrowed: an allow rule is left out, a
//! deny rule or an isolation widened, so that whoever wants the rest all the same gets nothing more than was meant.

mod calico;
pub(crate) mod istio;
mod kubernetes;

pub(crate) use calico::{Expression as Selector, Test, refuse_replacements};

use crate::{
    decode::{fields::Fields, header::Header},
    diagnostic::Report,
    document::Document,
};

pub(crate) use kubernetes::warn_of_ties;

/// Reads a document of another system.
///
/// # Errors
/// The fields, where no dialect knows the kind.
pub(crate) fn document<'n>(
    header: &Header,
    fields: Fields<'n>,
    report: &mut Report,
    documents: &mut Vec<Document>,
) -> Result<(), Fields<'n>> {
    kubernetes::document(header, fields, report, documents)
        .or_else(|fields| istio::document(header, fields, report, documents))
        .or_else(|fields| calico::document(header, fields, report, documents))
}
