//! Documents in their canonical layout.
//!
//! Keys come in the order of docs/policy.md, sequences are not indented, and a collection in brackets stays in brackets
//! where it fits into a line. Comments stay with what they stand before or behind. What comes out is read again, and
//! refused unless it says the same and has the same comments: a formatter must never change what a policy means.

mod comment;
mod print;

use crate::{
    Code, Refused, Source, Span,
    diagnostic::Report,
    yaml::{self, Node},
};
use comment::Comments;
use print::Printer;

/// The documents of a source in their canonical layout.
///
/// # Errors
/// When the source is not acceptable YAML, or when it cannot be laid out without losing a comment or a directive. Whether
/// the documents are sound policies makes no difference.
pub fn format(source: &Source) -> Result<String, Refused> {
    let (documents, text) = read(source)?;
    let whole = Span::whole(0);
    if text.lines().any(|line| line.starts_with('%')) {
        return Err(refused(whole, "the source holds a directive", "remove the line that starts with `%`"));
    }
    let comments = Comments::of(text, &documents);
    let mut printer = Printer::new(text, &comments);
    for document in &documents {
        printer.document(document);
    }
    let formatted = printer.finish();
    let again = Source::new(source.name.clone(), formatted.clone());
    let (same, again_text) = read(&again).map_err(|_| unsafe_layout(whole))?;
    let kept = Comments::of(again_text, &same).texts() == comments.texts();
    if !kept || said(&documents) != said(&same) {
        return Err(unsafe_layout(whole));
    }
    Ok(formatted)
}

fn read(source: &Source) -> Result<(Vec<Node>, &str), Refused> {
    let mut report = Report::default();
    let text = yaml::text(0, source, &mut report);
    let read = text.and_then(|text| Some((yaml::read(0, text, &mut report)?, text)));
    if let Some((yaml::Read { documents, nodes }, text)) = read {
        yaml::check_whole(0, nodes, documents.len(), &mut report);
        if !report.refuses() {
            return Ok((documents, text));
        }
    }
    Err(Refused { diagnostics: report.into_diagnostics() })
}

/// What documents say, however they are laid out.
fn said(documents: &[Node]) -> Vec<String> {
    let said = |document: &Node| {
        let mut said = String::new();
        document.say(&mut said);
        said
    };
    documents.iter().map(said).collect()
}

fn unsafe_layout(span: Span) -> Refused {
    refused(
        span,
        "the source cannot be laid out anew without changing what it says",
        "move comments to lines of their own, or out of brackets and multi-line texts",
    )
}

fn refused(span: Span, message: &str, cure: &str) -> Refused {
    let mut report = Report::default();
    report.add(Code::NotFormattable, span, message, cure);
    Refused { diagnostics: report.into_diagnostics() }
}
