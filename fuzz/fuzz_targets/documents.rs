//! Any bytes are either compiled or refused with at least one error that points into them.
#![no_main]

use bookend_lang::{Severity, Source, compile};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(refused) = compile(&[Source::new("fuzz", bytes)]) {
        assert!(refused.diagnostics.iter().any(|d| d.severity() == Severity::Error));
        for diagnostic in refused.diagnostics {
            assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= bytes.len());
        }
    }
});
