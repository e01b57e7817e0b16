//! Diagnostics with the text they are about: the only file that speaks `annotate_snippets`.

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{
    AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};
use bookend_lang::{Diagnostic, Severity, Source, Span};

use bookend_answers::count;

/// How many diagnostics are shown; whoever makes more mistakes has made one of them many times.
const MAX_SHOWN: usize = 100;

/// The longest line that is shown, in bytes.
const MAX_LINE: usize = 2000;

/// Renders diagnostics, each followed by an empty line.
pub(crate) fn render_all(diagnostics: &[Diagnostic], sources: &[Source], colours: bool) -> String {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(DEFAULT_TERM_WIDTH);
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(MAX_SHOWN) {
        text.push_str(&render(diagnostic, sources, &renderer));
        text.push_str("\n\n");
    }
    if diagnostics.len() > MAX_SHOWN {
        text.push_str(&format!("… and {} more\n\n", diagnostics.len() - MAX_SHOWN));
    }
    text
}

fn render(diagnostic: &Diagnostic, sources: &[Source], renderer: &Renderer) -> String {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    // Messages quote what the file says, and that may hold control characters.
    let message = normalize_untrusted_str(&diagnostic.message);
    let cure = normalize_untrusted_str(&diagnostic.cure);
    let mut group = Group::with_title(level.primary_title(message).id(diagnostic.code.as_str()));
    group = group.element(excerpt(diagnostic.span, AnnotationKind::Primary, None, sources));
    if let Some((span, label)) = &diagnostic.related {
        group = group.element(excerpt(*span, AnnotationKind::Context, Some(label), sources));
    }
    group = group.element(Level::HELP.message(cure));
    renderer.render(&[group])
}

/// The lines around a place, or only its name where they would not help.
fn excerpt<'s>(
    span: Span,
    kind: AnnotationKind,
    label: Option<&'s String>,
    sources: &'s [Source],
) -> Element<'s> {
    let source = sources.get(span.source);
    let name = source.map_or("?", |source| source.name.as_str());
    let origin = || Origin::path(name).line(span.line).char_column(span.column).into();
    let Some(source) = source else { return origin() };
    let Some((line, start)) = line_around(&source.bytes, span.start) else { return origin() };
    // Of several lines the first is underlined: it says where, and the rest would hide the message.
    let end = span.end.saturating_sub(span.start).saturating_add(start).min(line.trim_end().len());
    let annotation =
        kind.span(start..end.max(start)).label(label.map(|label| normalize_untrusted_str(label)));
    Snippet::source(line).line_start(span.line).path(name).annotation(annotation).into()
}

/// The line that holds the byte at `offset`, and where in the line it is.
fn line_around(bytes: &[u8], offset: usize) -> Option<(&str, usize)> {
    let (before, after) = bytes.split_at_checked(offset)?;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let end = after.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| offset + length);
    let line = str::from_utf8(bytes.get(start..end)?).ok()?.trim_end_matches('\r');
    (!line.trim().is_empty() && line.len() <= MAX_LINE).then_some((line, offset - start))
}

/// `2 errors, 1 warning`.
pub(crate) fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|d| d.severity() == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let errors = (errors > 0).then(|| count(errors, "error", "errors"));
    let warnings = (warnings > 0).then(|| count(warnings, "warning", "warnings"));
    errors.into_iter().chain(warnings).collect::<Vec<_>>().join(", ")
}
