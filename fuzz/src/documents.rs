//! Any bytes are either compiled or refused with an error that points into them.

use bookend_engine::Configuration;
use bookend_lang::{Compiled, Diagnostic, Refused, Severity, Source, Span, compile, format};

/// * What is refused has at least one error, and every diagnostic lies inside the text.
/// * What is compiled makes a configuration that survives being written and read.
/// * What is laid out anew means the same, and is not laid out any further.
pub fn law(bytes: &[u8]) {
    let compiled = said(bytes, compile(&[Source::new("fuzz", bytes)]));
    if let Some(compiled) = &compiled {
        within(bytes, &compiled.warnings);
        let configuration = compiled.configuration();
        let json = configuration.to_json().expect("it was compiled");
        let read = Configuration::from_json(&json).expect("it was just written");
        assert_eq!(read.to_json().expect("it was just read"), json);
        // Limits are the kernel's: no configuration holds them.
        if configuration.program.rules().iter().all(|rule| rule.limits.is_none()) {
            assert_eq!(read, configuration);
        }
    }
    match format(&Source::new("fuzz", bytes)) {
        Ok(formatted) => {
            let again = Source::new("fuzz", formatted.as_str());
            assert_eq!(format(&again).expect("it was just laid out"), formatted, "laid out any further");
            let same = said(formatted.as_bytes(), compile(&[again]));
            let revision = |compiled: &Compiled| compiled.configuration().revision;
            assert_eq!(same.as_ref().map(revision), compiled.as_ref().map(revision), "{formatted}");
        }
        Err(refused) => drop(said(bytes, Err(refused))),
    }
}

/// What was compiled; or nothing, where it was refused in due form.
fn said(text: &[u8], result: Result<Compiled, Refused>) -> Option<Compiled> {
    let Refused { diagnostics } = match result {
        Ok(compiled) => return Some(compiled),
        Err(refused) => refused,
    };
    assert!(diagnostics.iter().any(|d| d.severity() == Severity::Error), "refused without an error");
    within(text, &diagnostics);
    None
}

fn within(text: &[u8], diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let related = diagnostic.related.iter().map(|(span, _)| span);
        for Span { source, start, end, line, column } in related.chain([&diagnostic.span]) {
            assert!(*source == 0 && start <= end && *end <= text.len(), "{diagnostic:?}");
            assert!(*line > 0 && *column > 0, "{diagnostic:?}");
            if let Ok(text) = str::from_utf8(text) {
                assert!(text.is_char_boundary(*start) && text.is_char_boundary(*end), "{diagnostic:?}");
            }
        }
        assert!(!diagnostic.message.is_empty() && !diagnostic.cure.is_empty());
    }
}
