//! Lines for people, on standard error.

use crate::input::Complaint;
use bookend_text::lines;
use std::io::Write;

/// Says something in the enforcer's own name.
pub(crate) fn say(text: &str) {
    line(&format!("bookend-enforcer: {text}"));
}

/// Says what is wrong with the input, one line each.
pub(crate) fn complain(complaints: &[Complaint]) {
    for complaint in complaints {
        line(&complaint.text);
    }
}

fn line(text: &str) {
    // Much of it others wrote: names, labels, what an API server answers. Nobody reads any more: policing goes on without telling.
    let _ = writeln!(std::io::stderr(), "{}", lines(text));
}
