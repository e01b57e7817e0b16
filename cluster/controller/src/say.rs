//! What people are told on standard error.

use std::io::Write as _;

/// Tells a line.
pub(crate) fn say(line: &str) {
    // Nobody may be reading.
    let _ = writeln!(std::io::stderr(), "bookend-controller: {line}");
}
