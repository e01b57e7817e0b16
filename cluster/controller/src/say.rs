//! What people are told on standard error.

use std::io::Write as _;

use bookend_text::lines;

/// Tells a line.
pub(crate) fn say(line: &str) {
    // Much of it others wrote. Nobody may be reading.
    let _ = writeln!(std::io::stderr(), "bookend-controller: {}", lines(line));
}
