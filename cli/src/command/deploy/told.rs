//! What is said while something is deployed, and what a deployment would change.

use std::cell::RefCell;
use std::fmt::Write;

use bookend_cluster::delivery::{Change, Key, Outcome, Step, clean};
use bookend_objects::install::document;
use bookend_text::plain;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::bars::Line;

/// Tells the steps on a line that waits, and remembers them for whoever interrupts.
pub(crate) struct Told {
    line: Line,
    done: RefCell<Vec<String>>,
}

impl Told {
    /// Begins.
    pub(crate) fn new(now: &str) -> Self {
        Self { line: Line::new(now), done: RefCell::default() }
    }

    /// Something is going on now.
    pub(crate) fn now(&self, what: &str) {
        self.line.now(what);
    }

    /// Something that is worth a line.
    pub(crate) fn say(&self, what: &str) {
        self.line.say(what);
    }

    /// Tells a step.
    pub(crate) fn step(&self, step: Step) {
        match step {
            Step::Stage(title) => self.line.now(title),
            Step::Applied(_, Outcome::Same) => {}
            Step::Applied(key, outcome) => self.done(&format!("{key} {}", word(outcome))),
            Step::Pruned(key) => self.done(&format!("{key} deleted")),
            Step::Left(key, why) => self.line.say(&format!("{key} is no longer wanted, and stays: {why}")),
            Step::Restored(key) => self.done(&format!("{key} set back")),
            Step::NotRestored(key, why) => self.done(&format!("{key} could not be set back: {why}")),
            Step::Waiting(waiting) => self.line.now(&waiting.to_string()),
            Step::Note(note) => self.line.say(&format!("note: {note}")),
        }
    }

    fn done(&self, what: &str) {
        self.line.say(what);
        self.done.borrow_mut().push(what.to_owned());
    }

    /// What was done so far.
    pub(crate) fn so_far(&self) -> String {
        match &*self.done.borrow() {
            done if done.is_empty() => "nothing was changed".to_owned(),
            done => format!("done so far: {}", done.join(", ")),
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Changed => "changed",
        Outcome::Same => "unchanged",
        Outcome::Pruned => "deleted",
    }
}

/// What would change, a line for each object.
pub(super) fn summary(changes: &[Change]) -> String {
    let mut text = String::new();
    let mut same = 0;
    for change in changes {
        match change.outcome {
            Outcome::Same => same += 1,
            outcome => {
                let _ = writeln!(text, "{} {}", plain(&change.key.to_string()), word(outcome));
            }
        }
    }
    if same > 0 {
        let _ = writeln!(text, "{same} unchanged");
    }
    text
}

/// What would change, line by line: what the server has, and what it would have.
///
/// # Errors
/// When an object cannot be written as YAML.
pub(super) fn difference(changes: &[Change], colours: bool) -> anyhow::Result<String> {
    let mut text = String::new();
    for change in changes.iter().filter(|change| change.outcome != Outcome::Same) {
        let (before, after) = (yaml(change.before.as_ref())?, yaml(change.after.as_ref())?);
        text.push_str(&unified(&change.key, (&before, &after), colours));
    }
    Ok(text)
}

fn yaml(object: Option<&Value>) -> anyhow::Result<String> {
    Ok(object.map(|object| document(&clean(object))).transpose()?.unwrap_or_default())
}

fn unified(key: &Key, (before, after): (&str, &str), colours: bool) -> String {
    let mut text = String::new();
    let paint = |code: &str, line: &str| {
        if colours { format!("\x1b[{code}m{line}\x1b[0m") } else { line.to_owned() }
    };
    let name = |text: &str| {
        if text.is_empty() { "nothing".to_owned() } else { plain(&key.to_string()).into_owned() }
    };
    let _ = writeln!(text, "{}", paint("1", &format!("--- {}", name(before))));
    let _ = writeln!(text, "{}", paint("1", &format!("+++ {}", name(after))));
    let diff = TextDiff::from_lines(before, after);
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let _ = writeln!(text, "{}", paint("36", &hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let line = plain(change.value().trim_end_matches('\n'));
            let line = match change.tag() {
                ChangeTag::Equal => format!(" {line}"),
                ChangeTag::Delete => paint("31", &format!("-{line}")),
                ChangeTag::Insert => paint("32", &format!("+{line}")),
            };
            let _ = writeln!(text, "{line}");
        }
    }
    text
}
