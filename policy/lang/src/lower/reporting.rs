//! How filters work: every filter is given the same, so one document says it.

use crate::{Code, diagnostic::Report, document::ReportingDocument};
use bookend_engine::Settings;

/// What the only document says; the defaults where there is none.
pub(crate) fn settings<'d>(
    documents: impl Iterator<Item = &'d ReportingDocument>,
    report: &mut Report,
) -> Settings {
    let mut first: Option<&ReportingDocument> = None;
    for document in documents {
        let Some(first) = first else {
            first = Some(document);
            continue;
        };
        let message = format!(
            "there are two `Reporting` documents, `{}` and `{}`, and filters are told one",
            first.name.value, document.name.value
        );
        let related = (first.name.span, "the first one");
        report.add_related(Code::DuplicateObject, document.name.span, message, "keep one of them", related);
    }
    first.map(|document| document.settings.clone()).unwrap_or_default()
}
